"""Networks that `torch.export.save` wrote: graphs of torch's own operators, read and run here.

`torch.export.load` unpickles parts of a file and evaluates others, so that a stranger's file could
run code. Here the graph is read as the JSON that it is, and the weights as numbers.
"""

from __future__ import annotations

import json
import math
import operator
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.errors import BadModelFile
from entoptic.layers import Layer
from entoptic.models.fitting import fitted
from entoptic.models.model import Model
from entoptic.models.preprocess import Preprocess
from entoptic.models.sources.labels import labels_of
from entoptic.models.sources.spec import Spec

FORM = "export:FILE.pt2"

# Numbers of types and formats, from torch/_export/serde/schema.py.
_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}

_OPERATOR = re.compile(r"torch\.ops\.aten\.([a-z_]\w*)\.(\w+)")
# The one operator of aten that opens files.
_FORBIDDEN = "from_file"
# Checks of what held when the network was exported, such as its size.
_CHECKS = "torch.ops.aten._assert"

# What torch.export calls the module of an operation that it made itself.
_NOWHERE = "_empty_nn_module_stack_from_metadata_hook"

_PLAIN = ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pow", "getitem")
_COMPARED = ("eq", "ne", "lt", "le", "gt", "ge")
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in (*_PLAIN, *_COMPARED)},
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
}


def export(spec: Spec) -> Model:
    """A network in a file of torch.export.

    Its layers are the operations of the graph by their names, and the modules that they came from:
    a module's name stands for the last operation in it.

    Args:
        spec: `export:FILE.pt2`; the option `labels` as for files of ONNX. Preprocessing isn't in
            the file: ImageNet's usual one is taken where the options say nothing.

    Raises:
        BadModelFile: the file is damaged, of an older torch, or asks for what isn't read.
    """
    spec.only(["labels"])
    (path,) = spec.files(1, FORM)
    try:
        graph = _Graph(_Archive(path))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        if isinstance(error, BadModelFile):
            raise
        raise BadModelFile(
            f"can't read {path}: {type(error).__name__}: {error}; save it again by a torch of today"
        ) from None
    notes = ("the preprocessing is guessed; correct it by ?mean=...&std=...&scale=...",)
    model = Model(graph, Preprocess(graph.size), spec.text, None, None, graph.addresses)
    classes = model.layers()[Layer("output")].channels
    labels, synsets, guessed = labels_of(classes, spec.options)
    return fitted(replace(model, labels=labels, synsets=synsets, notes=(*notes, *guessed)))


class _Archive:
    """The parts of a file: texts of JSON, and tensors as plain bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise BadModelFile(f"{path} is no file of torch.export: {error}") from None
        # torch puts everything into one folder.
        self.names = {name.partition("/")[2]: name for name in self.file.namelist()}

    def json(self, name: str) -> Any:
        if name not in self.names:
            raise BadModelFile(
                f"{self.path} has no {name}; write it by torch.export.save of torch 2.9 or later"
            )
        text = self.bytes(name)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise BadModelFile(f"{self.path} is damaged: {name} isn't JSON") from None

    def bytes(self, name: str) -> bytes:
        info = self.file.getinfo(self.names[name])
        if info.compress_type != zipfile.ZIP_STORED:
            # torch stores; what is compressed could unfold to any size.
            raise BadModelFile(f"{self.path} is compressed; save it by torch.export.save")
        try:
            return self.file.read(info)
        except (zipfile.BadZipFile, EOFError) as error:
            raise BadModelFile(f"{self.path} is damaged: {error}") from None

    def tensors(self, folder: str, config: str) -> dict[str, Tensor]:
        """Tensors by name."""
        listed = self.json(f"data/{folder}/{config}")["config"]
        return {name: self._tensor(f"data/{folder}/", each) for name, each in listed.items()}

    def _tensor(self, folder: str, about: Mapping[str, Any]) -> Tensor:
        meta = about["tensor_meta"]
        if about["use_pickle"] or meta is None:
            raise BadModelFile(
                f"{self.path} holds {about['path_name']!r} as a pickle, which could run code; "
                "export the network on a CPU with plain tensors"
            )
        data = bytearray(self.bytes(folder + about["path_name"]))
        kind = _TYPES[meta["dtype"]]
        flat = torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)
        sizes, strides = ([each["as_int"] for each in meta[key]] for key in ("sizes", "strides"))
        # torch itself refuses what lies outside of the bytes; the copy is as large as they are.
        tensor = flat.as_strided(sizes, strides, meta["storage_offset"]["as_int"])
        if tensor.numel() > flat.numel():
            raise BadModelFile(f"{self.path} repeats {about['path_name']!r} beyond its size")
        return tensor.contiguous()


class _Operation(nn.Module):
    """One operation of a graph, so that it can be tapped."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        super().__init__()
        self.name: str = node["name"] or str(node["outputs"])
        self.function = _function(node["target"])
        self.inputs = [(each["name"], each["arg"], each["kind"]) for each in node["inputs"]]
        self.outputs = node["outputs"]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def called(self, values: dict[str, Any], device: torch.device) -> None:
        """Take the inputs from named values, and put the outputs there."""
        # 2 is a keyword, 1 a position; of files that say neither, all are keywords.
        args = [_value(arg, values, device) for _, arg, kind in self.inputs if kind == 1]
        kwargs = {name: _value(arg, values, device) for name, arg, kind in self.inputs if kind != 1}
        found = self(*args, **kwargs)
        names = [name for each in self.outputs for name in _names(each)]
        for name, value in zip(names, found if len(names) > 1 else [found], strict=True):
            values[name] = value

    def extra_repr(self) -> str:
        return str(self.function)


class _Graph(nn.Module):
    """A graph of operations that takes one tensor of pictures."""

    def __init__(self, archive: _Archive) -> None:
        super().__init__()
        module = archive.json("models/model.json")["graph_module"]
        nodes = [
            each for each in module["graph"]["nodes"] if not each["target"].startswith(_CHECKS)
        ]
        tensors = {
            **archive.tensors("weights", "model_weights_config.json"),
            **archive.tensors("constants", "model_constants_config.json"),
        }
        self.picture, places = _inputs(module["signature"], archive.path)
        self.inputs = list(places)
        weights = [nn.Parameter(tensors[name], requires_grad=False) for name in places.values()]
        self.weights = nn.ParameterList(weights)
        self.operations = nn.ModuleList(map(_Operation, nodes))
        self.result = _result(module["signature"])
        self.size = _size(module["graph"]["tensor_values"][self.picture])
        self.addresses = _addresses(nodes)

    def forward(self, image: Tensor) -> Any:
        values: dict[str, Any] = dict(zip(self.inputs, self.weights, strict=True))
        values[self.picture] = image
        for each in self.operations:
            assert isinstance(each, _Operation)
            each.called(values, image.device)
        return values[self.result]


def _function(target: str) -> Callable[..., Any]:
    if target in _ARITHMETIC:
        return _ARITHMETIC[target]
    found = _OPERATOR.fullmatch(target)
    packet = getattr(torch.ops.aten, found[1], None) if found else None
    overload = getattr(packet, found[2], None) if found else None
    if found is None or found[1] == _FORBIDDEN or overload is None:
        raise BadModelFile(
            f"the operation {target!r} isn't read; export the network in torch's own operators"
        )
    function: Callable[..., Any] = overload
    return function


def _value(arg: Mapping[str, Any], values: Mapping[str, Any], device: torch.device) -> Any:
    """An argument: a value by name, a number, or several."""
    ((kind, given),) = arg.items()
    match kind:
        case "as_tensor":
            return values[given["name"]]
        case "as_tensors":
            return [values[each["name"]] for each in given]
        case "as_optional_tensors":
            return [_value(each, values, device) for each in given]
        case "as_sym_int" | "as_sym_bool" | "as_sym_float" | "as_optional_tensor":
            return _value(given, values, device)
        case "as_sym_ints" | "as_sym_bools" | "as_sym_floats":
            return [_value(each, values, device) for each in given]
        case "as_name":
            return values[given]
        case "as_none":
            return None
        case "as_scalar_type":
            return _TYPES[given]
        case "as_memory_format":
            return _FORMATS[given]
        case "as_layout":
            return torch.strided
        case "as_device":
            return device
        case "as_int" | "as_float" | "as_bool" | "as_string":
            return given
        case "as_ints" | "as_floats" | "as_bools" | "as_strings":
            return given
    raise BadModelFile(f"an argument {kind!r} isn't read; export the network without it")


def _names(output: Mapping[str, Any]) -> list[str]:
    ((kind, given),) = output.items()
    if kind == "as_none":
        return []
    return [
        each.get("name") or each["as_name"] for each in (given if type(given) is list else [given])
    ]


def _inputs(signature: Mapping[str, Any], path: Path) -> tuple[str, dict[str, str]]:
    """The picture's name in the graph, and names in the graph to names of weights."""
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


def _size(meta: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of the picture that the network was exported with."""
    if len(meta["sizes"]) != 4:
        raise BadModelFile(f"the network takes {len(meta['sizes'])} axes; a picture has 4")
    height, width = (
        each["as_int"] if "as_int" in each else each["as_expr"]["hint"]["as_int"]
        for each in meta["sizes"][2:]
    )
    return height, width


def _addresses(nodes: list[Mapping[str, Any]]) -> dict[str, str]:
    """Names of operations, and of the modules that they came from, to paths."""
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
