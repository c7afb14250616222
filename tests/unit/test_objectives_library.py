"""The vocabulary: what each word scores, on activations set by hand; two images, 2 x 3 places."""

from __future__ import annotations

import math

import pytest
import torch

import entoptic as ent
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.layers import INPUT, LOGITS, Layer, LayerInfo
from entoptic.objectives import Activations, Objective, Reference, vocabulary

A, FLAT = Layer("a"), Layer("flat")
MAPS = torch.arange(24.0).reshape(2, 2, 2, 3)
GUIDE = ent.Picture.of(torch.zeros(1, 3, 2, 2))

ACTS: Activations = {
    A: MAPS,
    FLAT: torch.tensor([[1.0, -3.0], [2.0, 0.5]]),
    LOGITS: torch.tensor([[1.0, 7.0, 2.0], [0.0, -1.0, 4.0]]),
    INPUT: torch.full((2, 3, 2, 3), 0.75),
    Reference(GUIDE, A, longest=480): torch.tensor([[1.0, -2.0], [0.0, 1.0]]).reshape(1, 2, 1, 2),
    Reference(GUIDE, FLAT, longest=480): torch.tensor([[2.0, 1.0]]),
}


def root_of_squares(image: int) -> float:
    return math.sqrt(sum((value - 1) ** 2 for value in range(12 * image, 12 * image + 12)))


SCORES = {
    # 0² + 1² + ... + 11² = 506; (12 + i)² = 12² + 24 i + i².
    "energy": (ent.energy("a"), [506 / 12, 144 + 24 * 5.5 + 506 / 12]),
    "energy of features": (ent.energy("flat"), [5, 2.125]),
    "mean": (ent.mean("a"), [5.5, 17.5]),
    "total": (ent.total("a"), [66, 210]),
    "channel": (ent.channel("a", 1), [8.5, 20.5]),
    "channel of features": (ent.channel("flat", 1), [-3, 0.5]),
    "neuron in the middle": (ent.neuron("a", 1), [10, 22]),
    "neuron at a place": (ent.neuron("a", 0, 0, 2), [2, 14]),
    "neuron in a column": (ent.neuron("a", 0, column=0), [3, 15]),
    "logit": (ent.logit(1), [7, -1]),
    "logit of maps": (ent.logit(0, "a"), [2.5, 14.5]),
    "log odds": (ent.log_odds(1), [7 - math.log(math.e + math.e**2), -1 - math.log(1 + math.e**4)]),
    "log odds of maps": (ent.log_odds(0, "a"), [2.5 - 8.5, 14.5 - 20.5]),
    "logits": (ent.logits((2, 1)), [4.5, 1.5]),
    "neuron of features": (ent.neuron("flat", 1), [-3, 0.5]),
    "cell of features": (ent.cell("flat"), [5, 2.125]),
    "logits of maps": (ent.logits((0, 1), "a"), [5.5, 17.5]),
    "cell in the middle": (ent.cell("a"), [(4**2 + 10**2) / 2, (16**2 + 22**2) / 2]),
    "cell at a place": (ent.cell("a", 0, 2), [(2**2 + 8**2) / 2, (14**2 + 20**2) / 2]),
    # (x, y) at each place; its best match is the larger of x and y - 2x.
    "match": (ent.match("a", GUIDE), [(6 + 5 + 4 + 3 + 4 + 5) / 6, 14.5]),
    "match of features": (ent.match("flat", GUIDE), [-1, 4.5]),
    # Down: 3 for each of 6 pairs; across: 1 for each of 8; over 12 values.
    "total variation": (ent.total_variation("a"), [26 / 12, 26 / 12]),
    "total variation of a plain picture": (ent.total_variation(), [0, 0]),
    "l2": (ent.l2("a", 1), [root_of_squares(0), root_of_squares(1)]),
    "l2 of the picture": (ent.l2(), [0.25 * math.sqrt(18)] * 2),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_word_scores_what_it_says(case: str) -> None:
    objective, scores = SCORES[case]
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


@pytest.mark.parametrize("case", SCORES)
def test_the_order_in_memory_changes_no_score(case: str) -> None:
    objective, scores = SCORES[case]
    maps: Activations = {
        key: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for key, value in ACTS.items()
    }
    torch.testing.assert_close(objective(maps), torch.tensor(scores, dtype=torch.float32))


@pytest.mark.parametrize(
    "objective",
    [ent.neuron("a", 1), ent.match("a", GUIDE), ent.l2("a") - ent.total_variation("a")],
)
def test_a_batch_scores_its_images_as_each_alone(objective: Objective) -> None:
    alone = [
        objective({key: value[i : i + 1] if key == A else value for key, value in ACTS.items()})
        for i in range(2)
    ]
    torch.testing.assert_close(objective(ACTS), torch.cat(alone))


def test_the_slope_of_l2_is_finite_where_nothing_differs() -> None:
    picture = torch.full((1, 3, 2, 3), 0.5, requires_grad=True)
    ent.l2()({INPUT: picture}).sum().backward()
    assert picture.grad is not None
    assert not picture.grad.any()


@pytest.mark.parametrize("name", [name for name in vocabulary if name != "loudest"])
def test_every_word_names_its_arguments_and_gives_an_example(name: str) -> None:
    text = vocabulary[name].__doc__ or ""
    assert "Args:" in text
    assert ">>> " in text


def test_the_log_odds_of_several_classes_are_those_of_any() -> None:
    class Named:
        def resolve(self, layer: Layer) -> Layer:
            return layer

        def label(self, name: int | str, layer: Layer | None = None) -> int:
            raise AssertionError

        def guide(self, name: str) -> ent.Picture:
            raise AssertionError

        def arrays(self, name: str) -> Arrays:
            raise AssertionError

        def autoencoder(self, name: str) -> SparseEncoder:
            raise AssertionError

        def matching(self, pattern: str, layer: Layer | None = None) -> tuple[int, ...]:
            assert pattern == "*shark*"
            return (0, 2)

        def info(self, layer: Layer) -> LayerInfo:
            return LayerInfo("Linear", (1, 3), 3, None, None, 0)

    found = ent.log_odds("*shark*").bound(Named())(ACTS)
    sharks = [math.log(math.e + math.e**2) - 7, math.log(1 + math.e**4) + 1]
    torch.testing.assert_close(found, torch.tensor(sharks))
