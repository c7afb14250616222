"""What a network takes a photo for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.analysis.classify import Guess, identify
from entoptic.errors import BadSetting


class Brightest(nn.Module):
    """Classes are colours; the logit of each is its mean's logarithm, softmax gives shares."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).log()


def model(module: nn.Module | None = None, labels: list[str] | None = None) -> ent.Model:
    how = ent.Preprocess(size=(4, 8), mean=(0, 0, 0), std=(1, 1, 1))
    return ent.Model.wrap(module or Brightest(), preprocess=how, labels=labels)


def colored(red: float, green: float, blue: float, height: int = 30, width: int = 50) -> Tensor:
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, height, width).clone()


def test_classes_come_by_probability_with_labels() -> None:
    guesses = identify(model(labels=["red", "green", "blue"]), colored(0.2, 0.5, 0.1))
    assert [(guess.number, guess.label) for guess in guesses] == [
        (1, "green"),
        (0, "red"),
        (2, "blue"),
    ]
    assert [guess.probability for guess in guesses] == pytest.approx([5 / 8, 2 / 8, 1 / 8])


def test_without_labels_a_class_is_called_by_its_number() -> None:
    (guess,) = identify(model(), colored(0.125, 0.125, 0.75), top=1)
    assert guess == Guess(2, "2", 0.75)


def test_only_the_middle_in_the_networks_proportions_is_seen() -> None:
    # Seven eighths of the largest 4:8 crop of 32 x 48: 21 x 42 in the middle.
    image = colored(0.0, 0.0, 1.0, 32, 48)
    image[:, :, 5:26, 3:45] = torch.tensor([0.5, 0.25, 0.25]).reshape(3, 1, 1)
    found = identify(model(), image)
    assert [guess.probability for guess in found] == pytest.approx([0.5, 0.25, 0.25])


def test_a_picture_from_a_file_is_a_photo_too() -> None:
    picture = ent.Picture.of(colored(0.25, 0.5, 0.25))
    assert identify(model(), picture, top=1)[0].number == 1


def test_logits_of_one_place_are_classes() -> None:
    class Maps(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3), keepdim=True).log()

    assert identify(model(Maps()), colored(0.25, 0.5, 0.25), top=1)[0].probability == pytest.approx(
        0.5
    )


def test_maps_are_no_classes() -> None:
    with pytest.raises(BadSetting, match=r"python has no classes; its output is \(1, 3, 4, 8\)"):
        identify(model(nn.Identity()), colored(1.0, 1.0, 1.0))


def test_at_least_one_class_must_be_wanted() -> None:
    with pytest.raises(BadSetting, match="top is 0; it must be a whole number"):
        identify(model(), colored(1.0, 1.0, 1.0), top=0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 400), (400, 1)])
def test_the_smallest_and_thinnest_pictures_are_taken(height: int, width: int) -> None:
    guesses = identify(model(), colored(0.2, 0.2, 0.4, height, width))
    assert math.isclose(sum(guess.probability for guess in guesses), 1, rel_tol=1e-5)
