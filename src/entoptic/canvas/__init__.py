"""What is optimised: a canvas holds parameters and renders an image from them."""

from entoptic.canvas.base import Canvas
from entoptic.canvas.pixels import Pixels

__all__ = ["Canvas", "Pixels"]
