"""The canvas: parameters that an image is rendered from; and the registry of its kinds."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, overload

from torch import nn

from entoptic.checks import instance, refused
from entoptic.errors import BadSetting
from entoptic.registry import Registry
from entoptic.types import Image, Planes

_Class = TypeVar("_Class", bound=type[Any])


class Canvas(nn.Module, ABC):
    """Parameters, and how a picture comes of them.

    The first axis of every parameter is the batch, so that step rules can treat images one by one.
    """

    @abstractmethod
    def forward(self) -> Image:
        """The picture, sRGB in [0, 1], differentiable in the parameters."""

    def planes(self) -> Planes:
        """Return the image that the transforms are given, and that the layer `canvas` holds.

        It is the picture, with its transparency as a fourth channel where the canvas has any.
        """
        picture: Planes = self()
        return picture

    @abstractmethod
    def resized(self, height: int, width: int) -> Canvas:
        """A new canvas with the same picture at another size."""

    def constrain(self) -> None:
        """Bring the parameters back to where the picture is in range; called after each step."""


def a_canvas(name: str, value: Any) -> Canvas:
    """A canvas, and nothing else."""
    return instance(Canvas, "a canvas, such as Fourier(224, 224)")(name, value)  # type: ignore[no-any-return]


Making: TypeAlias = Callable[[Any], Callable[..., Canvas]]
"""From a class of canvases to what makes one; of the class itself by default."""


@dataclass(frozen=True)
class CanvasKind:
    """A kind of canvas that recipes can make.

    Args:
        name: for the command line, and for a picture's job.
        make: from (height, width, batch=, seed=).
        of: from pictures to begin with; None where it can't.
        natural: whether `make` takes spectrum=, as photographs have it.
        transparent: whether the pictures get transparency, which is optimised too.
        planes: as `make`, with channels=, for networks whose pictures have no colors; None where
            there is no such canvas.
        wraps: whether the edges of its pictures can meet.
    """

    name: str
    make: Callable[..., Canvas]
    of: Callable[[Image], Canvas] | None = None
    natural: bool = False
    transparent: bool = False
    planes: Callable[..., Canvas] | None = None
    wraps: bool = True

    def __post_init__(self) -> None:
        try:
            inspect.signature(self.make).bind(1, 1, batch=1, seed=0)
        except TypeError as error:
            raise BadSetting(
                f"the canvas {self.name} can't be made by (height, width, batch=..., seed=...): "
                f"{error}"
            ) from None


canvases: Registry[CanvasKind] = Registry("canvas", BadSetting, "entoptic.canvases")
"""By the names of the command's --canvas."""


@overload
def canvas(of_class: _Class, /) -> _Class: ...
@overload
def canvas(
    *,
    name: str | None = None,
    make: Making | None = None,
    of: Making | None = None,
    natural: bool = False,
    transparent: bool = False,
    planes: Making | None = None,
    wraps: bool = True,
) -> Callable[[_Class], _Class]: ...
def canvas(of_class: Any = None, /, **facts: Any) -> Any:
    """Register a class of canvases, with the facts about it, so that recipes make them by name.

    Args:
        of_class: the class, made from (height, width, batch=, seed=); what its classmethod `of`
            makes of pictures begins as those.
        name: for the command line; the class's own in lower case by default.
        make: from the class to what makes a canvas, where that isn't the class.
        of: from the class to what makes a canvas of pictures, where that isn't its `of`.
        natural: whether it takes spectrum=, as photographs have it.
        transparent: whether the pictures get transparency, which is optimised too.
        planes: from the class to what takes channels= too, for networks whose pictures have no
            colors.
        wraps: whether the edges of its pictures can meet.

    Raises:
        ValueError: the name is taken.

    >>> canvases["laplacian"].of is not None, canvases["cppn"].of is None
    (True, True)
    """
    if of_class is None:
        return lambda later: _registered(later, **facts)
    return _registered(of_class, **facts)


def _registered(of_class: _Class, name: str | None = None, **facts: Any) -> _Class:
    kind = _kind(of_class, name, **facts)
    canvases.add(kind.name, kind, told=of_class, redefined=True)
    return of_class


def _kind(
    of_class: Any,
    name: str | None = None,
    *,
    make: Making | None = None,
    of: Making | None = None,
    planes: Making | None = None,
    **facts: bool,
) -> CanvasKind:
    begin = getattr(of_class, "of", None) if of is None else of(of_class)
    return CanvasKind(
        name or of_class.__name__.lower(),
        of_class if make is None else make(of_class),
        begin,
        planes=None if planes is None else planes(of_class),
        **facts,
    )


def canvas_kind(given: str | type[Canvas] | CanvasKind, name: str = "canvas") -> CanvasKind:
    """Return the kind of canvas that is meant.

    Args:
        given: the name of a registered one; a class of canvases, registered or not; or a kind.
        name: of the parameter, for errors.

    Raises:
        BadSetting: there is no such name; or a class that isn't made by (height, width, batch=,
            seed=).
    """
    if isinstance(given, CanvasKind):
        return given
    if isinstance(given, type) and issubclass(given, Canvas):
        known = [each for each in canvases if canvases.told(each) is given]
        return canvases[known[0]] if known else _kind(given)
    if not isinstance(given, str):
        raise refused(name, given, "must be the name of a canvas, or a class of canvases")
    return canvases[given]
