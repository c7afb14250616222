"""Taps: the values at some layers during one forward pass, and the pass stopped after the last."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from entoptic.errors import UnknownLayer
from entoptic.layers import Layer


class _Stop(BaseException):
    """Ends a forward pass when everything has been seen; never leaves this module.

    It isn't an Exception, so that no `except Exception` in a network swallows it.

    Args:
        taps: whose pass it ends; a network may hold another one that is stopped in the same way.
    """

    def __init__(self, taps: Taps) -> None:
        super().__init__()
        self.taps = taps


class Taps:
    """What the open taps have seen in one forward pass."""

    def __init__(self, wanted: Collection[Layer]) -> None:
        self.wanted = frozenset(wanted)
        self.seen: dict[Layer, Tensor] = {}
        self.calls: Counter[str] = Counter()

    def take(self, layer: Layer, value: Any) -> Any:
        """Keep a value if it is wanted.

        Returns:
            What the network goes on with where the value was kept: a copy, since an operation in
            place further on would overwrite what was captured. None where it goes on as it was.
        """
        if layer not in self.wanted or layer in self.seen:
            return None
        tensor = first_tensor(value)
        if tensor is None:
            raise UnknownLayer(
                f"{str(layer)!r} gives {type(value).__name__}, not a tensor; "
                "choose a layer inside it"
            )
        replaced = _with_copy(value, tensor)
        # What can't be replaced where it lies may be overwritten, so that a copy is what is kept.
        self.seen[layer] = tensor if replaced is not value else tensor.clone()
        if len(self.seen) == len(self.wanted):
            raise _Stop(self)
        return replaced


@contextmanager
def tapped(modules: Mapping[str, nn.Module], wanted: Collection[Layer]) -> Iterator[Taps]:
    """Open taps for the time of a `with`; no hook outlives it, whatever happens inside.

    Args:
        modules: the network's modules by address.
        wanted: layers to capture.
    """
    taps = Taps(wanted)
    handles: list[RemovableHandle] = []
    try:
        for name in {layer.name for layer in wanted}:
            handles += _hooks(name, modules[name], taps)
        yield taps
    finally:
        for handle in handles:
            handle.remove()


def run(
    forward: Callable[[Tensor], Any],
    modules: Mapping[str, nn.Module],
    value: Tensor,
    wanted: Collection[Layer],
) -> dict[Layer, Tensor]:
    """One forward pass up to the deepest of the wanted layers.

    Returns:
        Each wanted layer's tensor.

    Raises:
        UnknownLayer: the pass ended without coming by a layer (or by that call of it).
    """
    with tapped(modules, wanted) as taps:
        try:
            forward(value)
        except _Stop as stop:
            if stop.taps is not taps:
                raise
            return taps.seen
    missing = min(taps.wanted - taps.seen.keys())
    times = taps.calls[missing.name]
    raise UnknownLayer(
        f"{str(missing)!r} was not reached: the network runs {missing.name!r} "
        f"{'once' if times == 1 else f'{times} times'}; choose another layer or call"
    )


def first_tensor(value: Any) -> Tensor | None:
    """The tensor itself, or the first one in a tuple, list or dict; None where there is none."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return next((found for each in value if (found := first_tensor(each)) is not None), None)
    return None


def _with_copy(value: Any, tensor: Tensor) -> Any:
    """A value in which a tensor of it is replaced by a copy."""
    if value is tensor:
        return tensor.clone()
    if type(value) in (tuple, list):
        return type(value)(_with_copy(each, tensor) for each in value)
    if type(value) in (dict, OrderedDict):
        return type(value)((key, _with_copy(each, tensor)) for key, each in value.items())
    return value


def _hooks(name: str, module: nn.Module, taps: Taps) -> list[RemovableHandle]:
    """Count the module's calls, and offer input and output of each to the taps."""

    def before(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        taken = taps.take(Layer(name, "input", taps.calls[name]), args[0] if args else None)
        return None if taken is None else (taken, *args[1:])

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        call = taps.calls[name]
        taps.calls[name] += 1
        return taps.take(Layer(name, "output", call), output)

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
