"""Graphs of torch.export: operators of torch in the order in which a network runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from entoptic.errors import BadModelFile
from entoptic.formats.torch_export.archive import MAX_AXES, Archive
from entoptic.formats.torch_export.operators import (
    check_arguments,
    makes_from_nothing,
    named,
    shared,
)
from entoptic.formats.torch_export.values import (
    Device,
    argument,
    arithmetic,
    check_numbers,
    filled,
    names,
)

# Checks of what held when the network was exported, such as its size.
_CHECKS = ("torch.ops.aten._assert", "torch.ops.aten.sym_constrain_range")

# What takes a part of a value, and what puts another part there.
_PUT_BACK: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.slice.Tensor: torch.ops.aten.slice_scatter.default,
    torch.ops.aten.select.int: torch.ops.aten.select_scatter.default,
}

# What torch.export calls the module of an operation that it made itself.
_NOWHERE = "_empty_nn_module_stack_from_metadata_hook"

# The largest networks of timm have some 5000 operations.
_MAX_NODES = 2**15

# No single tensor of a network has more numbers (4 GiB of float32).
_MAX_ELEMENTS = 2**30

# No network was exported for larger pictures.
_LONGEST_SIDE = 2**14


class Operation(nn.Module):
    """One operation of a graph, so that it can be tapped."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        super().__init__()
        target = node["target"]
        given = [(each["name"], each["arg"], each.get("kind")) for each in node["inputs"]]
        plain = [(name, arg) for name, arg, _ in given]
        self.function: Callable[..., Any]
        in_place = False
        if target.startswith("torch.ops."):
            self.function, in_place = named(target)
            if in_place and given:
                # dropout_(self) is called dropout(input) otherwise.
                given[0] = (self.function._schema.arguments[0].name, *given[0][1:])
            plain = [(name, arg) for name, arg, _ in given]
            check_arguments(self.function, plain)
            sharing = shared(self.function)
        else:
            self.function, sharing = arithmetic(target), set()
            check_numbers(target, plain)
        inputs = [(name, argument(arg), kind) for name, arg, kind in given]
        # 2 is a keyword, 1 a position; of files that say neither, all are keywords.
        self.args = [value for _, value, kind in inputs if kind == 1]
        self.kwargs = {name: value for name, value, kind in inputs if kind != 1}
        if isinstance(self.function, OpOverload) and makes_from_nothing(self.function):
            self.kwargs["device"] = Device()
        self.takes = [name for _, value, _ in inputs for name in names(value)]
        self.shares = [n for name, value, _ in inputs if name in sharing for n in names(value)]
        self.changes = self.takes[0] if in_place else None
        self.parts: list[Operation] = []
        self.gives = [each for output in node["outputs"] for each in _names(output)]
        self.is_several = len(node["outputs"]) > 1 or "as_tensors" in node["outputs"][0]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        made = self.function(*args, **kwargs)
        if self.changes is not None:
            changed = args[0] if args else next(iter(kwargs.values()))
            made = made.to(changed.dtype)
        for each in made if isinstance(made, list | tuple) else (made,):
            # On 'meta', where every size is tried first, nothing takes memory yet.
            if isinstance(each, Tensor) and each.is_meta:
                _check_size(each)
        return made

    def called(self, values: dict[str, Any], device: torch.device) -> None:
        """Take the inputs from named values, and put the outputs there."""
        kwargs = {name: filled(value, values, device) for name, value in self.kwargs.items()}
        made = self(*(filled(value, values, device) for value in self.args), **kwargs)
        for index, name in enumerate(self.gives):
            values[name] = made[index] if self.is_several else made
        if self.changes is not None:
            values[self.changes] = made
        for part in self.parts:
            made = part.put_back(made, values, device)

    def put_back(self, new: Tensor, values: dict[str, Any], device: torch.device) -> Tensor:
        """Put another part into the value of which this operation takes a part."""
        whole, *where = (filled(value, values, device) for value in self.args)
        more = {name: filled(value, values, device) for name, value in self.kwargs.items()}
        found: Tensor = _PUT_BACK[self.function](whole, new, *where, **more)
        values[self.takes[0]] = found
        return found

    def extra_repr(self) -> str:
        return str(self.function)


def _check_size(made: Tensor) -> None:
    if made.numel() > _MAX_ELEMENTS or made.dim() > MAX_AXES:
        raise BadModelFile(f"it makes a tensor of shape {str(list(made.shape))[:60]}")


class ExportedGraph(nn.Module):
    """A graph of operations that takes one tensor of images.

    Args:
        archive: the file.

    Raises:
        BadModelFile, and whatever wrong texts and numbers of a file raise.
    """

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        module = archive.json("models/model.json")["graph_module"]
        nodes = [
            each for each in module["graph"]["nodes"] if not each["target"].startswith(_CHECKS)
        ]
        if len(nodes) > _MAX_NODES:
            raise BadModelFile(f"{archive.path} has {len(nodes)} operations; no network has")
        self.picture, places = _inputs(module["signature"], archive.path)
        self.result = _result(module["signature"])
        self.shape = _shape(module["graph"]["tensor_values"][self.picture])
        self.size = self.shape[2:]
        operations = list(map(Operation, nodes))
        _check_order(operations, [self.picture, *places], self.result)
        wanted = set(places.values())
        tensors = {
            **archive.tensors("weights", "model_weights_config.json", wanted),
            **archive.tensors("constants", "model_constants_config.json", wanted),
        }
        self.inputs = list(places)
        weights = [nn.Parameter(tensors[name], requires_grad=False) for name in places.values()]
        self.weights = nn.ParameterList(weights)
        self.operations = nn.ModuleList(operations)
        self.addresses = _addresses(nodes)

    def forward(self, image: Tensor) -> Any:
        values: dict[str, Any] = dict(zip(self.inputs, self.weights, strict=True))
        values[self.picture] = image
        for each in self.operations:
            assert isinstance(each, Operation)
            each.called(values, image.device)
        return values[self.result]


def _check_order(operations: Iterable[Operation], given: Iterable[str], result: str) -> None:
    """Refuse values that are taken before they are made, or after another one's change.

    What an operation changes in place is replaced here, for whoever takes it later, and so is that
    of which it is a slice. Others that share its memory would have changed along with it: nobody
    may take them any more.
    """
    alike = {name: {name} for name in given}
    slices: dict[str, Operation] = {}
    outdated: set[str] = set()
    for each in operations:
        _check_taken(each.takes, alike, outdated)
        if each.changes is None and not each.shares:
            alike.update({name: {name} for name in each.gives})
            continue
        group = set(each.gives).union(*(alike[name] for name in each.shares))
        if each.changes is not None:
            group = {each.changes, *each.gives}
            while (last := (each.parts[-1].takes[0] if each.parts else each.changes)) in slices:
                each.parts.append(slices[last])
                group.add(slices[last].takes[0])
            outdated |= alike[each.changes] - group
        elif each.function in _PUT_BACK and each.args:
            slices[each.gives[0]] = each
        alike.update(dict.fromkeys(group, group))
    _check_taken([result], alike, outdated)


def _check_taken(taken: Iterable[str], known: Mapping[str, object], outdated: set[str]) -> None:
    for name in taken:
        if name not in known:
            raise BadModelFile(f"{name[:60]!r} is taken before it is made; the file is damaged")
        if name in outdated:
            raise BadModelFile(
                f"{name[:60]!r} is changed by way of a part of it, which isn't read; save the "
                "program after program.run_decompositions()"
            )


def run_dry(graph: ExportedGraph) -> None:
    """Run a graph without numbers; what can't be is found out before any memory is taken.

    Raises:
        BadModelFile, and whatever torch raises where operations don't fit together.
    """
    weights = {name: weight.to("meta") for name, weight in graph.named_parameters()}
    image = torch.empty((1, *graph.shape[1:]), device="meta")
    with torch.no_grad():
        made = torch.func.functional_call(graph, weights, (image,))
    if not isinstance(made, Tensor):
        raise BadModelFile("its result is no tensor")


def _names(output: Mapping[str, Any]) -> list[str]:
    return names(argument(output))


def _inputs(signature: Mapping[str, Any], path: Path) -> tuple[str, dict[str, str]]:
    """Return the image's name in the graph, and names in the graph to names of weights."""
    pictures, places = [], {}
    for each in signature["input_specs"]:
        ((kind, about),) = each.items()
        if kind == "user_input":
            pictures += _names(about["arg"])
        elif kind in ("parameter", "buffer", "tensor_constant"):
            places[about["arg"]["name"]] = about[f"{kind}_name"]
        else:
            raise BadModelFile(f"{path} has an input {kind!r}, which isn't read")
    if len(pictures) != 1:
        raise BadModelFile(f"{path} takes {len(pictures)} inputs; entoptic shows one picture")
    return pictures[0], places


def _result(signature: Mapping[str, Any]) -> str:
    outputs = [each["user_output"] for each in signature["output_specs"] if "user_output" in each]
    return _names(outputs[0]["arg"])[0]


def _shape(meta: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return the shape of the images that the network was exported with."""
    if len(meta["sizes"]) != 4:
        raise BadModelFile(
            f"the network takes {len(meta['sizes'])} axes, and a picture has 4 (batch, channels, "
            "height, width); export it with a forward that makes its input of one picture"
        )
    batch, channels, height, width = (
        each["as_int"] if "as_int" in each else each["as_expr"]["hint"]["as_int"]
        for each in meta["sizes"]
    )
    for side in (batch, channels, height, width):
        if type(side) is not int or not 0 < side <= _LONGEST_SIDE:
            raise BadModelFile(f"the network takes pictures with a side of {str(side)[:40]}")
    return batch, channels, height, width


def _addresses(nodes: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return names of operations, and of the modules that they came from, to paths."""
    addresses: dict[str, str] = {}
    for number, node in enumerate(nodes):
        for module in (node["metadata"] or {}).get("nn_module_stack", "").split(";"):
            parts = module.split(",")
            if len(parts) > 1 and parts[1] and parts[1] != _NOWHERE:
                addresses[parts[1]] = f"operations.{number}"
    for number, node in enumerate(nodes):
        if any("as_tensor" in each for each in node["outputs"]):
            addresses.setdefault(_names(node["outputs"][0])[0], f"operations.{number}")
    return addresses
