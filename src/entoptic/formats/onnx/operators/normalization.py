"""Normalizations, and dropout, which does nothing here."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    Operation,
    by_rank,
    operator,
    parameter,
)

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


@operator("BatchNormalization")
def batch_norm(node: Node) -> nn.Module:
    """torch's batch norm with the file's statistics."""
    node.ignore("momentum", "is_test", "consumed_inputs")
    node.require("spatial", 1)
    eps = node.number("epsilon", 1e-5)
    if node.flag("training_mode"):
        return TrainingBatchNorm(node, eps, node.number("momentum", 0.9))
    scale, shift, mean, variance = (node.constant(index) for index in (1, 2, 3, 4))
    if scale is None or shift is None or mean is None or variance is None:
        return BatchNorm(node, eps)
    channels = scale.numel()
    if any(tuple(part.shape) != (channels,) for part in (scale, shift, mean, variance)):
        node.refuse("scale, shift, mean and variance must be as long as each other")
    kind = nn.BatchNorm1d if node.rank() == 2 else by_rank(_BATCH_NORMS, node.rank())
    if kind is None:
        return BatchNorm(node, eps)
    module = kind(channels, eps=eps, device="meta")
    module.weight, module.bias = parameter(scale), parameter(shift)
    module.running_mean, module.running_var = mean, variance
    module.num_batches_tracked = torch.tensor(0)
    return module


class BatchNorm(Operation):
    """A batch norm over inputs of unknown rank."""

    def __init__(self, node: Node, eps: float) -> None:
        super().__init__(node)
        self.eps = eps

    def compute(self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return F.batch_norm(x, mean, var, scale, shift, eps=self.eps)


class TrainingBatchNorm(Operation):
    """A batch norm with the batch's own statistics, as the network was exported in training.

    All pictures of a batch have a part in the statistics, so that each changes the others.
    """

    several = True

    def __init__(self, node: Node, eps: float, momentum: float) -> None:
        super().__init__(node)
        self.eps = eps
        self.momentum = momentum

    def compute(
        self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor
    ) -> tuple[Tensor, ...]:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        own_var, own_mean = torch.var_mean(x, axes, correction=0)
        made = F.batch_norm(x, own_mean, own_var, scale, shift, eps=self.eps)
        old, new = self.momentum, 1 - self.momentum
        return made, mean * old + own_mean * new, var * old + own_var * new


@operator("MeanVarianceNormalization")
class MeanVarianceNormalization(Operation):
    """Numbers less their mean, divided by their deviation, along some axes."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        across = node.flag("across_channels")  # only until opset 8, as this one
        self.divides = node.flag("normalize_variance", True)
        self.axes = node.integers("axes") or ((1, 2, 3) if across else (2, 3))
        if node.opset >= 9 and not node.given("axes"):
            self.axes = (0, 2, 3)

    def compute(self, x: Tensor) -> Tensor:
        centered = x - x.mean(self.axes, True)
        if not self.divides:
            return centered
        return centered / (centered.square().mean(self.axes, True).sqrt() + 1e-9)


@operator("RMSNormalization")
class RMSNorm(Operation):
    """Numbers divided by the root of the mean of their squares, over the last axes."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("stash_type")
        self.axis = node.integer("axis", -1)
        self.eps = node.number("epsilon", 1e-5)

    def compute(self, x: Tensor, scale: Tensor) -> Tensor:
        axes = list(range(self.axis % x.dim(), x.dim()))
        return x * (x.square().mean(axes, True) + self.eps).rsqrt() * scale


@operator("InstanceNormalization")
def instance_norm(node: Node) -> nn.Module:
    """torch's instance norm, whose statistics are the picture's own."""
    node.ignore("consumed_inputs")
    eps = node.number("epsilon", 1e-5)
    scale, shift = node.constant(1), node.constant(2)
    kind = by_rank(_INSTANCE_NORMS, node.rank())
    if scale is None or shift is None or kind is None:
        return InstanceNorm(node, eps)
    module = kind(scale.numel(), eps=eps, affine=True, device="meta")
    module.weight, module.bias = parameter(scale), parameter(shift)
    return module


class InstanceNorm(Operation):
    """An instance norm over inputs of unknown rank."""

    def __init__(self, node: Node, eps: float) -> None:
        super().__init__(node)
        self.eps = eps

    def compute(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return F.instance_norm(x, weight=scale, bias=shift, eps=self.eps)


@operator("LayerNormalization")
def layer_norm(node: Node) -> nn.Module:
    """torch's layer norm, where the scale covers exactly the axes that are normalized."""
    node.ignore("stash_type")
    axis, eps = node.integer("axis", -1), node.number("epsilon", 1e-5)
    scale, shift, shape = node.constant(1), node.constant(2), node.operand(0).shape
    if axis >= 0 and shape is not None:
        axis -= len(shape)
    fits = (
        scale is not None
        and axis == -scale.dim()
        and (shape is None or tuple(scale.shape) == shape[axis:])
        and (not node.has(2) or (shift is not None and shift.shape == scale.shape))
    )
    if node.uses(1) or node.uses(2):
        return LayerNormWithStatistics(node, axis, eps)
    if scale is None or not fits or node.is_host:
        return LayerNorm(node, axis, eps)
    module = nn.LayerNorm(tuple(scale.shape), eps=eps, bias=shift is not None, device="meta")
    module.weight = parameter(scale)
    if shift is not None:
        module.bias = parameter(shift)
    return module


class LayerNorm(Operation):
    """A layer norm whose scale is broadcast, or computed by the network."""

    def __init__(self, node: Node, axis: int, eps: float) -> None:
        super().__init__(node)
        self.axis = axis
        self.eps = eps

    def compute(self, x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
        first = self.axis % x.dim()
        normalized = F.layer_norm(x, tuple(x.shape[first:]), eps=self.eps) * scale
        return normalized if shift is None else normalized + shift


class LayerNormWithStatistics(LayerNorm):
    """A layer norm that also gives the mean, and one over the deviation."""

    several = True

    def compute(  # type: ignore[override]
        self, x: Tensor, scale: Tensor, shift: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        axes = list(range(self.axis % x.dim(), x.dim()))
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        made = super().compute(x, scale, shift)
        return made, mean, (variance + self.eps).rsqrt()


@operator("GroupNormalization")
class GroupNorm(Operation):
    """A group norm; before opset 21 scale and shift are per group, since then per channel."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("stash_type")
        self.groups = node.integer("num_groups", 0)
        self.eps = node.number("epsilon", 1e-5)
        if self.groups < 1:
            node.refuse("num_groups must be 1 or more")

    def compute(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        each = x.shape[1] // scale.numel()
        if each > 1:
            scale, shift = scale.repeat_interleave(each), shift.repeat_interleave(each)
        return F.group_norm(x, self.groups, scale, shift, self.eps)


@operator("LRN")
def local_response_norm(node: Node) -> nn.Module:
    """torch's, which differs for even sizes: there the longer side lies before, not after."""
    size = node.integer("size", 0)
    alpha, beta = node.number("alpha", 1e-4), node.number("beta", 0.75)
    bias = node.number("bias", 1.0)
    if not 1 <= size <= 2**16:
        node.refuse(f"size is {size}; it must be from 1 to {2**16}")
    if size % 2:
        return nn.LocalResponseNorm(size, alpha, beta, bias)
    return EvenLocalResponseNorm(node, size, alpha, beta, bias)


class EvenLocalResponseNorm(Operation):
    """A local response norm over an even number of channels, the longer side after."""

    def __init__(self, node: Node, size: int, alpha: float, beta: float, bias: float) -> None:
        super().__init__(node)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def compute(self, x: Tensor) -> Tensor:
        squares = F.pad(
            x.square().flatten(2).transpose(1, 2), ((self.size - 1) // 2, self.size // 2)
        )
        mean = F.avg_pool1d(squares, self.size, 1).transpose(1, 2).reshape(x.shape)
        return x / (self.bias + self.alpha * mean).pow(self.beta)


@operator("LpNormalization")
class LpNormalization(Operation):
    """Each vector along an axis, divided by its norm; a vector of zeros stays one."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", -1)
        self.power = node.integer("p", 2)

    def compute(self, x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, self.power, self.axis, keepdim=True)
        is_zero = norm == 0
        return torch.where(is_zero, 0.0, x / torch.where(is_zero, 1.0, norm))


@operator("Dropout")
def dropout(node: Node) -> nn.Module:
    """Passes its input on, since nothing is trained here."""
    node.ignore("is_test", "consumed_inputs", "seed")
    training = node.constant(2)
    given = node.constant(1)
    ratio = given.item() if given is not None and given.numel() == 1 else 0.5
    ratio = node.number("ratio", ratio)
    if node.has(2) and ratio and (training is None or training.any()):
        node.refuse("dropout in training mode isn't imported; export the network for inference")
    return DropoutWithMask(node) if node.uses(1) else nn.Dropout(min(max(ratio, 0.0), 1.0))


class DropoutWithMask(Operation):
    """Its input, and what was kept of it: all."""

    several = True

    def compute(self, x: Tensor, *settings: Tensor) -> tuple[Tensor, ...]:
        return x, torch.ones_like(x, dtype=torch.bool)


@operator("Identity")
def identity(node: Node) -> nn.Module:
    return nn.Identity()


@operator("IdentityN")
class IdentityN(Operation):
    """All its inputs, as they are."""

    several = True

    def compute(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tensors
