"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from entoptic.layers import INPUT, Layer
from entoptic.models import taps
from entoptic.models.frozen import frozen_copy
from entoptic.models.memory import keep_freed_memory
from entoptic.models.model import Model
from entoptic.models.preparing.graph import rewritten
from entoptic.models.rules import GradientRule, applied
from entoptic.models.tracing import Tracer, Untraceable, traced

# Prepared networks that are kept of one model; a climb needs one, and one more for its guides.
_KEPT = 4

# A graph is compared with its network on a picture of at most this side: what could be wrong of a
# graph doesn't depend on the size, since a forward pass that looks at sizes can't be traced.
_CHECKED_SIDE = 320
# By how much the results may differ, relative to their length. Wrong graphs differ by about 1.
_ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.1}


class Prepared:
    """A network that runs only as far as the deepest of its targets, on frozen weights.

    Args:
        model: whose preprocessing and addresses hold.
        layers: the targets.
        twins: frozen copies of the model's module, of which it runs one where there is no graph.
        exact: every sum is taken in the network's own order.
        dtype: what it computes in; None for the network's own.
    """

    def __init__(
        self,
        model: Model,
        layers: frozenset[Layer],
        twins: _Twins,
        *,
        exact: bool,
        dtype: torch.dtype,
    ) -> None:
        self.preprocess = model.preprocess
        self.targets = layers - {INPUT}
        self.wants_input = INPUT in layers
        self.exact = exact
        self.dtype = dtype
        self._twins = twins
        self._paths = {name: path for name, path in model.paths.items()}
        self._graph = None if exact else self._rewritten()
        self._checked = False
        self.layout = torch.contiguous_format if exact else _fastest(twins.plain)

    @property
    def module(self) -> nn.Module:
        """The copy that is run where the graph isn't."""
        return self._twins.plain if self.exact else self._twins.fast

    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """The targets' activations for an image, differentiable in the image.

        `Model.info` says beforehand whether the network can work at the image's size.

        Args:
            rules: bound to the model; they hold for the gradients of these activations.
        """
        seen: dict[Layer, Tensor] = {}
        if self.targets:
            value = self.preprocess(image).to(self._twins.dtype or image.dtype)
            value = value.contiguous(memory_format=self.layout)
            if not self._checked:
                self._check(value)
            if self._graph is None or rules:
                seen = self._by_taps(self.module, value, rules)
            else:
                seen = self._by_graph(self._graph, value)
        if self.wants_input:
            seen[INPUT] = image
        return seen

    def _rewritten(self) -> fx.GraphModule | None:
        """The network as a graph; None where it has none that can be trusted."""
        if not self.targets or self._twins.dtype != torch.float32:
            return None
        try:
            tracer, graph = self._twins.traced()
            targets = {layer: self._paths[layer.name] for layer in sorted(self.targets)}
            return rewritten(tracer, graph, targets, self.dtype)
        except Untraceable:
            return None

    @torch.no_grad()
    def _check(self, value: Tensor) -> None:
        """Let the graph go if it doesn't give what the network does."""
        self._checked = True
        if self._graph is None:
            return
        if not self.preprocess.fixed_size and _CHECKED_SIDE % self.preprocess.multiple == 0:
            value = value[..., :_CHECKED_SIDE, :_CHECKED_SIDE]
        value = value[:1].detach()
        plain = self._by_taps(self._twins.plain, value.clone())
        try:
            ours = self._by_graph(self._graph, value.clone())
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
            self._graph = None  # the taps, too, raise what the network itself does
            return
        if not all(_alike(ours[layer], plain[layer], self.dtype) for layer in plain):
            self._graph = None

    def _by_graph(self, graph: fx.GraphModule, value: Tensor) -> dict[Layer, Tensor]:
        return dict(zip(sorted(self.targets), graph(value), strict=True))

    def _by_taps(
        self, module: nn.Module, value: Tensor, rules: Sequence[GradientRule] = ()
    ) -> dict[Layer, Tensor]:
        modules = _by_address(self._paths, module)
        with applied(rules, modules):
            return taps.run(module, modules, value, self.targets)


def _by_address(paths: Mapping[str, str], module: nn.Module) -> dict[str, nn.Module]:
    by_path = dict(module.named_modules())
    return {name: by_path[path] for name, path in paths.items()}


def _alike(ours: Tensor, plain: Tensor, dtype: torch.dtype) -> bool:
    if ours.shape != plain.shape:
        return False
    return bool((ours - plain).norm() <= _ROUNDING[dtype] * plain.norm())


class _Twins:
    """Frozen copies of one network on one device, each made when it is needed."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.plain = frozen_copy(module).to(device)
        weights = (each.dtype for each in module.parameters() if each.is_floating_point())
        self.dtype = next(weights, None)
        self._fast: nn.Module | None = None
        self._trace: tuple[Tracer, fx.Graph] | None = None

    @property
    def fast(self) -> nn.Module:
        """With the fastest layout of its weights."""
        if self._fast is None:
            self._fast = frozen_copy(self.plain).to(memory_format=_fastest(self.plain))
        return self._fast

    def traced(self) -> tuple[Tracer, fx.Graph]:
        """The graph of the whole network; raises Untraceable."""
        if self._trace is None:
            if any(each._forward_hooks or each._forward_pre_hooks for each in self.plain.modules()):
                raise Untraceable("hooks of the user's own want to be run")
            self._trace = traced(self.plain)
        return self._trace


@dataclass
class _Kept:
    """What is kept of one model.

    Args:
        state: of its weights when it was made; what is kept is out of date when they have changed.
    """

    state: object
    twins: dict[str, _Twins] = field(default_factory=dict)
    prepared: OrderedDict[object, Prepared] = field(default_factory=OrderedDict)


_kept: weakref.WeakKeyDictionary[Model, _Kept] = weakref.WeakKeyDictionary()


def prepare(
    model: Model, layers: Collection[Layer], device: torch.device, *, exact: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Prepared:
    """Make a network ready for a set of targets on a device.

    The user's module isn't touched: frozen copies are made, which share the weights where they stay
    as they are. What is prepared is kept as long as the model lives and its weights stay the same,
    so that octaves, pictures and jobs share it. On a CPU, memory that a step frees is kept for the
    next one, see `keep_freed_memory`.

    Args:
        exact: run the network just as it is, so that every sum is taken in the network's own
            order; otherwise it is what is fastest, and results differ in their last bits.
    """
    if device.type == "cpu":
        keep_freed_memory()
    state = _state(model.module)
    kept = _kept.get(model)
    if kept is None or kept.state != state:
        kept = _kept[model] = _Kept(state)
    twins = kept.twins.get(str(device))
    if twins is None:
        twins = kept.twins[str(device)] = _Twins(model.module, device)
    key = (str(device), frozenset(layers), exact, dtype)
    if key not in kept.prepared:
        kept.prepared[key] = Prepared(model, frozenset(layers), twins, exact=exact, dtype=dtype)
    kept.prepared.move_to_end(key)
    if len(kept.prepared) > _KEPT:
        kept.prepared.popitem(last=False)
    return kept.prepared[key]


def _state(module: nn.Module) -> object:
    """Equal as long as nobody has changed the weights."""
    return tuple(
        (id(each), 0 if each.is_inference() else each._version)
        for each in (*module.parameters(), *module.buffers())
    )


def _fastest(module: nn.Module) -> torch.memory_format:
    """Convolutions run fastest with the channels innermost; matrices have no such layout."""
    convolves = any(isinstance(each, nn.Conv2d) for each in module.modules())
    return torch.channels_last if convolves else torch.contiguous_format
