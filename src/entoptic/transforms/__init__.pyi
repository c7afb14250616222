"""What the package offers; the names of registered transforms are written by `make api`."""

from .backgrounds import (
    OverBackground as OverBackground,
)
from .base import (
    Transform as Transform,
    transform as transform,
    transforms as transforms,
)
from .by_name import (
    transforms_of as transforms_of,
    transforms_text as transforms_text,
)
from .crops import (
    RandomCrops as RandomCrops,
)
from .geometry import (
    Affine as Affine,
    Flip as Flip,
    LucidMoves as LucidMoves,
    Pad as Pad,
    Rotate as Rotate,
    Scale as Scale,
    Shear as Shear,
    Translate as Translate,
)
from .jitter import (
    Jitter as Jitter,
    Roll as Roll,
)
from .presets import (
    ACCENTUATE as ACCENTUATE,
    GENTLE as GENTLE,
    LUCID as LUCID,
    MACO as MACO,
    NONE as NONE,
    ROBUST as ROBUST,
    STRONG as STRONG,
    WIDE as WIDE,
    presets as presets,
    seamless as seamless,
    with_crop_size as with_crop_size,
)
from .tones import (
    Blur as Blur,
    ColorShift as ColorShift,
    Grayscale as Grayscale,
    Noise as Noise,
)
