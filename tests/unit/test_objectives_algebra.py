"""Arithmetic of objectives: what they score, how they are written, compared and carried."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

from entoptic.errors import BadExpression, BadSetting
from entoptic.layers import Layer
from entoptic.objectives import (
    Activations,
    Const,
    Leaf,
    Objective,
    alignment,
    caricature,
    channel,
    channel_interpolate,
    direction,
    energy,
    input_diff,
    l2,
    logit,
    match,
    mean,
    neuron,
    neuron_direction,
    parse,
    per_image,
    total,
    total_variation,
)

A, B = Layer("a"), Layer("b")
# Means 2 and 5 for the two images at a; 4 and -1 at b.
ACTS: Activations = {A: torch.tensor([[1.0, 3.0], [5.0, 5.0]]), B: torch.tensor([[4.0], [-1.0]])}

NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(["fire7", "relu#2", "conv<in>", "'\"\\"])
COUNTS = st.integers(0, 10**6)
PLACES = st.none() | COUNTS
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

VECTORS = st.lists(NUMBERS, min_size=1, max_size=4)
POWERS = st.floats(0, 1e6)

# How objectives are made: a function and its arguments; hypothesis may not call checked functions.
LEAVES = st.one_of(
    st.tuples(st.sampled_from([energy, mean, total, total_variation]), NAMES),
    st.tuples(st.just(channel), NAMES, COUNTS),
    st.tuples(st.just(neuron), NAMES, COUNTS, PLACES, PLACES),
    st.tuples(st.just(logit), COUNTS | NAMES, NAMES),
    st.tuples(st.just(match), NAMES, NAMES),
    st.tuples(st.just(l2), NAMES, NUMBERS),
    st.tuples(st.just(direction), NAMES, VECTORS, POWERS),
    st.tuples(st.just(neuron_direction), NAMES, VECTORS, PLACES, PLACES, POWERS),
    st.tuples(st.just(caricature), NAMES, NAMES, POWERS),
    st.tuples(st.just(input_diff), NAMES, NAMES),
    st.tuples(st.just(channel_interpolate), NAMES, COUNTS, NAMES, COUNTS),
    st.tuples(st.just(alignment), NAMES, POWERS.filter(bool)),
)
OPERATIONS = st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv])


def joined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    numbers = st.floats(-1e6, 1e6).filter(bool)
    return st.one_of(
        st.tuples(OPERATIONS, parts, parts),
        st.tuples(OPERATIONS, parts, numbers),
        st.tuples(OPERATIONS, numbers, parts),
        st.tuples(st.just(operator.neg), parts),
        st.tuples(st.just(operator.abs), parts),
        st.tuples(st.just(operator.pow), parts, numbers),
        st.tuples(st.just(per_image), st.lists(parts, min_size=1, max_size=3)),
    )


RECIPES = st.recursive(LEAVES, joined, max_leaves=8)


def made(recipe: Any) -> Any:
    if isinstance(recipe, tuple):
        function, *arguments = recipe
        return function(*map(made, arguments))
    return list(map(made, recipe)) if isinstance(recipe, list) else recipe


@pytest.mark.parametrize(
    ("objective", "scores"),
    [
        (mean("a") + mean("b"), [6, 4]),
        (mean("a") - mean("b"), [-2, 6]),
        (mean("a") * mean("b"), [8, -5]),
        (mean("a") / mean("b"), [0.5, -5]),
        (mean("a") + 1, [3, 6]),
        (1 + mean("a"), [3, 6]),
        (mean("a") - 1, [1, 4]),
        (1 - mean("a"), [-1, -4]),
        (mean("a") * 0.5, [1, 2.5]),
        (0.5 * mean("a"), [1, 2.5]),
        (mean("a") / 4, [0.5, 1.25]),
        (10 / mean("a"), [5, 2]),
        (-mean("a"), [-2, -5]),
        (mean("a") ** 2, [4, 25]),
        (4 * mean("a") ** -1, [2, 0.8]),
        (abs(mean("b") - 2), [2, 3]),
        (sum([mean("a"), mean("b")]), [6, 4]),
        (mean("a") - mean("b") - mean("a"), [-4, 1]),
        (per_image([mean("a"), mean("b")]), [2, -1]),
        (2 * per_image([mean("a"), 1 - mean("b")]), [4, 4]),
        (Const(3.0), [3, 3]),
    ],
)
def test_objectives_calculate_as_numbers_do(objective: Objective, scores: list[float]) -> None:
    torch.testing.assert_close(objective(ACTS), torch.tensor(scores, dtype=torch.float32))


@given(RECIPES)
def test_what_is_written_reads_back_as_the_same(recipe: Any) -> None:
    objective = made(recipe)
    again = parse(repr(objective))
    assert again == objective
    assert hash(again) == hash(objective)
    assert repr(again) == repr(objective)


@given(RECIPES)
def test_what_is_pickled_comes_back_the_same(recipe: Any) -> None:
    objective = made(recipe)
    again = pickle.loads(pickle.dumps(objective))
    assert again == objective
    assert hash(again) == hash(objective)
    assert again.depth == objective.depth


@given(RECIPES, RECIPES)
def test_a_sum_needs_the_layers_and_guides_of_both(one: Any, other: Any) -> None:
    first, second = made(one), made(other)
    both = first + second
    assert both.layers() == first.layers() | second.layers()
    assert both.references() == first.references() | second.references()


DIFFERENT = [
    mean("a"),
    mean("b"),
    energy("a"),
    channel("a", 0),
    channel("a", 1),
    neuron("a", 1),
    neuron("a", 1, 0),
    neuron("a", 1, None, 0),
    mean("a") + mean("b"),
    mean("b") + mean("a"),
    mean("a") - mean("b"),
    mean("a") + 1,
    per_image([mean("a")]),
    per_image([mean("a"), mean("a")]),
]


def test_objectives_differ_in_their_term_arguments_operation_and_order() -> None:
    assert len(set(DIFFERENT)) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (mean("a") - 0.5 * mean("b"), "(mean('a') - (0.5 * mean('b')))"),
        (-mean("a"), "(-1 * mean('a'))"),
        (mean("a") * 1e300, "(mean('a') * 1e+300)"),
        (mean("a") + 3.0, "(mean('a') + 3)"),
        (mean("a") - mean("b") + 1, "(mean('a') - mean('b') + 1)"),
        (mean("a") - (mean("b") + 1), "(mean('a') - (mean('b') + 1))"),
        ((mean("a") + 1) * 2 / 3, "((mean('a') + 1) * 2 / 3)"),
        ((mean("a") ** 2) ** 3, "((mean('a') ** 2) ** 3)"),
        (abs(-mean("a")), "abs((-1 * mean('a')))"),
        (per_image([mean("a"), mean("b") / 2]), "per_image([mean('a'), (mean('b') / 2)])"),
    ],
)
def test_an_objective_is_written_as_python_would_read_it(objective: Objective, text: str) -> None:
    assert repr(objective) == text


def test_numbers_alone_are_calculated_at_once() -> None:
    assert Const(2.0) * 3 - 1 == Const(5.0)


@pytest.mark.parametrize(
    ("join", "told"),
    [
        (lambda a: a / 0, "mean('a') is divided by zero"),
        (lambda a: a / 0.0, "mean('a') is divided by zero"),
        (lambda a: a + math.inf, "inf in an objective; use finite numbers"),
        (lambda a: a * math.nan, "nan in an objective; use finite numbers"),
        (lambda a: a + 10**400, "a number in the objective is too large for a float"),
        (lambda a: a + "b", "an objective joins objectives and numbers, not 'b'"),
        (lambda a: a + True, "an objective joins objectives and numbers, not True"),
        (lambda a: a**a, "mean('a') as an exponent; raise to a number, as in a ** 2"),
        (lambda a: Const(0.0) ** -1, "0 ** -1 in an objective is no finite number"),
        (lambda a: per_image([]), "per_image wants a list of objectives, got an empty list"),
        (lambda a: per_image([a, 3]), "per_image wants a list of objectives, got 3"),  # type: ignore[list-item]
        (lambda a: per_image([Const(3.0)]), "per_image wants a list of objectives, got 3"),
    ],
)
def test_what_makes_no_objective_is_refused(
    join: Callable[..., Objective], told: str, unchecked: None
) -> None:
    with pytest.raises(BadExpression, match=f"^{re.escape(told)}$"):
        join(mean("a"))


def test_a_number_needs_a_layer_to_know_how_many_images_there_are() -> None:
    with pytest.raises(BadExpression, match="3 asks for no layer, so that it can't be optimised"):
        Const(3.0)({})


def test_as_many_objectives_as_images_are_wanted() -> None:
    with pytest.raises(
        BadSetting, match="per_image has 3 objectives for a batch of 2 images; give one for each"
    ):
        per_image([mean("a")] * 3)(ACTS)


def test_a_row_may_have_any_number_of_parts() -> None:
    row = mean("a")
    for _ in range(500):
        row = row + mean("b")  # type: ignore[assignment]
    assert float(row(ACTS)[0]) == 2 + 500 * 4
    assert parse(repr(row)) == row
    assert pickle.loads(pickle.dumps(row)) == row
    assert copy.deepcopy(row) == row
    assert row.layers() == {A, B}


def test_brackets_of_up_to_100_levels_work_and_deeper_ones_are_refused() -> None:
    deep = mean("a")
    for _ in range(100):
        deep = mean("b") + deep  # type: ignore[assignment]
    assert float(deep(ACTS)[0]) == 2 + 100 * 4
    assert parse(repr(deep)) == deep
    assert pickle.loads(pickle.dumps(deep)) == deep
    with pytest.raises(BadExpression, match="nested deeper than 100; use fewer brackets"):
        mean("b") + deep


def test_a_score_knows_the_objectives_within_it() -> None:
    whole = abs(mean("a") + 2 * energy("b")) - per_image([total("a"), mean("a") ** 2])
    names = [each.name for each in whole.within() if isinstance(each, Leaf)]
    assert sorted(names) == ["energy", "mean", "mean", "total"]
