"""A network made ready to climb: the one place that knows about speed."""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor, fx, nn

from entoptic.errors import EntopticError
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.networks import taps
from entoptic.networks.batches import FAILURES, joined, keeps_apart, per_picture
from entoptic.networks.compile.graph import rewritten
from entoptic.networks.compile.passes.linear import FrozenLinear
from entoptic.networks.compile.precision import (
    DTYPES,
    Scores,
    checked,
    energies,
    fast_dtype,
    keeps_the_look,
)
from entoptic.networks.compile.trace import Tracer, Untraceable, traced
from entoptic.networks.compile.verify import Reference, values_alike
from entoptic.networks.frozen import by_address, frozen_copy, state
from entoptic.networks.gradient_rules import GradientRule, applied
from entoptic.networks.memory import keep_freed_memory, out_of_memory
from entoptic.networks.model import Model
from entoptic.networks.modes import in_usual_modes

# Prepared networks that are kept of one model; a climb needs one, and one more for its guides.
_KEPT = 4

# Side of the pictures on which a precision is tried, where the network takes them.
_TRIAL_SIDE = 96

# What is made of a network is compared with it on a picture of at most this side: what could be
# wrong of it doesn't depend on the size, since a forward pass that looks at sizes can't be traced.
_CHECKED_SIDE = 320


# Targets that are the picture itself; nothing runs for them.
_PICTURES = frozenset({INPUT, CANVAS})


_Network = TypeVar("_Network", bound=nn.Module)


class Prepared:
    """A network that runs only as far as the deepest of its targets, on frozen weights.

    Args:
        model: whose preprocessing and addresses hold.
        layers: the targets.
        copies: of the model's module, of which it runs one where there is no graph.
        exact: the network is run just as it is.
        dtype: what is computed in.
    """

    def __init__(
        self,
        model: Model,
        layers: frozenset[Layer],
        copies: _Copies,
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
        self._copies = copies
        self._paths = dict(model.paths)
        self._by_address: dict[nn.Module, Mapping[str, nn.Module]] = {}
        self._apart: bool | None = None
        self._fused: _Verified[fx.GraphModule] = _Verified(self._rewritten, dtype)
        self.layout = torch.contiguous_format if exact else _fastest(copies.plain)

    @property
    def precision(self) -> str:
        """What the network is run in; its own layers give float32 in any case."""
        names = {dtype: name for name, dtype in DTYPES.items()}
        if self.graph is not None:
            return names[self._fused.dtype]
        return names[self._fast.dtype if self._may_change else torch.float32]

    @property
    def graph(self) -> fx.GraphModule | None:
        """What is run while no rule holds; None where that is the network as it is."""
        return self._fused.network

    @property
    def ruled(self) -> fx.GraphModule | None:
        """What is run while rules hold that are seen on graphs; None as above."""
        return self._open.network

    @functools.cached_property
    def _open(self) -> _Verified[fx.GraphModule]:
        # Made when it is first needed.
        return _Verified(self._opened, self._fused.dtype)

    @functools.cached_property
    def _fast(self) -> _Verified[nn.Module]:
        """What is run instead of the network itself where it has no graph."""
        return _Verified(self._copies.fast, self.dtype if self._may_change else torch.float32)

    @property
    def module(self) -> nn.Module:
        """The copy that is run where the graph isn't."""
        return (None if self.exact else self._fast.network) or self._copies.plain

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The parts of that copy by address."""
        return self._parts(self.module)

    @in_usual_modes
    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """The targets' activations for an image, differentiable in the image.

        `Model.info` says beforehand whether the network can work at the image's size.

        Args:
            rules: bound to the model; they hold for the gradients of these activations.
        """
        self.verify(image, rules)
        with self.alone(rules), applied(rules, self.modules if _concern_modules(rules) else {}):
            return self.run(image, rules)

    def verify(self, image: Tensor, rules: Sequence[GradientRule]) -> None:
        """See to it that what is run for an image has been compared with the network itself.

        That is done once, and once more when gradients are asked for for the first time; rules
        mustn't be applied.
        """
        if self.exact or not self.targets:
            return
        differentiated = torch.is_grad_enabled() and image.requires_grad
        reference = functools.cache(functools.partial(self._reference, image, differentiated))
        if not _concern_modules(rules):
            which = self._open if rules else self._fused
            which.verify(differentiated, reference, self._by_graph)
            if which.network is not None:
                return
        self._fast.verify(differentiated, reference, self._by_module)

    def alone(self, rules: Sequence[GradientRule]) -> AbstractContextManager[object]:
        """No other thread hangs its hooks on this network during a `with`."""
        return nullcontext() if self._graph_for(rules) else self._copies.turn

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

    def _seen(self, image: Tensor, rules: Sequence[GradientRule]) -> dict[Layer, Tensor]:
        """The targets' activations, all images at a time."""
        graph = self._graph_for(rules)
        seen = self._by_graph(graph, image) if graph else self._by_module(self.module, image)
        return {layer: per_picture(value, len(image)) for layer, value in seen.items()}

    def _keeps_apart(self, image: Tensor) -> bool:
        """Whether the network may be shown several images at a time; that is tried once."""

        def run(pair: Tensor) -> dict[Layer, Tensor]:
            seen = self._by_module(self._copies.plain, pair)
            return {layer: per_picture(value, len(pair)) for layer, value in seen.items()}

        if self._apart is None:
            self._apart = keeps_apart(run, self._checked_part(image), values_alike)
        return self._apart

    def _parts(self, module: nn.Module) -> Mapping[str, nn.Module]:
        """The parts of a copy by address."""
        if module not in self._by_address:
            self._by_address[module] = by_address(module, self._paths)
        return self._by_address[module]

    def _graph_for(self, rules: Sequence[GradientRule]) -> fx.GraphModule | None:
        """The graph on which rules hold; None where the network itself must run."""
        if _concern_modules(rules):
            return None
        return self.ruled if rules else self.graph

    def _opened(self, dtype: torch.dtype) -> fx.GraphModule | None:
        return None if self.graph is None else self._rewritten(dtype, self.graph)

    def _by_graph(self, graph: fx.GraphModule, image: Tensor) -> dict[Layer, Tensor]:
        values = map(taps.first_tensor, graph(image.to(torch.float32)))
        return {
            layer: value
            for layer, value in zip(sorted(self.targets), values, strict=True)
            if value is not None
        }

    def _by_module(self, module: nn.Module, image: Tensor) -> dict[Layer, Tensor]:
        """The activations by hooks; those of a copy in reduced precision as float32."""
        dtype = self._copies.taken_by(module)
        value = self.preprocess(image).to(dtype or image.dtype)
        fed = value.contiguous(memory_format=self.layout)
        with self._copies.turn:
            seen = taps.run(module, self._parts(module), fed, self.targets)
        if dtype == self._copies.dtype:
            return seen
        return {layer: value.float() for layer, value in seen.items()}

    @property
    def _may_change(self) -> bool:
        """Whether something else may be computed that was made of the network."""
        return not self.exact and bool(self.targets) and self._copies.dtype == torch.float32

    def _rewritten(
        self, dtype: torch.dtype, fused: fx.GraphModule | None = None
    ) -> fx.GraphModule | None:
        """The network as a graph; None where it has none."""
        if not self._may_change:
            return None
        try:
            tracer, graph = self._copies.traced()
            targets = {layer: self._paths[layer.name] for layer in sorted(self.targets)}
            return rewritten(tracer, graph, targets, dtype, self.preprocess, fused=fused)
        except Untraceable:
            return None

    def _reference(self, image: Tensor, differentiated: bool) -> Reference:
        """What the network itself gives for noise of the size of an image, or of a part of it.

        Of noise no two maxima are equal, and what is found doesn't depend on the image.
        """
        rng = torch.Generator().manual_seed(0)
        size = self._tables.shown(self.targets, (image.shape[-2], image.shape[-1]))
        whole = torch.rand((1, image.shape[1], *size), generator=rng).to(image)
        small = self._checked_part(whole)
        run = functools.partial(self._by_module, self._copies.plain)
        try:
            return Reference(run, small, differentiated=differentiated)
        except FAILURES as failure:
            # The network may work at other sizes alone, such as its own.
            if small.shape == whole.shape or out_of_memory(failure):
                raise
            return Reference(run, whole, differentiated=differentiated)

    def _checked_part(self, image: Tensor) -> Tensor:
        """One image, no larger than checks need."""
        part = image[:1, :, :_CHECKED_SIDE, :_CHECKED_SIDE]
        size = part.shape[-2], part.shape[-1]
        return part if self._tables.reaches(self.targets, size) else image[:1]


class Together:
    """The members of an ensemble that have targets, made ready; the others never run.

    Args:
        members: by name.
        pictures: the targets that are the picture itself.
    """

    def __init__(self, members: Mapping[str, Prepared], pictures: frozenset[Layer]) -> None:
        self.members = members
        self.pictures = pictures

    @property
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

    @in_usual_modes
    def __call__(self, image: Tensor, rules: Sequence[GradientRule] = ()) -> dict[Layer, Tensor]:
        """As `Prepared` does; rules name layers as the ensemble does."""
        seen = dict.fromkeys(self.pictures, image)
        for each in self.members.values():
            each.verify(image, rules)
        with ExitStack() as stack:
            for each in sorted(self.members.values(), key=id):  # as every thread has it
                stack.enter_context(each.alone(rules))
            stack.enter_context(applied(rules, self.modules if _concern_modules(rules) else {}))
            for name, each in self.members.items():
                found = each.run(image, rules)
                seen |= {layer.within(name): value for layer, value in found.items()}
        return seen


class _Verified(Generic[_Network]):
    """What was made of a network, as long as nothing shows that it gives something else.

    Args:
        make: it in a precision; None where there is none.
        dtype: that precision; float32 where it turns out to be too coarse.
    """

    def __init__(self, make: Callable[[torch.dtype], _Network | None], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.network = make(dtype)
        self._make = make
        self._compared: set[bool] = set()  # with gradients, and without
        self._turn = threading.RLock()

    def verify(
        self,
        differentiated: bool,
        reference: Callable[[], Reference],
        run: Callable[[_Network, Tensor], Mapping[Layer, Tensor]],
    ) -> None:
        """Compare it with the network itself, once; what is wrong is let go.

        Args:
            differentiated: whether gradients will be asked for.
            reference: what the network itself gives.
            run: what was made.
        """
        if self.network is None or differentiated in self._compared:
            return
        with self._turn:
            if self.network is None or differentiated in self._compared:
                return

            def agrees(network: _Network | None, dtype: torch.dtype) -> bool:
                if network is None:
                    return False
                return reference().agrees(functools.partial(run, network), dtype)

            network, dtype = self.network, self.dtype
            # Whether it is the same network is seen in float32; reduced precision hides too much.
            exact = network if dtype == torch.float32 else self._make(torch.float32)
            if not agrees(exact, torch.float32):
                self.network, self.dtype = None, torch.float32
            elif network is not exact and not agrees(network, dtype):
                self.network, self.dtype = exact, torch.float32
            self._compared |= {False, differentiated}


def _concern_modules(rules: Sequence[GradientRule]) -> bool:
    """Whether the network itself must run, since rules hold for its parts."""
    return not all(rule.holds_on_graphs for rule in rules)


class _Copies:
    """Frozen copies of one network on one device, each made when it is needed."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.plain = frozen_copy(module, device)
        weights = (each.dtype for each in module.parameters() if each.is_floating_point())
        self.dtype = next(weights, None)
        # Held by the thread that makes one, or whose hooks hang on one.
        self.turn = threading.RLock()
        self._fast: dict[torch.dtype, nn.Module] = {}
        self._trace: tuple[Tracer, fx.Graph] | Untraceable | None = None

    def fast(self, dtype: torch.dtype) -> nn.Module:
        """With the fastest layout of its weights, and the fastest products, in a precision."""
        with self.turn:
            if dtype not in self._fast:
                made = self._laid_out() if dtype == torch.float32 else self._reduced(dtype)
                self._fast[dtype] = made
            return self._fast[dtype]

    def taken_by(self, module: nn.Module) -> torch.dtype | None:
        """What a copy is fed; None for anything."""
        reduced = (each for each, made in self._fast.items() if made is module)
        dtype = next(reduced, torch.float32)
        return self.dtype if dtype == torch.float32 else dtype

    def _laid_out(self) -> nn.Module:
        twin = frozen_copy(self.plain, share_buffers=True)
        made = twin.to(memory_format=_fastest(self.plain))
        for each in made.modules():
            if type(each) is nn.Linear:
                # The same object, which may stand in several places.
                each.__class__ = FrozenLinear
        return made

    def _reduced(self, dtype: torch.dtype) -> nn.Module:
        """But for batch-norms, whose statistics every device uses in float32."""
        made = frozen_copy(self.fast(torch.float32), share_buffers=True)
        for each in made.modules():
            if not isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                own = {**each._parameters, **each._buffers}
                for value in own.values():
                    if value is not None and value.is_floating_point():
                        value.data = value.data.to(dtype)
        return made

    def traced(self) -> tuple[Tracer, fx.Graph]:
        """The graph of the whole network; raises Untraceable."""
        with self.turn:
            if self._trace is None:
                self._trace = self._traced()
        if isinstance(self._trace, Untraceable):
            raise Untraceable(*self._trace.args)
        return self._trace

    def _traced(self) -> tuple[Tracer, fx.Graph] | Untraceable:
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
    copies: dict[str, _Copies] = field(default_factory=dict)
    chosen: dict[tuple[str, frozenset[Layer]], torch.dtype] = field(default_factory=dict)
    prepared: OrderedDict[object, Prepared] = field(default_factory=OrderedDict)

    def get(
        self,
        model: Model,
        layers: frozenset[Layer],
        copies: _Copies,
        exact: bool,
        dtype: torch.dtype,
    ) -> Prepared:
        """What was prepared before, or else what is prepared now."""
        key = (copies, layers, exact, dtype)
        if key not in self.prepared:
            self.prepared[key] = Prepared(model, layers, copies, exact=exact, dtype=dtype)
        self.prepared.move_to_end(key)
        if len(self.prepared) > _KEPT:
            self.prepared.popitem(last=False)
        return self.prepared[key]


_kept: weakref.WeakKeyDictionary[Model, _Kept] = weakref.WeakKeyDictionary()
# Held by the thread that looks into what is kept, and makes what isn't there.
_making = threading.RLock()


@in_usual_modes
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

    Several threads may prepare and run, the same model or others, while networks of the user's own
    run in still others: nothing outside the copies is touched. A network that runs by hooks is run
    by one thread at a time.

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
        now = state(model.module)
        kept = _kept.get(model)
        if kept is None or kept.state != now:
            kept = _kept[model] = _Kept(now)
        copies = kept.copies.get(str(device))
        if copies is None:
            copies = kept.copies[str(device)] = _Copies(model.module, device)
        if exact:
            dtype = torch.float32
        elif dtype is None:
            key = str(device), wanted
            if key not in kept.chosen:
                kept.chosen[key] = _chosen(model, wanted, copies, device)
            dtype = kept.chosen[key]
        return kept.get(model, wanted, copies, exact, dtype)


def _chosen(
    model: Model, layers: frozenset[Layer], copies: _Copies, device: torch.device
) -> torch.dtype:
    """The reduced precision that the device is fast in, if it keeps the look; else float32."""
    dtype = fast_dtype(str(device))
    size = _trial_size(model, layers)
    if dtype is None or size is None:
        return torch.float32
    plain, reduced = (
        Prepared(model, layers, copies, exact=False, dtype=each) for each in (torch.float32, dtype)
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


def _fastest(module: nn.Module) -> torch.memory_format:
    """Convolutions run fastest with the channels innermost; matrices have no such layout."""
    convolves = any(isinstance(each, nn.Conv2d) for each in module.modules())
    return torch.channels_last if convolves else torch.contiguous_format
