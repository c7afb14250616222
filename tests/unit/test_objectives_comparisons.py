"""Comparisons with another picture at the same places, and of textures: answers found by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.ascent.guides import guide_activations
from entoptic.errors import BadExpression, BadSetting
from entoptic.jobs.inputs import notes_on_guides
from entoptic.layers import INPUT, Layer
from entoptic.objectives import Activations, Reference

A = Layer("a")
GUIDE = ent.Picture.of(torch.rand((1, 3, 2, 3), generator=torch.Generator().manual_seed(2)))
SAME, ANYWHERE = Reference(GUIDE, A, fitted=True), Reference(GUIDE, A)

# By place: (1, 0), (0, 2) in the guide; (3, 4), (0, 5) and (-3, -4), (8, -6) in the two images.
THEIRS = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
ACTS: Activations = {
    A: torch.tensor([[[[3.0, 0.0]], [[4.0, 5.0]]], [[[-3.0, 8.0]], [[-4.0, -6.0]]]]),
    SAME: THEIRS,
    ANYWHERE: THEIRS,
}

SCORES = {
    # Dot products 3, 10 and -3, -12; cosines 0.6, 1 and -0.6, -0.6, of which 0.1 is the least.
    "caricature": (ent.caricature("a", GUIDE), [(1.8 + 10) / 2, (-0.3 - 1.2) / 2]),
    "caricature by the dot product": (ent.caricature("a", GUIDE, 0), [6.5, -7.5]),
    # Squared distances 20 + 9 and 32 + 128; the guide's square is 5.
    "inversion": (ent.inversion("a", GUIDE), [-29 / 5, -160 / 5]),
    "input_diff": (ent.input_diff(GUIDE, "a"), [math.sqrt(29 / 4), math.sqrt(160 / 4)]),
    # Gram matrices (4.5, 6, 20.5) and (36.5, -18, 26), less the guide's (0.5, 0, 2); its square
    # is 4.25.
    "style": (ent.style("a", GUIDE), [
        -(4**2 + 2 * 6**2 + 18.5**2) / 4.25, -(36**2 + 2 * 18**2 + 24**2) / 4.25
    ]),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_word_scores_what_it_says(case: str) -> None:
    objective, scores = SCORES[case]
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


def test_inversion_is_0_at_the_guide_and_minus_1_at_nothing() -> None:
    acts: Activations = {A: torch.cat([THEIRS, 0 * THEIRS]), SAME: THEIRS}
    assert ent.inversion("a", GUIDE)(acts).tolist() == [0, -1]


def test_a_guide_that_a_layer_is_blind_to_gives_no_infinity() -> None:
    acts: Activations = {A: torch.zeros(1, 2, 1, 2), SAME: torch.zeros(1, 2, 1, 2)}
    assert ent.inversion("a", GUIDE)(acts).tolist() == [0]


def test_style_does_not_mind_where_things_are_nor_how_many_places_there_are() -> None:
    twice = torch.cat([THEIRS.flip(3), THEIRS], 3)
    assert ent.style("a", GUIDE)({A: twice, ANYWHERE: THEIRS}).tolist() == [0]
    assert ent.inversion("a", GUIDE)({A: THEIRS.flip(3), SAME: THEIRS}).tolist() == [-2]


def test_features_of_another_size_are_resized_to_the_same_places() -> None:
    theirs = torch.tensor([[[[0.0, 2.0]]]])
    ours = torch.tensor([[[[0.0, 0.5, 1.5, 2.0]]]])
    score = ent.inversion("a", GUIDE)({A: ours, SAME: theirs})
    torch.testing.assert_close(score, torch.zeros(1))


@pytest.mark.parametrize(
    "objective",
    [ent.caricature("a", GUIDE), ent.inversion("a", GUIDE), ent.input_diff(GUIDE, "a")],
)
def test_tokens_in_no_order_cannot_be_resized(objective: ent.Objective) -> None:
    told = r"'a' is \(2, 6\) for the picture and \(2, 4\) for the guide, in no order of rows"
    with pytest.raises(BadSetting, match=told):
        objective({A: torch.ones(1, 2, 6), SAME: torch.ones(1, 2, 4)})
    same = objective({A: torch.ones(1, 2, 6), SAME: torch.ones(1, 2, 6)})
    assert bool(same.isfinite().all())


def model() -> ent.Model:
    """Its layer is the picture, turned to red, green and blue from -1 to 1."""
    plain = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.dirac_(plain.weight)
    how = ent.Preprocess((4, 6), (0.5,) * 3, (0.5,) * 3)
    return ent.Model.wrap(nn.Sequential(plain), preprocess=how)


def test_the_guide_is_stretched_to_the_picture_for_places_and_left_alone_for_textures() -> None:
    bound = bind(ent.inversion("0", GUIDE) + ent.style("0", GUIDE), model(), (4, 6))
    found = guide_activations(bound, model(), torch.zeros(1, 3, 4, 6))
    shapes = {each.fitted: tuple(found[each].shape) for each in bound.references()}
    assert shapes == {True: (1, 3, 4, 6), False: (1, 3, 2, 3)}


def test_a_large_picture_is_compared_with_itself_pixel_by_pixel() -> None:
    large = torch.rand((1, 3, 2, 500), generator=torch.Generator().manual_seed(5))
    bound = bind(ent.input_diff(ent.Picture.of(large)), model(), (2, 500))
    guides = guide_activations(bound, model(), large)
    assert float(bound({INPUT: large, **guides})) == pytest.approx(0, abs=1e-5)
    assert float(bound({INPUT: large + 0.25, **guides})) == pytest.approx(0.25)


def test_inversion_finds_the_guide_again() -> None:
    canvas = ent.Pixels(torch.full((1, 3, 2, 3), 0.5))
    climb = ent.ascend(
        model(), ent.inversion("0", GUIDE), canvas, optimizer=ent.adam(0.05), steps=150
    )
    scores = [float(step.scores) for step in climb]
    assert scores[0] == pytest.approx(-1)  # middle grey is zero there
    assert scores[-1] > -1e-3
    torch.testing.assert_close(canvas().detach(), GUIDE.image, atol=0.02, rtol=0)


def test_a_guide_and_a_power_are_read_as_everywhere() -> None:
    objective = ent.caricature("fire5", "cat.jpg", cosine_power=2)
    assert repr(objective) == "caricature('fire5', 'cat.jpg', 2.0)"
    assert ent.parse(repr(objective)) == objective
    assert objective.references() == {Reference("cat.jpg", Layer("fire5"), fitted=True)}
    with pytest.raises(BadExpression, match="inversion wants the file name of a picture for"):
        ent.inversion("a", 3)  # type: ignore[arg-type]
    with pytest.raises(BadExpression, match=r"caricature wants a power \(0 to 1000000\)"):
        ent.caricature("a", GUIDE, -1)


def test_only_a_guide_that_is_matched_place_by_place_is_shrunk_and_that_is_said() -> None:
    large = ent.Picture.of(torch.rand((1, 3, 6, 500), generator=torch.Generator().manual_seed(5)))
    network = model()
    style = bind(ent.style("0", large), network, (6, 500))
    seen = guide_activations(style, network, large.image)
    assert float(style({**network.activations(large.image, ["0"]), **seen})) == pytest.approx(0)  # type: ignore[dict-item]
    assert notes_on_guides(style) == ()
    match = bind(ent.match("0", large), network, (6, 500))
    (shrunk,) = guide_activations(match, network, large.image).values()
    assert shrunk.shape[-1] == 480
    assert notes_on_guides(match) == (
        "the guide 'that was given' is matched at 480 pixels of its 500",
    )
