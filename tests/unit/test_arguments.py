"""Wrong arguments, to all of the public API: each is answered by one line that names what is meant.

The table of what is right is by the names of parameters, so that a new function is tried as soon as
it is public; a parameter that the table doesn't know fails the test, and wants a line here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import EntopticError
from entoptic.recipes import identify
from entoptic.recipes.deepdream import DreamSettings
from entoptic.recipes.methods import ClimbSettings

# What entoptic makes and hands out; nobody is asked to make one.
_OURS = {"Evaluation", "Job", "LayerInfo", "Picture", "Result", "Spectrum", "Step"}
# What has no parameters of its own: bases, and what is no function at all.
_BASES = {"Canvas", "GradientRule", "Objective", "Transform", "EntopticError"}


def _photo() -> torch.Tensor:
    return torch.full((1, 3, 40, 48), 0.5)


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


@functools.cache
def _model() -> ent.Model:
    """One for all: a Model is never changed."""
    return ent.Model.wrap(_network())


# A value for each parameter that must be given, and for each that takes what is wrong elsewhere.
_RIGHT: dict[str, Callable[[], Any]] = {
    "model": _model,
    "models": lambda: [_model(), ent.Model.wrap(_network(), source="another")],
    "members": _model,
    "module": _network,
    "photo": _photo,
    "photos": lambda: [_photo()],
    "image": _photo,
    "images": _photo,
    "background": _photo,
    "at": _photo,
    "gradient": _photo,
    "mask": lambda: torch.ones(1, 1, 40, 48),
    "canvas": lambda: ent.Pixels(_photo()),
    "objective": lambda: ent.energy("0"),
    "objectives": lambda: [ent.energy("0")],
    "units": lambda: ["0:1"],
    "unit": lambda: "0:1",
    "first": lambda: "0:1",
    "second": lambda: "0:2",
    "of": lambda: "energy('0')",
    "text": lambda: "0:1",
    "layer": lambda: "0",
    "layer1": lambda: "0",
    "layer2": lambda: "0",
    "index": lambda: 0,
    "indices": lambda: [0, 1],
    "channel1": lambda: 0,
    "channel2": lambda: 1,
    "vector": lambda: [1.0, 0.0],
    "weights": lambda: [1.0, 0.0],
    "whitening": lambda: [[1.0, 0.0], [0.0, 1.0]],
    "tensor": lambda: [[[1.0]]],
    "label": lambda: 1,
    "labels": lambda: [1, 2],
    "guide": _photo,
    "height": lambda: 40,
    "width": lambda: 48,
    "short_side": lambda: 30,
    "columns": lambda: 2,
    "tile": lambda: 32,
    "batch": lambda: 2,
    "low": lambda: 0.5,
    "high": lambda: 1.5,
    "sd": lambda: 0.1,
    "pixels": lambda: 4,
    "angle_deg": lambda: 4,
    "size": lambda: (40, 48),
    "transforms": lambda: [ent.Jitter(2)],
    "layers": lambda: ["0"],
    "path": lambda: "dream.png",
    "name": lambda: "0",
    "last": lambda: "1",
    "seed": lambda: 0,
    "pattern": lambda: "*",
}

# For recipes: no work at all, should something wrong be taken.
_SETTINGS = {"steps": 0, "size": 32}

_WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "a list": lambda: [object()],
    "a dict": lambda: {"a": 1},
    "an object": object,
    "an empty text": lambda: "",
    "NaN": lambda: float("nan"),
    "minus one": lambda: -1,
    "a huge number": lambda: 10**400,
    "True": lambda: True,
    "bytes": lambda: b"fire7",
    "a tensor": lambda: torch.zeros(0, 3),
    "an array": lambda: np.zeros((2, 2), np.int64),
    "a class": lambda: nn.ReLU,
    "a complex number": lambda: 1j,
}

# What of it is right, by the names of parameters; all others must refuse it.
_FLAGS = (
    *("shared", "uniform", "relative", "decorrelated", "weighted", "plain", "transparency"),
    *("replace", "fixed_size"),
)
# Such a channel is found out when the network is known.
_COUNTED = ("row", "column", "index", "channel1", "channel2", "label")
_TAKEN: dict[str, set[str]] = {
    **{name: {"True"} for name in _FLAGS},
    **{name: {"a huge number"} for name in _COUNTED},
    **{name: {"a dict"} for name in ("addresses", "members")},
    "constant": {"minus one"},
    "scale": {"minus one"},
    "whitening": {"an array"},
    "function": {"an object"},
}

# What an error may call a parameter, where it isn't the name.
_CALLED = {
    **dict.fromkeys(("wrt", "layer1", "layer2", "layers"), ("layer",)),
    **dict.fromkeys(("units", "unit", "first", "second", "last"), ("unit", "layer", "objective")),
    **dict.fromkeys(("text", "of", "objectives"), ("objective", "layer")),
    **dict.fromkeys(("photos", "source"), ("photo", "picture", "array")),
    "members": ("one is",),
    "image": ("picture",),
    "name": ("class",),
}


def _signature(what: Any) -> inspect.Signature:
    signature = inspect.signature(what)
    kept = [each for each in signature.parameters.values() if each.name != "self"]
    return signature.replace(parameters=kept)


def _public() -> dict[str, Any]:
    """All that can be called, by name, with the methods that users call."""
    found = {name: getattr(ent, name) for name in ent.__all__}
    found = {
        name: each for name, each in found.items() if callable(each) and name not in _OURS | _BASES
    }
    for name in ("Fourier", "Laplacian", "MaCo", "Shared"):
        found[f"{name}.of"] = getattr(ent, name).of
    found["Pixels.noise"] = ent.Pixels.noise
    found["Model.wrap"] = ent.Model.wrap
    for name in ("activations", "layers", "upto", "between", "resolve", "label", "matching"):
        found[f"Model.{name}"] = partial(_on_a_model, name)
        found[f"Model.{name}"].__signature__ = _signature(getattr(ent.Model, name))
    found["Picture.of"] = ent.Picture.of
    found["identify"] = identify
    found["DreamSettings"] = DreamSettings
    found["ClimbSettings"] = ClimbSettings
    return found


def _on_a_model(method: str, /, *args: Any, **kwargs: Any) -> Any:
    return getattr(_model(), method)(*args, **kwargs)


def _cases() -> Iterator[Any]:
    for name, what in _public().items():
        for parameter in _signature(what).parameters.values():
            if parameter.name != "settings" and not parameter.name.startswith("_"):
                yield pytest.param(what, parameter, id=f"{name}-{parameter.name}")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("what", "parameter"), list(_cases()))
def test_whatever_is_wrong_is_said_in_one_line_that_names_it(
    what: Any, parameter: inspect.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = set()
    for wrong, make in _WRONG.items():
        value = make()
        if value is None and parameter.default is None:
            continue
        try:
            _called(what, parameter, value)
        except EntopticError as error:
            told = str(error)
            assert "\n" not in told, told
            names = (parameter.name, *_CALLED.get(parameter.name, ()))
            if wrong not in _TAKEN.get(parameter.name, set()):
                assert any(each.replace("_", " ") in told.replace("_", " ") for each in names), told
        except Exception as error:
            raise AssertionError(f"{wrong} as {parameter.name} raises {error!r}") from error
        else:
            taken.add(wrong)
    print("SPARED", parameter.name, taken - _TAKEN.get(parameter.name, set()))


def _called(what: Any, wrong: inspect.Parameter, value: Any) -> None:
    """Call it with one wrong argument, and all others as they should be."""
    parameters = list(_signature(what).parameters.values())
    kinds = inspect.Parameter
    starred = any(each.kind is kinds.VAR_POSITIONAL for each in parameters)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for each in parameters:
        if each.kind is kinds.VAR_KEYWORD and each.name == "settings":
            kwargs |= _SETTINGS
            continue
        if each.name == wrong.name:
            given = value
        elif each.default is kinds.empty:
            given = _RIGHT[each.name]()
        else:
            continue
        if each.kind is kinds.VAR_KEYWORD:
            kwargs["one"] = given
        elif starred and each.kind is not kinds.KEYWORD_ONLY:
            args += given if each.kind is kinds.VAR_POSITIONAL and given is not value else [given]
        else:
            kwargs[each.name] = given
    what(*args, **kwargs)
