"""Picture files: read as sRGB in [0, 1], written whole, and carrying the job that made them."""

from entoptic.images.embedding import read_job
from entoptic.images.files import check_readable
from entoptic.images.given import PictureLike, image_of, picture_of
from entoptic.images.large import MAX_PIXELS
from entoptic.images.picture import Picture
from entoptic.images.reading import bits_of, read
from entoptic.images.writing import bits_for, check_writable, write

__all__ = [
    "MAX_PIXELS",
    "Picture",
    "PictureLike",
    "bits_for",
    "bits_of",
    "check_readable",
    "check_writable",
    "image_of",
    "picture_of",
    "read",
    "read_job",
    "write",
]
