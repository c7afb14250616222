"""Ways to climb from nothing to a picture, by the names of those who chose them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entoptic.ascent.optimizers import Rule, adam, nadam
from entoptic.canvas import canvas_kind, canvases
from entoptic.checks import either, number, path, refused, taking, text, whole
from entoptic.errors import BadSetting
from entoptic.networks import checked_precision
from entoptic.registry import Registry
from entoptic.transforms import transforms_of, transforms_text
from entoptic.types import PathLike

AUTO = "auto"
"""For a batch that a plan chooses."""


@dataclass(frozen=True)
class Method:
    """A canvas with the transforms and the step rule that suit it.

    Args:
        canvas: by its name in `canvases`.
        transforms: as `transforms_of` reads them.
        learning_rate: of the step rule.
        rule: makes the step rule from the rate.
    """

    canvas: str
    transforms: str
    learning_rate: float
    rule: Callable[[float], Rule] = adam


methods: Registry[Method] = Registry("method", BadSetting)
"""By the names of the command's --method."""

for _named, _method in (
    # Ours: lucid's waves, under transforms of our own, see there; at a rate of 0.1 channels of
    # SqueezeNet's fire7 reach a fifth more in 128 steps than at 0.05.
    ("entoptic", Method("fourier", "robust", 0.1)),
    ("gentle", Method("fourier", "gentle", 0.05)),
    ("strong", Method("fourier", "strong", 0.1)),
    # lucid.optvis.render.render_vis, 2018.
    ("lucid", Method("fourier", "lucid", 0.05)),
    # Fel et al., 2023; NAdam at a rate of 1 as in xplique, to which the canvas belongs: it brings
    # phases back to one deviation, or such steps would be noise.
    ("maco", Method("maco", "maco", 1.0, nadam)),
    # lucid's notebook on CPPNs, 2018, but for our transforms and what `CPPN` says.
    ("cppn", Method("cppn", "gentle", 0.005)),
    # Erhan et al., 2009: the plain pixels.
    ("pixels", Method("pixels", "gentle", 0.02)),
):
    methods.add(_named, _method)


def _canvas_name(name: str, value: Any) -> str:
    """The name of a canvas, which a job keeps, of the name or of the class."""
    return canvas_kind(value, name).name


def _transforms_text(name: str, value: Any) -> str:
    """Transforms as a job keeps them, of such a text or of the transforms themselves."""
    if isinstance(value, str):
        return value
    meant = transforms_of(value, name)
    kept = transforms_text(meant)
    if transforms_of(kept, name) != meant:
        raise refused(name, value, "must be dataclasses that are registered by @transform")
    return kept


@taking(
    size=whole(1, 10_000),
    steps=whole(0, 1_000_000),
    method=text,
    canvas=_canvas_name,
    transforms=_transforms_text,
    learning_rate=number(above=0, most=1000),
    batch=either(AUTO, otherwise=whole(1, 10_000)),
    spectrum=path,
)
@dataclass(frozen=True)
class ClimbSettings:
    """How pictures of units climb.

    What isn't given is the method's.

    Args:
        size: side of each picture in pixels; its long side where there is a photo.
        steps: of the climb.
        method: a set of the next three, by name.
        canvas: a kind of canvas, by name, or its registered class.
        transforms: by name, as `transforms_of` reads them, or registered transforms.
        learning_rate: of the method's step rule.
        batch: how many pictures climb together; `auto` for as many as memory has room for and is of
            use, which a plan turns into a number.
        precision: what the network computes in: `fp32`, `bf16`, `fp16`, or `auto`, see `compiled`.
        spectrum: file with a spectrum of photographs, for the canvas maco; None for the usual one.

    Raises:
        BadSetting: a value out of its range, or no such name.
    """

    size: int = 224
    steps: int = 256
    method: str = "entoptic"
    canvas: str | None = None
    transforms: str | None = None
    learning_rate: float | None = None
    batch: int | str = AUTO
    spectrum: PathLike | None = None

    precision: str = "fp32"

    def __post_init__(self) -> None:
        checked_precision(self.precision)
        method = methods[self.method]
        for name in ("canvas", "transforms", "learning_rate"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(method, name))
        canvases[self.kind]
        transforms_of(self.preset)
        self._check_spectrum()

    def _check_spectrum(self) -> None:
        if self.spectrum is None:
            return
        if not canvases[self.kind].natural:
            raise BadSetting(
                f"a spectrum is for the canvas maco, and this climb's is {self.kind}; take the "
                "method maco or its canvas, or leave the spectrum out"
            )
        object.__setattr__(self, "spectrum", str(Path(self.spectrum)))

    @property
    def kind(self) -> str:
        """The name of the canvas, the method's where none was given."""
        assert self.canvas is not None
        return self.canvas

    @property
    def preset(self) -> str:
        """The name of the transforms, the method's where none was given."""
        assert self.transforms is not None
        return self.transforms

    @property
    def rule(self) -> Rule:
        """The step rule."""
        assert self.learning_rate is not None
        return methods[self.method].rule(self.learning_rate)


# What a method brings, and so what another method changes; a spectrum belongs to its canvas.
_BROUGHT = ("canvas", "transforms", "learning_rate", "spectrum")


def climb_settings(
    recipe: str, given: Mapping[str, Any], own: Mapping[str, Any] | None = None
) -> ClimbSettings:
    """The settings of a climb from what a user gives; what is None wasn't given.

    Args:
        recipe: its name, for the error.
        given: settings by name.
        own: the recipe's defaults, where they aren't those of `ClimbSettings`.

    Raises:
        BadSetting: there is no such setting, or it is out of its range.
    """
    known = ClimbSettings.__dataclass_fields__
    if unknown := given.keys() - known.keys():
        raise BadSetting(f"{recipe} has no setting {min(unknown)!r}; it has {', '.join(known)}")
    return ClimbSettings(
        **changed(own or {}, {key: v for key, v in given.items() if v is not None})
    )


def changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a climb with some changed; another method brings its own canvas and the rest.

    Another canvas leaves out the spectrum of the one before.

    >>> changed({"method": "lucid", "canvas": "fourier", "steps": 8}, {"method": "maco"})
    {'method': 'maco', 'steps': 8}
    """
    left_out: Collection[str] = _BROUGHT if "method" in changes else ()
    if changes.get("canvas", settings.get("canvas")) != settings.get("canvas"):
        left_out = {*left_out, "spectrum"}
    return {key: v for key, v in settings.items() if key not in left_out} | dict(changes)
