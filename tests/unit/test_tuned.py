"""What a dream does where nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import BadExpression, BadSetting
from entoptic.jobs.default_layers import chosen, dream_objective, in_order, middle_layer
from entoptic.jobs.defaults import NETWORKS, network_defaults
from entoptic.jobs.recipe import settings
from entoptic.recipes import recipes


def strided(*strides: int) -> ent.Model:
    """Filters with strides, whose maps are 128 x 192, shrinking."""
    module = nn.Sequential(*(nn.Conv2d(3, 3, 1, stride) for stride in strides))
    return ent.Model.wrap(module, preprocess=ent.Preprocess(size=(128, 192)))


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_dreams_of_fits_it(name: str) -> None:
    model = ent.load(name)
    assert dream_objective(model) == ent.parse(NETWORKS[name]["dream"]["objective"])
    assert bind(dream_objective(model), model, (224, 320))


@pytest.mark.parametrize("name", NETWORKS)
def test_defaults_are_of_settings_that_there_are_and_may_be_that(name: str) -> None:
    for recipe, own in NETWORKS[name].items():
        declared = settings(recipes[recipe])
        for setting, value in own.items():
            assert declared[setting].meaning(setting, value) == value
            assert recipes[recipe].__dataclass_fields__[setting].default is None


@pytest.mark.parametrize("options", ["", "?size=300x300", "?order=BGR&size=96x96"])
def test_options_of_a_network_change_nothing_in_its_defaults(options: str) -> None:
    for recipe, layer in (("caricature", "fire6"), ("grid", "fire8")):
        assert network_defaults(f"squeezenet1_1{options}", recipe) == {"layer": layer}
    assert network_defaults(f"efficientnet_lite0{options}", "accentuate")["weight"] == 50


@pytest.mark.parametrize(
    ("strides", "layer"),
    [
        ((2, 2, 2, 2, 2), "3"),
        ((2, 2, 2, 2, 1, 2), "4"),
        ((4, 8), "0"),
        ((1, 1, 1), "output"),
        ((32, 2), "0"),
        ((16, 1, 1, 1, 1, 1, 1), "3"),
        ((2, 4, 2), "output"),
    ],
)
def test_an_unknown_network_dreams_of_its_last_layer_16_pixels_apart_or_of_its_middle_block(
    strides: tuple[int, ...], layer: str
) -> None:
    assert dream_objective(strided(*strides)) == ent.energy(layer)


def test_maps_of_one_place_in_a_row_are_not_dreamt_of() -> None:
    module = nn.Sequential(nn.Conv2d(3, 3, 3, 2), nn.AvgPool2d((4, 1), 1))
    model = ent.Model.wrap(module, preprocess=ent.Preprocess(size=(9, 13)))
    assert dream_objective(model) == ent.energy("0")


def test_where_no_layer_suggests_itself_one_is_asked_for() -> None:
    with pytest.raises(
        BadSetting, match=r"python has no default layer for a dream; .* with --layer"
    ):
        dream_objective(ent.Model.wrap(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())))


def test_a_user_says_an_objective_a_layer_a_guide_or_nothing(tmp_path: Path) -> None:
    model = strided(2, 2)
    objective = ent.channel("0", 2)
    assert chosen(model, objective, None, None) is objective
    assert chosen(model, "channel('0', 2)", None, None) == objective
    assert chosen(model, None, "0", None) == ent.energy("0")
    assert chosen(model, None, "0", "it's.png") == ent.match("0", "it's.png")
    assert chosen(model, None, None, "it's.png") == ent.match("output", "it's.png")
    assert chosen(model, None, None, None) == ent.energy("output")


@pytest.mark.parametrize(("layer", "guide"), [("0", None), (None, "a.png"), ("0", "a.png")])
def test_an_objective_beside_a_layer_or_a_guide_is_refused(
    layer: str | None, guide: str | None
) -> None:
    with pytest.raises(BadSetting, match="an objective excludes a layer and a guide"):
        chosen(strided(2), "energy('0')", layer, guide)


def test_an_expression_that_cannot_be_read_is_told() -> None:
    with pytest.raises(BadExpression, match="no objective named 'enrgy'"):
        chosen(strided(2), "enrgy('0')", None, None)


class Backwards(nn.Module):
    """Layers whose names say another order than the one in which they run."""

    def __init__(self) -> None:
        super().__init__()
        self.a_last = nn.Conv2d(4, 4, 3, padding=1)
        self.b_first = nn.Conv2d(3, 4, 3, padding=1)
        self.block10 = nn.Conv2d(4, 4, 3, padding=1)
        self.block9 = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.a_last(self.block10(self.block9(self.b_first(x))))


def test_the_earliest_layer_is_the_one_that_runs_first_whatever_its_name() -> None:
    model = ent.Model.wrap(Backwards())
    layers = [ent.Layer(name) for name in ("a_last", "block10", "block9", "b_first", "input")]
    assert list(map(str, in_order(model, layers))) == [
        "input", "b_first", "block9", "block10", "a_last",
    ]  # fmt: skip


def test_the_middle_layer_of_an_ensemble_is_in_the_network_that_comes_first() -> None:
    late, early = ent.Model.wrap(Backwards()), ent.Model.wrap(Backwards())
    both = ent.ensemble(z=early, a=late)
    assert middle_layer(both).startswith("z/")
