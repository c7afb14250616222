"""Tokens and channels-last maps: objectives find the channel and the place that they name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import ChannelOutOfRange
from entoptic.layers import Layer
from entoptic.networks import Model, compiled
from entoptic.networks.layer_table.axes import layout_of

HEIGHT, WIDTH = 12, 20
ROWS, COLUMNS = 3, 5
CHANNELS = 7
PREFIX = 3


class Patches(nn.Module):
    """Patches of 4x4 become tokens after some that belong to no place; then maps, rows first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.cut = nn.Conv2d(3, CHANNELS, 4, stride=4)
        self.prefix = nn.Parameter(torch.randn(1, PREFIX, CHANNELS))
        self.tokens = nn.Identity()
        self.across = nn.Identity()
        self.last = nn.Identity()
        self.windows = nn.Identity()
        self.pooled = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        maps = self.cut(image)
        patches = maps.flatten(2).transpose(1, 2)
        prefix = self.prefix.expand(len(image), -1, -1)
        tokens = self.tokens(torch.cat([prefix, patches], 1))
        across = self.across(tokens[:, PREFIX:].transpose(1, 2))
        last = self.last(across.reshape(maps.shape).permute(0, 2, 3, 1))
        rows = self.windows(last.flatten(0, 1))
        pooled: Tensor = self.pooled(rows.reshape(len(image), -1, CHANNELS).mean(1))
        return pooled


def score(objective: ent.Objective, model: Model, image: Tensor) -> Tensor:
    """What an objective scores, by the way that a climb takes."""
    size = image.shape[-2], image.shape[-1]
    bound = bind(objective, model, size)
    run = compiled(model, bound.layers(), torch.device("cpu"))
    return bound(model.arranged(run(image), size))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.wrap(Patches(), preprocess=ent.Preprocess((HEIGHT, WIDTH)))


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.rand((2, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def maps(model: Model, image: Tensor) -> Tensor:
    return model.activations(image, ["cut"])[Layer("cut")]


def test_the_table_knows_the_axes_of_each_layer(model: Model) -> None:
    table = model.layers()
    found = {str(layer): (info.layout, info.spatial_size) for layer, info in table.items()}
    grid = (ROWS, COLUMNS)
    assert found == {
        "cut": ("NCHW", grid),
        "tokens": ("NLC", grid),
        "across": ("NCL", grid),
        "last": ("NHWC", grid),
        "windows": ("NLC", None),
        "pooled": ("NC", None),
        "output": ("NC", None),
    }
    assert {info.channels for info in table.values()} == {CHANNELS}
    assert table[Layer("tokens")].stride == (4, 4)
    assert table[Layer("tokens")].shape == (1, PREFIX + ROWS * COLUMNS, CHANNELS)


@pytest.mark.parametrize("layer", ["cut", "tokens", "across", "last", "windows"])
def test_a_channel_is_the_same_in_every_order_of_axes(
    layer: str, model: Model, image: Tensor, maps: Tensor
) -> None:
    assert score(ent.channel(layer, 4), model, image) == pytest.approx(maps[:, 4].mean((1, 2)))


@pytest.mark.parametrize("layer", ["cut", "tokens", "across", "last"])
def test_a_neuron_is_the_same_in_every_order_of_axes(
    layer: str, model: Model, image: Tensor, maps: Tensor
) -> None:
    assert torch.equal(score(ent.neuron(layer, 2, 1, 4), model, image), maps[:, 2, 1, 4])
    middle = maps[:, 2, ROWS // 2, COLUMNS // 2]
    assert torch.equal(score(ent.neuron(layer, 2), model, image), middle)


DIRECTION = (1, -0.5, 0.25, 0, 0.3, 2, -1)


@pytest.mark.parametrize("layer", ["cut", "tokens", "across", "last", "windows"])
def test_a_direction_is_the_same_in_every_order_of_axes(
    layer: str, model: Model, image: Tensor, maps: Tensor
) -> None:
    expected = torch.einsum("bchw,c->bhw", maps, torch.tensor(DIRECTION)).mean((1, 2))
    assert score(ent.direction(layer, DIRECTION), model, image) == pytest.approx(expected)
    at_position = torch.einsum("bc,c->b", maps[:, :, 1, 4], torch.tensor(DIRECTION))
    if layer != "windows":  # which have no places
        neuron = ent.neuron_direction(layer, DIRECTION, 1, 4)
        assert score(neuron, model, image) == pytest.approx(at_position)


TENSOR = torch.randn((CHANNELS, 2, 3), generator=torch.Generator().manual_seed(6))
WHITENING = torch.randn((CHANNELS, CHANNELS), generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize(
    "word",
    [
        ent.energy,
        ent.positive,
        lambda layer: ent.channels(layer, "1-3"),
        lambda layer: ent.channel_weights(layer, DIRECTION),
        lambda layer: ent.logit(2, layer),
        lambda layer: ent.log_odds(2, layer),
        lambda layer: ent.logits((2, 0), layer),
        lambda layer: ent.cosine(layer, DIRECTION),
        lambda layer: ent.angled_direction(layer, DIRECTION, WHITENING),
        lambda layer: ent.cell(layer, 1, 2),
        lambda layer: ent.neuron_weights(layer, DIRECTION, 1, 2),
        lambda layer: ent.tensor_direction(layer, TENSOR, 1),
        lambda layer: ent.angled_neuron_direction(layer, DIRECTION, WHITENING, 1, 2),
        ent.total_variation,
        lambda layer: ent.boundary_complexity(layer, 1),
    ],
)
@pytest.mark.parametrize("layer", ["tokens", "across", "last"])
def test_every_word_is_the_same_in_every_order_of_axes(
    layer: str, word: Callable[[str], ent.Objective], model: Model, image: Tensor
) -> None:
    expected = score(word("cut"), model, image)
    assert expected.abs().min() > 0
    assert score(word(layer), model, image) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("layer", ["tokens", "across", "last", "windows"])
def test_diversity_is_the_same_in_every_order_of_axes(
    layer: str, model: Model, image: Tensor
) -> None:
    expected = score(ent.diversity("cut"), model, image)
    assert score(ent.diversity(layer), model, image) == pytest.approx(expected, abs=1e-6)
    assert expected[0] > 0


@pytest.mark.parametrize("word", [ent.caricature, ent.inversion, ent.style])
@pytest.mark.parametrize("layer", ["tokens", "across", "last", "windows"])
def test_another_picture_is_compared_alike_in_every_order_of_axes(
    layer: str, word: Callable[..., ent.Objective], model: Model
) -> None:
    guide = ent.Picture.of(torch.rand((1, 3, 12, 16), generator=torch.Generator().manual_seed(3)))
    start = torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(4))
    first, other = (
        [float(step.scores) for step in ent.ascend(model, word(name, guide), canvas, steps=2)]
        for name, canvas in (("cut", ent.Pixels(start)), (layer, ent.Pixels(start)))
    )
    assert other == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("layer", ["tokens", "across", "last"])
def test_a_match_with_a_guide_is_the_same_in_every_order_of_axes(layer: str, model: Model) -> None:
    guide = ent.Picture.of(torch.rand((1, 3, 12, 16), generator=torch.Generator().manual_seed(3)))
    climbs = []
    for name in ("cut", layer):
        canvas = ent.Pixels(torch.full((1, 3, HEIGHT, WIDTH), 0.4))
        for step in ent.ascend(model, ent.match(name, guide), canvas, steps=2):
            climbs.append(step.image())
    torch.testing.assert_close(climbs[1], climbs[3])


def test_activations_stay_as_they_are_with_the_tokens_of_no_place(
    model: Model, image: Tensor
) -> None:
    tokens = model.activations(image, ["tokens"])[Layer("tokens")]
    assert isinstance(model.module, Patches)
    assert tokens.shape == (2, PREFIX + ROWS * COLUMNS, CHANNELS)
    assert torch.equal(tokens[0, :PREFIX], model.module.prefix[0])


def test_places_follow_the_size_of_the_picture(model: Model) -> None:
    image = torch.rand((1, 3, 24, 16), generator=torch.Generator().manual_seed(2))
    maps = model.activations(image, ["cut"])[Layer("cut")]
    assert torch.equal(score(ent.neuron("tokens", 6, 5, 3), model, image), maps[:, 6, 5, 3])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (ent.channel("tokens", 7), "channel 7 of 'tokens' does not exist; the layer has 7"),
        (ent.neuron("tokens", 0, 3), "row 3 of 'tokens' does not exist; the layer has 3 rows"),
        (ent.neuron("last", 0, 0, 5), "column 5 of 'last' does not exist; the layer has 5"),
        (ent.neuron("windows", 0, 1), "'windows' has no rows"),
    ],
)
def test_what_a_layer_lacks_is_said_before_the_first_step(
    objective: ent.Objective, message: str, model: Model
) -> None:
    with pytest.raises(ChannelOutOfRange, match=message):
        bind(objective, model, (HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("shape", "axes", "grids", "expected"),
    [
        ((1, 12, 3, 4), None, [(3, 4)], ("NCHW", None)),
        ((1, 3, 4, 12), None, [(3, 4)], ("NHWC", None)),
        ((1, 3, 4, 12), (1, 2), [], ("NHWC", None)),
        # 192 channels aren't the 12x16 places of half a half, when 6x8 + 1 tokens fit.
        ((1, 49, 192), None, [(96, 128), (6, 8)], ("NLC", (6, 8))),
        ((1, 12, 192), None, [(6, 8)], ("NLC", (3, 4))),
        ((1, 384, 49), None, [(7, 7)], ("NCL", (7, 7))),
        ((1, 30, 8), None, [(7, 7)], ("NLC", None)),
        ((4, 49, 96), None, [(7, 7)], ("NLC", None)),
        ((50, 1, 96), None, [(7, 7)], ("LNC", None)),
        ((1, 8, 3, 4, 5), None, [], (None, None)),
        ((), None, [], (None, None)),
    ],
)
def test_axes_are_found_by_their_sizes(
    shape: tuple[int, ...],
    axes: tuple[int, int] | None,
    grids: list[tuple[int, int]],
    expected: tuple[str | None, tuple[int, int] | None],
) -> None:
    assert layout_of(shape, axes, grids) == expected
