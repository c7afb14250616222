"""Networks of one, two, four and six channels: found out from any source, shown, and dreamt."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

import entoptic as ent
from entoptic.errors import BadModelFile, BadNetwork, BadSetting
from entoptic.images.color import in_colors, luma
from entoptic.networks.preprocess import GUESS

DIGITS = """
import torch
from torch import nn
from torch.nn import functional


class Digits(nn.Module):
    def __init__(self, channels=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 7 * 7, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


def digits():
    torch.manual_seed(0)
    return Digits()
"""
_names: dict[str, Any] = {}
exec(DIGITS, _names)  # as the command imports it, too
Digits = _names["Digits"]


class Rows(nn.Module):
    """As the first lesson of many courses has it: what is too large becomes several pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.view(-1, 784))


def fed(channels: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a digit and a network of digits in files of three kinds; we are in it."""
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "digit_networks", raising=False)
    Path("digit_networks.py").write_text(DIGITS)
    network, image = _names["digits"]().eval(), torch.zeros(1, 1, 28, 28)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter
        torch.onnx.export(network, (image,), "mnist.onnx", dynamo=False)
        torch.export.save(torch.export.export(network, (image,)), "mnist.pt2")
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:16] = 255
    Image.fromarray(pixels).save("digit.png")
    return tmp_path


SOURCES = ("onnx:mnist.onnx", "export:mnist.pt2", "python:digit_networks:digits")


@pytest.mark.parametrize("source", SOURCES)
def test_a_network_of_digits_is_recognised_and_gives_what_it_gives(source: str, here: Path) -> None:
    model = ent.load(source)
    how = model.preprocess
    assert (how.channels, how.shown, how.size, how.fixed_size) == (1, 3, (28, 28), True)
    assert any(note.startswith(GUESS) for note in model.notes)
    image = torch.rand((2, 3, 28, 28), generator=torch.Generator().manual_seed(0))
    (found,) = model.activations(image, ["output"]).values()
    with torch.no_grad():
        expected = _names["digits"]()(luma(image))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("source", SOURCES)
def test_what_the_options_say_is_no_guess(source: str, here: Path) -> None:
    model = ent.load(f"{source}?mean=0.1307&std=0.3081")
    assert (model.preprocess.mean, model.preprocess.std) == ((0.1307,), (0.3081,))
    assert not any(note.startswith(GUESS) for note in model.notes)


def is_gray(image: Tensor) -> bool:
    return bool((image - image[:, :1]).abs().max() < 1e-6)


def test_everything_works_on_one_channel_and_is_gray(here: Path) -> None:
    model = ent.load("python:digit_networks:digits")
    colors = torch.rand((1, 3, 28, 28), generator=torch.Generator().manual_seed(0))
    dreamt = ent.dream(model, colors, layer="conv2", steps=2, octaves=1)
    assert "the network is fed one channel, so that the dream is in grey" in dreamt.notes
    seen = [
        dreamt.image,
        ent.dream(model, colors, layer="conv2", steps=1, octaves=1, tile=16).image,
        ent.dream(model, noise=(28, 40), layer="conv2", steps=1, octaves=1).image,
        ent.visualize(model, "conv2:1", steps=2, size=28).image,
        ent.visualize(model, "class:3", steps=2, size=28).image,
        ent.caricature_of(model, colors, layer="conv2", steps=1).image,
        ent.invert(model, colors, layer="conv1", steps=1).image,
    ]
    assert all(each.shape[1] == 3 and is_gray(each) for each in seen[:5])
    gradient = ent.gradient(model, of="conv2", at=colors)
    image = luma(colors).requires_grad_()
    module = _names["digits"]()
    hidden = functional.max_pool2d(functional.relu(module.conv1(image)), 2)
    module.conv2(hidden).sum().backward()
    assert image.grad is not None
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(gradient, weights * image.grad)


def test_a_digit_that_is_gray_already_is_not_said_to_become_it(here: Path) -> None:
    dreamt = ent.dream(ent.load(SOURCES[2]), "digit.png", steps=1, octaves=1)
    assert not any("dream is in grey" in note for note in dreamt.notes)


def test_a_larger_photo_is_shown_whole_at_the_only_size_and_that_is_said(here: Path) -> None:
    model = ent.load(SOURCES[2])
    photo = torch.rand((1, 3, 60, 90), generator=torch.Generator().manual_seed(0))
    dreamt = ent.dream(model, photo, objective="class:3", steps=1, octaves=1)
    assert dreamt.image.shape == (1, 3, 60, 90)
    assert "the network takes only pictures of 28x28: it is shown this one at that size" in (
        dreamt.notes
    )


@pytest.mark.parametrize(
    ("module", "channels", "size"),
    [
        (Digits(), 1, (28, 28)),
        (Rows(), 1, (28, 28)),
        (Digits(3), 3, (28, 28)),
        (fed(1), 1, (224, 224)),
        (fed(2), 2, (224, 224)),
        (fed(3), 3, (224, 224)),
        (fed(4), 4, (224, 224)),
        (fed(6), 6, (224, 224)),
    ],
)
def test_channels_and_size_of_a_module_are_found_out(
    module: nn.Module, channels: int, size: tuple[int, int]
) -> None:
    model = ent.Model.wrap(module)
    assert (model.preprocess.channels, model.preprocess.size) == (channels, size)
    (note,) = model.notes
    assert note.startswith(f"{GUESS}: {'ImageNet' if channels == 3 else 'pictures of'}")
    assert "normalize=None" in note


def test_the_note_of_a_guess_is_in_results_and_what_is_said_is_none() -> None:
    guessed = ent.visualize(ent.Model.wrap(fed(3)), "0:1", steps=1, size=16)
    assert guessed.notes[0].startswith(GUESS)
    plain = ent.Model.wrap(fed(3), normalize=None)
    image = torch.rand((1, 3, 9, 8), generator=torch.Generator().manual_seed(0))
    assert plain.notes == ()
    assert torch.equal(plain.preprocess(image), image)
    said = ent.Model.wrap(fed(1), normalize=(0.1307, 0.3081))
    assert (said.preprocess.mean, said.preprocess.std, said.notes) == ((0.1307,), (0.3081,), ())
    each = ent.Model.wrap(fed(2), normalize=((0.1, 0.2), (0.5, 1.0)))
    assert each.preprocess.mean == (0.1, 0.2)


def test_a_preprocess_says_all_by_itself() -> None:
    with pytest.raises(BadSetting, match="a preprocess says its mean and std itself; leave out"):
        ent.Model.wrap(fed(3), preprocess=ent.Preprocess(), normalize=None)


@pytest.mark.parametrize(("channels", "parts"), [(2, 2), (4, 2), (5, 3), (6, 2)])
def test_units_of_other_channels_are_shown_side_by_side(channels: int, parts: int) -> None:
    model = ent.Model.wrap(fed(channels), normalize=None)
    for method in ("entoptic", "pixels"):
        made = ent.visualize(model, "0:1", steps=2, size=24, method=method)
        assert made.image.shape == (1, 3, 24, parts * 24)
    (note,) = made.notes
    assert note.startswith(f"the network is fed {channels} channels, shown side by side: ")
    sheet = ent.visualize(model, "0:1", "0:2", steps=1, size=24)
    assert sheet.image.shape[-1] == 2 * parts * 24 + 4


def test_side_by_side_are_threes_in_colors_and_the_rest_in_gray() -> None:
    planes = torch.arange(5.0).reshape(1, 5, 1, 1) / 5
    shown = in_colors(planes)[0, :, 0].T
    torch.testing.assert_close(
        shown, torch.tensor([[0.0, 0.2, 0.4], [0.6, 0.6, 0.6], [0.8, 0.8, 0.8]])
    )


def test_what_needs_colors_says_what_to_do_on_other_channels() -> None:
    model = ent.Model.wrap(fed(4), normalize=None)
    photo = torch.full((1, 3, 16, 16), 0.5)
    told = r"say what (the others|channels that a photo lacks) hold, from 0 to 1.*\?fill=1"
    for does in (
        lambda: ent.dream(model, photo, layer="0", steps=1),
        lambda: ent.gradient(model, of="0", at=photo),
        lambda: ent.caricature_of(model, photo, layer="0", steps=1),
        lambda: model.activations(photo, ["0"]),
    ):
        with pytest.raises(BadSetting, match=told):
            does()
    with pytest.raises(
        BadSetting, match=r"the canvas maco is of colours.*fourier, natural, pixels"
    ):
        ent.visualize(model, "0:1", steps=1, size=16, method="maco")


@pytest.mark.parametrize("channels", [2, 4])
def test_a_photo_is_shown_with_what_fill_says(channels: int) -> None:
    module = fed(channels)
    ones = (1.0,) * channels
    how = ent.Preprocess((16, 16), (0.0,) * channels, ones, channels=channels, fill=0.75)
    model = ent.Model.wrap(module, preprocess=how)
    photo = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    (found,) = model.activations(photo, ["0"]).values()
    colors = luma(photo) if channels == 2 else photo
    whole = torch.cat([colors, torch.full((1, 1, 16, 16), 0.75)], 1)
    torch.testing.assert_close(found, module[0](whole).detach())
    assert ent.dream(model, photo, layer="0", steps=1, octaves=1).image.shape == photo.shape


@pytest.mark.parametrize(("fill", "channels"), [(0.5, 3), (0.5, 1), (2.0, 4), (float("nan"), 4)])
def test_a_fill_that_makes_no_sense_is_refused(fill: float, channels: int) -> None:
    numbers = (1.0,) * channels
    with pytest.raises(
        BadSetting, match=r"from 0 to 1, for networks of other|at least 0 and at most 1"
    ):
        ent.Preprocess((8, 8), numbers, numbers, channels=channels, fill=fill)


def test_blue_comes_first_among_the_colors_only() -> None:
    how = ent.Preprocess((1, 1), (0.0,) * 4, (1.0,) * 4, order="BGR", channels=4)
    image = torch.tensor([0.1, 0.2, 0.3, 0.4]).reshape(1, 4, 1, 1)
    torch.testing.assert_close(how(image).flatten(), torch.tensor([0.3, 0.2, 0.1, 0.4]))


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (nn.Sequential(nn.Conv3d(3, 4, 3)), r"is 3-D, .*forward=lambda network, image: network\("),
        # It would take the picture for a film of three pictures, without a batch.
        (nn.Sequential(nn.Conv3d(1, 4, 3, padding=1)), "is 3-D, and it takes no picture"),
        (nn.Sequential(nn.Conv1d(1, 4, 3)), r"is 1-D, .*network\(image\.flatten\(2\)\)"),
    ],
)
def test_convolutions_of_films_and_rows_are_refused_with_what_to_do(
    module: nn.Module, told: str
) -> None:
    with pytest.raises(BadNetwork, match=told):
        ent.Model.wrap(module)


def test_a_film_of_the_picture_works() -> None:
    model = ent.Model.wrap(
        nn.Sequential(nn.Conv3d(3, 4, 3)),
        forward=lambda network, image: network(image[:, :, None].expand(-1, -1, 4, -1, -1)),
    )
    assert model.layers(size=(9, 8))[ent.Layer("0")].shape == (1, 4, 2, 7, 6)


def test_files_of_films_are_refused(here: Path) -> None:
    film = nn.Conv3d(3, 4, 3).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(film, (torch.zeros(1, 3, 4, 8, 8),), "film.onnx", dynamo=False)
        torch.export.save(torch.export.export(film, (torch.zeros(1, 3, 4, 8, 8),)), "film.pt2")
    for source in ("onnx:film.onnx", "export:film.pt2"):
        with pytest.raises(BadModelFile, match="takes 5 axes, and a picture has 4"):
            ent.load(source)


def test_a_network_of_timm_is_fed_as_many_channels_as_asked_or_as_its_weights_have(
    tmp_path: Path,
) -> None:
    timm = pytest.importorskip("timm")
    model = ent.load("timm:resnet18?weights=random&in_chans=1")
    how = model.preprocess
    assert (how.channels, how.mean) == (1, (pytest.approx(0.449),))  # type: ignore[comparison-overlap]
    own = timm.create_model("resnet18", in_chans=4)
    torch.save(own.state_dict(), tmp_path / "four.pth")
    four = ent.load(f"timm:resnet18?weights={tmp_path / 'four.pth'}")
    assert four.preprocess.channels == 4
    assert torch.equal(four.module.get_parameter("conv1.weight"), own.conv1.weight)
    with pytest.raises(BadSetting, match="in_chans=0 wants a whole number from 1 to"):
        ent.load("timm:resnet18?weights=random&in_chans=0")
