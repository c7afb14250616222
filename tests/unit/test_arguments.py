"""Wrong arguments, to all of the public API: each is answered by one line that names what is meant.

The table of what is right is by the names of parameters, so that a new function is tried as soon as
it is public; a parameter that the table doesn't know fails the test, and wants a line here.
"""

from __future__ import annotations

import functools
import inspect
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

import entoptic as ent
from entoptic.analysis.classify import identify
from entoptic.catalogs.index import Index
from entoptic.checks import number, shown, taking, whole
from entoptic.errors import BadSetting, EntopticError
from entoptic.images import image_of, picture_of
from entoptic.jobs.job import Job
from entoptic.networks import devices, model_of
from entoptic.recipes import recipes
from entoptic.recipes.dream import Dream
from filming import film, moving

# What entoptic makes and hands out; nobody is asked to make one.
_OURS = {
    "CaptumModule",
    "transform",
    "optimizer",
    "shaping",
    "Evaluation",
    "FilmMade",
    "FoundExemplars",
    "Guess",
    "Job",
    "LayerInfo",
    "Picture",
    "Record",
    "Result",
    "Spectrum",
    "Step",
    "Catalog",
    *(recipes[name].__name__ for name in recipes),  # whose functions are tried
}
# What has no parameters of its own: bases, and what is no function at all.
_BASES = {
    "Canvas",
    "GradientRule",
    "Shaping",
    "LocalShaping",
    "Objective",
    "Transform",
    "EntopticError",
}


def _photo() -> torch.Tensor:
    return torch.full((1, 3, 40, 48), 0.5)


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


@functools.cache
def _model() -> ent.Model:
    """One for all: a Model is never changed."""
    return ent.Model.wrap(_network())


@functools.cache
def _finished() -> bytes:
    """A picture with its job."""
    with tempfile.TemporaryDirectory() as folder:
        made = ent.dream("squeezenet1_1", noise=(32, 32), octaves=1, steps=1)
        return made.save(f"{folder}/made.png").read_bytes()


def _picture() -> Path:
    Path("made.png").write_bytes(_finished())
    return Path("made.png")


def _film() -> Path:
    """A film of two frames."""
    if not Path("film.mkv").exists():
        film(Path("film.mkv"), moving(2), codec="ffv1", pixels="bgr0")
    return Path("film.mkv")


def _catalog() -> ent.Catalog:
    """A catalog of nothing."""
    Path("catalog").mkdir(exist_ok=True)
    with Index(Path("catalog"), create=True) as index:
        index.keep({"model": "squeezenet1_1", "settings": {"device": "cpu"}})
    return ent.open_catalog("catalog")


# A value for each parameter that must be given, and for each that takes what is wrong elsewhere.
_RIGHT: dict[str, Callable[[], Any]] = {
    "model": _model,
    "preprocess": ent.Preprocess,
    "normalize": lambda: None,
    "models": lambda: [_model(), ent.Model.wrap(_network(), source="another")],
    "members": _model,
    "module": _network,
    "picture": _picture,
    "photo": _photo,
    "film": _film,
    "file": lambda: "sae.pt",
    "source": _photo,
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
    "recipe": lambda: ent.Visualize(_model(), "0:1", size=32, steps=1),
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
    "job": lambda: Job.from_json(ent.images.read_job(_picture())),
    "output": lambda: "catalog",
    "folder": lambda: _catalog().folder,
    "catalogs": lambda: [_catalog()],
    "number": lambda: 0,
}

# No work at all, should something wrong be taken.
_LITTLE = {"steps": 0, "size": 32, "groups": 1, "seconds": 0.08}
# Settings of another recipe, which are tried with that.
_OPEN: dict[str, dict[str, Any]] = {
    "changes": {"steps": 0}, "settings": {"steps": 0, "size": 32}
}  # fmt: skip

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
    *(
        "least",
        "spread",
        "whole",
        "preview",
        "verify",
        "force",
        "negative",
        "units_only",
        "silent",
        "loop",
    ),
    *("replace", "fixed_size", "biased", "stored", "compares_images"),
    *("needs_alpha", "prices_opacity", "progress", "keep_colors", "match_histogram"),
)
# Such a channel is found out when the network is known, such a code when its file is.
_COUNTED = ("row", "column", "index", "channel1", "channel2", "label", "number", "top_k")
_TAKEN: dict[str, set[str]] = {
    **{name: {"True"} for name in _FLAGS},
    **{name: {"a huge number"} for name in _COUNTED},
    **{name: {"a dict"} for name in ("addresses", "members")},
    **{name: {"minus one"} for name in ("constant", "turn", "down", "across")},
    "job": {"an empty text"},
    "normalize": {"None"},
    "scale": {"minus one"},
    "whitening": {"an array"},
    "function": {"an object"},
}

# What an error may call a parameter, where it isn't the name.
_CALLED = {
    **dict.fromkeys(("wrt", "layer1", "layer2", "layers", "reference_layer"), ("layer",)),
    **dict.fromkeys(("units", "unit", "first", "second", "last"), ("unit", "layer", "objective")),
    **dict.fromkeys(("text", "of", "objectives"), ("objective", "layer")),
    **dict.fromkeys(("photos", "source"), ("photo", "picture", "array")),
    "members": ("one is",),
    "weights": ("file of vectors",),
    "image": ("picture",),
    "name": ("class",),
    "spec": ("model",),
}


def _signature(what: Any) -> inspect.Signature:
    signature = inspect.signature(what)
    kept = [each for each in signature.parameters.values() if each.name != "self"]
    return signature.replace(parameters=kept)


def _public() -> dict[str, Any]:
    """All that can be called, by name, with the methods that users call."""
    found = {name: getattr(ent, name) for name in ent.__all__}  # type: ignore[attr-defined]
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
    for name in ("picture", "exemplars"):
        found[f"Catalog.{name}"] = partial(_of_a_catalog, name)
        found[f"Catalog.{name}"].__signature__ = _signature(getattr(ent.Catalog, name))
    found["Picture.of"] = ent.Picture.of
    found["identify"] = identify
    return found


def _on_a_model(method: str, /, *args: Any, **kwargs: Any) -> Any:
    return getattr(_model(), method)(*args, **kwargs)


def _of_a_catalog(method: str, /, *args: Any, **kwargs: Any) -> Any:
    return getattr(_catalog(), method)(*args, **kwargs)


def _cases() -> Iterator[Any]:
    for name, what in _public().items():
        for parameter in _signature(what).parameters.values():
            if parameter.name not in _OPEN and not parameter.name.startswith("_"):
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
    # Its parameters are flags, called as the numbers of others are.
    assert taken <= ({"True"} if what is ent.Roll else _TAKEN.get(parameter.name, set()))


def _called(what: Any, wrong: inspect.Parameter, value: Any) -> None:
    """Call it with one wrong argument, and all others as they should be."""
    parameters = list(_signature(what).parameters.values())
    kinds = inspect.Parameter
    little = any(each.name == "steps" for each in parameters)
    starred = any(each.kind is kinds.VAR_POSITIONAL for each in parameters)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for each in parameters:
        if each.name in _OPEN:
            kwargs |= _OPEN[each.name]
            continue
        if each.name == wrong.name:
            given = value
        elif little and each.name in _LITTLE and each.default is not kinds.empty:
            given = _LITTLE[each.name]
        elif each.default is kinds.empty or each.name == "photo":
            given = _RIGHT[each.name]()
        else:
            continue
        if each.kind is kinds.VAR_KEYWORD:
            kwargs["one"] = given
        elif starred and each.kind is not kinds.KEYWORD_ONLY:
            args += given if each.kind is kinds.VAR_POSITIONAL and given is not value else [given]
        else:
            kwargs[each.name] = given
    if what is ent.compare and wrong.name != "method":
        kwargs["method"] = ["lucid", "maco"]
    what(*args, **kwargs)


def test_the_table_knows_what_each_public_function_must_be_given() -> None:
    required = {
        each.name
        for what in _public().values()
        for each in _signature(what).parameters.values()
        if each.default is each.empty and each.name not in _OPEN
    }
    assert required <= _RIGHT.keys()


def _same_photo(tmp_path: Path) -> dict[str, Any]:
    """One photo of whole numbers in every form."""
    samples = np.random.default_rng(0).integers(0, 256, (40, 52, 3), np.uint8)
    Pillow.fromarray(samples).save(tmp_path / "photo.png")
    planes = torch.from_numpy(samples).permute(2, 0, 1)
    return {
        "a text": str(tmp_path / "photo.png"),
        "a path": tmp_path / "photo.png",
        "a Picture": ent.read(tmp_path / "photo.png"),
        "a Pillow image": Pillow.fromarray(samples),
        "an array": samples,
        "an array of floats": samples.astype(np.float32) / 255,
        "a tensor of a batch": planes[None] / 255,
        "a tensor of whole numbers": planes,
        "a tensor of one picture": planes.float() / 255,
    }


def test_a_picture_is_the_same_in_every_form(tmp_path: Path) -> None:
    forms = _same_photo(tmp_path)
    expected = ent.read(tmp_path / "photo.png").image
    for form, given in forms.items():
        assert picture_of(given).image.equal(expected), form
        assert image_of(given).equal(expected), form
        assert ent.Pixels(given)().equal(expected), form


@pytest.mark.parametrize("form", ["a text", "a Pillow image", "an array"])
def test_every_function_takes_every_form_of_a_picture(form: str, tmp_path: Path) -> None:
    given = _same_photo(tmp_path)[form]
    image = ent.read(tmp_path / "photo.png").image
    model = _model()
    how: dict[str, Any] = {"steps": 1, "device": "cpu"}

    def dreams(photo: Any, guide: Any) -> torch.Tensor:
        return ent.dream(model, photo, layer="0", guide=guide, octaves=1, **how).image

    assert dreams(given, given).equal(dreams(image, image))
    several = [
        [each.image for each in ent.dream_photos(model, [photo], layer="0", octaves=1, **how)]
        for photo in (given, image)
    ]
    assert several[0][0].equal(several[1][0])
    for found, expected in (
        (ent.gradient(model, of="0", at=given), ent.gradient(model, of="0", at=image)),
        (
            ent.tiled_gradient(model, of="energy('0')", at=given, tile=32)[0],
            ent.tiled_gradient(model, of="energy('0')", at=image, tile=32)[0],
        ),
        (
            model.activations(given, ["0"])[ent.Layer("0")],
            model.activations(image, ["0"])[ent.Layer("0")],
        ),
        (
            ent.caricature_of(model, given, layer="0", size=32, **how).image,
            ent.caricature_of(model, image, layer="0", size=32, **how).image,
        ),
    ):
        assert found.equal(expected)
    assert ent.write(tmp_path / "copy.png", given).exists()
    assert ent.read(tmp_path / "copy.png").image.equal(image)


def test_a_transparent_picture_is_written_with_its_transparency(tmp_path: Path) -> None:
    samples = np.zeros((2, 3, 4), np.uint8)
    samples[0, 0, 3] = 255
    alpha = ent.read(ent.write(tmp_path / "a.png", samples)).alpha
    assert alpha is not None
    assert alpha.flatten().tolist() == [1, 0, 0, 0, 0, 0]


def test_a_module_is_wrapped_with_a_note_and_a_text_is_loaded() -> None:
    result = ent.visualize(_network(), "0:1", size=32, steps=0, device=torch.device("cpu"))
    assert any("is a guess: ImageNet's mean and deviation" in note for note in result.notes)
    assert result.job.model == "python"
    assert model_of("squeezenet1_1").source == "squeezenet1_1"
    assert model_of(model_of("squeezenet1_1")).notes == ()


def test_devices_are_names_or_those_of_torch_or_lists_of_either() -> None:
    cpu = torch.device("cpu")
    assert devices(cpu) == devices(["cpu"]) == devices("cpu") == (cpu,)
    assert devices([cpu, "cpu"]) == devices("cpu,cpu") == (cpu, cpu)


@pytest.mark.usefixtures("unchecked")
def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    given: dict[str, Any] = {
        "octaves": np.int64(3), "strength": np.float32(0.5), "noise": [np.int8(9), 8]
    }  # fmt: skip
    settings = Dream("squeezenet1_1", **given)
    assert (settings.octaves, settings.strength, settings.noise) == (3, 0.5, (9, 8))
    assert [type(each) for each in (settings.octaves, settings.strength)] == [int, float]


def test_an_expression_is_an_objective_wherever_one_is_meant() -> None:
    steps = ent.ascend(_network(), "0:1", ent.Pixels(_photo()), steps=1)
    assert next(iter(steps)).scores.shape == (1,)


class _Still:
    """No rule: it can't make a step."""

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        (lambda parameters: None, "must make what has a step(closure), .* but makes None"),
        (_Still, "must make what has a step"),
        (lambda: None, "must make steps from the canvas's parameters"),
        (torch.optim.SGD, None),
        ("adm", "no optimizer named 'adm'; did you mean 'adam'"),
        (0.05, "optimizer is 0.05; it must be a rule"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_an_optimizer_without_step_is_refused_before_the_first(
    optimizer: Any, told: str | None
) -> None:
    call = partial(ent.ascend, _model(), ent.energy("0"), ent.Pixels(_photo()), optimizer=optimizer)
    if told is None:
        assert len(list(call(steps=2))) == 2
        return
    with pytest.raises(BadSetting, match=told.replace("(", r"\(").replace(")", r"\)")):
        call(steps=1)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("image", "told"),
    [
        (torch.zeros(2, 2), "image: a picture is a tensor of"),
        (torch.zeros(1, 5, 4, 4), "5 channels"),
        (torch.zeros(1, 3, 0, 4), "none of them 0"),
        (np.zeros((4, 4, 3), np.int32), "int32 has no known range"),
        (torch.full((3, 4, 4), 2.0), "from 2 to 2"),
    ],
)
def test_a_picture_of_another_shape_or_type_is_refused(image: Any, told: str) -> None:
    with pytest.raises(EntopticError, match=told):
        ent.gradient(_model(), of="0", at=image_of(image))


def test_what_was_given_is_told_on_one_line() -> None:
    assert shown(torch.zeros(200, 3)) == "a tensor of shape (200, 3)"
    assert shown(np.zeros(3)) == "an array of shape (3,)"
    assert len(shown([1] * 1000)) == 80


@pytest.mark.parametrize("value", [True, "3", None, 2.5, 4, -1, [1]])
def test_a_number_in_a_range_is_nothing_else(value: Any) -> None:
    @taking(count=whole(0, 3), share=number(above=0, below=1))
    def taker(count: Any = 1, share: Any = 0.5) -> tuple[Any, Any]:
        return count, share

    assert taker(np.int32(2), np.float64(0.25)) == (2, 0.25)
    with pytest.raises(BadSetting, match=r"count is .*; it must be a whole number from 0 to 3"):
        taker(value)
    with pytest.raises(BadSetting, match=r"share is .*; it must be above 0 and below 1"):
        taker(share=value)
