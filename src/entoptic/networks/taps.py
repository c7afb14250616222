"""Taps: the values at some layers during one forward pass, and the pass stopped after the last."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from entoptic.errors import UnknownLayer
from entoptic.layers import Layer


class _Stop(BaseException):
    """Ends a forward pass when everything has been captured; never leaves this module.

    It isn't an Exception, so that no `except Exception` in a network swallows it.

    Args:
        taps: whose pass it ends; a network may hold another one that is stopped in the same way.
    """

    def __init__(self, taps: Taps) -> None:
        super().__init__()
        self.taps = taps


class Taps:
    """Values that open taps have captured in one forward pass."""

    def __init__(self, wanted: Collection[Layer]) -> None:
        self.wanted = frozenset(wanted)
        self.captured: dict[Layer, Tensor] = {}
        self.calls: Counter[str] = Counter()

    def take(self, layer: Layer, value: Any) -> Any:
        """Keep a value if it is wanted.

        Returns:
            What the network goes on with where the value was kept: a copy, since an operation in
            place further on would overwrite what was captured. None where it goes on as it was.
        """
        if layer not in self.wanted or layer in self.captured:
            return None
        tensor = first_tensor(value)
        if tensor is None:
            gives = (
                f"gives {type(value).__name__}" if layer.port == "output" else "is fed something"
            )
            raise UnknownLayer(
                f"{str(layer)!r} {gives}, not a tensor; choose a layer inside it, or another one"
            )
        replaced = with_copy(value, tensor)
        self.captured[layer] = tensor
        if len(self.captured) == len(self.wanted):
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
            return taps.captured
    missing = min(taps.wanted - taps.captured.keys())
    times = taps.calls[missing.name]
    raise UnknownLayer(
        f"{str(missing)!r} was not reached: the network runs {missing.name!r} "
        f"{'once' if times == 1 else f'{times} times'}; choose another layer or call"
    )


def first_tensor(value: Any) -> Tensor | None:
    """Return the tensor itself, or the first one in what a layer gives; None without one.

    That may be a tuple, list or dict of any kind, a dataclass or any other object with attributes.
    """
    if isinstance(value, Tensor):
        return value
    held = _held(value).values()
    return next((found for each in held if (found := first_tensor(each)) is not None), None)


def _held(value: Any) -> Mapping[Any, Any]:
    """Return what a layer's output consists of, by index, key or name."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if isinstance(value, nn.Module | type) or callable(value):
        return {}
    if dataclasses.is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return getattr(value, "__dict__", {})


def with_copy(value: Any, tensor: Tensor) -> Any:
    """Return a value with a tensor of it replaced by a copy; the value itself is unchanged."""
    if value is tensor:
        return tensor.clone()
    held = _held(value)
    key = next((key for key, each in held.items() if first_tensor(each) is tensor), None)
    if key is None:
        return value
    replaced = with_copy(held[key], tensor)
    if isinstance(value, tuple):
        items = [replaced if index == key else each for index, each in held.items()]
        return value._make(items) if hasattr(value, "_make") else type(value)(items)
    copied = copy.copy(value)
    if isinstance(value, Mapping | list):
        copied[key] = replaced
    else:
        object.__setattr__(copied, key, replaced)  # of frozen dataclasses, too
    return copied


def _hooks(name: str, module: nn.Module, taps: Taps) -> list[RemovableHandle]:
    """Count the module's calls, and offer input and output of each to the taps."""

    def before(
        _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        given: tuple[tuple[Any, ...], dict[str, Any]] | None
        given = taps.take(Layer(name, "input", taps.calls[name]), (args, kwargs))
        return given

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        call = taps.calls[name]
        taps.calls[name] += 1
        return taps.take(Layer(name, "output", call), output)

    return [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after),
    ]
