"""Addresses of layers of a network, and what is known of each."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from entoptic.checks import one_of, refused, whole
from entoptic.errors import UnknownLayer

_ADDRESS = re.compile(r"(?P<name>.+?)(?:#(?P<call>[1-9][0-9]{0,8}))?(?P<input><in>)?", re.DOTALL)


@dataclass(frozen=True, order=True)
class Layer:
    """One port of one call of one layer.

    As text: `"inception_4c/output"` is the layer's output, `"inception_4c/output<in>"` its input,
    `"relu#1"` the output of its second call.

    Args:
        name: the layer's address, as `Model.layers` lists it.
        port: the value that the layer returns, or the first one that it is given.
        call: which call, counted from 0, of a layer that runs more than once.

    Raises:
        UnknownLayer: the name is empty.
    """

    name: str
    port: Literal["output", "input"] = "output"
    call: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise refused("a layer's name", self.name, "must be a text, such as fire7")
        one_of("output", "input")("port", self.port)
        whole(0)("call", self.call)
        if not self.name:
            raise UnknownLayer("a layer's name is empty; `entoptic layers` lists the names")

    def __str__(self) -> str:
        call = f"#{self.call}" if self.call else ""
        return f"{self.name}{call}{'<in>' if self.port == 'input' else ''}"

    def within(self, member: str) -> Layer:
        """Return the layer's address in an ensemble.

        >>> str(Layer("fire7", "input").within("a"))
        'a/fire7<in>'
        """
        return replace(self, name=f"{member}/{self.name}")

    @classmethod
    def parse(cls, text: str | Layer) -> Layer:
        """Read a layer's address.

        >>> Layer.parse("relu#1<in>")
        Layer(name='relu', port='input', call=1)
        >>> str(Layer.parse("fire2/squeeze1x1"))
        'fire2/squeeze1x1'
        """
        if isinstance(text, Layer):
            return text
        if not isinstance(text, str):
            raise refused("a layer", text, "must be its name, such as fire7")
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise UnknownLayer("a layer's name is empty; `entoptic layers` lists the names")
        port: Literal["output", "input"] = "input" if found["input"] else "output"
        return cls(found["name"], port, int(found["call"] or 0))


def layer_name(name: str, value: Any) -> str:
    """Return the address of a layer that a parameter is given, as a text."""
    if not isinstance(value, str | Layer):
        raise refused(name, value, "must be the name of a layer, such as fire7")
    return str(Layer.parse(value))


INPUT = Layer("input")
"""The image itself, sRGB in [0, 1], as the network is shown it."""

CANVAS = Layer("canvas")
"""The image as the canvas holds it, before any transform; with its transparency as a fourth
channel, if it has any. Where there is no canvas it is the image itself."""

LOGITS = Layer("logits")
"""The scores of the classes before any softmax; each Model says which of its layers that is."""


Layout: TypeAlias = Literal["NC", "NCL", "NLC", "LNC", "NCHW", "NHWC"]
"""Axes of a tensor, in order."""


@dataclass(frozen=True)
class FieldExtent:
    """Extent of the receptive fields of a layer, along rows or along columns, in pixels.

    Args:
        stride: from one position to the next.
        first: the first pixel that position 0 may depend on; negative in a layer that pads.
        last: the last one.
        period: so many pixels further, the same image gives the same activations.
    """

    stride: float
    first: int
    last: int
    period: int


@dataclass(frozen=True)
class LayerInfo:
    """Row of the layer table: one layer, at the input size that it was asked for.

    Args:
        kind: class of the module, or name of the operation.
        shape: of the output, for a batch of one; empty where the output isn't one tensor.
        channels: number of channels (or features), None where there is no such axis.
        stride: input pixels from one position to the next, (rows, columns); None without positions.
        receptive_field: input pixels that one position depends on, (rows, columns);
            None where every position depends on the whole image.
        parameters: number of weights inside.
        layout: what the axes of the output are: N images, C channels, H rows, W columns, L tokens
            or other positions in a row; None where that isn't known.
        grid: (rows, columns) of the image's tokens, in reading order; tokens before those belong
            to no position (class token, registers). None where there is no such order.
        extents: of the receptive fields, along rows and along columns; None where a position
            depends on the whole image, or on where in it that is.
    """

    kind: str
    shape: tuple[int, ...]
    channels: int | None
    stride: tuple[int, int] | None
    receptive_field: tuple[int, int] | None
    parameters: int
    layout: Layout | None = "NCHW"
    grid: tuple[int, int] | None = None
    extents: tuple[FieldExtent, FieldExtent] | None = None

    @property
    def spatial_size(self) -> tuple[int, int] | None:
        """Rows and columns of the output, None where it has none.

        >>> LayerInfo("Block", (1, 197, 192), 192, (16, 16), None, 0, "NLC", (14, 14)).spatial_size
        (14, 14)
        """
        if len(self.shape) == 4 and self.layout is not None:
            rows = self.layout.index("H")
            return self.shape[rows], self.shape[rows + 1]
        return self.grid

    @property
    def places(self) -> tuple[int, int] | None:
        """Old name of `spatial_size`, which goes with the next release."""
        _warn_of("places", "spatial_size")
        return self.spatial_size

    @property
    def reach(self) -> tuple[FieldExtent, FieldExtent] | None:
        """Old name of `extents`, which goes with the next release."""
        _warn_of("reach", "extents")
        return self.extents


def _warn_of(old: str, new: str) -> None:
    warnings.warn(
        f"LayerInfo.{old} is called LayerInfo.{new} now; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=3,
    )
