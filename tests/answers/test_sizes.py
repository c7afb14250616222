"""Networks of one size, or of multiples: which sizes they take is found out, and pictures fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import entoptic as ent
from entoptic import Layer
from entoptic.images.resize import resize

PLAIN: dict[str, Any] = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


class Strided(nn.Module):
    """A convolution of stride 8, and what is written down after it."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(4, 2, 8, stride=8)
        self.head = nn.Identity()
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(self.early(x)).reshape(1, *self.sizes))


class Halves(nn.Module):
    """Down by 8 and up again, added to what went down: sides must be multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + functional.interpolate(functional.avg_pool2d(x, 8), scale_factor=8)


class Cifar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.fc = nn.Linear(4 * 16 * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).flatten(1))


def wrapped(module: nn.Module, height: int, width: int) -> ent.Model:
    return ent.Model.wrap(module, preprocess=ent.Preprocess(size=(height, width), **PLAIN))


@pytest.mark.parametrize(
    ("module", "size", "fixed", "multiple"),
    [
        (nn.Conv2d(3, 4, 3, stride=2), (64, 96), False, 1),
        (Halves(), (64, 96), False, 8),
        (Strided(2, 8, 12), (64, 96), True, 1),
        # A -1 swallows what doesn't fit, as long as the number of pictures isn't looked at.
        (Strided(-1, 12), (64, 96), True, 1),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 96, 5)), (64, 96), True, 1),
    ],
)
def test_which_sizes_a_network_takes(
    module: nn.Module, size: tuple[int, int], fixed: bool, multiple: int
) -> None:
    how = wrapped(module, *size).preprocess
    assert (how.size, how.fixed_size, how.multiple) == (size, fixed, multiple)


def test_what_the_preprocessing_says_is_not_tried() -> None:
    how = ent.Preprocess(size=(64, 96), multiple=32, **PLAIN)
    assert ent.Model.wrap(Halves(), preprocess=how).preprocess == how


def test_a_module_that_does_not_say_its_size_is_tried_at_the_usual_ones() -> None:
    how = ent.Model.wrap(Cifar()).preprocess
    assert (how.size, how.fixed_size) == ((32, 32), True)


def test_a_picture_is_shown_at_the_only_size() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    image = torch.rand((2, 3, 50, 120), generator=torch.Generator().manual_seed(0))
    found = model.activations(image, ["head"])[Layer("head")]
    expected = model.activations(resize(image, 64, 96), ["head"])[Layer("head")]
    assert torch.equal(found, expected)
    assert found.shape == (2, 2, 8, 12)


def test_layers_before_the_one_size_take_pictures_as_they_are() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    image = torch.rand((1, 3, 50, 120), generator=torch.Generator().manual_seed(0))
    assert model.activations(image, ["conv"])[Layer("conv")].shape == (1, 2, 6, 15)
    assert model.fit_notes([Layer("conv")], (50, 120)) == ()
    table = {str(layer): info.shape[2:] for layer, info in model.layers(size=(50, 120)).items()}
    assert table == {"early": (50, 120), "conv": (6, 15), "head": (8, 12), "output": (8, 12)}


def test_the_gradient_is_that_through_the_resizing() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    image = torch.rand((1, 3, 50, 120), generator=torch.Generator().manual_seed(0))
    found = ent.gradient(model, of="head", at=image)
    image.requires_grad_()
    model.module(resize(image, 64, 96)).sum().backward()
    assert image.grad is not None
    torch.testing.assert_close(found, image.grad)


def test_a_photo_is_dreamt_in_tiles_of_the_only_size() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    photo = torch.rand((1, 3, 130, 150), generator=torch.Generator().manual_seed(0))
    result = ent.dream(model, photo, layer="head", steps=1, octaves=2)
    assert result.image.shape == photo.shape
    assert result.notes[-1] == (
        "the network takes only pictures of 64x96: each tile of 64x96 pixels is dreamt as a "
        "picture of its own, and they fade into each other (an approximation; earlier layers may "
        "take pictures of any size)"
    )
    # Every pixel has moved: no part of the photo is left out.
    assert (result.image - photo).abs().amax(1).gt(0).float().mean() > 0.98


def test_a_small_photo_is_shown_to_a_network_of_one_size_larger() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    photo = torch.rand((1, 3, 30, 40), generator=torch.Generator().manual_seed(0))
    result = ent.dream(model, photo, layer="head", steps=1, octaves=1)
    assert result.image.shape == photo.shape
    assert result.notes[-1] == (
        "the network takes only pictures of 64x96: it is shown this one at that size"
    )


def test_a_photo_grows_to_multiples_and_that_is_said() -> None:
    model = wrapped(Halves(), 64, 96)
    photo = torch.rand((1, 3, 50, 70), generator=torch.Generator().manual_seed(0))
    result = ent.dream(model, photo, layer="conv", steps=1, octaves=1)
    assert result.notes[-1] == (
        "the network takes only pictures whose sides are multiples of 8: this one grows to them by "
        "repeating its edge"
    )


def test_units_are_visualised_at_any_size_of_a_network_of_one() -> None:
    model = wrapped(Strided(2, 8, 12), 64, 96)
    result = ent.visualize(model, "head:1", size=40, steps=2)
    assert result.notes[-1] == (
        "the network takes only pictures of 64x96: it is shown this one at that size"
    )


def test_a_graph_of_one_size_is_checked_at_that_size_also_above_320_pixels(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv", strides=[32, 32]),
            helper.make_node("Reshape", ["c", "shape"], ["y"], name="flat"),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 352, 352))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 484))],
        [
            numpy_helper.from_array(torch.ones(4, 3, 32, 32).numpy() / 3072, "w"),
            numpy_helper.from_array(torch.tensor([1, 484]).numpy(), "shape"),
        ],
    )
    path = tmp_path / "net.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = ent.load(f"onnx:{path}?mean=0&std=1")
    assert model.preprocess.fixed_size
    image = torch.full((1, 3, 400, 360), 0.25)
    found = model.activations(image, ["flat"])[Layer("flat")]
    torch.testing.assert_close(found, torch.full((1, 484), 0.25))
