"""The walk-through shows what its page says, on the networks of the developers' data."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.analysis.classify import identify

pytest.importorskip("onnx", reason="needs the package onnx")

Shared = Callable[[str], Path]
EGYPTIAN_CAT, FLAMINGO = 285, 130
CATS = range(281, 286)  # tabby, tiger cat, Persian, Siamese, Egyptian


def example(name: str) -> ModuleType:
    script = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def walk() -> ModuleType:
    return example("walkthrough")


@pytest.fixture(scope="module")
def data(shared: Shared) -> Path:
    for name in (
        "models/mxnet/vgg16_imagenet",
        "models/caffe/bvlc_googlenet",
        "photos/chelsea.png",
    ):
        shared(name)
    return shared("photos").parent


@pytest.fixture(scope="module")
def vgg(walk: ModuleType, data: Path) -> ent.Model:
    return walk.vgg16(data)


@pytest.fixture(scope="module")
def google(walk: ModuleType, data: Path) -> ent.Model:
    return walk.googlenet(data)


@pytest.fixture(scope="module")
def photo(walk: ModuleType, data: Path) -> Tensor:
    return walk.square(data / "photos" / "sky1024px.jpg")


def total(model: ent.Model, layer: str, image: Tensor) -> float:
    return float(model.activations(image, [layer])[model.resolve(layer)].sum())


def test_the_gradient_image_is_that_of_the_gradient_that_mxnet_recorded(
    walk: ModuleType, vgg: ent.Model, shared: Shared
) -> None:
    recorded = np.load(shared("reference/vgg16_imagenet_mxnet_gradients.npz"))
    image = torch.from_numpy(recorded["image_uint8"]).permute(2, 0, 1)[None].float() / 255
    # MXNet's is by values of 0..255; what a picture shows of it doesn't depend on the unit.
    expected = ent.gradient_picture(torch.from_numpy(recorded["pool1_grad"]), 224, 224)
    found = walk.gradient_of_pool1(vgg, image)
    assert (found - expected).norm() <= 1e-3 * (expected - 0.5).norm()


def test_the_middle_of_a_photo_is_square_and_in_the_middle(
    walk: ModuleType, tmp_path: Path
) -> None:
    columns = torch.linspace(0, 1, 448).expand(1, 3, 224, 448)
    file = ent.write(tmp_path / "wide.png", columns)
    found = walk.square(file)
    assert found.shape == (1, 3, 224, 224)
    torch.testing.assert_close(found, ent.read(file).image[..., 112:336])


def test_noise_is_gray_between_128_and_148(walk: ModuleType) -> None:
    values = walk.noise() * 255
    assert 128 <= values.min() < 128.1
    assert 147.9 < values.max() <= 148


def test_ten_steps_of_a_tenth_are_the_steps_written_by_hand(
    walk: ModuleType, vgg: ent.Model, photo: Tensor
) -> None:
    by_hand = photo.clone()
    for _ in range(10):
        gradient = ent.gradient(vgg, of="pool1", at=by_hand)
        by_hand = (by_hand + 0.1 * gradient / gradient.abs().max()).clamp(0, 1)
    found = walk.ten_steps(vgg, photo)
    # Between a fused network and an exact one, rounding grows a little in each step.
    assert (found - by_hand).abs().mean() < 0.005
    assert total(vgg, "pool1", found) > 1.5 * total(vgg, "pool1", photo)


def test_the_neurons_for_cats_stand_out_on_the_cat(
    walk: ModuleType, google: ent.Model, data: Path
) -> None:
    layer = "inception_4d/output"
    group = walk.cat_neurons(google, data / "photos", layer, count=3)
    assert set(group) == {140, 471, 513}
    cat, other = (walk.square(data / "photos" / name) for name in ("chelsea.png", "coffee.png"))
    means = [
        google.activations(image, [layer])[ent.Layer(layer)].mean((2, 3)) for image in (cat, other)
    ]
    assert (means[0][0, group] > 4 * means[1][0, group]).all()
    assert identify(google, cat)[0].number == EGYPTIAN_CAT


@pytest.mark.slow
def test_the_whole_walk_writes_nine_pictures_that_show_what_they_should(
    walk: ModuleType, google: ent.Model, data: Path, tmp_path: Path
) -> None:
    painting = np.array(example("make_clouds").paint(768, 1024, seed=0))
    photo = ent.write(tmp_path / "clouds.png", ent.Picture.of(painting).image)
    out = tmp_path / "out"
    walk.main([str(data), str(out), "--photo", str(photo)])
    pictures = {file.stem: ent.read(file).image for file in sorted(out.iterdir())}
    assert [name[0] for name in pictures] == list("123456789")
    for picture in pictures.values():
        assert picture.std() > 0.08
    start = pictures["1-photo"]
    changed = [pictures["3-ten-steps"], *tiles(pictures["4-deeper"], 4)]
    changed += tiles(pictures["6-what-each-adds"], 5)
    for picture in changed:
        assert (picture - start).abs().mean() > 0.02
    gray, *flamingos = tiles(pictures["7-class"], 4)
    assert gray.std() < 0.05
    for picture in flamingos:
        assert identify(google, ent.resize(picture, 256, 256))[0].number == FLAMINGO
    before, after = (identify(google, image)[0] for image in (start, pictures["8-cats"]))
    assert before.label.startswith("lakeside")
    assert after.number in CATS


def tiles(sheet: Tensor, count: int) -> list[Tensor]:
    """The pictures of a row, without gaps and labels."""
    return [sheet[..., :224, i * 228 : i * 228 + 224] for i in range(count)]
