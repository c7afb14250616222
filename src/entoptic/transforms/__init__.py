"""What makes a climb robust: random changes of the picture before the network sees it."""

from entoptic.transforms.backgrounds import OverBackground
from entoptic.transforms.base import Transform, transform, transforms
from entoptic.transforms.by_name import transforms_of, transforms_text
from entoptic.transforms.crops import RandomCrops
from entoptic.transforms.geometry import (
    Affine,
    Flip,
    LucidMoves,
    Pad,
    Rotate,
    Scale,
    Shear,
    Translate,
)
from entoptic.transforms.jitter import Jitter
from entoptic.transforms.presets import (
    ACCENTUATE,
    GENTLE,
    LUCID,
    MACO,
    NONE,
    ROBUST,
    STRONG,
    presets,
    with_crop_size,
)
from entoptic.transforms.tones import Blur, ColorShift, Grayscale, Noise

__all__ = [
    "ACCENTUATE",
    "GENTLE",
    "LUCID",
    "MACO",
    "NONE",
    "ROBUST",
    "STRONG",
    "Affine",
    "Blur",
    "ColorShift",
    "Flip",
    "Grayscale",
    "Jitter",
    "LucidMoves",
    "Noise",
    "OverBackground",
    "Pad",
    "RandomCrops",
    "Rotate",
    "Scale",
    "Shear",
    "Transform",
    "Translate",
    "presets",
    "transform",
    "transforms",
    "transforms_of",
    "transforms_text",
    "with_crop_size",
]
