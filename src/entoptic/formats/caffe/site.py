"""One layer in translation: its parameters, its tensors, its weights, the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile, did_you_mean
from entoptic.formats.caffe.caffemodel import MOST_AXES, MOST_VALUES, Weights
from entoptic.formats.caffe.net import LayerSpec
from entoptic.formats.caffe.prototxt import Message
from entoptic.formats.onnx_graph import GraphBuilder
from entoptic.registry import Registry


@dataclass(frozen=True)
class Tensor:
    """A value in the graph.

    Args:
        name: unique in the graph.
        shape: what it would be at the declared input size. The graph leaves batch, height and
            width free; this shape is for checking weights and counting axes.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)


NOTHING = Tensor("", ())
"""In place of an optional input that is left out."""


@dataclass(frozen=True, eq=False)
class Site:
    """One layer in the course of its translation.

    Args:
        layer: as the prototxt has it.
        param: its parameters ("convolution_param { ... }"), empty where it has none.
        bottoms: the tensors that it takes.
        stored: all weights of the caffemodel.
        graph: where nodes are added.
        given: names of the network's inputs.
    """

    layer: LayerSpec
    param: Message
    bottoms: tuple[Tensor, ...]
    stored: Weights
    graph: GraphBuilder
    given: frozenset[str]

    def error(self, problem: str) -> BadModelFile:
        """Return an error that names file, line, layer and type."""
        return self.layer.error(problem)

    def bottom(self, rank: int | None = None) -> Tensor:
        """Return the only tensor that the layer takes, with so many axes.

        Raises:
            BadModelFile: it takes another number of tensors, or of axes.
        """
        if len(self.bottoms) != 1:
            raise self.error(f"it takes one blob, {len(self.bottoms)} are given")
        bottom = self.bottoms[0]
        if rank is not None and bottom.rank != rank:
            raise self.error(f"it takes {rank} axes; {_shown(bottom.shape)} has {bottom.rank}")
        return bottom

    def axis(self, name: str, default: int, rank: int, also_end: bool = False) -> int:
        """Return an axis among the parameters, counted from 0; -1 may be written for the last."""
        axis = self.param.integer(name, default, low=-(2**31))
        limit = rank + also_end
        if not -limit <= axis < limit:
            raise self.error(f"{name} {axis} doesn't exist; there are {rank} axes")
        return axis + limit if axis < 0 else axis

    def step(
        self,
        op: str,
        inputs: Sequence[Tensor],
        shape: tuple[int, ...] | None = None,
        part: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Add a node with one result: the layer's last, or a PART on the way to it.

        The result has the shape of the first input unless another one is given.
        """
        shapes = [inputs[0].shape if shape is None else shape]
        return self.steps(op, inputs, shapes, part, **attributes)[0]

    def steps(
        self,
        op: str,
        inputs: Sequence[Tensor],
        shapes: Sequence[tuple[int, ...]],
        part: str = "",
        **attributes: Any,
    ) -> tuple[Tensor, ...]:
        """Add a node with several results: named as the layer, or LAYER/PART."""
        for shape in shapes:
            if min(shape, default=1) < 1:
                raise self.error(
                    f"its result would be {_shown(shape)} at the declared input size; "
                    "declare a larger input in the prototxt"
                )
            if len(shape) > MOST_AXES or math.prod(shape) > MOST_VALUES:
                raise self.error(f"its result of {_shown(shape)} is more than Caffe can hold")
        name = self.graph.claim(f"{self.layer.name}/{part}") if part else self.layer.name
        first = self.graph.claim(f"{name}/output") if name in self.given else name
        others = (self.graph.claim(f"{name}/output{index}") for index in range(1, len(shapes)))
        outputs = [first, *others]
        self.graph.node(op, name, [tensor.name for tensor in inputs], outputs, attributes)
        return tuple(Tensor(each, shape) for each, shape in zip(outputs, shapes, strict=True))

    def constant(self, part: str, values: NDArray[Any] | float) -> Tensor:
        """Add weights, or a single number, named LAYER/PART."""
        array = np.array(values, np.float32) if isinstance(values, float) else values
        name = self.graph.claim(f"{self.layer.name}/{part}")
        return Tensor(self.graph.constant(name, array), array.shape)

    def integers(self, part: str, *values: int) -> Tensor:
        """Add whole numbers: axes, sizes, a shape."""
        return self.constant(part, np.array(values, np.int64))

    def weights(self, *shapes: tuple[int, ...]) -> list[NDArray[np.float32]]:
        """Return the layer's blobs, which must have these shapes; leading axes of 1 don't count.

        Raises:
            BadModelFile: the caffemodel has none for the layer, or others.
        """
        file, name = self.stored.file, self.layer.name
        blobs = self.stored.blobs.get(name)
        if blobs is None:
            raise self.error(
                f"{file} has no weights for it{self._similar_name()}; "
                "prototxt and caffemodel must be of the same network"
            )
        if len(blobs) != len(shapes):
            raise self.error(
                f"it needs {len(shapes)} blobs of weights, {file} has {len(blobs)} for it"
            )
        for index, (blob, shape) in enumerate(zip(blobs, shapes, strict=True)):
            if _without_leading_ones(blob.shape) != _without_leading_ones(shape):
                raise self.error(
                    f"blob {index} must be {_shown(shape)} by the prototxt, "
                    f"{file} has {_shown(blob.shape)}"
                )
        arrays = [blob.array().reshape(s) for blob, s in zip(blobs, shapes, strict=True)]
        if not all(np.isfinite(array).all() for array in arrays):
            raise self.error(f"its weights in {file} aren't all numbers; the file is damaged")
        return arrays

    def _similar_name(self) -> str:
        """Return a hint at a layer of the caffemodel; comparing more names would take too long."""
        names = [name for name in self.stored.blobs if len(name) < 100]
        return did_you_mean(self.layer.name[:100], names[:1000])


Translation: TypeAlias = Callable[[Site], Tensor | tuple[Tensor, ...]]
T = TypeVar("T", bound=Translation)


@dataclass(frozen=True)
class Kind:
    """Translation of the layers of one type.

    Args:
        translate: adds the nodes, and returns what the layer gives.
        param: name of the block with the type's parameters.
        fields: the parameters that are understood; another one is an error, as in Caffe.
        takes_labels: all blobs but the first are labels, which aren't there.
    """

    translate: Translation
    param: str
    fields: frozenset[str]
    takes_labels: bool = False


KINDS: Registry[Kind] = Registry("Caffe layer type", BadModelFile)


def caffe_layer(
    name: str, param: str = "", fields: str = "", takes_labels: bool = False
) -> Callable[[T], T]:
    """Register the translation of a layer type.

    Args:
        name: the type ("Convolution").
        param: the block of its parameters ("convolution_param").
        fields: the understood parameters, separated by blanks.
        takes_labels: all blobs but the first are labels.
    """

    def register(translate: T) -> T:
        KINDS.add(name, Kind(translate, param, frozenset(fields.split()), takes_labels))
        return translate

    return register


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the ones with which legacy files pad it to four axes."""
    start = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return shape[start:]


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape[:MOST_AXES])) or "a single number"
