"""Public names of the first releases."""

from __future__ import annotations

import pytest
from torch import nn

import entoptic as ent
from entoptic.layers import FieldExtent
from entoptic.objectives import Activations, vocabulary
from entoptic.types import Scores


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ColourShift", "ColorShift"),
        ("Grey", "Gray"),
        ("centre_crop", "center_crop"),
        ("normalised_layers", "normalized_layers"),
    ],
)
def test_an_old_name_is_the_new_thing_and_says_so(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"entoptic.{old} is called entoptic.{new} now"):
        assert getattr(ent, old) is getattr(ent, new)


def test_old_names_of_facts_of_layers_are_the_new_ones_and_say_so() -> None:
    info = ent.Model.wrap(nn.Conv2d(3, 4, (3, 5))).info(ent.Layer("output"), (9, 13))
    with pytest.warns(
        DeprecationWarning, match=r"LayerInfo.places is called LayerInfo.spatial_size"
    ):
        assert info.places == info.spatial_size == (7, 9)
    with pytest.warns(DeprecationWarning, match=r"LayerInfo.reach is called LayerInfo.extents now"):
        assert info.reach == info.extents == (FieldExtent(1, 0, 2, 1), FieldExtent(1, 0, 4, 1))


def test_the_old_name_of_a_fact_says_so() -> None:
    def quiet(acts: Activations, layer: ent.Layer) -> Scores:
        return acts[layer].flatten(1).mean(1)

    try:
        with pytest.warns(DeprecationWarning, match="over_places is called over_positions now"):
            made = ent.objective(over_places="mean")(quiet)
        assert made("fire7").term.over_positions == "mean"
    finally:
        vocabulary._things.pop("quiet", None)
