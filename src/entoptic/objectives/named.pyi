"""The registered objectives with the arguments that they take."""

from collections.abc import Iterable, Sequence
from typing import Any, overload

from numpy.typing import NDArray
from torch import Tensor

from ..images import PictureLike
from ..layers import Layer
from ..types import PathLike
from .terms import Leaf

def channel_interpolate(
    layer1: Layer | str,
    channel1: int,
    layer2: Layer | str,
    channel2: int,
) -> Leaf:
    """Interpolation from one channel to another along the images of a batch."""

def alignment(layer: Layer | str, decay_ratio: float = 2.0) -> Leaf:
    """Likeness of a batch's images to those before and after them; steadies a sequence."""

def diversity(layer: Layer | str) -> Leaf:
    """Unlikeness of an image's textures to those of the other images of its batch."""

def code(layer: Layer | str, file: PathLike, number: int | str, top_k: int | None = None) -> Leaf:
    """Mean code of a sparse autoencoder over space: one feature of its dictionary."""

def match(layer: Layer | str, guide: PictureLike) -> Leaf:
    """Match of each position of the image with the best position of a guide."""

def caricature(layer: Layer | str, guide: PictureLike, cosine_power: float = 1.0) -> Leaf:
    """Dot product of a layer's activations for the picture and a guide, position by position."""

def inversion(layer: Layer | str, guide: PictureLike) -> Leaf:
    """Nearness of a layer to what it makes of a guide: it shows what the layer keeps of it."""

def style(layer: Layer | str, guide: PictureLike) -> Leaf:
    """Nearness of a layer's textures to those of a guide, wherever they are."""

def input_diff(guide: PictureLike, layer: Layer | str = "input") -> Leaf:
    """Difference of the image from a guide; subtract it to stay near, add it to get away."""

@overload
def direction(
    layer: Layer | str,
    vector: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
    cosine_power: float = 0.0,
) -> Leaf:
    """Dot product of a layer with a direction among its channels, as a mean over positions."""

@overload
def direction(
    layer: Layer | str,
    vector: PathLike,
    number: int | str | None,
    /,
    cosine_power: float = 0.0,
) -> Leaf:
    """Dot product of a layer with a direction among its channels, as a mean over positions."""

@overload
def cosine(
    layer: Layer | str,
    vector: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
) -> Leaf:
    """Cosine between a layer and a direction among its channels, as a mean over positions."""

@overload
def cosine(layer: Layer | str, vector: PathLike, number: int | str | None, /) -> Leaf:
    """Cosine between a layer and a direction among its channels, as a mean over positions."""

@overload
def neuron_direction(
    layer: Layer | str,
    vector: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
    row: int | None = None,
    column: int | None = None,
    cosine_power: float = 0.0,
) -> Leaf:
    """Dot product of a layer with a direction among its channels, at one position."""

@overload
def neuron_direction(
    layer: Layer | str,
    vector: PathLike,
    number: int | str | None,
    /,
    row: int | None = None,
    column: int | None = None,
    cosine_power: float = 0.0,
) -> Leaf:
    """Dot product of a layer with a direction among its channels, at one position."""

def tensor_direction(
    layer: Layer | str,
    tensor: Sequence[Sequence[Sequence[float]]] | NDArray[Any] | Tensor,
    cosine_power: float = 0.0,
) -> Leaf:
    """Dot product of a layer with a direction of its own at each position."""

@overload
def angled_direction(
    layer: Layer | str,
    vector: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
    whitening: Sequence[Sequence[float]] | NDArray[Any] | Tensor,
    cosine_power: float = 4.0,
) -> Leaf:
    """Dot product of a layer with a whitened direction, as a mean over positions."""

@overload
def angled_direction(
    layer: Layer | str,
    vector: PathLike,
    number: int | str | None,
    /,
    whitening: Sequence[Sequence[float]] | NDArray[Any] | Tensor,
    cosine_power: float = 4.0,
) -> Leaf:
    """Dot product of a layer with a whitened direction, as a mean over positions."""

@overload
def angled_neuron_direction(
    layer: Layer | str,
    vector: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
    whitening: Sequence[Sequence[float]] | NDArray[Any] | Tensor,
    row: int | None = None,
    column: int | None = None,
    cosine_power: float = 4.0,
) -> Leaf:
    """Dot product of a layer with a whitened direction, at one position."""

@overload
def angled_neuron_direction(
    layer: Layer | str,
    vector: PathLike,
    number: int | str | None,
    /,
    whitening: Sequence[Sequence[float]] | NDArray[Any] | Tensor,
    row: int | None = None,
    column: int | None = None,
    cosine_power: float = 4.0,
) -> Leaf:
    """Dot product of a layer with a whitened direction, at one position."""

def channel(layer: Layer | str, index: int) -> Leaf:
    """Mean activation of one channel over space."""

def channels(layer: Layer | str, indices: Iterable[int] | str) -> Leaf:
    """Mean activation of a group of channels over space."""

@overload
def channel_weights(
    layer: Layer | str,
    weights: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
) -> Leaf:
    """Weighted mean of a layer's activations, with a weight for each channel."""

@overload
def channel_weights(layer: Layer | str, weights: PathLike, number: int | str | None, /) -> Leaf:
    """Weighted mean of a layer's activations, with a weight for each channel."""

def neuron(
    layer: Layer | str,
    index: int,
    row: int | None = None,
    column: int | None = None,
) -> Leaf:
    """Activation of one channel at one position."""

@overload
def neuron_weights(
    layer: Layer | str,
    weights: Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None],
    row: int | None = None,
    column: int | None = None,
) -> Leaf:
    """Weighted mean of a layer's channels at one position."""

@overload
def neuron_weights(
    layer: Layer | str,
    weights: PathLike,
    number: int | str | None,
    /,
    row: int | None = None,
    column: int | None = None,
) -> Leaf:
    """Weighted mean of a layer's channels at one position."""

def cell(layer: Layer | str, row: int | None = None, column: int | None = None) -> Leaf:
    """Mean square of all channels at one position."""

def logit(label: int | str, layer: Layer | str = "logits") -> Leaf:
    """Score of one class before any softmax."""

def log_odds(label: int | str, layer: Layer | str = "logits") -> Leaf:
    """Log-odds of a class against all others, so that nothing that is only like it grows."""

def logits(labels: Iterable[int | str] | str, layer: Layer | str = "logits") -> Leaf:
    """Mean score of several classes before any softmax."""

def total_variation(layer: Layer | str = "input") -> Leaf:
    """Mean absolute difference of neighbors, down plus across; subtract it for smoothness."""

def blurriness(layer: Layer | str = "input", sigma: float = 1.0) -> Leaf:
    """Nearness of a layer to its own blur; add it for smoothness."""

def boundary_complexity(
    layer: Layer | str = "input",
    width: float = 20.0,
    constant: float = 0.5,
) -> Leaf:
    """Detail near the border; subtract it, so that the picture keeps to its middle."""

def opacity(layer: Layer | str = "canvas") -> Leaf:
    """Mean alpha of a canvas with transparency: how much of the picture is painted at all."""

def alpha_blurriness(layer: Layer | str = "canvas", sigma: float = 1.0) -> Leaf:
    """Nearness of a canvas's alpha to its own blur; add it for soft, large shapes."""

def l1(layer: Layer | str = "input", constant: float = 0.5) -> Leaf:
    """Sum of a layer's absolute differences from a constant; subtract it so that few differ."""

def l2(layer: Layer | str = "input", constant: float = 0.5) -> Leaf:
    """Euclidean distance of a layer from a constant; subtract it to stay near."""

def linf(layer: Layer | str = "input", constant: float = 0.5) -> Leaf:
    """Largest absolute difference of a layer from a constant; subtract it to keep all near."""

def energy(layer: Layer | str) -> Leaf:
    """Mean square of a layer's activations: the objective of the original DeepDream."""

def mean(layer: Layer | str) -> Leaf:
    """Mean of a layer's activations."""

def total(layer: Layer | str) -> Leaf:
    """Sum of a layer's activations: its gradient is that of all outputs together."""

def positive(layer: Layer | str) -> Leaf:
    """Sum of a layer's positive activations; those below zero have no gradient."""
