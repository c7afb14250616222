"""Pictures of a site: those of the catalog by hard links or copies, and small ones for grids."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from entoptic import images
from entoptic.errors import BadCatalog, BadPicture, PictureNotFound
from entoptic.images.picture import to_samples
from entoptic.images.resize import fit_long_side, resize

SMALL = 160
"""Long side of small pictures, in pixels: a tile of a grid on a dense display."""

# By eye: the next lower ones show blocks in smooth parts.
_QUALITY = 82


class Pictures:
    """Takes pictures of one catalog into a site.

    Args:
        catalog: its folder.
        pictures: folder of the site for its pictures.
        small: folder for small ones.
    """

    def __init__(self, catalog: Path, pictures: Path, small: Path) -> None:
        self.catalog, self.pictures, self.small = catalog, pictures, small

    def take(self, files: Iterable[str]) -> set[str]:
        """Link or copy files; return those that aren't there.

        Args:
            files: relative to the catalog's folder; so they are in the site.

        Raises:
            BadCatalog: a file isn't inside the catalog.
        """
        return {each for each in dict.fromkeys(files) if not self._taken(each)}

    def shrink(self, files: Sequence[str]) -> set[str]:
        """Make small pictures, `LAYER/NUMBER.webp`; return the files that can't be read."""
        for folder in {Path(each).parent for each in files}:
            (self.small / folder).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(self._shrunk, files)
            return {file for file, is_made in zip(files, made, strict=True) if not is_made}

    def _taken(self, file: str) -> bool:
        source = _inside(self.catalog, file)
        if not source.is_file():
            return False
        target = self.pictures / file
        if target.exists():  # as a photograph that excites units of several layers
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # No picture is ever changed in place: a link is as good as a copy, and takes no room.
            os.link(source, target)
        except OSError:  # on another disk, or where there are no links
            shutil.copyfile(source, target)
        return True

    def _shrunk(self, file: str) -> bool:
        try:
            image = images.read(self.pictures / file).image
        except (BadPicture, PictureNotFound):
            return False
        height, width = image.shape[-2:]
        if max(height, width) > SMALL:
            image = resize(image, *fit_long_side(height, width, SMALL)).clamp(0, 1)
        samples = to_samples(image, None, np.uint8)
        target = (self.small / file).with_suffix(".webp")
        Pillow.fromarray(samples).save(target, "WEBP", quality=_QUALITY)
        return True


def _inside(folder: Path, file: str) -> Path:
    """Return where a file of a catalog is, which may come from anyone.

    Raises:
        BadCatalog: it is elsewhere.
    """
    home = folder.resolve()
    found = (home / file).resolve()
    if not found.is_relative_to(home):
        raise BadCatalog(
            f"the catalog {str(folder)!r} names the file {file!r}, which isn't in it; don't use it"
        )
    return found
