"""Recurrent layers, step by step along a sequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node, Operation, operator, repeated

Function: TypeAlias = Callable[[Tensor], Tensor]

_FUNCTIONS: dict[str, Function] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "softsign": F.softsign,
    "softplus": F.softplus,
    "elu": F.elu,
    "hardsigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
}


@dataclass(frozen=True)
class Way:
    """The weights of one direction in which a layer goes through a sequence.

    Args:
        inner, bias: of the product with the step before; no bias is None.
        peephole: weights by which the gates of an LSTM see its cell, or None.
        functions: of activation.
    """

    inner: Tensor
    bias: Tensor | None
    peephole: Tensor | None
    functions: list[Function]

    def recalled(self, before: Tensor) -> Tensor:
        """Return the share of the step before in a sum."""
        return F.linear(before, self.inner, self.bias)


class Recurrent(Operation):
    """A layer whose state goes from step to step; its outputs are all states, and the last one."""

    several = True
    functions: ClassVar[tuple[str, ...]]

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("hidden_size", "output_sequence")  # which the weights, and the outputs, say
        ways = ("forward", "reverse", "bidirectional")
        self.direction = node.text("direction", "forward", ways)
        self.count = 2 if self.direction == "bidirectional" else 1
        usual = self.functions * self.count
        names = [name.lower() for name in node.texts("activations", usual) or usual]
        unknown = sorted(set(names) - set(_FUNCTIONS))
        if unknown or len(names) != self.count * len(self.functions):
            node.refuse(f"the functions {', '.join(names)} aren't imported")
        self.names = names
        self.clip = node.number("clip", 0.0)
        self.batch_first = node.flag("layout", False)
        self._check_lengths(node)

    def _check_lengths(self, node: Node) -> None:
        lengths, shape = node.constant(4), node.operand(0).shape
        full = None if shape is None else shape[1 if self.batch_first else 0]
        if node.has_input(4) and (
            lengths is None or any(int(length) != full for length in lengths.flatten())
        ):
            node.refuse("sequences that end before the others aren't imported")

    def compute(
        self,
        x: Tensor,
        weight: Tensor,
        inner: Tensor,
        bias: Tensor | None = None,
        lengths: Tensor | None = None,
        first: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        return self._run(x, weight, inner, bias, (first,))

    def _run(
        self,
        x: Tensor,
        weight: Tensor,
        inner: Tensor,
        bias: Tensor | None,
        firsts: tuple[Tensor | None, ...],
        peephole: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        if self.batch_first:
            x = x.transpose(0, 1)
            firsts = tuple(None if part is None else part.transpose(0, 1) for part in firsts)
        repeated(len(x))
        hidden = inner.shape[-1]
        runs = []
        for index in range(self.count):
            given, own = (None, None) if bias is None else bias[index].chunk(2)
            inputs = F.linear(x, weight[index], given)
            begin = [
                x.new_zeros(x.shape[1], hidden) if part is None else part[index] for part in firsts
            ]
            eyes = None if peephole is None else peephole[index]
            size = len(self.functions)
            names = self.names[index * size : (index + 1) * size]
            way = Way(inner[index], own, eyes, [_FUNCTIONS[name] for name in names])
            backwards = self.direction == "reverse" or index == 1
            state, states = tuple(begin), []
            for step in inputs.flip(0) if backwards else inputs:
                state = self.step(step, state, way)
                states.append(state[0])
            runs.append((torch.stack(states[::-1] if backwards else states), *state))
        every, *last = zip(*runs, strict=True)
        made = torch.stack(every, 1), *(torch.stack(part) for part in last)
        if not self.batch_first:
            return made
        return made[0].permute(2, 0, 1, 3), *(part.transpose(0, 1) for part in made[1:])

    def step(self, x: Tensor, state: tuple[Tensor, ...], way: Way) -> tuple[Tensor, ...]:
        """Return the next state, whose first part the layer shows."""
        raise NotImplementedError

    def clipped(self, x: Tensor) -> Tensor:
        return x.clamp(-self.clip, self.clip) if self.clip else x


@operator("RNN")
class RNN(Recurrent):
    """A function of the input and of the step before."""

    functions = ("Tanh",)

    def step(self, x: Tensor, state: tuple[Tensor, ...], way: Way) -> tuple[Tensor, ...]:
        return (way.functions[0](self.clipped(x + way.recalled(state[0]))),)


@operator("GRU")
class GRU(Recurrent):
    """Gated recurrent units.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    functions = ("Sigmoid", "Tanh")

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.linear_first = node.flag("linear_before_reset", False)

    def step(self, x: Tensor, state: tuple[Tensor, ...], way: Way) -> tuple[Tensor, ...]:
        (before,) = state
        gate, show = way.functions
        hidden = before.shape[-1]
        parts = way.recalled(before)
        update = gate(self.clipped(x[:, :hidden] + parts[:, :hidden]))
        reset = gate(self.clipped(x[:, hidden:-hidden] + parts[:, hidden:-hidden]))
        if self.linear_first:
            recalled = reset * parts[:, -hidden:]
        else:
            last = None if way.bias is None else way.bias[-hidden:]
            recalled = F.linear(reset * before, way.inner[-hidden:], last)
        new = show(self.clipped(x[:, -hidden:] + recalled))
        return ((1 - update) * new + update * before,)


@operator("LSTM")
class LSTM(Recurrent):
    """Long short-term memory.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    functions = ("Sigmoid", "Tanh", "Tanh")

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.coupled = node.flag("input_forget", False)

    def compute(
        self,
        x: Tensor,
        weight: Tensor,
        inner: Tensor,
        bias: Tensor | None = None,
        lengths: Tensor | None = None,
        first: Tensor | None = None,
        first_cell: Tensor | None = None,
        peephole: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        return self._run(x, weight, inner, bias, (first, first_cell), peephole)

    def step(self, x: Tensor, state: tuple[Tensor, ...], way: Way) -> tuple[Tensor, ...]:
        before, cell = state
        gate, look, show = way.functions
        i, o, f, c = (x + way.recalled(before)).chunk(4, -1)
        eye_i, eye_o, eye_f = (0.0, 0.0, 0.0) if way.peephole is None else way.peephole.chunk(3)
        keep = gate(self.clipped(i + eye_i * cell))
        forget = 1 - keep if self.coupled else gate(self.clipped(f + eye_f * cell))
        cell = forget * cell + keep * look(self.clipped(c))
        return gate(self.clipped(o + eye_o * cell)) * show(cell), cell
