"""A picture in whichever form a user has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from entoptic.checks import path, planes, shown
from entoptic.errors import BadPicture
from entoptic.images.picture import Picture
from entoptic.images.reading import read
from entoptic.types import PathLike

PictureLike: TypeAlias = Picture | Tensor | NDArray[Any] | Pillow.Image | PathLike
"""A picture in any form: a Picture, a tensor, an array, a Pillow image, or a file's name."""


def picture_of(given: PictureLike, name: str = "photo") -> Picture:
    """Return a picture given in any form; a file is read.

    Args:
        given: see `Picture.of`, and the name of a file.
        name: of the parameter, for the error.

    Raises:
        BadPicture: it is nothing of these, or no picture.
        PictureNotFound: there is no such file.

    >>> picture_of(np.zeros((4, 5, 3), np.uint8)).image.shape
    torch.Size([1, 3, 4, 5])
    """
    if isinstance(given, str | Path):
        return read(path(name, given))
    if isinstance(given, Picture | Tensor | np.ndarray | Pillow.Image):
        try:
            return Picture.of(given)
        except BadPicture as error:
            raise BadPicture(f"{name.replace('_', ' ')}: {error}") from error
    raise BadPicture(
        f"{name.replace('_', ' ')} is {shown(given)}; it must be a picture: a file's name, a "
        "Picture, a tensor, an array, or a Pillow image"
    )


def image_of(given: PictureLike, name: str = "image") -> Tensor:
    """Return an image given in any form; a batch of floating-point numbers stays as it is.

    Raises:
        BadPicture, PictureNotFound: see `picture_of`.
    """
    if isinstance(given, Tensor) and given.ndim == 4 and given.is_floating_point():
        return planes(name, given)
    return picture_of(given, name).image
