"""The first network of every course: digits of 28x28 in one channel, from every source."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import entoptic as ent
from shells.command import entoptic

CODE = """
import torch
from torch import nn


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 7 * 7, 10)

    def forward(self, x):
        x = torch.max_pool2d(self.conv1(x).relu(), 2)
        x = torch.max_pool2d(self.conv2(x).relu(), 2)
        return self.fc(x.flatten(1))


def made():
    torch.manual_seed(0)
    return Digits().eval()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digit, and a network in a module, in an ONNX file and in one of torch.export."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.py").write_text(CODE)
    names: dict[str, object] = {}
    exec(CODE, names)
    network = names["made"]()
    torch.export.save(torch.export.export(network, (torch.rand(1, 1, 28, 28),)), folder / "d.pt2")
    torch.onnx.export(network, (torch.rand(1, 1, 28, 28),), str(folder / "d.onnx"), dynamo=False)
    picture = Image.new("L", (28, 28))
    picture.paste(255, (13, 4, 16, 24))
    picture.save(folder / "one.png")
    return folder


@pytest.mark.parametrize("source", ["onnx:d.onnx", "export:d.pt2", "python:digits:made"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_digits_are_dreamt_and_visualized_in_a_line_each(
    folder: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    kind = source.partition(":")[0]
    steps = ("--steps", "2")
    done = entoptic(
        "dream", "one.png", "--model", source, *steps, "-o", f"{kind}.png", folder=folder
    )
    assert (done.code, done.out) == (0, f"{kind}.png\n"), done.err
    dream = ent.read(folder / f"{kind}.png").image
    assert dream.shape == (1, 3, 28, 28)
    assert torch.equal(dream[:, 0], dream[:, 1])  # in grey
    done = entoptic(
        "visualize", "-m", source, "class:3", *steps, "-o", f"{kind}-3.png", folder=folder
    )
    assert (done.code, done.out) == (0, f"{kind}-3.png\n"), done.err
    told = entoptic("identify", "one.png", "--model", source, folder=folder)
    assert told.code == 0, told.err
    assert len(told.out.splitlines()) >= 5


def test_channels_and_size_are_found_and_the_guess_is_said() -> None:
    class Digits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 2, 3), nn.Linear(2 * 26 * 26, 10)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.fc(self.conv(x).flatten(1))
            return scores

    model = ent.Model.wrap(Digits())
    assert (model.preprocess.channels, model.preprocess.size) == (1, (28, 28))
    assert any("guess" in note for note in model.notes)
    assert ent.Model.wrap(Digits(), normalize=None).notes == ()
    stated = ent.Model.wrap(Digits(), normalize=((0.1307,), (0.3081,)))
    assert stated.notes == ()
    white = stated.activations(torch.ones(1, 3, 28, 28), ["output"])[ent.Layer("output")]
    network = stated.module
    torch.testing.assert_close(white, network(torch.full((1, 1, 28, 28), 0.8693 / 0.3081)).detach())


def test_a_film_is_refused_with_what_to_do_and_works_so() -> None:
    film = nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(ent.EntopticError, match=r"is 3-D, .*forward=lambda network, image"):
        ent.Model.wrap(film)
    model = ent.Model.wrap(
        film, forward=lambda network, image: network(image[:, :, None].expand(-1, -1, 16, -1, -1))
    )
    assert model.layers()[ent.Layer("output")].shape == (1, 2)
