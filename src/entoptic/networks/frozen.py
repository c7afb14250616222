"""A frozen copy of a network, so that nothing is ever changed in the user's own."""

from __future__ import annotations

import copy
import copyreg
import types
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from entoptic.errors import BadNetwork
from entoptic.networks.modes import usual

# Modules that only pass on to another one, by the names of their classes, with the name under which
# they hold it. Some of them come from packages that needn't be here.
_WRAPPERS = {
    "OptimizedModule": "_orig_mod",  # torch.compile
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",
    "DeepSpeedEngine": "module",
}
# Where torch keeps layers that compute in whole numbers.
_QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")
# Values that nothing can change, and that hold none which something could.
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type, types.BuiltinFunctionType)
_CONTAINERS: tuple[type, ...] = (dict, OrderedDict, list, tuple, set)
# What copying may raise where something can't be copied.
_REFUSALS = (TypeError, ValueError, RuntimeError, AttributeError, LookupError, copy.Error)


def frozen_copy(
    module: nn.Module,
    device: torch.device | str | None = None,
    *,
    share_buffers: bool = False,
) -> nn.Module:
    """Return a copy in evaluation mode that asks for no gradient of its weights.

    Weights are the same memory, unless the device is another one. All else that a forward pass may
    write to is copied: buffers, tensors and other attributes that modules hold, what hooks hold in
    their closures. What can't be copied is shared: locks, open files, generators. Wrappers such as
    those of `torch.compile` and `DataParallel` are left out, wherever they are, see `parts`.

    Args:
        module: the network.
        device: where the copy's tensors lie; by default where the network's do.
        share_buffers: of a copy, which is nobody else's; buffers then stay the same memory too.

    Raises:
        BadNetwork: it has no weights yet, or can't be copied.
    """
    memo: dict[int, Any] = {}
    reached = _reached(module)
    for value in reached:
        if isinstance(value, Tensor):
            memo[id(value)] = _frozen(value, device, share_buffers)
        elif isinstance(value, types.FunctionType):
            memo[id(value)] = _with_empty_cells(value)
        elif isinstance(value, torch.jit.ScriptModule):
            memo[id(value)] = Scripted(value, device)
        elif not _is_copyable(value):
            memo[id(value)] = value
    try:
        # Wrappers further inside come later.
        for value in reversed(reached):
            if isinstance(value, nn.Module) and unwrapped(value) is not value:
                memo[id(value)] = copy.deepcopy(unwrapped(value), memo)
        copied: nn.Module = copy.deepcopy(unwrapped(module), memo)
        for value in reached:
            if isinstance(value, types.FunctionType):
                _fill_cells(memo[id(value)], value, memo)
    except _REFUSALS as error:
        raise BadNetwork(
            f"{type(module).__name__} can't be copied ({_first_line(error)}), and only a copy is "
            "ever run, so that yours stays as it is; hold what can't be copied outside the module"
        ) from None
    # Parts with a `__deepcopy__` of their own may have made weights and tensors of their own.
    copied.requires_grad_(False)
    copied.eval()  # those whose `train` is their own may forget to return themselves
    return copied if device is None else copied.to(device)


class Scripted(nn.Module):
    """A copy of what `torch.jit` made, as one layer without parts."""

    def __init__(self, script: torch.jit.ScriptModule, device: torch.device | str | None) -> None:
        super().__init__()
        with torch.no_grad():
            copied = copy.deepcopy(script).eval()
        for weight in copied.parameters():
            weight.requires_grad_(False)
        # It can't be on meta. Nor is it to be a part of this module, which hooks would be hung on.
        self.__dict__["script"] = copied if device in (None, "meta") else copied.to(device)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["script"](*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Scripted:
        return Scripted(self.__dict__["script"], None)


def check_module(module: Any) -> None:
    """Refuse what can't be looked into.

    Raises:
        BadNetwork: with what to do.
    """
    if not isinstance(module, nn.Module):
        advice = (
            "save it by torch.export.save and load it as 'export:FILE.pt2', which knows its layers"
            if type(module).__name__ == "ExportedProgram"
            else f"make one, such as {module.__name__}()"
            if isinstance(module, type)
            else "put it into the forward of one"
            if callable(module)
            else "give the network itself"
        )
        raise BadNetwork(f"{type(module).__name__} isn't a torch.nn.Module; {advice}")
    for path, part in parts(module):
        if type(part).__module__.startswith(_QUANTIZED):
            raise BadNetwork(
                f"{path or 'the network'!r} is quantised ({type(part).__name__}), and no gradient "
                "flows through such layers; wrap the network that it was made of"
            )


def parts(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield a network and all its parts by their paths in a frozen copy, without wrappers.

    One that stands in several places comes several times. The parts of what `torch.jit` made aren't
    there, since they don't run one by one.
    """
    module = unwrapped(module)
    yield path, module
    if not isinstance(module, torch.jit.ScriptModule):
        for name, child in module._modules.items():
            if child is not None:
                yield from parts(child, f"{path}.{name}" if path else name)


def by_address(module: nn.Module, paths: Mapping[str, str]) -> dict[str, nn.Module]:
    """Return the parts of a network, or of a copy of it, by address.

    Args:
        module: the network.
        paths: see `Model.paths`.
    """
    by_path = dict(parts(module))
    return {name: by_path[path] for name, path in paths.items()}


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module that a wrapper passes on to; any other module itself."""
    for kind in type(module).__mro__:
        inner = _WRAPPERS.get(kind.__name__)
        if inner in module._modules:
            return unwrapped(module._modules[inner])  # type: ignore[arg-type]
    return module


def state(module: nn.Module) -> object:
    """Return what stays equal as long as nobody has changed a network."""
    found: list[object] = []
    for each in module.modules():
        for name, value in vars(each).items():
            if isinstance(value, dict):
                if value:  # most dicts of hooks are empty
                    found += name, *value, *map(_mark, value.values())
            elif isinstance(value, list | tuple):
                found += name, *map(_mark, value)
            elif name != "training":
                found += name, _mark(value)
    return found


def _mark(value: Any) -> object:
    if isinstance(value, Tensor):
        return id(value), 0 if value.is_inference() else value._version
    return value if isinstance(value, bool | int | float | str) else id(value)


def _reached(module: nn.Module) -> list[Any]:
    """Return all that a deep copy comes by and that isn't a plain container; nothing twice."""
    seen: dict[int, Any] = {}  # holds them, so that no two have one id
    found: list[Any] = []
    waiting = deque([module])
    while waiting:
        value = waiting.popleft()
        if id(value) in seen or isinstance(value, _ATOMS):
            continue
        seen[id(value)] = value
        if isinstance(value, types.FunctionType) and not _changeable(value):
            continue
        if type(value) not in _CONTAINERS:
            found.append(value)
        waiting.extend(_held_by(value))
    return found


def _held_by(value: Any) -> Iterable[Any]:
    """Return what a value holds that would be copied with it."""
    if isinstance(value, torch.jit.ScriptModule | Scripted):
        return ()  # they copy themselves
    if isinstance(value, nn.Module):
        inner = unwrapped(value)
        return vars(value).values() if inner is value else (inner,)
    if isinstance(value, Tensor):
        return ()
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    if isinstance(value, list | tuple | set | frozenset | deque):
        return value
    if isinstance(value, types.FunctionType):
        return _changeable(value)
    if isinstance(value, types.MethodType):
        return (value.__func__, value.__self__)
    if hasattr(value, "__deepcopy__"):
        return ()
    try:
        reduced = _reduced(value)
    except _REFUSALS:
        return ()
    return (
        () if isinstance(reduced, str) else (*reduced[1:3], *map(list, filter(None, reduced[3:5])))
    )


def _reduced(value: Any) -> Any:
    """Return what `copy` makes another one of; it raises where there is no such thing."""
    reduce = copyreg.dispatch_table.get(type(value))
    return reduce(value) if reduce else value.__reduce_ex__(4)


def _is_copyable(value: Any) -> bool:
    if isinstance(value, nn.Module | types.MethodType) or hasattr(value, "__deepcopy__"):
        return True
    try:
        _reduced(value)
    except _REFUSALS:
        return False
    return True


def _frozen(value: Tensor, device: torch.device | str | None, shared: bool) -> Tensor:
    if is_lazy(value):
        raise BadNetwork(
            "the network has lazy layers whose weights aren't made yet; run it once on a picture, "
            "then wrap it"
        )
    if value.is_meta and torch.device(device or "meta").type != "meta":
        raise BadNetwork(
            "the network's weights are on 'meta', where tensors have no values; load them first, "
            "such as by to_empty(device='cpu') and load_state_dict"
        )
    plain = usual(value.detach())
    moved = plain if device is None else plain.to(device)
    if isinstance(value, nn.Parameter):
        return nn.Parameter(moved, requires_grad=False)
    return moved if shared or moved.device != value.device else moved.clone()


def _changeable(function: types.FunctionType) -> list[Any]:
    """Return what a function has in its closure, and may change, or should have of the copy."""
    return [
        cell.cell_contents
        for cell in function.__closure__ or ()
        if _is_filled(cell)
        and isinstance(cell.cell_contents, nn.Module | Tensor | dict | list | set)
    ]


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _with_empty_cells(function: types.FunctionType) -> types.FunctionType:
    """Return the same function, but for what its closure holds."""
    cells = tuple(types.CellType() for _ in function.__closure__ or ())
    copied = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, cells
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    copied.__dict__.update(function.__dict__)
    return copied


def _fill_cells(
    copied: types.FunctionType, function: types.FunctionType, memo: dict[int, Any]
) -> None:
    changeable = {id(value) for value in _changeable(function)}
    for new, old in zip(copied.__closure__ or (), function.__closure__ or (), strict=True):
        if _is_filled(old):
            value = old.cell_contents
            new.cell_contents = copy.deepcopy(value, memo) if id(value) in changeable else value


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
