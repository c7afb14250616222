"""Pictures of whole layers: what each makes of one photo, its DeepDream and its caricature."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from entoptic import images
from entoptic.catalogs.index import Kind
from entoptic.errors import BadPicture, EntopticError, PictureNotFound
from entoptic.images import Picture, PictureLike
from entoptic.images.picture import of_8_bits
from entoptic.images.writing import encode_png
from entoptic.jobs.inputs import photo_of
from entoptic.jobs.plan import Plan
from entoptic.jobs.recipe import Recipe
from entoptic.jobs.visualization import Visualization
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.recipes.caricature import Caricature
from entoptic.recipes.dream import Dream
from entoptic.recipes.visualize import Visualize

FOLDER = "layers"
"""The folder of these pictures and of their photo, in that of the catalog."""

PHOTO = f"{FOLDER}/photo.png"
"""The photo's file. It lies beside the pictures, where `redo` looks for it."""

# Made by `examples/make_clouds.py`.
_CLOUDS = Path(__file__).parent / "clouds.jpg"

# The photo is as large as that many units' pictures side by side, up to a bound.
_TIMES, _LARGEST = 2, 512


@dataclass(frozen=True, eq=False)
class Photo:
    """The photo of which layers' pictures are made, as it is in the catalog.

    Args:
        picture: named as jobs name it, from the folder of the pictures.
        data: of its file.
    """

    picture: Picture
    data: bytes

    @classmethod
    def of(cls, picture: Picture, data: bytes) -> Photo:
        """Return the photo of a file."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(Picture(picture.image, None, Path(PHOTO).relative_to(FOLDER), digest), data)

    @classmethod
    def wanted(cls, given: PictureLike | None, folder: Path, size: int | tuple[int, int]) -> Photo:
        """Return the photo that is given, else that of the catalog, else one of clouds.

        Args:
            given: by the user.
            folder: of the catalog.
            size: of units' pictures.

        Raises:
            BadPicture, PictureNotFound: of what is given.
        """
        there = cls.there(folder)
        if given is None and there is not None:
            return there
        side = size if isinstance(size, int) else max(size)
        photo = photo_of(_CLOUDS if given is None else given, min(_TIMES * side, _LARGEST))
        image = of_8_bits(photo.image)
        # The same pixels may be other bytes, where another version of zlib packed them.
        if there is not None and there.picture.image.equal(image):
            return there
        return cls.of(Picture(image), encode_png(image))

    @classmethod
    def there(cls, folder: Path) -> Photo | None:
        """Return the photo of a catalog; None where there is none, or it is damaged."""
        file = folder / PHOTO
        try:
            return cls.of(images.read(file), file.read_bytes())
        except (BadPicture, PictureNotFound, OSError):
            return None


def layer_jobs(
    model: Model,
    layers: Sequence[Layer],
    how: Visualize,
    device: str,
    photo: Photo,
    note: Callable[[str], object],
) -> dict[Layer, dict[Kind, str]]:
    """Return the texts of the jobs of each layer's pictures; what can't be is noted.

    Args:
        model: the network.
        layers: whose pictures they are.
        how: the settings of units' pictures, resolved, which caricatures share.
        device: that all jobs name.
        photo: of which they are made.
        note: is told which can't be made.
    """
    shared = {each.name: getattr(how, each.name) for each in fields(Visualization)}
    shared |= {"size": None, "batch": 1, "device": device}
    del shared["model"]
    alike = {name: shared[name] for name in ("seed", "precision", "device")}
    jobs: dict[Layer, dict[Kind, str]] = {}
    for layer in layers:
        recipes: Mapping[Kind, Callable[[], Recipe]] = {
            "dream": partial(Dream, model, photo=photo.picture, layer=layer, **alike),
            "caricature": partial(Caricature, model, photo=photo.picture, layer=layer, **shared),
        }
        jobs[layer] = {}
        for kind, recipe in recipes.items():
            try:
                plan: Plan = recipe().plan()
            except EntopticError as error:
                note(f"{layer} has no {kind}: {error}")
                continue
            jobs[layer][kind] = replace(plan.job, device=device).to_json()
    return jobs
