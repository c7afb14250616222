"""Picture files: read as sRGB in [0, 1], written whole, and carrying the job that made them."""

from entoptic.pictures.embedding import read_job
from entoptic.pictures.files import check_readable
from entoptic.pictures.given import PictureLike, image_of, picture_of
from entoptic.pictures.large import MAX_PIXELS
from entoptic.pictures.picture import Picture
from entoptic.pictures.reading import bits_of, read
from entoptic.pictures.writing import bits_for, check_writable, write

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
