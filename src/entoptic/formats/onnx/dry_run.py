"""A graph run without numbers, for its shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from entoptic.errors import BadModelFile
from entoptic.formats.onnx.module import Step
from entoptic.formats.onnx.operators.operation import MAX_ELEMENTS, Operation
from entoptic.formats.onnx.tensors import MAX_AXES


class DryRun:
    """The graph without numbers: shapes on 'meta', and sizes on the CPU as they are.

    Args:
        shape: of the input.
    """

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        self.input_shape = tuple(shape)
        self.values: dict[str, Tensor] = {name: torch.empty(self.input_shape, device="meta")}

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a value, None where it isn't known."""
        return tuple(self.values[name].shape) if name in self.values else None

    def run(self, child: nn.Module, step: Step, is_host: bool) -> None:
        """Run a step; a value that isn't known makes its takers unknown too."""
        if any(name not in self.values for name in step.arguments):
            return
        arguments = [self.values[name] for name in step.arguments]
        try:
            made = measured(child, arguments)
            if is_host:
                made = child(*arguments)
        except NotImplementedError:
            return  # depends on the numbers themselves
        results = made if isinstance(made, tuple) else (made,)
        self.values.update(zip(step.results, results, strict=False))

    def forget(self, names: Sequence[str]) -> None:
        """Drop values that no later step needs."""
        for name in names:
            self.values.pop(name, None)


def measured(child: nn.Module, arguments: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Return the results of a child, without numbers.

    Raises:
        BadModelFile: it is larger than any tensor of a network.
    """
    bare = (
        child.on_meta(arguments)
        if isinstance(child, Operation)
        else [argument.to("meta") for argument in arguments]
    )
    weights = {name: part.to("meta") for name, part in _tensors(child)}
    made: Tensor | tuple[Tensor, ...] = torch.func.functional_call(child, weights, tuple(bare))
    for result in made if isinstance(made, tuple) else (made,):
        if result.numel() > MAX_ELEMENTS or result.dim() > MAX_AXES:
            shape = str(list(result.shape))[:80]
            raise BadModelFile(f"it makes a tensor of shape {shape}, which can't be")
    return made


def _tensors(child: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from child.named_parameters()
    yield from child.named_buffers()
