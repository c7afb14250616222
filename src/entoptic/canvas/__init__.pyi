"""What the package offers; the names of registered canvases are written by `make api`."""

from .alpha import (
    Transparent as Transparent,
)
from .base import (
    Canvas as Canvas,
    CanvasKind as CanvasKind,
    canvas as canvas,
    canvas_kind as canvas_kind,
    canvases as canvases,
)
from .cppn import (
    CPPN as CPPN,
)
from .fourier import (
    Fourier as Fourier,
)
from .gray import (
    Gray as Gray,
)
from .laplacian import (
    Laplacian as Laplacian,
)
from .maco import (
    MaCo as MaCo,
    spectrum_of as spectrum_of,
)
from .masked import (
    Masked as Masked,
)
from .natural import (
    Natural as Natural,
)
from .pixels import (
    Pixels as Pixels,
)
from .shared import (
    Shared as Shared,
)
from .weighed import (
    Weighed as Weighed,
)
