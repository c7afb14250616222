"""A canvas that is a small network: it maps the coordinates of a pixel to its color."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias, final

import torch
from torch import Tensor, nn

from entoptic.canvas.base import Canvas, canvas
from entoptic.canvas.noise import noise
from entoptic.checks import count, flag, seed, side, taking, whole
from entoptic.types import Image

_Weights: TypeAlias = tuple[Tensor, Tensor, Tensor]

# So many pixels' units stay in a processor's cache from layer to layer.
_AT_ONCE = 8192

# Of the biases at the start, lucid's.
_BIAS = 0.1
# The deviation of normal numbers, cut at 2 on both sides; TensorFlow's initializer divides by it.
_CUT = 0.87962566103423978


@canvas(wraps=False)
@final
class CPPN(Canvas):
    """A compositional pattern-producing network, from coordinates to colours by 1 x 1 convolutions.

    Its pictures are smooth and can be rendered at any size, without loss at larger ones. It likes
    rates of Adam of about 0.005, ten times less than other canvases.

    Units, activation and start are lucid's; other than there,

    - the last layer's weights are drawn like the others, and aren't 0. A start of one color gives
      every position the same gradient: of 18 starts (six channels of SqueezeNet, three seeds, 96
      steps) 7 had a score of 0 to the end, and 2 ended in one saturated color; of these, none;
    - the activation's even half has mean 0, which is lucid's other set of constants and not its
      default: with that one, `biased`, channels of SqueezeNet got half as high in 96 steps;
    - every picture of a batch has a network of its own;
    - coordinates are those of the pixels' middles. Lucid's outermost pixels lie on the border, so
      that a picture three times as fine has 3 n - 2 pixels a side there, and 3 n here.

    The pixels have no parameters of their own, so that what step rules normalise is one layer of
    weights.

    Args:
        height: in pixels.
        width: in pixels.
        layers: how many hidden layers.
        width_units: units in each.
        batch: how many pictures.
        seed: of the weights.
        biased: whether the activation's even half keeps its mean, as by lucid's default.

    Raises:
        BadSetting: an empty size, batch, or layer; no hidden layer.

    Source: Stanley, "Compositional pattern producing networks", 2007; lucid's `cppn`, 2018;
    Mordvintsev et al., "Differentiable Image Parameterizations", 2018.

    >>> CPPN(5, 7, layers=2)().shape
    torch.Size([1, 3, 5, 7])
    """

    coordinates: Tensor

    @taking(
        height=side,
        width=side,
        layers=whole(1, 1000),
        width_units=whole(1, 10_000),
        batch=count,
        seed=seed,
        biased=flag,
    )
    def __init__(
        self,
        height: int,
        width: int,
        *,
        layers: int = 8,
        width_units: int = 24,
        batch: int = 1,
        seed: int = 0,
        biased: bool = False,
    ) -> None:
        super().__init__()
        self.biased = biased
        rng = torch.Generator().manual_seed(seed)
        ways = [2, *[2 * width_units] * layers]
        outputs = [*[width_units] * layers, 3]
        self.weights = nn.ParameterList(
            nn.Parameter(_weights((batch, units, into), rng))
            for units, into in zip(ways, outputs, strict=True)
        )
        self.biases = nn.ParameterList(
            nn.Parameter(noise((batch, 1, weight.shape[-1]), sd=_BIAS, seed=rng))
            for weight in self.weights
        )
        self._place(height, width)

    def _place(self, height: int, width: int) -> None:
        self.size = height, width
        self.register_buffer("coordinates", _coordinates(height, width), persistent=False)

    def forward(self) -> Image:
        first, *rest = zip(self.weights, self.biases, strict=True)
        layers = [_unscaled(weight, bias, self.biased) for weight, bias in rest]
        places = self.coordinates.expand(len(self.weights[0]), -1, -1)
        at_once = _AT_ONCE if places.device.type == "cpu" else places.shape[1]
        parts = torch.split(places, at_once, 1)
        painted = torch.cat([_painted(part, first, layers) for part in parts], 1)
        return painted.mT.reshape(len(painted), 3, *self.size).sigmoid()

    @torch.no_grad()
    @taking(height=side, width=side)
    def resized(self, height: int, width: int) -> CPPN:
        batch, _, width_units = self.weights[0].shape
        made = CPPN(
            height,
            width,
            layers=len(self.weights) - 1,
            width_units=width_units,
            batch=batch,
            biased=self.biased,
        )
        made = made.to(self.weights[0])
        made.load_state_dict(self.state_dict())
        return made


def _weights(shape: tuple[int, int, int], rng: torch.Generator) -> Tensor:
    """Normal numbers of variance 1 / inputs, none beyond two deviations of what isn't cut."""
    deviation = math.sqrt(1 / shape[1]) / _CUT
    empty, beyond = torch.empty(shape), 2 * deviation
    return nn.init.trunc_normal_(empty, std=deviation, a=-beyond, b=beyond, generator=rng)


def _coordinates(height: int, width: int) -> Tensor:
    """Coordinates of the pixels' middles, (1, pixels, 2): row and column, around 0.

    The longer side goes from -sqrt(3) to sqrt(3), so that in a square the variance is 1.
    """
    unit = 2 * math.sqrt(3) / max(height, width)
    rows = (torch.arange(height) + 0.5 - height / 2) * unit
    columns = (torch.arange(width) + 0.5 - width / 2) * unit
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(1, -1, 2)


def _painted(places: Tensor, first: tuple[Tensor, Tensor], layers: Sequence[_Weights]) -> Tensor:
    """The last layer's sums for some positions, (batch, positions, 3)."""
    weight, bias = first
    units = torch.baddbmm(bias, places, weight)
    for odd, even, bias in layers:
        bent = units.atan()
        units = torch.baddbmm(torch.baddbmm(bias, bent, odd), bent.square(), even)
    return units


def _unscaled(weight: Tensor, bias: Tensor, biased: bool) -> _Weights:
    """A layer's weights of atan and of its square, with which no pixel need be scaled.

    Each unit goes on as an odd and an even function of it, of mean square about 1: atan / 0.67 and
    (atan ** 2 - 0.45) / 0.396, of mean 0, or atan ** 2 / 0.6.
    """
    odd, even = weight.tensor_split(2, 1)
    odd = odd / 0.67
    if biased:
        return odd, even / 0.6, bias
    even = even / 0.396
    return odd, even, bias - 0.45 * even.sum(1, keepdim=True)
