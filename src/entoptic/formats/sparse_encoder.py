"""The encoder of a sparse autoencoder: from activations to codes, position by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Scaling: TypeAlias = Literal["none", "layer_norm", "constant_norm_rescale"]
"""Normalisation of the activations of each position, before the encoder."""

_EPSILON = 1e-5


@dataclass(frozen=True)
class Activation:
    """The activation function of an encoder, at each position by itself.

    Args:
        kind: `relu`; `topk`, which keeps the largest codes of a position; or `jumprelu`, which
            keeps those above a threshold.
        top_k: how many are kept.
        rectified: whether what is kept of the largest is 0 where it is negative.
        inclusive: whether a code that equals its threshold is kept.
    """

    kind: Literal["relu", "topk", "jumprelu"]
    top_k: int | None = None
    rectified: bool = True
    inclusive: bool = False


RELU = Activation("relu")


@dataclass(frozen=True)
class SparseEncoder:
    """The encoder of a sparse autoencoder; two of the same file and activation are equal.

    Args:
        path: of its file, as it was given.
        sha256: of the file's bytes.
        layout: the program whose file it is.
        activation: None where the file doesn't say.
        weight: (codes, channels).
        bias: (codes,).
        threshold: (codes,), of `jumprelu`.
        layer_norm: gain and shift, (2, codes), of a layer norm over the codes; None for none.
        scaling: of the activations.
        config: path and sha256 of a second file that was read for it.
    """

    path: Path
    sha256: str
    layout: str
    activation: Activation | None
    weight: Tensor = field(repr=False, compare=False)
    bias: Tensor = field(repr=False, compare=False)
    threshold: Tensor | None = field(default=None, repr=False, compare=False)
    layer_norm: Tensor | None = field(default=None, repr=False, compare=False)
    scaling: Scaling = "none"
    config: tuple[Path, str] | None = None

    @property
    def count(self) -> int:
        """The number of codes."""
        return self.weight.shape[0]

    @property
    def channels(self) -> int:
        """The number of channels of the layer that it is for."""
        return self.weight.shape[1]

    def with_activation(self, activation: Activation) -> SparseEncoder:
        """Return it with an activation function that its file doesn't say."""
        return replace(self, activation=activation)

    def codes(self, values: Tensor, numbers: Sequence[int] | None = None) -> Tensor:
        """Return codes, (batch, codes, positions).

        Args:
            values: activations, (batch, channels, ...).
            numbers: which codes; all by default.
        """
        return self.both(values, numbers)[1]

    def both(self, values: Tensor, numbers: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """Return what is before the activation function, and codes; arguments as of `codes`."""
        assert self.activation is not None  # binding has seen to it
        scaled = self._scaled(values.flatten(2) if values.ndim > 2 else values[:, :, None])
        if self.layer_norm is not None:
            before = self._normalized(self._linear(scaled, None))
            before = before if numbers is None else before[:, list(numbers)]
        else:
            before = self._linear(scaled, numbers)
        return before, before * self._kept(scaled, before, numbers)

    def _scaled(self, values: Tensor) -> Tensor:
        if self.scaling == "layer_norm":
            centered = values - values.mean(1, keepdim=True)
            normalized: Tensor = centered / (centered.std(1, keepdim=True) + _EPSILON)
            return normalized
        if self.scaling == "constant_norm_rescale":
            lengths = values.norm(dim=1, keepdim=True)
            rescaled: Tensor = values * (self.channels**0.5 / lengths)
            return rescaled
        return values

    def _linear(self, scaled: Tensor, numbers: Sequence[int] | None) -> Tensor:
        weight, bias = self.weight.to(scaled), self.bias.to(scaled)
        if numbers is not None:
            weight, bias = weight[list(numbers)], bias[list(numbers)]
        before: Tensor = weight @ scaled + bias[:, None]
        return before

    def _normalized(self, before: Tensor) -> Tensor:
        assert self.layer_norm is not None
        gain, shift = self.layer_norm.to(before)
        rows = before.movedim(1, 2)
        normalized: Tensor = functional.layer_norm(rows, rows.shape[2:], gain, shift, _EPSILON)
        return normalized.movedim(2, 1)

    @torch.no_grad()
    def _kept(self, scaled: Tensor, before: Tensor, numbers: Sequence[int] | None) -> Tensor:
        """Return 1 where the activation function keeps a code, else 0."""
        how = self.activation
        assert how is not None
        if how.kind == "topk":
            assert how.top_k is not None
            every = before if numbers is None else self._linear(scaled, None)
            if self.layer_norm is not None and numbers is not None:
                every = self._normalized(every)
            largest = every.topk(min(how.top_k, self.count), dim=1).values[:, -1:]
            kept = (every if numbers is None else every[:, list(numbers)]) >= largest
            return (kept & (before > 0) if how.rectified else kept).to(before)
        if how.kind == "jumprelu":
            assert self.threshold is not None
            least = self.threshold.to(before)[:, None]
            least = least if numbers is None else least[list(numbers)]
            kept = before >= least if how.inclusive else before > least
            return (kept & (before > 0)).to(before)
        return (before > 0).to(before)
