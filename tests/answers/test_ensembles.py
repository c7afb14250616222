"""Ensembles: several networks under one objective, each as it is alone."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import (
    BadSetting,
    EntopticError,
    NoPath,
    UnknownLabel,
    UnknownLayer,
    UnknownModel,
)
from entoptic.jobs.default_layers import dream_objective
from entoptic.layers import INPUT, Layer
from entoptic.networks import compiled
from entoptic.runners.run import plan_redo
from planning import plan_visualize


class Counting(nn.Module):
    """Two filters, which count how often they run in whichever copy."""

    def __init__(self, seed: int, runs: list[str], classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.near = nn.Conv2d(3, 5, (2, 3))
        self.far = nn.Conv2d(5, classes, 1)
        self.runs = runs

    def __deepcopy__(self, memo: dict[int, object]) -> Counting:
        copied = Counting(0, self.runs, self.far.out_channels)
        copied.load_state_dict(self.state_dict())
        return copied.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        near = self.near(image).tanh()
        self.runs.append("near" if image.device.type == "cpu" else "shapes only")
        far = self.far(near)
        self.runs.append("far" if image.device.type == "cpu" else "shapes only")
        return far.mean((2, 3))


def network(
    seed: int, runs: list[str] | None = None, labels: tuple[str, ...] | None = None, **how: object
) -> ent.Model:
    settings = {"size": (9, 13), "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 1.0)} | how
    module = Counting(seed, [] if runs is None else runs)
    return ent.Model.wrap(
        module,
        preprocess=ent.Preprocess(**settings),  # type: ignore[arg-type]
        labels=labels,
    )


@pytest.fixture
def picture() -> Tensor:
    return torch.rand(2, 3, 9, 13, generator=torch.Generator().manual_seed(5))


def test_an_ensemble_gives_what_each_network_gives_alone(picture: Tensor) -> None:
    a, b = network(1), network(2, order="BGR", scale=255.0)
    acts = ent.ensemble(a=a, b=b).activations(picture, ["a/far", "b/near", "b/output<in>"])
    assert torch.equal(acts[Layer("a/far")], a.activations(picture, ["far"])[Layer("far")])
    assert torch.equal(acts[Layer("b/near")], b.activations(picture, ["near"])[Layer("near")])
    assert torch.equal(acts[Layer("b/output", "input")], b.preprocess(picture))


def test_a_difference_has_the_difference_of_the_gradients(picture: Tensor) -> None:
    a, b = network(1), network(2, mean=(0.5, 0.5, 0.5))
    found = ent.gradient(
        ent.ensemble(a=a, b=b), of="mean('a/near') - 2 * channel('b/far', 3)", at=picture
    )
    alone = ent.gradient(a, of="mean('near')", at=picture)
    other = ent.gradient(b, of="channel('far', 3)", at=picture)
    torch.testing.assert_close(found, alone - 2 * other)


def test_only_networks_that_are_named_run_and_each_as_far_as_it_must(picture: Tensor) -> None:
    a: list[str] = []
    b: list[str] = []
    c: list[str] = []
    both = ent.ensemble(a=network(1, a), b=network(2, b), c=network(3, c))
    objective = ent.parse("mean('a/near') + mean('c/far')")
    canvas = ent.Pixels(picture)
    list(ent.ascend(both, objective, canvas, steps=1))  # what is tried once is tried here
    for each in (a, b, c):
        each.clear()
    list(ent.ascend(both, objective, canvas, steps=2))
    assert (a.count("near"), a.count("far")) == (0, 0)  # it stops inside of `near`
    assert b == []  # not even its shapes are asked for
    assert "near" in c
    assert "far" not in c  # it is its last


def test_the_picture_itself_is_there_under_its_own_name_and_each_members(picture: Tensor) -> None:
    both = ent.ensemble(a=network(1), b=network(2))
    assert both.resolve("input") == both.resolve("b/input") == INPUT
    seen = compiled(both, [INPUT], torch.device("cpu"))(picture)
    assert list(seen) == [INPUT]
    assert seen[INPUT] is picture
    assert both.info(INPUT, (9, 13)).channels == 3


def test_a_rule_names_a_layer_as_the_ensemble_does(picture: Tensor) -> None:
    a, b = network(1), network(2)
    alone = ent.gradient(a, of="mean('near')", at=picture, rules=[ent.normalized_layers("near")])
    found = ent.gradient(
        ent.ensemble(a=a, b=b),
        of="mean('a/near')",
        at=picture,
        rules=[ent.normalized_layers("a/near")],
    )
    assert torch.equal(found, alone)
    assert not torch.equal(found, ent.gradient(a, of="mean('near')", at=picture))


def test_one_network_may_stand_in_it_twice(picture: Tensor) -> None:
    one = network(1)
    twice = ent.ensemble(a=one, b=one)
    found = ent.gradient(twice, of="mean('a/near') + mean('b/near')", at=picture)
    torch.testing.assert_close(found, 2 * ent.gradient(one, of="mean('near')", at=picture))


def test_a_class_is_one_of_the_network_whose_score_is_asked_for() -> None:
    a = network(1, labels=("ant", "bee", "cat", "dog"))
    b = network(2, labels=("cat", "dog", "eel", "fox"))
    both = ent.ensemble(a=a, b=b)
    assert both.label("cat", "a/logits") == 2
    assert both.label("cat", "b/logits") == 0
    plan = plan_visualize(both, ["logit('cat', 'a/logits') - logit('cat', 'b/logits')"], size=13)
    assert repr(plan.objective) == "per_image([(logit(2, 'a/output') - logit(0, 'b/output'))])"
    with pytest.raises(UnknownLabel, match="no class named 'bee'"):
        plan_visualize(both, ["logit('bee', 'b/logits')"], size=13)


def test_an_objective_survives_text_and_pickle() -> None:
    objective = ent.parse("logit('cat', 'a/logits') - b/blocks.3:5")
    assert repr(objective) == "(logit('cat', 'a/logits') - channel('b/blocks.3', 5))"
    assert ent.parse(repr(objective)) == pickle.loads(pickle.dumps(objective)) == objective


def test_the_table_has_the_layers_of_each_at_its_own_size() -> None:
    both = ent.ensemble(a=network(1), b=network(2, size=(20, 30)))
    table = {str(layer): info.shape for layer, info in both.layers().items()}
    assert list(table) == ["a/near", "a/far", "a/output", "b/near", "b/far", "b/output"]
    assert (table["a/near"], table["b/near"]) == ((1, 5, 8, 11), (1, 5, 19, 28))
    assert both.layers("b/n*", size=(5, 7))[Layer("b/near")].shape == (1, 5, 4, 5)
    assert both.info(Layer("b/near"), (5, 7)).shape == (1, 5, 4, 5)


def test_a_network_of_one_size_is_shown_pictures_at_it_and_the_others_as_they_are() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(3 * 4 * 6, 2)

        def forward(self, image: Tensor) -> Tensor:
            return self.line(image.flatten(1))

    fixed = ent.Model.wrap(Flat(), preprocess=ent.Preprocess(size=(4, 6), fixed_size=True))
    both = ent.ensemble(fixed=fixed, free=network(1))
    assert both.preprocess.size == (4, 6)
    assert both.info(Layer("free/near"), (9, 13)).shape == (1, 5, 8, 11)
    assert both.info(Layer("fixed/line"), (9, 13)).shape == (1, 2)
    assert both.fit_notes([Layer("fixed/line"), Layer("free/near")], (9, 13)) == (
        "fixed: the network takes only pictures of 4x6: it is shown this one at that size",
    )


def test_parts_are_those_of_the_network_that_a_layer_is_in() -> None:
    both = ent.ensemble(a=ent.Model.wrap(nn.Sequential(nn.Tanh(), nn.ReLU())), b=network(2))
    assert both.upto("b/near").info(Layer("output"), (9, 13)).shape == (1, 5, 8, 11)
    part = both.between("a/1", "a/1").module
    assert part(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]
    with pytest.raises(NoPath, match="in different networks"):
        both.between("a/1", "b/far")


def test_the_module_gives_all_outputs(picture: Tensor) -> None:
    a, b = network(1), network(2, mean=(0.5, 0.5, 0.5))
    outputs = ent.ensemble(type=a, keys=b).module(picture)
    torch.testing.assert_close(outputs["type"], a.module(a.preprocess(picture)))
    torch.testing.assert_close(outputs["keys"], b.module(b.preprocess(picture)))


def test_it_dreams_of_what_each_would_dream_of() -> None:
    both = ent.load("ensemble:a=squeezenet1_1,b=efficientnet_lite0")
    assert repr(dream_objective(both)) == (
        "(energy('a/fire7') + energy('a/fire8') + energy('b/blocks.4'))"
    )
    assert dream_objective(ent.ensemble(x=network(1))) == ent.energy("x/far")


def test_a_specification_gives_each_network_its_own_options() -> None:
    text = "ensemble:a=squeezenet1_1?mean=1,2,3&scale=255,b=squeezenet1_1?scale=2,c=squeezenet1_1"
    loaded = ent.load(text)
    assert loaded.source == text
    assert loaded.members["a"].preprocess.mean == (1, 2, 3)
    assert [each.preprocess.scale for each in loaded.members.values()] == [255, 2, 255]


def test_a_picture_of_an_ensemble_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    both = ent.ensemble(a=ent.load("squeezenet1_1"), b=ent.load("efficientnet_lite0"))
    unit = "logit('goldfish', 'a/logits') - 0.1 * b/blocks.1:2"
    plan_visualize(both, [unit], size=40, steps=2).run().save(tmp_path / "first.png")
    plan = plan_redo(tmp_path / "first.png")
    assert plan.model.source == "ensemble:a=squeezenet1_1,b=efficientnet_lite0"
    plan.run().save(tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


@pytest.mark.parametrize(
    ("spec", "error", "told"),
    [
        ("ensemble:", BadSetting, "no networks; give at least one"),
        ("ensemble", BadSetting, "no networks; give at least one"),
        ("ensemble:a", BadSetting, "can't read 'a' in 'ensemble:a'; write ensemble:NAME=MODEL"),
        ("ensemble:a=", BadSetting, "can't read 'a='"),
        ("ensemble:=squeezenet1_1", BadSetting, "can't read '=squeezenet1_1'"),
        ("ensemble:a=squeezenet1_1,a=squeezenet1_1", BadSetting, "are called 'a'; rename one"),
        ("ensemble:a/b=squeezenet1_1", BadSetting, "called 'a/b'; use letters, digits and _"),
        ("ensemble:a=ensemble:b=squeezenet1_1", BadSetting, "'a' is an ensemble itself"),
        ("ensemble:a=squeezenet1_1,b=nothing", UnknownModel, "b: no model named 'nothing'"),
        ("ensemble:a=squeezenet1_1?mien=1", BadSetting, "a: .*did you mean 'mean'"),
    ],
)
def test_a_specification_that_cant_be_is_refused(
    spec: str, error: type[EntopticError], told: str
) -> None:
    with pytest.raises(error, match=told):
        ent.load(spec)


@pytest.mark.parametrize(
    ("objective", "told"),
    [
        ("logit(1)", "'logits' is in no network.*NAME one of a, b, such as 'a/logits'"),
        ("mean('c/near')", "'c/near' is in no network of the ensemble.*such as 'a/near'"),
        ("mean('a/')", "'a/' is in no network"),
        ("mean('near')", "such as 'a/near'"),
        ("mean('b/nearer')", "no layer named 'nearer' in python; did you mean 'near'"),
    ],
)
def test_a_layer_in_none_of_the_networks_is_refused(objective: str, told: str) -> None:
    both = ent.ensemble(a=network(1), b=network(2))
    with pytest.raises(UnknownLayer, match=told):
        plan_visualize(both, [objective], size=13)
