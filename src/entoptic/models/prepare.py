"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor, fx, nn

from entoptic.errors import EntopticError
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.models import taps
from entoptic.models.batches import joined, keeps_apart, per_picture
from entoptic.models.frozen import frozen_copy
from entoptic.models.memory import keep_freed_memory
from entoptic.models.model import Model
from entoptic.models.preparing.graph import rewritten
from entoptic.models.preparing.linear import FrozenLinear
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


_Network = TypeVar("_Network", bound=nn.Module)


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
        self._tables = model.tables
        self.pictures = layers & _PICTURES
        self.targets = layers - _PICTURES
        self.exact = exact
        self.dtype = dtype
        self._twins = twins
        self._paths = dict(model.paths)
        self._apart: bool | None = None
        self._fused: _Trusted[fx.GraphModule] = _Trusted(self._rewritten, dtype)
        self.layout = torch.contiguous_format if exact else _fastest(twins.plain)

    @property
    def precision(self) -> str:
        """What the network is run in; its own layers give float32 in any case."""
        names = {dtype: name for name, dtype in DTYPES.items()}
        if self.graph is not None:
            return names[self._fused.dtype]
        return names[torch.float32 if self._lowered.network is None else self._lowered.dtype]

    @property
    def graph(self) -> fx.GraphModule | None:
        """What is run while no rule holds; None where that is the network as it is."""
        return self._fused.network

    @property
    def ruled(self) -> fx.GraphModule | None:
        """What is run while rules hold that are seen on graphs; None as above."""
        return self._open.network

    @functools.cached_property
    def _open(self) -> _Trusted[fx.GraphModule]:
        # Made when it is first needed.
        return _Trusted(self._opened, self._fused.dtype)

    @functools.cached_property
    def _lowered(self) -> _Trusted[nn.Module]:
        """The network itself in lower precision, for where it has no graph."""
        return _Trusted(self._lower, self.dtype)

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
        with applied(rules, self.modules if _concern_modules(rules) else {}):
            return self.run(image, rules)

    def run(self, image: Tensor, rules: Sequence[GradientRule]) -> dict[Layer, Tensor]:
        """The targets' activations, while rules are applied."""
        seen: dict[Layer, Tensor] = {}
        pictures = dict.fromkeys(self.pictures, image)
        if self.targets:
            image = self._tables.fitted(image, self.targets)
            if len(image) > 1 and not self._keeps_apart(image):
                seen = joined([self._seen(each, rules) for each in torch.split(image, 1)])
            else:
                seen = self._seen(image, rules)
        return seen | pictures

    def _seen(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """The targets' activations, all pictures at a time."""
        graph = self._graph_for(image, rules)
        seen = self._by_graph(graph, image) if graph else self._by_module(image, rules)
        return {layer: per_picture(value, len(image)) for layer, value in seen.items()}

    def _keeps_apart(self, image: Tensor) -> bool:
        """Whether the network may be shown several pictures at a time; that is tried once."""
        if self._apart is None:
            self._apart = keeps_apart(self._seen, image, _ROUNDING[DTYPES[self.precision]])
        return self._apart

    def _fed(self, image: Tensor) -> Tensor:
        """What the network itself is fed."""
        value = self.preprocess(image).to(self._twins.dtype or image.dtype)
        return value.contiguous(memory_format=self.layout)

    def _graph_for(self, image: Tensor, rules: Sequence[GradientRule]) -> fx.GraphModule | None:
        """The graph on which rules hold; None where the network itself must run."""
        if _concern_modules(rules):
            return None
        which = self._open if rules else self._fused
        return which.checked(functools.partial(self._is_right, image, self._by_graph))

    def _opened(self, dtype: torch.dtype) -> fx.GraphModule | None:
        return None if self.graph is None else self._rewritten(dtype, self.graph)

    def _by_module(self, image: Tensor, rules: Sequence[GradientRule]) -> dict[Layer, Tensor]:
        """The activations by hooks: of the network in lower precision, or as it is."""
        if not _concern_modules(rules):
            check = functools.partial(self._is_right, image, self._by_lowered)
            lowered = self._lowered.checked(check)
            if lowered is not None:
                return self._by_lowered(lowered, image)
        return taps.run(self.module, self.modules, self._fed(image), self.targets)

    def _by_lowered(self, module: nn.Module, image: Tensor) -> dict[Layer, Tensor]:
        parts = _by_address(self._paths, module)
        seen = taps.run(module, parts, self._fed(image).to(self._lowered.dtype), self.targets)
        return {layer: value.float() for layer, value in seen.items()}

    @property
    def _may_change(self) -> bool:
        """Whether something else may be run that was made of the network."""
        return not self.exact and bool(self.targets) and self._twins.dtype == torch.float32

    def _lower(self, dtype: torch.dtype) -> nn.Module | None:
        lower = self._may_change and dtype != torch.float32
        return self._twins.lowered(dtype) if lower else None

    def _rewritten(
        self, dtype: torch.dtype, fused: fx.GraphModule | None = None
    ) -> fx.GraphModule | None:
        """The network as a graph; None where it has none that can be trusted."""
        if not self._may_change:
            return None
        try:
            tracer, graph = self._twins.traced()
            targets = {layer: self._paths[layer.name] for layer in sorted(self.targets)}
            return rewritten(tracer, graph, targets, dtype, self.preprocess, fused=fused)
        except Untraceable:
            return None

    @torch.no_grad()
    def _is_right(
        self,
        image: Tensor,
        run: Callable[[_Network, Tensor], dict[Layer, Tensor]],
        ours: _Network,
        dtype: torch.dtype,
    ) -> bool:
        """Whether what was made of the network gives what the network does."""
        part = image[:1, :, :_CHECKED_SIDE, :_CHECKED_SIDE]
        if not self._tables.reaches(self.targets, (part.shape[-2], part.shape[-1])):
            part = image[:1]
        image = part.detach().clone()
        parts = _by_address(self._paths, self._twins.plain)
        plain = taps.run(self._twins.plain, parts, self._fed(image), self.targets)
        try:
            found = run(ours, image.clone())
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
            return False  # an operation lacks the precision, say
        return all(_alike(found[layer], plain[layer], dtype) for layer in plain)

    def _by_graph(self, graph: fx.GraphModule, image: Tensor) -> dict[Layer, Tensor]:
        return dict(zip(sorted(self.targets), graph(image.to(torch.float32)), strict=True))


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
        with applied(rules, self.modules if _concern_modules(rules) else {}):
            for name, each in self.members.items():
                found = each.run(image, rules)
                seen |= {layer.within(name): value for layer, value in found.items()}
        return seen


class _Trusted(Generic[_Network]):
    """What was made of a network, as long as nothing shows that it gives something else.

    Args:
        make: it in a precision; None where there is none.
        dtype: that precision; float32 where it turns out to be too coarse.
    """

    def __init__(self, make: Callable[[torch.dtype], _Network | None], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.network = make(dtype)
        self._make = make
        self._checked = False

    def checked(self, is_right: Callable[[_Network, torch.dtype], bool]) -> _Network | None:
        """What was made, if it is right; that is asked once."""
        if not self._checked:
            self._checked = True
            while self.network is not None and not is_right(self.network, self.dtype):
                finer = self.dtype != torch.float32
                self.dtype = torch.float32
                self.network = self._make(self.dtype) if finer else None
        return self.network


def _concern_modules(rules: Sequence[GradientRule]) -> bool:
    """Whether the network itself must run, since rules hold for its parts."""
    return not all(rule.holds_on_graphs for rule in rules)


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
        self._lowered: dict[torch.dtype, nn.Module] = {}
        self._trace: tuple[Tracer, fx.Graph] | Untraceable | None = None

    @property
    def fast(self) -> nn.Module:
        """With the fastest layout of its weights, and the fastest products."""
        if self._fast is None:
            self._fast = frozen_copy(self.plain).to(memory_format=_fastest(self.plain))
            for each in self._fast.modules():
                if type(each) is nn.Linear:
                    # The same object, which may stand in several places.
                    each.__class__ = FrozenLinear
        return self._fast

    def lowered(self, dtype: torch.dtype) -> nn.Module:
        """The same in another precision, but for batch-norms, whose statistics every device uses
        in float32.
        """
        if dtype not in self._lowered:
            twin = frozen_copy(self.fast)
            for each in twin.modules():
                if not isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    own = {**each._parameters, **each._buffers}
                    for value in own.values():
                        if value is not None and value.is_floating_point():
                            value.data = value.data.to(dtype)
            self._lowered[dtype] = twin
        return self._lowered[dtype]

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
            A network that gives something else in reduced precision runs in `fp32` whatever is
            asked; `Prepared.precision` says what was chosen.

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
