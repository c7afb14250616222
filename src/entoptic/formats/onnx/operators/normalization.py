"""Normalizations, and dropout, which does nothing here."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    by_rank,
    operation,
    operator,
    parameter,
)
from entoptic.formats.windows import LARGEST

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


@operator("BatchNormalization")
def batch_norm(node: Node) -> nn.Module:
    """Make torch's batch norm with the file's statistics."""
    node.ignore("momentum", "is_test")
    node.require("spatial", 1)
    eps = node.number("epsilon", 1e-5)
    if node.flag("training_mode", False):
        return training_batch_norm(node)
    scale, shift, mean, variance = (node.constant(index) for index in (1, 2, 3, 4))
    kind = nn.BatchNorm1d if node.rank() == 2 else by_rank(_BATCH_NORMS, node.rank())
    if scale is None or shift is None or mean is None or variance is None:
        return unranked_batch_norm(node)
    channels = scale.numel()
    if any(tuple(part.shape) != (channels,) for part in (scale, shift, mean, variance)):
        node.refuse("scale, shift, mean and variance must be as long as each other")
    if kind is None:
        return unranked_batch_norm(node)
    module = kind(channels, eps=eps, device="meta")
    module.weight, module.bias = parameter(scale), parameter(shift)
    module.running_mean, module.running_var = mean, variance
    module.num_batches_tracked = torch.tensor(0)
    return module


@operation(kind="BatchNorm")
def unranked_batch_norm(
    x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5
) -> Tensor:
    """A batch norm over inputs of unknown rank."""
    return F.batch_norm(x, mean, var, scale, shift, eps=epsilon)


@operation(several=True)
def training_batch_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
) -> tuple[Tensor, ...]:
    """A batch norm with the batch's own statistics, as the network was exported in training.

    All pictures of a batch have a part in the statistics, so that each changes the others.
    """
    axes = [axis for axis in range(x.dim()) if axis != 1]
    own_var, own_mean = torch.var_mean(x, axes, correction=0)
    made = F.batch_norm(x, own_mean, own_var, scale, shift, eps=epsilon)
    old, new = momentum, 1 - momentum
    return made, mean * old + own_mean * new, var * old + own_var * new


@operator("MeanVarianceNormalization")
def mean_variance_norm(node: Node) -> nn.Module:
    """Make a normalization along some axes; they have another default since opset 9."""
    across = node.flag("across_channels", False)  # only until opset 8
    usual = (0, 2, 3) if node.opset >= 9 else (1, 2, 3) if across else (2, 3)
    return centered_norm(node, axes=node.integers("axes", usual))


@operation(kind="MeanVarianceNormalization")
def centered_norm(x: Tensor, *, axes: tuple[int, ...], normalize_variance: bool = True) -> Tensor:
    """Numbers less their mean, divided by their deviation."""
    centered = x - x.mean(axes, True)
    if not normalize_variance:
        return centered
    return centered / (centered.square().mean(axes, True).sqrt() + 1e-9)


# The second name is onnxruntime's for it, from before opset 23.
@operation("RMSNormalization", "SimplifiedLayerNormalization", kind="RMSNorm")
def rms_norm(x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    """Numbers divided by the root of the mean of their squares, over the last axes."""
    axes = list(range(axis % x.dim(), x.dim()))
    return x * (x.square().mean(axes, True) + epsilon).rsqrt() * scale


@operator("InstanceNormalization")
def instance_norm(node: Node) -> nn.Module:
    """Make torch's instance norm, whose statistics are the picture's own."""
    scale, shift = node.constant(1), node.constant(2)
    kind = by_rank(_INSTANCE_NORMS, node.rank())
    if scale is None or shift is None or kind is None:
        return unranked_instance_norm(node)
    eps = node.number("epsilon", 1e-5)
    module = kind(scale.numel(), eps=eps, affine=True, device="meta")
    module.weight, module.bias = parameter(scale), parameter(shift)
    return module


@operation(kind="InstanceNorm")
def unranked_instance_norm(
    x: Tensor, scale: Tensor, shift: Tensor, *, epsilon: float = 1e-5
) -> Tensor:
    """An instance norm over inputs of unknown rank."""
    return F.instance_norm(x, weight=scale, bias=shift, eps=epsilon)


@operator("LayerNormalization")
def layer_norm(node: Node) -> nn.Module:
    """Make torch's layer norm, where the scale covers exactly the axes that are normalized."""
    axis, eps = node.integer("axis", -1), node.number("epsilon", 1e-5)
    scale, shift, shape = node.constant(1), node.constant(2), node.operand(0).shape
    if axis >= 0 and shape is not None:
        axis -= len(shape)
    fits = (
        scale is not None
        and axis == -scale.dim()
        and (shape is None or tuple(scale.shape) == shape[axis:])
        and (not node.has_input(2) or (shift is not None and shift.shape == scale.shape))
    )
    if node.uses(1, 2):
        return layer_norm_with_statistics(node, axis=axis)
    if scale is None or not fits or node.is_host:
        return broadcast_layer_norm(node, axis=axis)
    module = nn.LayerNorm(tuple(scale.shape), eps=eps, bias=shift is not None, device="meta")
    module.weight = parameter(scale)
    if shift is not None:
        module.bias = parameter(shift)
    return module


def _layer_normed(
    x: Tensor, scale: Tensor, shift: Tensor | None, axis: int, epsilon: float
) -> Tensor:
    normalized = F.layer_norm(x, tuple(x.shape[axis % x.dim() :]), eps=epsilon) * scale
    return normalized if shift is None else normalized + shift


@operation(kind="LayerNorm")
def broadcast_layer_norm(
    x: Tensor, scale: Tensor, shift: Tensor | None = None, *, axis: int, epsilon: float = 1e-5
) -> Tensor:
    """A layer norm whose scale is broadcast, or computed by the network."""
    return _layer_normed(x, scale, shift, axis, epsilon)


@operation(several=True)
def layer_norm_with_statistics(
    x: Tensor, scale: Tensor, shift: Tensor | None = None, *, axis: int, epsilon: float = 1e-5
) -> tuple[Tensor, ...]:
    """A layer norm that also gives the mean, and one over the deviation."""
    axes = list(range(axis % x.dim(), x.dim()))
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    made = _layer_normed(x, scale, shift, axis, epsilon)
    return made, mean, (variance + epsilon).rsqrt()


@operation("GroupNormalization", kind="GroupNorm")
def group_norm(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    num_groups: Annotated[int, 1, LARGEST],
    epsilon: float = 1e-5,
) -> Tensor:
    """A group norm; before opset 21 scale and shift are per group, since then per channel."""
    each = x.shape[1] // scale.numel()
    if each > 1:
        scale, shift = scale.repeat_interleave(each), shift.repeat_interleave(each)
    return F.group_norm(x, num_groups, scale, shift, epsilon)


@operator("LRN")
def local_response_norm(node: Node) -> nn.Module:
    """Make torch's, which differs for even sizes: there the longer side lies before, not after."""
    size = node.integer("size", low=1, high=LARGEST)
    alpha, beta = node.number("alpha", 1e-4), node.number("beta", 0.75)
    bias = node.number("bias", 1.0)
    if size % 2:
        return nn.LocalResponseNorm(size, alpha, beta, bias)
    return even_local_response_norm(node, size=size, alpha=alpha, beta=beta, bias=bias)


@operation()
def even_local_response_norm(
    x: Tensor, *, size: int, alpha: float, beta: float, bias: float
) -> Tensor:
    """A local response norm over an even number of channels, the longer side after."""
    squares = F.pad(x.square().flatten(2).transpose(1, 2), ((size - 1) // 2, size // 2))
    mean = F.avg_pool1d(squares, size, 1).transpose(1, 2).reshape(x.shape)
    return x / (bias + alpha * mean).pow(beta)


@operation("LpNormalization")
def lp_norm(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """Each vector along an axis, divided by its norm; a vector of zeros stays one."""
    norm = torch.linalg.vector_norm(x, p, axis, keepdim=True)
    is_zero = norm == 0
    return torch.where(is_zero, 0.0, x / torch.where(is_zero, 1.0, norm))


@operator("Dropout")
def dropout(node: Node) -> nn.Module:
    """Pass the input on, since nothing is trained here."""
    node.ignore("is_test", "seed")
    training = node.constant(2)
    given = node.constant(1)
    ratio = given.item() if given is not None and given.numel() == 1 else 0.5
    ratio = node.number("ratio", ratio)
    if node.has_input(2) and ratio and (training is None or training.any()):
        node.refuse("dropout in training mode isn't imported; export the network for inference")
    return dropout_with_mask(node) if node.uses(1) else nn.Dropout(min(max(ratio, 0.0), 1.0))


@operation(several=True)
def dropout_with_mask(x: Tensor, *settings: Tensor) -> tuple[Tensor, ...]:
    """The input, and the mask of the numbers that were kept: all."""
    return x, torch.ones_like(x, dtype=torch.bool)


@operator("Identity")
def identity(node: Node) -> nn.Module:
    """Make torch's identity."""
    return nn.Identity()


@operation("IdentityN", several=True)
def identity_of_several(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All inputs, as they are."""
    return tensors
