"""The studio's lesson: layers early to late, where they respond, and what is said of them."""

from __future__ import annotations

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images import read
from entoptic.jobs.inputs import scaled
from entoptic.layers import LayerInfo
from entoptic.studio.lesson import Lesson, hint, peaks, spread
from entoptic.studio.networks import Networks
from entoptic.studio.seeing import Seeing
from entoptic.studio.shelf import Shelf
from entoptic.studio.studio import EXAMPLE

MODEL = "squeezenet1_1"


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    networks = Networks()
    return Lesson(networks, Seeing(networks))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"), 1_000_000_000)


@pytest.fixture(scope="module")
def photo(shelf: Shelf) -> str:
    return shelf.add(EXAMPLE.read_bytes(), "clouds.jpg")  # 640 x 960


def test_a_lesson_goes_from_the_first_layer_to_the_last_with_wider_fields(
    lesson: Lesson, shelf: Shelf, photo: str
) -> None:
    found = lesson.layers(shelf, MODEL, photo)
    assert [(each["layer"], each["channels"]) for each in found] == [
        ("conv1", 64), ("fire3", 128), ("fire5", 256), ("fire6", 384), ("fire8", 512),
        ("conv10", 1000),
    ]  # fmt: skip
    assert found[1]["size"] == (
        "A position depends on 23 x 23 pixels of the photo, which is shown at 149 x 224."
    )
    words = ["colors, and for edges", "stripes, dots", "stripes, dots", "and parts", "whole things"]
    for each, part in zip(found, [*words, "score of a class"], strict=True):
        assert part in each["hint"]


def test_the_strongest_channels_are_those_with_the_largest_activations(
    lesson: Lesson, shelf: Shelf, photo: str
) -> None:
    model = ent.load()
    acts = model.activations(scaled(read(EXAMPLE), 224).image, ["conv1"])
    held = next(iter(acts.values()))[0]
    most, inner = held.amax((1, 2)), held[:, 1:-1, 1:-1].amax((1, 2))
    most[most > inner] = 0  # their largest activation lies at the rim
    found = lesson.strongest(shelf, MODEL, photo, "conv1")
    assert [each["number"] for each in found] == most.topk(4).indices.tolist()
    first = found[0]
    assert first["value"] == pytest.approx(float(most.max()), rel=1e-4)
    assert first["signed"] == bool(held[first["number"]].min() < 0)
    # A kernel of 3 x 3 every 2 pixels, without padding, on a photo of 149 x 224.
    row, column = (held[first["number"]] == most.max()).nonzero()[0].tolist()
    known = [2 * row / 149, 2 * column / 224, 3 / 149, 3 / 224]
    assert first["box"] == pytest.approx(known, abs=1.5 / 512)  # of whole pixels of what is shown


@pytest.mark.slow
def test_the_strongest_channels_of_a_layer_of_classes_have_their_names(
    lesson: Lesson, shelf: Shelf, photo: str
) -> None:
    found = lesson.strongest(shelf, MODEL, photo, "conv10")
    assert found[0]["label"].startswith("lakeside")


def test_a_layer_that_the_network_has_not_is_refused(
    lesson: Lesson, shelf: Shelf, photo: str
) -> None:
    with pytest.raises(BadSetting, match="has no layer 'fire99' in the studio"):
        lesson.strongest(shelf, MODEL, photo, "fire99")


def test_peaks_are_the_largest_of_each_channel_and_where_they_are() -> None:
    held = torch.zeros(4, 3, 4)
    held[0, 1, 2], held[2, 1, 1], held[3] = 5.0, 7.0, -1.0
    assert peaks(held, 4, classes=False) == [(2, 7.0, 1, 1), (0, 5.0, 1, 2)]
    assert peaks(held, 1, classes=False) == [(2, 7.0, 1, 1)]


@pytest.mark.parametrize(("row", "column"), [(0, 2), (2, 2), (1, 0), (1, 3)])
def test_channels_that_are_largest_at_the_rim_come_last(row: int, column: int) -> None:
    held = torch.zeros(2, 3, 4)
    held[0, row, column], held[1, 1, 1] = 9.0, 2.0
    assert peaks(held, 2, classes=False) == [(1, 2.0, 1, 1), (0, 9.0, row, column)]


def test_classes_go_by_their_means() -> None:
    held = torch.zeros(2, 3, 4)
    held[0, 1, 1], held[1, :, 3] = 9.0, 4.0
    assert [each[0] for each in peaks(held, 2, classes=True)] == [1, 0]


def test_layers_of_a_lesson_are_spread_from_the_first_to_the_last() -> None:
    names = tuple("abcdefghijk")
    assert spread(names, 6) == ("a", "c", "e", "g", "i", "k")
    assert spread(names[:3], 6) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ((3, 7), "a color or an edge"),
        ((8, 8), "a texture"),
        ((59, 59), "a texture"),
        ((60, 60), "A part of a thing"),
        ((140, 140), "most of the photo"),
        (None, "most of the photo"),
    ],
)
def test_what_is_to_be_looked_for_goes_by_the_share_of_the_receptive_field(
    field: tuple[int, int] | None, part: str
) -> None:
    info = LayerInfo("Conv2d", (1, 8, 30, 40), 8, (4, 4), field, 0)
    assert part in hint(info, (150, 200), False)
    assert "score of a class" in hint(info, (150, 200), True)
