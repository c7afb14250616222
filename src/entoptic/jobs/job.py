"""Jobs and results: what was asked for, in a form that a picture can carry, and what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from entoptic import images
from entoptic.errors import NoJob, one_line
from entoptic.images.contact_sheet import sheet
from entoptic.paths import make_folder, name_for
from entoptic.types import Alpha, Image, PathLike

FORMAT = 1
"""Version of the text that pictures carry."""


@dataclass(frozen=True)
class Source:
    """A file that a job needs: its name as it was given, and what its bytes were.

    Args:
        name: as the user gave it; None where the picture was given in Python.
        sha256: of the file, None where there was none.
    """

    name: str | None
    sha256: str | None


@dataclass(frozen=True)
class Job:
    """All that makes a picture: the same job on the same machine gives the same bytes.

    Args:
        recipe: `dream`, ...
        model: what `load` is given.
        objective: the expression that is maximised.
        settings: the recipe's own, by name.
        photo: the picture to begin with, None where it begins from noise.
        guides: pictures that the objective names, and other files that the settings name.
        seed: the random seed.
        device: where it ran.
        stopped_after: steps made, where it was stopped before its end.
        made_with: versions of entoptic and torch.
    """

    recipe: str
    model: str
    objective: str
    settings: Mapping[str, Any]
    photo: Source | None
    guides: tuple[Source, ...] = ()
    seed: int = 0
    device: str = "cpu"
    stopped_after: int | None = None
    made_with: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that a picture carries; in ASCII, since a file's name needn't be Unicode."""
        return json.dumps({"entoptic": FORMAT} | asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what a picture carries.

        Raises:
            NoJob: the text isn't a job, or one of a newer entoptic.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError):
            raise NoJob("the job in the picture is damaged; it can't be made again") from None
        if not _is_flat(raw, _DEEPEST):
            raise NoJob("the job in the picture is damaged: it has lists in lists in lists")
        if not isinstance(raw, dict) or type(raw.get("entoptic")) is not int:
            raise NoJob("the picture carries something that isn't a job of entoptic")
        if raw["entoptic"] > FORMAT:
            raise NoJob("the picture was made by a newer entoptic; update it to make it again")
        return cls(**{name: _checked(name, raw.get(name)) for name in _SHAPES})


# A job has settings, which may be lists, of numbers or names.
_DEEPEST = 4


def _is_flat(raw: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested no deeper, so that all may be shown and read."""
    if not isinstance(raw, list | dict):
        return True
    inside = raw.values() if isinstance(raw, dict) else raw
    return levels > 0 and all(_is_flat(each, levels - 1) for each in inside)


def _source(raw: Any) -> Source:
    if not isinstance(raw, dict):
        raise NoJob("the job in the picture is damaged: a picture's name is missing")
    name, digest = raw.get("name"), raw.get("sha256")
    if not isinstance(name, str | None) or not isinstance(digest, str | None):
        raise NoJob("the job in the picture is damaged: a picture's name isn't text")
    return Source(name, digest)


_SHAPES: Mapping[str, type | tuple[type, ...]] = {
    "recipe": str,
    "model": str,
    "objective": str,
    "settings": dict,
    "photo": (dict, type(None)),
    "guides": list,
    "seed": int,
    "device": str,
    "stopped_after": (int, type(None)),
    "made_with": dict,
}
assert set(_SHAPES) == {each.name for each in fields(Job)}


def _checked(name: str, value: Any) -> Any:
    wrong = not isinstance(value, _SHAPES[name]) or isinstance(value, bool)
    if name == "stopped_after" and isinstance(value, int):
        wrong |= value < 0
    if name == "made_with" and isinstance(value, dict):
        wrong |= not all(isinstance(each, str) for each in value.values())
    if wrong:
        raise NoJob(f"the job in the picture is damaged: {name!r} is {one_line(repr(value))}")
    if name == "photo":
        return None if value is None else _source(value)
    if name == "guides":
        assert isinstance(value, list)
        return tuple(_source(each) for each in value)
    return value


def file_names(labels: Sequence[str]) -> list[str]:
    """Return names of files for pictures, each once.

    >>> file_names(["fire7:3", "logit('goldfish')", "fire7:3"])
    ['fire7-3', 'logit-goldfish', 'fire7-3-2']
    """
    found: list[str] = []
    for label in labels:
        stem = name = name_for(label)
        number = 1
        while name in found:
            number += 1
            name = f"{stem}-{number}"
        found.append(name)
    return found


@dataclass(frozen=True, eq=False)
class Result:
    """Finished pictures with the job that made them.

    Args:
        image: the picture, (1, 3, height, width), sRGB in [0, 1]; of several their contact sheet.
        job: what made it.
        alpha: transparency, taken over from the photo.
        scores: the score before each step.
        notes: what the user should know.
        bits: per channel, of the picture that was made again.
        images: each picture by itself, (count, 3, height, width); None for the picture alone.
        labels: what each of several shows.
        jobs: what made each of several, where that is a job of its own.
    """

    image: Image
    job: Job
    alpha: Alpha | None = None
    scores: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    bits: Literal[8, 16] = 8
    # Of another batch size and shape than the sheet; see __post_init__.
    images: Tensor = None  # type: ignore[assignment]
    labels: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()

    def __post_init__(self) -> None:
        if self.images is None:
            object.__setattr__(self, "images", self.image)

    def __repr__(self) -> str:
        height, width = self.images.shape[-2:]
        count = "one picture" if len(self) == 1 else f"{len(self)} pictures"
        return f"<Result of {self.job.recipe}: {count} of {height}x{width}; .image is the tensor>"

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.images)

    def __getitem__(self, number: int) -> Result:
        """Return one of several pictures, whose job makes it alone.

        Raises:
            IndexError: there are no so many.
        """
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"picture {number} of {count}; count from 0 to {count - 1}")
        if count == 1:
            return self
        number %= count
        if self.jobs:
            job = self.jobs[number]
        else:
            job = replace(self.job, settings={**self.job.settings, "picture": number})
        alone = self.images[number : number + 1]
        return replace(
            self,
            image=alone,
            images=alone,
            job=job,
            alpha=None,
            labels=self.labels[number : number + 1],
            jobs=(),
        )

    def sheet(self, columns: int | None = None, *, gap: int = 4, labelled: bool = True) -> Image:
        """Lay the pictures out on a contact sheet.

        Args:
            columns: by default about as many as rows.
            gap: between pictures, in pixels.
            labelled: whether each has its label below.

        Returns:
            (1, 3, height, width), sRGB in [0, 1].
        """
        wide = math.ceil(math.sqrt(len(self))) if columns is None else columns
        return sheet(self.images, wide, gap=gap, labels=self.labels if labelled else ())

    def numpy(self) -> NDArray[np.float32]:
        """Return the image as (height, width, 3), sRGB in [0, 1]."""
        array: NDArray[np.float32] = self.image[0].permute(1, 2, 0).numpy()
        return array

    def save_each(
        self, folder: PathLike, *, bits: Literal[8, 16] | None = None, replace: bool = True
    ) -> list[Path]:
        """Write each picture as a PNG of its own, named by its label; raises as `save` does.

        Args:
            folder: made where it isn't there.
            bits: 8, or 16.
            replace: whether existing files are replaced.

        Returns:
            The paths.
        """
        where = Path(folder)
        make_folder(where)
        names = file_names(self.labels or (self.job.recipe,) * len(self))
        return [
            self[number].save(where / f"{name}.png", bits=bits, replace=replace)
            for number, name in enumerate(names)
        ]

    def save(
        self, path: PathLike, *, bits: Literal[8, 16] | None = None, replace: bool = True
    ) -> Path:
        """Write the picture with its job; a file is replaced in one go or not at all.

        Args:
            path: the ending says the format: .png, .jpg, .webp, .tif.
            bits: 8, or 16 for PNG; by default as many as the picture had that was made again,
                where the format can hold them.
            replace: whether an existing file is replaced.

        Returns:
            The path.

        Raises:
            CannotWrite: with what to do.
            AlreadyThere: the file exists and isn't to be replaced.
        """
        return images.write(
            path,
            self.image,
            alpha=self.alpha,
            job=self.job.to_json(),
            bits=images.bits_for(path, self.bits) if bits is None else bits,
            replace=replace,
        )

    def _repr_png_(self) -> bytes:
        """The picture, for Jupyter."""
        return images.Picture(self.image, self.alpha, None, None, ())._repr_png_()
