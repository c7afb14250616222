"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from entoptic.errors import EntopticError
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.models import taps
from entoptic.models.frozen import frozen_copy
from entoptic.models.memory import keep_freed_memory
from entoptic.models.model import Model
from entoptic.models.preparing.graph import rewritten
from entoptic.models.preparing.precision import (
    DTYPES,
    Scores,
    checked,
    energies,
    fast_dtype,
    keeps_the_look,
)
from entoptic.models.rules import GradientRule, applied
from entoptic.models.tracing import Tracer, Untraceable, traced

# Prepared networks that are kept of one model; a climb needs one, and one more for its guides.
_KEPT = 4

# Side of the pictures on which a precision is tried, where the network takes them.
_TRIAL_SIDE = 96

# A graph is compared with its network on a picture of at most this side: what could be wrong of a
# graph doesn't depend on the size, since a forward pass that looks at sizes can't be traced.
_CHECKED_SIDE = 320
# By how much the results may differ, relative to their length. Wrong graphs differ by about 1.
_ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.1}


# Targets that are the picture itself; nothing runs for them.
_PICTURES = frozenset({INPUT, CANVAS})


class Prepared:
    """A network that runs only as far as the deepest of its targets, on frozen weights.

    Args:
        model: whose preprocessing and addresses hold.
        layers: the targets.
        twins: frozen copies of the model's module, of which it runs one where there is no graph.
        exact: every sum is taken in the network's own order.
        dtype: what the graph computes in.
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
        self.pictures = layers & _PICTURES
        self.targets = layers - _PICTURES
        self.exact = exact
        self.dtype = dtype
        self._twins = twins
        self._paths = dict(model.paths)
        self.graph = None if exact else self._rewritten()
        self._checked = False
        self.layout = torch.contiguous_format if exact else _fastest(twins.plain)

    @property
    def precision(self) -> str:
        """What the network is run in; its own layers give float32 in any case."""
        names = {dtype: name for name, dtype in DTYPES.items()}
        return names[self.dtype if self.graph is not None else torch.float32]

    @property
    def module(self) -> nn.Module:
        """The copy that is run where the graph isn't."""
        return self._twins.plain if self.exact else self._twins.fast

    @functools.cached_property
    def modules(self) -> Mapping[str, nn.Module]:
        """The parts of that copy by address."""
        return _by_address(self._paths, self.module)

    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """The targets' activations for an image, differentiable in the image.

        `Model.info` says beforehand whether the network can work at the image's size.

        Args:
            rules: bound to the model; they hold for the gradients of these activations.
        """
        with applied(rules, self.modules if rules else {}):
            return self.run(image, as_it_is=bool(rules))

    def run(self, image: Tensor, *, as_it_is: bool) -> dict[Layer, Tensor]:
        """The targets' activations.

        Args:
            as_it_is: whether the network itself must run, since gradient rules hold for its parts.
        """
        seen: dict[Layer, Tensor] = {}
        if self.targets:
            value = self.preprocess(image).to(self._twins.dtype or image.dtype)
            value = value.contiguous(memory_format=self.layout)
            if not self._checked:
                self._check(value)
            if self.graph is None or as_it_is:
                seen = taps.run(self.module, self.modules, value, self.targets)
            else:
                seen = self._by_graph(self.graph, value)
        return seen | dict.fromkeys(self.pictures, image)

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
        if self.graph is None:
            return
        if not self.preprocess.fixed_size and _CHECKED_SIDE % self.preprocess.multiple == 0:
            value = value[..., :_CHECKED_SIDE, :_CHECKED_SIDE]
        value = value[:1].detach()
        parts = _by_address(self._paths, self._twins.plain)
        plain = taps.run(self._twins.plain, parts, value.clone(), self.targets)
        if self.dtype != torch.float32 and not self._gives(plain, value):
            self.dtype = torch.float32
            self.graph = self._rewritten()
        if not self._gives(plain, value):
            self.graph = None

    def _gives(self, plain: Mapping[Layer, Tensor], value: Tensor) -> bool:
        """Whether the graph gives what it should."""
        if self.graph is None:
            return False
        try:
            ours = self._by_graph(self.graph, value.clone())
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
            return False  # an operation lacks the precision, say
        return all(_alike(ours[layer], plain[layer], self.dtype) for layer in plain)

    def _by_graph(self, graph: fx.GraphModule, value: Tensor) -> dict[Layer, Tensor]:
        return dict(zip(sorted(self.targets), graph(value), strict=True))


class Together:
    """The members of an ensemble that have targets, made ready; the others never run.

    Args:
        members: by name.
        pictures: the targets that are the picture itself.
    """

    def __init__(self, members: Mapping[str, Prepared], pictures: frozenset[Layer]) -> None:
        self.members = members
        self.pictures = pictures

    @functools.cached_property
    def modules(self) -> Mapping[str, nn.Module]:
        """The parts of all members, by the ensemble's addresses."""
        return {
            f"{name}/{address}": module
            for name, each in self.members.items()
            for address, module in each.modules.items()
        }

    @property
    def precision(self) -> str:
        """What the members are run in."""
        return ", ".join(sorted({each.precision for each in self.members.values()}))

    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """As `Prepared` does; rules name layers as the ensemble does."""
        seen = dict.fromkeys(self.pictures, image)
        with applied(rules, self.modules if rules else {}):
            for name, each in self.members.items():
                found = each.run(image, as_it_is=bool(rules))
                seen |= {layer.within(name): value for layer, value in found.items()}
        return seen


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
        self._trace: tuple[Tracer, fx.Graph] | Untraceable | None = None

    @property
    def fast(self) -> nn.Module:
        """With the fastest layout of its weights."""
        if self._fast is None:
            self._fast = frozen_copy(self.plain).to(memory_format=_fastest(self.plain))
        return self._fast

    def traced(self) -> tuple[Tracer, fx.Graph]:
        """The graph of the whole network; raises Untraceable."""
        if self._trace is None:
            self._trace = self._traced()
        if isinstance(self._trace, Untraceable):
            raise Untraceable(*self._trace.args)
        return self._trace

    def _traced(self) -> tuple[Tracer, fx.Graph] | Untraceable:
        if any(each._forward_hooks or each._forward_pre_hooks for each in self.plain.modules()):
            return Untraceable("hooks of the user's own want to be run")
        try:
            return traced(self.plain)
        except Untraceable as error:
            return error.with_traceback(None)


@dataclass
class _Kept:
    """What is kept of one model.

    Args:
        state: of its weights when it was made; what is kept is out of date when they have changed.
    """

    state: object
    twins: dict[str, _Twins] = field(default_factory=dict)
    chosen: dict[tuple[str, frozenset[Layer]], torch.dtype] = field(default_factory=dict)
    prepared: OrderedDict[object, Prepared] = field(default_factory=OrderedDict)

    def get(
        self, model: Model, layers: frozenset[Layer], twins: _Twins, exact: bool, dtype: torch.dtype
    ) -> Prepared:
        """What was prepared before, or else what is prepared now."""
        key = (twins, layers, exact, dtype)
        if key not in self.prepared:
            self.prepared[key] = Prepared(model, layers, twins, exact=exact, dtype=dtype)
        self.prepared.move_to_end(key)
        if len(self.prepared) > _KEPT:
            self.prepared.popitem(last=False)
        return self.prepared[key]


_kept: weakref.WeakKeyDictionary[Model, _Kept] = weakref.WeakKeyDictionary()
# Held by the thread that looks into what is kept, and makes what isn't there.
_making = threading.RLock()


def prepare(
    model: Model,
    layers: Collection[Layer],
    device: torch.device,
    *,
    exact: bool = False,
    precision: str = "fp32",
) -> Prepared | Together:
    """Make a network ready for a set of targets on a device.

    The user's module isn't touched: frozen copies are made, which share the weights where they stay
    as they are. What is prepared is kept as long as the model lives and its weights stay the same,
    so that octaves, pictures and jobs share it. On a CPU, memory that a step frees is kept for the
    next one, see `keep_freed_memory`.

    Several threads may prepare. Those that run on one device at a time need a model each, a
    `dataclasses.replace` of it will do; and while a network is prepared for the first time, which
    may mean that it is traced, none may run.

    Args:
        exact: run the network just as it is, so that every sum is taken in the network's own
            order; otherwise it is what is fastest, and results differ in their last bits.
        precision: what the network computes in: `fp32`, `bf16`, `fp16`; or `auto`, which is the
            reduced precision that the device is fast in, if climbs get as high in it as in `fp32`.
            A network that can't be rewritten as a graph runs in `fp32` whatever is asked;
            `Prepared.precision` says what was chosen.

    Raises:
        BadSetting: there is no such precision.
    """
    wanted = frozenset(layers)
    if not model.members:
        return _prepared(model, wanted, device, exact, precision)
    inner: dict[str, set[Layer]] = {}
    for layer in wanted - _PICTURES:
        name, address = model.member(layer)
        inner.setdefault(name, set()).add(address)
    members = {
        name: _prepared(each, frozenset(inner[name]), device, exact, precision)
        for name, each in model.members.items()
        if name in inner
    }
    return Together(members, wanted & _PICTURES)


def used_precision(
    model: Model, layers: Collection[Layer], device: torch.device, precision: str
) -> str:
    """The precision that `prepare` would choose, for jobs to remember; arguments as there.

    Only `auto` takes time: the device and the network are tried.
    """
    if checked(precision) != "auto":
        return precision
    return prepare(model, layers, device, precision=precision).precision.partition(",")[0]


def _prepared(
    model: Model, wanted: frozenset[Layer], device: torch.device, exact: bool, precision: str
) -> Prepared:
    dtype = DTYPES.get(checked(precision))
    if device.type == "cpu":
        keep_freed_memory()
    with _making:
        state = _state(model.module)
        kept = _kept.get(model)
        if kept is None or kept.state != state:
            kept = _kept[model] = _Kept(state)
        twins = kept.twins.get(str(device))
        if twins is None:
            twins = kept.twins[str(device)] = _Twins(model.module, device)
        if exact:
            dtype = torch.float32
        elif dtype is None:
            key = str(device), wanted
            if key not in kept.chosen:
                kept.chosen[key] = _chosen(model, wanted, twins, device)
            dtype = kept.chosen[key]
        return kept.get(model, wanted, twins, exact, dtype)


def _chosen(
    model: Model, layers: frozenset[Layer], twins: _Twins, device: torch.device
) -> torch.dtype:
    """The reduced precision that the device is fast in, if it keeps the look; else float32."""
    dtype = fast_dtype(str(device))
    size = _trial_size(model, layers)
    if dtype is None or size is None:
        return torch.float32
    plain, reduced = (
        Prepared(model, layers, twins, exact=False, dtype=each) for each in (torch.float32, dtype)
    )
    if reduced.precision == "fp32" or not layers - _PICTURES:
        return torch.float32

    def scores(prepared: Prepared) -> Scores:
        return lambda pictures: energies(
            [value for layer, value in prepared(pictures).items() if layer not in _PICTURES]
        )

    kept = keeps_the_look(scores(plain), scores(reduced), size, str(device))
    return dtype if kept and reduced.precision != "fp32" else torch.float32


def _trial_size(model: Model, layers: frozenset[Layer]) -> tuple[int, int] | None:
    """How large pictures are on which precisions are tried; None if none goes through."""
    if model.preprocess.channels != 3:
        return None
    for size in ((_TRIAL_SIDE, _TRIAL_SIDE), model.preprocess.size):
        try:
            for layer in layers:
                model.info(layer, size)
        except EntopticError:
            continue
        return size
    return None


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
