"""Sources timm and torchvision: preprocessing, labels, weights from files, and wrong names."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import entoptic as ent
from entoptic.analysis.classify import identify
from entoptic.errors import (
    BadSetting,
    BadWeights,
    MissingExtra,
    UnknownModel,
)
from entoptic.formats.state_dict.reading import read_state_dict
from entoptic.layers import Layer
from entoptic.networks import load
from entoptic.networks.sources.registered import registered
from entoptic.networks.sources.spec import Spec

# timm's own network for tests: 0.4 million weights.
SMALL = "timm:test_vit"


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    import timm

    torch.manual_seed(8)
    return dict(timm.create_model("test_vit").state_dict())


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return dict(tensors)


def boxed(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {"epoch": 3, "state_dict": {f"module.{name}": each for name, each in tensors.items()}}


def averaged(tensors: dict[str, Tensor]) -> dict[str, Any]:
    worse = {name: each + 1 for name, each in tensors.items()}
    return {"model": worse, "model_ema": tensors}


def lightning(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {"state_dict": {f"model._orig_mod.{name}": each for name, each in tensors.items()}}


@pytest.mark.parametrize("wrap", [plain, boxed, averaged, lightning])
def test_weights_of_a_file_are_found_however_they_are_wrapped(
    wrap: Callable[[dict[str, Tensor]], Any], weights: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(wrap(weights), tmp_path / "w.pth")
    loaded = load(f"{SMALL}?weights={tmp_path / 'w.pth'}").module.state_dict()
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


def test_safetensors_are_read_too(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(weights, tmp_path / "w.safetensors")
    loaded = load(f"{SMALL}?weights={tmp_path / 'w.safetensors'}").module.state_dict()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


def test_a_network_trained_further_on_other_classes_keeps_their_number(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    other = weights | {"head.weight": torch.randn(7, 64), "head.bias": torch.randn(7)}
    torch.save(other, tmp_path / "w.pth")
    model = load(f"{SMALL}?weights={tmp_path / 'w.pth'}")
    assert model.layers()[Layer("output")].shape == (1, 7)
    assert torch.equal(model.module.state_dict()["head.weight"], other["head.weight"])
    assert model.labels is None


def test_weights_that_do_not_fit_are_told_in_one_line(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    wrong = {name.replace("norm.", "norme."): each for name, each in weights.items()}
    torch.save(wrong, tmp_path / "w.pth")
    with pytest.raises(
        BadWeights,
        match=r"w\.pth don't fit: 2 missing, the first norm\.weight; 2 unexpected, the first norme",
    ):
        load(f"{SMALL}?weights={tmp_path / 'w.pth'}")


def test_weights_of_another_shape_are_told_with_both_shapes(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    state = squeezenet1_1(num_classes=5).state_dict()
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        BadWeights,
        match=r"2 of another shape, the first classifier\.1\.weight "
        r"\(5x512x1x1, not 1000x512x1x1\)",
    ):
        load(f"torchvision:squeezenet1_1?weights={tmp_path / 'w.pth'}")


class Rogue:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch rogue-was-here",)


def test_a_file_of_weights_can_not_run_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Rogue()}, "w.pth")
    with pytest.raises(BadWeights, match="holds more than plain weights, which could run code"):
        load(f"{SMALL}?weights=w.pth")
    assert not Path("rogue-was-here").exists()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"nonsense", "w.pth", r"can't read the weights in .*w\.pth"),
        (b"nonsense", "w.safetensors", r"can't read the weights in .*w\.safetensors"),
        (None, "w.pth", "there is no file of weights"),
    ],
)
def test_a_file_that_is_no_weights_is_told_in_one_line(
    content: bytes | None, name: str, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadWeights, match=message) as caught:
        read_state_dict(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_without_names_is_told(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "w.pth")
    with pytest.raises(BadWeights, match="holds no weights by name"):
        read_state_dict(tmp_path / "w.pth")


def test_random_weights_are_the_same_each_time_and_say_so() -> None:
    before = torch.random.get_rng_state()
    first, second = (load(f"{SMALL}?weights=random") for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    pairs = zip(first.module.parameters(), second.module.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert first.notes == ("its weights are random: nobody has trained it",)
    assert first.labels is None


def test_preprocessing_and_labels_are_those_of_the_weights(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(weights, tmp_path / "w.pth")
    model = load(f"{SMALL}?weights={tmp_path / 'w.pth'}")
    assert model.preprocess == ent.Preprocess((160, 160), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert model.labels is not None
    assert (model.label("goldfish"), model.label("n01443537"), len(model.labels)) == (1, 1, 1000)


def test_torchvisions_labels_and_preprocessing_are_those_of_its_best_weights(
    shared: Callable[[str], Path],
) -> None:
    file = shared("models/torch/squeezenet1_1.pth")
    model = load(f"torchvision:squeezenet1_1?weights={file}")
    assert model.preprocess == ent.Preprocess((224, 224))
    guesses = identify(model, ent.read(shared("photos/chelsea.png")), top=3)
    assert {guess.number for guess in guesses} & {281, 282, 285}  # cats
    assert model.labels is not None
    assert model.labels[285] == "Egyptian cat"


def test_googlenets_own_normalization_is_taken_over() -> None:
    from torchvision.models import googlenet
    from torchvision.transforms.functional import normalize

    model = load("torchvision:googlenet?weights=random")
    theirs = googlenet(init_weights=False, transform_input=True, aux_logits=False).eval()
    theirs.load_state_dict(
        {k: v for k, v in model.module.state_dict().items() if not k.startswith("aux")}
    )
    image = torch.rand((1, 3, 64, 80), generator=torch.Generator().manual_seed(1))
    expected = theirs(normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    output = model.activations(image, ["logits"])[Layer("output")]
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("timm:resnet55", "timm has no network 'resnet55'; did you mean 'resnet50'"),
        ("timm:resnet10t.a9_in1k", "timm has no weights 'a9_in1k' of resnet10t; there are c3_in1k"),
        ("timm:hf-hub:someone/something", "timm has no network 'hf-hub:someone/something'"),
        ("timm:", "timm has no network ''"),
        ("torchvision:googlenet2", "of pictures 'googlenet2'; did you mean 'googlenet'"),
        ("torchvision:fasterrcnn_resnet50_fpn", "torchvision has no network of pictures"),
    ],
)
def test_wrong_names_get_the_nearest(spec: str, message: str) -> None:
    with pytest.raises(UnknownModel, match=message):
        load(spec)


def test_options_are_checked() -> None:
    with pytest.raises(BadSetting, match="'timm' has no option 'wieghts'; did you mean 'weights'"):
        load(f"{SMALL}?wieghts=random")


@pytest.mark.parametrize("source", ["timm", "torchvision"])
def test_a_missing_package_names_the_extra(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == source:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'pip install "entoptic\[zoo\]"'):
        load(f"{source}:resnet18?weights=random")


def test_a_hub_out_of_reach_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: Any, **kwargs: Any) -> nn.Module:
        raise OSError("the hub can't be reached\nmore lines")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    with pytest.raises(
        BadWeights,
        match=r"can't get the weights of 'test_vit' through timm \(the hub can't be reached\); "
        r"give them as a file: timm:test_vit\?weights=FILE",
    ):
        load(SMALL)


def test_transformers_take_pictures_of_any_size() -> None:
    model = load(f"{SMALL}?weights=random")
    assert not model.preprocess.fixed_size
    assert model.layers("blocks.2", size=(50, 83))[Layer("blocks.2")].grid == (4, 6)


def test_sides_that_must_be_multiples_grow_to_them() -> None:
    model = load("timm:swin_tiny_patch4_window7_224?weights=random")
    assert model.preprocess.multiple == 4
    image = torch.rand((1, 3, 33, 50), generator=torch.Generator().manual_seed(0))
    grown = torch.cat([image, image[:, :, -1:].expand(-1, -1, 3, -1)], 2)
    grown = torch.cat([grown, grown[:, :, :, -1:].expand(-1, -1, -1, 2)], 3)
    found = [model.activations(each, ["layers.0"])[Layer("layers.0")] for each in (image, grown)]
    assert torch.equal(found[0], found[1])
    assert found[0].shape == (1, 9, 13, 96)


def test_a_network_of_one_size_says_which_and_what_to_do() -> None:
    model = load("timm:resmlp_12_224?weights=random")
    assert model.preprocess.fixed_size
    assert ent.dream(model, noise=(224, 224), steps=1, octaves=2).notes == model.notes
    result = ent.dream(model, noise=(160, 200), steps=1, octaves=1)
    assert result.notes[-1] == (
        "the network takes only pictures of 224x224: it is shown this one at that size"
    )


def test_a_network_of_one_size_can_be_made_for_another() -> None:
    model = load("timm:cait_xxs24_224?weights=random&size=64x96")
    assert model.preprocess.size == (64, 96)
    assert model.layers("blocks.0")[Layer("blocks.0")].grid == (4, 6)


def test_a_size_that_a_network_does_not_take_is_refused() -> None:
    model = ent.Model.wrap(nn.Conv2d(3, 1, 1), preprocess=ent.Preprocess(fixed_size=True))
    with pytest.raises(BadSetting, match=r"takes only pictures of 224x224 \(height x width\)"):
        Spec.parse("torchvision:vit_b_32?size=64x64").overridden(model)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("resnet50.a1_in1k", "did you mean 'timm:resnet50.a1_in1k'?"),
        ("resnet50", "did you mean 'timm:resnet50' or 'torchvision:resnet50'?"),
        ("deeplabv3_resnet50", "did you mean 'torchvision:deeplabv3_resnet50'?"),
        ("model.onnx", "write onnx:FILE.onnx"),
        ("sky.JPG", "that is a picture, and the model is given first: dream(model, photo)"),
        ("model.pt2", "write export:FILE.pt2"),
        ("squeezenet1", "did you mean 'squeezenet1_1'?"),
    ],
)
def test_a_network_without_its_source_is_answered_with_it(given: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        load(given)
    assert str(caught.value) == f"no model named {given!r}; {hint}"


def test_names_are_read_from_the_files_of_packages_as_the_packages_list_them() -> None:
    import timm
    from torchvision import models

    assert registered("timm", "models") == {*timm.list_models()}
    listed = {*models.list_models(models), *models.list_models(models.segmentation)}
    assert registered("torchvision", "models", "models/segmentation") == listed


def test_an_unknown_name_is_answered_without_importing_timm() -> None:
    code = """
import sys, entoptic
try:
    entoptic.load("resnet50")
except entoptic.EntopticError as error:
    print(error)
print({"timm", "torchvision"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "no model named 'resnet50'; did you mean 'timm:resnet50' or 'torchvision:resnet50'?",
        "set()",
    ]


def test_a_module_that_is_given_to_load_is_told_of_wrap() -> None:
    with pytest.raises(
        BadSetting, match=r"spec is a Identity; .*`Model.wrap` takes a torch module"
    ):
        load(torch.nn.Identity())  # type: ignore[arg-type]
