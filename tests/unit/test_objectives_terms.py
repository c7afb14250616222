"""Terms: how arguments are read, checked against a network, and written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import (
    BadExpression,
    ChannelOutOfRange,
    PictureNotFound,
    UnknownLabel,
    UnknownLayer,
)
from entoptic.objectives import Activations, Objective, Overlay, Reference, vocabulary
from entoptic.types import Scores


@pytest.fixture(scope="module")
def model() -> ent.Model:
    """Maps of 5 channels, 8 rows and 12 columns, then 3 classes."""
    module = nn.Sequential(nn.Conv2d(3, 5, 2), nn.Flatten(), nn.Linear(5 * 8 * 12, 3))
    return ent.Model.wrap(module, labels=["cat", "dog", "sky"])


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What a test registers is taken out of the vocabulary again."""
    before = dict(vocabulary._things)
    yield
    vocabulary._things.clear()
    vocabulary._things.update(before)


PICTURE = ent.Picture.of(torch.zeros(1, 3, 4, 5))

READ = {
    "a layer as such": (ent.mean(ent.Layer("relu", "input", 2)), "mean('relu#2<in>')"),
    "a whole number of numpy": (ent.channel("a", np.int64(3)), "channel('a', 3)"),  # type: ignore[arg-type]
    "a whole number of torch": (ent.channel("a", torch.tensor(3)), "channel('a', 3)"),  # type: ignore[arg-type]
    "a number of numpy": (ent.l2("a", np.float32(0.25)), "l2('a', 0.25)"),  # type: ignore[arg-type]
    "a whole number for a number": (ent.l2("a", 1), "l2('a', 1.0)"),
    "by name": (ent.l2(constant=0.25, layer="a"), "l2('a', 0.25)"),
    "defaults": (ent.logit("cat"), "logit('cat', 'logits')"),
    "none at the end": (ent.neuron("a", 3, None, None), "neuron('a', 3)"),
    "none in the middle": (ent.neuron("a", 3, None, 4), "neuron('a', 3, None, 4)"),
    "a path": (ent.match("a", Path("b") / "c.png"), f"match('a', {str(Path('b') / 'c.png')!r})"),
}


@pytest.mark.parametrize("case", READ)
def test_arguments_have_one_form_however_they_are_given(case: str) -> None:
    objective, text = READ[case]
    assert repr(objective) == text
    assert objective == ent.parse(text)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ent.energy(3), "energy wants the name of a layer for 'layer', got 3"),  # type: ignore[arg-type]
        (lambda: ent.energy(PICTURE), "energy wants the name of a layer for 'layer', got Picture("),  # type: ignore[arg-type]
        (lambda: ent.channel("a", -1), "channel wants a channel number (0, 1, ...) for 'index'"),
        (lambda: ent.channel("a", 1.0), "channel wants a channel number (0, 1, ...) for 'index'"),  # type: ignore[arg-type]
        (lambda: ent.channel("a", True), "channel wants a channel number (0, 1, ...) for 'index'"),
        (
            lambda: ent.neuron("a", 1, -2),
            "neuron wants a row (0, 1, ...) or None for 'row', got -2",
        ),
        (
            lambda: ent.neuron("a", 1, 2, "3"),  # type: ignore[arg-type]
            "neuron wants a column (0, 1, ...) or None for 'column', got '3'",
        ),
        (lambda: ent.logit(""), "logit wants a class, by number or name, for 'label', got ''"),
        (lambda: ent.logit(-1), "logit wants a class, by number or name, for 'label', got -1"),
        (lambda: ent.match("a", 3), "match wants the file name of a picture for 'guide', got 3"),  # type: ignore[arg-type]
        (lambda: ent.match("a", ""), "match wants the file name of a picture for 'guide', got ''"),
        (lambda: ent.l2("a", float("nan")), "l2 wants a number for 'constant', got nan"),
        (lambda: ent.l2("a", 10**400), "l2 wants a number for 'constant', got 1000"),
        (lambda: ent.l2("a", "1"), "l2 wants a number for 'constant', got '1'"),  # type: ignore[arg-type]
        (
            lambda: ent.l2("a", torch.ones(2)),  # type: ignore[arg-type]
            "l2 wants a number for 'constant', got a tensor of shape (2,)",
        ),
        (lambda: ent.mean(), "mean(layer): missing a required argument: 'layer'"),  # type: ignore[call-arg]
        (lambda: ent.mean("a", 3), "mean(layer): too many positional arguments"),  # type: ignore[call-arg]
        (
            lambda: ent.channel("a", 1, line=3),  # type: ignore[call-arg]
            "channel(layer, index): got an unexpected keyword argument 'line'",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_wanted(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(BadExpression, match=re.escape(told)) as caught:
        make()
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_binding_makes_labels_numbers_and_names_layers(model: ent.Model) -> None:
    assert bind(ent.logit("Dog"), model, (9, 13)) == ent.logit(1, "output")


def test_binding_reads_guides(model: ent.Model, tmp_path: Path) -> None:
    file = tmp_path / "guide.png"
    ent.write(file, torch.full((1, 3, 4, 5), 0.2))
    (reference,) = bind(ent.match("0", file), model, (9, 13)).references()
    assert isinstance(reference.guide, ent.Picture)
    torch.testing.assert_close(reference.guide.image, torch.full((1, 3, 4, 5), 0.2))
    assert reference == Reference(reference.guide, ent.Layer("0"), longest=480)


@pytest.mark.parametrize(
    "objective", [ent.channel("0", 4), ent.neuron("0", 4, 7, 11), ent.logit(2), ent.neuron("0", 0)]
)
def test_the_last_channel_row_column_and_class_are_inside(
    model: ent.Model, objective: Objective
) -> None:
    assert bind(objective, model, (9, 13)).layers()


OUTSIDE = [
    (ent.energy("O"), UnknownLayer, "no layer named 'O' in python"),
    (ent.channel("0", 5), ChannelOutOfRange, "channel 5 of '0' does not exist; "
        "the layer has 5 channels (0..4)"),
    (ent.channel("2", 3), ChannelOutOfRange, "channel 3 of '2' does not exist; "
        "the layer has 3 channels (0..2)"),
    (ent.neuron("0", 0, 8), ChannelOutOfRange, "row 8 of '0' does not exist; "
        "the layer has 8 rows (0..7)"),
    (ent.neuron("0", 0, 0, 12), ChannelOutOfRange, "column 12 of '0' does not exist; "
        "the layer has 12 columns (0..11)"),
    (ent.neuron("2", 0, 1), ChannelOutOfRange, "row 1 of '2' does not exist; the layer has 1 rows"),
    (ent.total_variation("2"), ChannelOutOfRange, "'2' has no rows; its output is (1, 3)"),
    (ent.channel("input", 3), ChannelOutOfRange, "channel 3 of 'input' does not exist; "
        "the layer has 3 channels (0..2)"),
    (ent.logit(3), UnknownLabel, "class 3 does not exist; python has 3 classes (0..2)"),
    (ent.logit("dgo"), UnknownLabel, "no class named 'dgo' in python; did you mean 'dog'?"),
    (ent.match("0", "nowhere.png"), PictureNotFound, "nowhere.png"),
    (ent.mean("0") + 2 * ent.channel("0", 7), ChannelOutOfRange, "channel 7 of '0'"),
    (ent.per_image([ent.mean("0"), ent.mean("9")]), UnknownLayer, "no layer named '9'"),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "error", "told"), OUTSIDE)
def test_what_the_network_lacks_is_said_before_any_work(
    model: ent.Model, objective: Objective, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=re.escape(told)):
        bind(objective, model, (9, 13))


def test_a_class_number_is_checked_without_labels_too() -> None:
    bare = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 5, (9, 13)), nn.Flatten()))
    bind(ent.logit(4), bare, (9, 13))
    with pytest.raises(ChannelOutOfRange, match="channel 5 of 'output' does not exist"):
        bind(ent.logit(5), bare, (9, 13))
    with pytest.raises(UnknownLabel, match="python has no labels; give the class 'cat' by number"):
        bind(ent.logit("cat"), bare, (9, 13))


def test_an_objective_of_ones_own_is_checked_written_and_parsed(forgotten: None) -> None:
    @ent.objective
    def power(acts: Activations, layer: ent.Layer, exponent: int | None = 2) -> Scores:
        return (acts[layer].flatten(1) ** (exponent or 1)).sum(1)

    ours = power("a", 3) - 1
    assert repr(ours) == "(power('a', 3) - 1)"
    assert ent.parse("power('a', 3) - 1") == ours
    assert ours({ent.Layer("a"): torch.tensor([[1.0, 2.0], [0.0, 3.0]])}).tolist() == [8, 26]
    # None isn't its default, so that it can't be left out.
    assert repr(power("a", None)) == "power('a', None)"


def test_a_taken_name_and_parameters_without_a_place_are_refused(forgotten: None) -> None:
    with pytest.raises(ValueError, match="objective 'mean' is registered already"):

        @ent.objective
        def mean(acts: Activations, layer: ent.Layer) -> Scores:
            return acts[layer].mean((1, 2, 3))

    with pytest.raises(ValueError, match="keyed's 'by' can't be given by position"):

        @ent.objective
        def keyed(acts: Activations, layer: ent.Layer, *, by: int) -> Scores:
            return acts[layer].mean((1, 2, 3))


def test_a_cell_that_runs_again_replaces_its_objective(forgotten: None) -> None:
    def cell(factor: float) -> Callable[..., Objective]:
        @ent.objective
        def scaled(acts: Activations, layer: ent.Layer) -> Scores:
            return factor * acts[layer].flatten(1).sum(1)

        return scaled

    first, second = cell(1)("a"), cell(2)("a")
    acts: Activations = {ent.Layer("a"): torch.tensor([[1.0, 2.0]])}
    assert (first(acts).item(), second(acts).item()) == (3, 6)
    assert ent.parse("scaled('a')")(acts).item() == 6


def test_an_objective_without_a_name_or_with_facts_that_contradict_is_refused() -> None:
    with pytest.raises(ValueError, match=r"registered by its name; define .*lambda.* with def"):
        ent.objective(lambda acts: acts)
    with pytest.raises(ValueError, match="over positions doesn't compare images"):
        ent.objective(over_positions="mean", compares_images=True)


def test_an_index_outside_of_a_layer_is_refused_before_work(
    model: ent.Model, forgotten: None
) -> None:
    @ent.objective
    def one(acts: Activations, layer: ent.Layer, index: int) -> Scores:
        return acts[layer].flatten(2)[:, index].sum(1)

    assert bind(one("0", 4), model, (9, 13)) == one("0", 4)
    told = r"one\('0', 5\) indexes what its layer doesn't have: index 5 is out of bounds"
    with pytest.raises(ChannelOutOfRange, match=told):
        bind(ent.energy("0") + one("0", 5), model, (9, 13))


def test_what_is_no_score_for_each_image_is_refused_before_work(
    model: ent.Model, forgotten: None
) -> None:
    @ent.objective
    def of_all(acts: Activations, layer: ent.Layer) -> Scores:
        return acts[layer].sum()

    with pytest.raises(BadExpression, match=r"of_all\('0'\) gives a tensor of shape \(\) for 2 im"):
        bind(of_all("0"), model, (9, 13))


@pytest.mark.parametrize("facts", [{"compares_images": False}, {"over_positions": "mean"}])
def test_an_objective_that_compares_images_and_denies_it_is_refused(
    model: ent.Model, forgotten: None, facts: dict[str, Any]
) -> None:
    @ent.objective(**facts)
    def brighter(acts: Activations, layer: ent.Layer) -> Scores:
        means = acts[layer].flatten(1).mean(1)
        return means - means.mean()

    with pytest.raises(BadExpression, match=r"differently alone and beside .*compares_images=True"):
        bind(brighter("0"), model, (9, 13))


def test_an_objective_of_guides_is_tried_with_a_guide(
    model: ent.Model, forgotten: None, tmp_path: Path
) -> None:
    @ent.objective(compares_images=False)
    def dots(acts: Activations, layer: ent.Layer, guide: Overlay, index: int) -> Scores:
        theirs = acts[Reference(guide, layer, fitted=True)]
        return (acts[layer] * theirs)[:, index].flatten(1).sum(1)

    ent.write(tmp_path / "guide.png", torch.full((1, 3, 9, 13), 0.2))
    bind(dots("0", tmp_path / "guide.png", 4), model, (9, 13))
    with pytest.raises(ChannelOutOfRange, match="indexes what its layer doesn't have"):
        bind(dots("0", tmp_path / "guide.png", 5), model, (9, 13))


def test_signatures_show_what_a_user_writes() -> None:
    assert str(inspect.signature(ent.neuron)).startswith("(layer: ")
    assert ent.neuron.__doc__.startswith("Activation of one channel at one position.")


def test_classes_are_bound_to_their_numbers_each_once(model: ent.Model) -> None:
    def numbers(*labels: int | str) -> object:
        bound = bind(ent.logits(labels), model, (9, 13))
        assert bind(bound, model, (9, 13)) == bound
        return bound.arguments[0]  # type: ignore[attr-defined]

    assert numbers("sky", 0) == (2, 0)
    assert numbers("?o?", "dog", "c*") == (1, 0)
    assert numbers("*") == (0, 1, 2)
    assert ent.logits("*a*") == ent.logits(["*a*"])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("bird", "no class named 'bird' in python"),
        ("b*", r"no class of python matches 'b\*'"),
        ((1, 3), "class 3 does not exist"),
    ],
)
def test_a_class_of_a_set_that_the_network_lacks_is_named(
    model: ent.Model, labels: Any, told: str
) -> None:
    with pytest.raises(UnknownLabel, match=told):
        bind(ent.logits(labels), model, (9, 13))


@pytest.mark.parametrize("labels", [[], [1, 1], 3, [1.5], [""]])
def test_what_is_no_set_of_classes_is_refused(labels: Any) -> None:
    with pytest.raises(BadExpression, match="logits wants different classes, by number or name, f"):
        ent.logits(labels)
