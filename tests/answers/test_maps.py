"""Feature maps and kernels as pictures: of networks made by hand, whose maps are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.analysis.maps import full_scale, map_pictures, over_photo
from entoptic.errors import BadSetting, ChannelOutOfRange, UnknownLayer
from entoptic.networks import Preprocess

HEIGHT, WIDTH = 12, 20

# Of the sheet: a line of text, a picture, its label and the gap below it.
HEAD, LABEL, GAP = 20, 20, 4


def color_model(*weights: list[float], order: str = "RGB") -> ent.Model:
    """A 1x1 convolution set by hand."""
    layer = nn.Conv2d(3, len(weights), 1, bias=False)
    layer.weight.data = torch.tensor(weights)[:, :, None, None]
    how = Preprocess((HEIGHT, WIDTH), (0.0,) * 3, (1.0,) * 3, order=order)
    return ent.Model.wrap(nn.Sequential(layer), preprocess=how)


def photo() -> torch.Tensor:
    """Red that grows from left to right, green from top to bottom, of the network's own size."""
    red = torch.linspace(0, 1, WIDTH).expand(HEIGHT, WIDTH)
    green = torch.linspace(0, 0.5, HEIGHT)[:, None].expand(HEIGHT, WIDTH)
    return torch.stack([red, green, torch.zeros(HEIGHT, WIDTH)])[None]


def tile(sheet: torch.Tensor, number: int, columns: int) -> torch.Tensor:
    """The picture of a number on a sheet."""
    row, column = divmod(number, columns)
    top, left = HEAD + row * (HEIGHT + LABEL + GAP), column * (WIDTH + GAP)
    return sheet[0, :, top : top + HEIGHT, left : left + WIDTH]


def test_the_map_of_a_color_is_that_color_in_gray() -> None:
    model = color_model([1.0, 0, 0], [0, 1.0, 0], [0.5, 0, 0])
    made = ent.maps(model, photo(), layer="0", size=WIDTH)
    # The photo and three maps, in two columns.
    assert made.image.shape == (1, 3, HEAD + 2 * (HEIGHT + LABEL) + GAP, 2 * WIDTH + GAP)
    red, green = photo()[0, :2]
    assert tile(made.image, 0, 2).allclose(photo()[0])
    assert tile(made.image, 1, 2).allclose(red.expand(3, -1, -1))
    # Each on a scale of its own.
    assert tile(made.image, 2, 2).allclose(2 * green.expand(3, -1, -1))
    assert tile(made.image, 3, 2).allclose(red.expand(3, -1, -1))


def test_one_scale_for_all_keeps_their_proportions() -> None:
    model = color_model([1.0, 0, 0], [0, 1.0, 0], [0.5, 0, 0])
    made = ent.maps(model, photo(), layer="0", size=WIDTH, scale="shared")
    red, green = photo()[0, :2]
    assert tile(made.image, 1, 2).allclose(red.expand(3, -1, -1))
    assert tile(made.image, 2, 2).allclose(green.expand(3, -1, -1))
    assert tile(made.image, 3, 2).allclose(red.expand(3, -1, -1) / 2)


def test_few_extreme_positions_do_not_leave_the_rest_in_the_dark() -> None:
    maps = torch.linspace(0, 1, 1000).reshape(2, 20, 25)
    maps[1, 19, 24] = 1000
    assert full_scale(maps, each=False).tolist() == pytest.approx([0.996], abs=1e-3)
    assert full_scale(maps, each=True).tolist() == pytest.approx([0.4995, 1000], abs=1e-3)


def test_negative_activations_are_blue_and_positive_ones_orange_and_0_is_black() -> None:
    maps = torch.tensor([[[-2.0, -1, 0, 1, 2]]])
    below, _, none, above, most = map_pictures(maps, full_scale(maps, each=True))[0, :, 0].T
    assert below[2] > 0.9 > below[0]
    assert none.tolist() == [0, 0, 0]
    assert above[0] > above[2]
    assert most[0] == 1
    assert most[2] < 0.8


def test_a_map_that_is_zero_everywhere_is_black() -> None:
    maps = torch.zeros(2, 3, 4)
    maps[0, 1, 1] = 3
    pictures = map_pictures(maps, full_scale(maps, each=True))
    assert pictures[0].amax() == 1
    assert pictures[1].amax() == 0


def test_one_unit_is_shown_over_the_photo_where_it_is_active() -> None:
    model = color_model([0.0, 0, 1], [1.0, -0.5, 0])
    given = torch.zeros(1, 3, HEIGHT, WIDTH)
    given[..., 10:] = torch.tensor([0.0, 0, 1]).reshape(3, 1, 1)
    made = ent.maps(model, given, layer="0", unit=0, size=WIDTH)
    assert made.image.shape == (1, 3, HEIGHT + LABEL, 2 * WIDTH + GAP)
    left, right = made.image[0, :, :HEIGHT, :WIDTH], made.image[0, :, :HEIGHT, WIDTH + GAP :]
    assert left.allclose(given[0])
    assert right[:, :, :8].abs().max() < 0.05
    assert right[0, :, 12:].min() > 0.95


def test_where_a_map_is_zero_the_photo_is_gray() -> None:
    values = torch.zeros(3, 5)
    values[0, 0] = 1
    given = torch.rand(1, 3, 3, 5, generator=torch.Generator().manual_seed(0))
    shown = over_photo(given, values)[0, :, 1:, 1:]
    weights = torch.tensor([0.2126, 0.7152, 0.0722]).reshape(3, 1, 1)
    gray = (given[0] * weights).sum(0)[1:, 1:]
    assert shown.allclose(0.45 * gray.expand(3, -1, -1), atol=1e-6)


def test_small_maps_are_enlarged_by_whole_pixels() -> None:
    made = ent.maps(color_model([1.0, 0, 0]), photo(), layer="0", size=50)
    shown = made.image[0, :, HEAD : HEAD + 2 * HEIGHT, 2 * WIDTH + GAP : 4 * WIDTH + GAP]
    assert shown[:, ::2, ::2].equal(shown[:, 1::2, 1::2])
    assert shown[0, 0, ::2].allclose(torch.linspace(0, 1, WIDTH))


KERNEL = torch.linspace(-1, 0.5, 18).reshape(3, 2, 3)


def kernel_model(order: str = "RGB", channels: int = 3) -> ent.Model:
    """A convolution of one kernel set by hand, and a second one behind it."""
    first, second = nn.Conv2d(channels, 2, (2, 3), bias=False), nn.Conv2d(2, 4, 1)
    first.weight.data = torch.stack([KERNEL[:channels], 3 * KERNEL[:channels]])
    how = Preprocess((9, 12), (0.0,) * channels, (1.0,) * channels, order=order, channels=channels)
    return ent.Model.wrap(nn.Sequential(first, nn.ReLU(), second), preprocess=how)


@pytest.mark.parametrize(("order", "axes"), [("RGB", (0, 1, 2)), ("BGR", (2, 1, 0))])
def test_the_picture_of_a_filter_is_its_kernel(order: str, axes: tuple[int, ...]) -> None:
    made = ent.filters(kernel_model(order), size=15)
    assert made.image.shape == (1, 3, HEAD + 10 + LABEL, 2 * 15 + GAP)
    for number in range(2):  # of which one is three times the other
        left = number * (15 + GAP)
        shown = made.image[0, :, HEAD : HEAD + 10, left : left + 15]
        assert shown[:, ::5, ::5].allclose(KERNEL[list(axes)] / 2 + 0.5)
        assert shown[:, 4::5, 4::5].equal(shown[:, ::5, ::5])


def test_the_kernels_of_a_network_of_one_channel_are_gray() -> None:
    shown = ent.filters(kernel_model(channels=1), size=15).image[0, :, HEAD : HEAD + 10, :15]
    gray = KERNEL[:1] / KERNEL[:1].abs().max() / 2 + 0.5
    assert shown[:, ::5, ::5].allclose(gray.expand(3, -1, -1))


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"layer": "1"}, BadSetting, "'1' is no convolution; the first one of python is '0'"),
        ({"layer": "2"}, BadSetting, "kernels of '2' have 2 channels, which aren't colors; .* '0'"),
        ({"layer": "7"}, UnknownLayer, "no layer named '7'"),
        ({"size": 5}, BadSetting, "size is 5; it must be a whole number from 8 to 4096"),
    ],
)
def test_filters_say_what_is_wrong(
    given: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        ent.filters(kernel_model(), **given)


def test_a_network_without_a_convolution_of_the_picture_has_no_filters() -> None:
    dense = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 12, 4))
    model = ent.Model.wrap(dense, preprocess=Preprocess.plain((9, 12)))
    with pytest.raises(BadSetting, match="python has no convolution of the picture's own channels"):
        ent.filters(model)
    both = ent.ensemble(a=kernel_model(), b=kernel_model())
    with pytest.raises(BadSetting, match="is several networks; name one of them"):
        ent.filters(both, layer="a/0")


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"unit": 2}, ChannelOutOfRange, r"channel 2 of '0' does not exist; .* 2 channels \(0..1"),
        ({"unit": -1}, BadSetting, "unit is -1; it must be a whole number of at least 0"),
        ({"scale": "both"}, BadSetting, "scale is 'both'; it is one of each, shared"),
        ({"layer": "7"}, UnknownLayer, "no layer named '7'"),
    ],
)
def test_maps_say_what_is_wrong(given: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        ent.maps(color_model([1.0, 0, 0], [0, 0, 1]), photo(), **{"layer": "0"} | given)


def test_maps_of_a_layer_without_positions_are_refused() -> None:
    with pytest.raises(BadSetting, match="'pool10' has no positions in a photo"):
        ent.maps(ent.load(), torch.rand(1, 3, 60, 90), layer="pool10")


@pytest.mark.parametrize("unit", [None, 3])
def test_maps_carry_a_job_that_makes_them_again(unit: int | None, tmp_path: Path) -> None:
    noise = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    path = ent.write(tmp_path / "photo.png", noise)
    made = ent.maps("squeezenet1_1", path, layer="fire2", unit=unit, size=32)
    first = made.save(tmp_path / "a.png")
    assert made.job.settings["layer"] == "fire2"
    again = ent.redo(first)
    assert again.save(tmp_path / "b.png").read_bytes() == first.read_bytes()
    shared = ent.redo(first, unit=7)
    assert shared.job.settings["unit"] == 7


def test_filters_carry_a_job_that_makes_them_again(tmp_path: Path) -> None:
    first = ent.filters("squeezenet1_1").save(tmp_path / "a.png")
    assert ent.redo(first).save(tmp_path / "b.png").read_bytes() == first.read_bytes()
    with pytest.raises(BadSetting, match="has no one objective to change"):
        ent.redo(first, objective="fire2:3")
