"""What is optimised: a canvas holds parameters and renders an image from them."""

from entoptic.canvas.alpha import Transparent
from entoptic.canvas.base import Canvas, CanvasKind, canvas, canvas_kind, canvases
from entoptic.canvas.cppn import CPPN
from entoptic.canvas.fourier import Fourier
from entoptic.canvas.gray import Gray
from entoptic.canvas.laplacian import Laplacian
from entoptic.canvas.maco import MaCo, spectrum_of
from entoptic.canvas.masked import Masked
from entoptic.canvas.pixels import Pixels
from entoptic.canvas.shared import Shared
from entoptic.canvas.weighed import Weighed

__all__ = [
    "CPPN",
    "Canvas",
    "CanvasKind",
    "Fourier",
    "Gray",
    "Laplacian",
    "MaCo",
    "Masked",
    "Pixels",
    "Shared",
    "Transparent",
    "Weighed",
    "canvas",
    "canvas_kind",
    "canvases",
    "spectrum_of",
]
