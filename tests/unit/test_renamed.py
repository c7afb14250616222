"""Public names of the first releases."""

from __future__ import annotations

import pytest

import entoptic as ent
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


def test_the_old_name_of_a_fact_says_so() -> None:
    def quiet(acts: Activations, layer: ent.Layer) -> Scores:
        return acts[layer].flatten(1).mean(1)

    try:
        with pytest.warns(DeprecationWarning, match="over_places is called over_positions now"):
            made = ent.objective(over_places="mean")(quiet)
        assert made("fire7").term.over_positions == "mean"
    finally:
        vocabulary._things.pop("quiet", None)
