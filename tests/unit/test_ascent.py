"""The climb: what is checked before it, what it says when it can't go on, and its generator."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import (
    BadSetting,
    ChannelOutOfRange,
    DeadGradient,
    NonFiniteGradient,
    NoPath,
    PictureTooSmall,
    UnknownLabel,
    UnknownLayer,
)
from entoptic.objectives import Const
from entoptic.types import Image

PLAIN = ent.Preprocess(size=(4, 5), mean=(0, 0, 0), std=(1, 1, 1))


def counted() -> tuple[ent.Model, list[int]]:
    """A network with the batches of the real pictures that it, or a copy of it, has run on."""
    runs: list[int] = []

    class Counted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if not x.is_meta:
                runs.append(len(x))
            return x.sum(1, keepdim=True)

    return ent.Model.wrap(nn.Sequential(Counted()), preprocess=PLAIN), runs


def model(*more: nn.Module) -> ent.Model:
    return ent.Model.wrap(nn.Sequential(nn.AvgPool2d(1), *more), preprocess=PLAIN)


def gray(batch: int = 1) -> ent.Pixels:
    return ent.Pixels(torch.full((batch, 3, 4, 5), 0.5))


class Shifted(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


BEFORE = [
    (ent.energy("9"), {}, UnknownLayer, "no layer named '9'"),
    (ent.energy("0") + ent.channel("0", 3), {}, ChannelOutOfRange, "channel 3 of '0'"),
    (ent.logit("cat"), {}, UnknownLabel, "no labels; give the class 'cat' by number"),
    (
        ent.energy("0"),
        {"steps": -1},
        BadSetting,
        "steps is -1; it must be a whole number",
    ),
]


@pytest.mark.parametrize(("objective", "how", "error", "told"), BEFORE)
def test_what_is_wrong_is_said_by_the_call_before_any_work(
    objective: ent.Objective, how: dict[str, Any], error: type[Exception], told: str
) -> None:
    network, runs = counted()
    canvas = gray()
    with pytest.raises(error, match=told):
        ent.ascend(network, objective, canvas, **how)
    assert runs == []
    assert torch.equal(canvas(), gray()())


def test_a_canvas_too_small_for_the_layer_is_refused_by_the_call() -> None:
    network = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, (5, 3))))
    with pytest.raises(PictureTooSmall, match="a picture of 4x5"):
        ent.ascend(network, ent.energy("0"), gray())


def test_an_objective_of_no_layer_is_refused_by_the_call() -> None:
    with pytest.raises(BadSetting, match="3 asks for no layer, so that it can't be optimised"):
        ent.ascend(model(), Const(3.0), gray())


def test_a_canvas_without_parameters_is_refused_by_the_call() -> None:
    canvas = gray()
    canvas.requires_grad_(False)
    with pytest.raises(BadSetting, match="the canvas Pixels has no parameters to change"):
        ent.ascend(model(), ent.energy("0"), canvas)


def test_nothing_moves_until_a_step_is_asked_for_and_then_one_at_a_time() -> None:
    canvas = gray()
    steps = ent.ascend(model(), ent.total("0"), canvas, optimizer=ent.climb(0.125), steps=3)
    assert torch.equal(canvas(), gray()())
    for index in range(3):
        step = next(steps)
        assert (step.index, step.octave) == (index, 0)
        assert torch.equal(step.image(), torch.full((1, 3, 4, 5), 0.5 + 0.125 * (index + 1)))
    with pytest.raises(StopIteration):
        next(steps)


def test_no_steps_are_no_steps() -> None:
    assert list(ent.ascend(model(), ent.total("0"), gray(), steps=0)) == []


def test_the_image_of_a_step_is_a_copy() -> None:
    canvas = gray()
    step = next(ent.ascend(model(), ent.total("0"), canvas))
    step.image().zero_()
    assert canvas().all()


def test_scores_carry_no_gradient_and_there_is_one_for_each_image() -> None:
    step = next(ent.ascend(model(), ent.mean("0"), gray(3)))
    assert step.scores.tolist() == [0.5, 0.5, 0.5]
    assert not step.scores.requires_grad


def test_transforms_are_applied_in_order_and_anew_in_each_step() -> None:
    seen: list[int] = []

    def note(image: Image, rng: torch.Generator) -> Image:
        seen.append(int(torch.randint(1000, (1,), generator=rng)))
        return image * 2

    def add(image: Image, rng: torch.Generator) -> Image:
        return image + 1

    steps = ent.ascend(model(), ent.mean("0"), gray(), transforms=[note, add], steps=3, seed=4)
    assert next(steps).scores.tolist() == [2]
    list(steps)
    rng = torch.Generator().manual_seed(4)
    assert seen == [int(torch.randint(1000, (1,), generator=rng)) for _ in range(3)]


def test_a_generator_is_gone_on_with() -> None:
    rng = torch.Generator().manual_seed(4)
    how: dict[str, Any] = {"transforms": [ent.Jitter(2)], "optimizer": ent.climb(0.1)}
    objective, start = ent.neuron("0", 0), torch.zeros(1, 3, 4, 5)
    whole, halves = ent.Pixels(start), ent.Pixels(start)
    list(ent.ascend(model(), objective, whole, steps=6, seed=4, **how))
    for _ in range(2):
        list(ent.ascend(model(), objective, halves, steps=3, seed=rng, **how))
    assert torch.equal(whole(), halves())


def test_the_global_generator_is_neither_used_nor_changed() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(ent.ascend(model(), ent.neuron("0", 0), gray(), transforms=[ent.Jitter(2)], steps=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rule_that_asks_for_the_score_several_times_climbs_too() -> None:
    def lbfgs(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(parameters, lr=0.5, max_iter=20)

    canvas = gray()
    list(ent.ascend(model(), -ent.energy("0"), canvas, optimizer=lbfgs, steps=5))
    assert canvas().max() < 1e-3


def climb(network: ent.Model, objective: ent.Objective, canvas: ent.Canvas, steps: int = 20) -> int:
    """How many steps are made before the climb ends, by itself or by an error."""
    made = itertools.count()
    for _ in ent.ascend(network, objective, canvas, optimizer=ent.climb(0.01), steps=steps):
        next(made)
    return next(made)


def test_a_layer_that_is_zero_everywhere_is_named_with_what_to_try() -> None:
    dead = model(Shifted(-3), nn.ReLU())
    told = (
        r"the gradient is zero everywhere, so the picture can't change; "
        r"'2' is zero everywhere; try another start \(--seed\), a layer before a ReLU, energy"
    )
    with pytest.raises(DeadGradient, match=told):
        climb(dead, ent.channel("2", 1), gray())


def test_a_score_that_does_not_depend_on_the_picture_is_named() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    told = r"no gradient leads from mean\('1'\) back to 'input': the one doesn't depend on the"
    with pytest.raises(NoPath, match=told):
        climb(model(Fixed()), ent.mean("1"), gray())


def test_a_dead_image_of_a_batch_is_named_by_its_number() -> None:
    pictures = torch.full((3, 3, 4, 5), 0.9)
    pictures[1] = 0.1
    with pytest.raises(DeadGradient, match="the gradient of image 1 of the batch is zero"):
        climb(model(Shifted(-0.5), nn.ReLU()), ent.mean("2"), ent.Pixels(pictures))


def test_a_dead_start_is_given_eight_steps_to_come_alive() -> None:
    dead = model(Shifted(-3), nn.ReLU())
    steps = ent.ascend(dead, ent.mean("2"), gray(), steps=20)
    assert len(list(itertools.islice(steps, 7))) == 7
    with pytest.raises(DeadGradient):
        next(steps)


def test_a_climb_that_has_moved_may_rest() -> None:
    # The picture becomes white, where the gradient of the ReLU's mirror image ends.
    saturating = model(Shifted(-0.6), nn.Hardtanh(-1, 0))
    canvas = gray()
    assert climb(saturating, ent.mean("2"), canvas, steps=30) == 30
    torch.testing.assert_close(canvas().detach(), torch.full((1, 3, 4, 5), 0.6), atol=0.02, rtol=0)


class Root(nn.Module):
    """Finite values whose slope is infinite at 0.5."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.5).abs().sqrt()


class Reciprocal(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 1 / (x - 0.5)


def test_a_layer_with_values_that_are_not_finite_is_named() -> None:
    told = (
        "the score isn't finite in step 1; '1' has values that aren't finite; "
        "try another layer, a smaller step, or another picture"
    )
    canvas = gray()
    with pytest.raises(NonFiniteGradient, match=told):
        climb(model(Reciprocal()), ent.total("1") + ent.mean("0"), canvas)
    assert torch.equal(canvas(), gray()())


def test_an_infinite_slope_is_told_with_the_score_where_all_values_are_finite() -> None:
    told = r"isn't finite in step 1; \(1 / \(mean\('0'\) - 0.5\)\) is \[inf\] there; try"
    with pytest.raises(NonFiniteGradient, match=told):
        climb(model(), 1 / (ent.mean("0") - 0.5), gray())


def test_a_slope_that_becomes_infinite_is_noticed_soon_and_ends_the_climb() -> None:
    canvas = ent.Pixels(torch.full((1, 3, 4, 5), 0.46875))
    rule = ent.climb(0.015625)  # 0.5 is reached after two steps, exactly
    steps = ent.ascend(model(Root()), -ent.total("1"), canvas, optimizer=rule, steps=100)
    with pytest.raises(NonFiniteGradient, match="isn't finite in one of the steps 3 to 4"):
        list(steps)


def test_a_guide_is_run_once_for_all_steps() -> None:
    network, runs = counted()
    guide = ent.Picture.of(torch.rand(1, 3, 6, 7))
    list(ent.ascend(network, ent.match("0", guide), gray(2), steps=3))
    assert runs[-3:] == [2, 2, 2]
    # Network and copy are compared, by values for the guide and by a gradient for the climb; and
    # whether two images may go through the network together is learnt.
    assert sorted(runs[:-3]) == [1] * (2 + 1 + 2 + 2) + [2]


def test_a_guide_too_small_for_the_layer_is_refused_by_the_call() -> None:
    network = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3)))
    guide = ent.Picture.of(torch.rand(1, 3, 2, 7))
    with pytest.raises(PictureTooSmall, match="a picture of 2x7"):
        ent.ascend(network, ent.match("0", guide), gray())


def rolled_and_mirrored(image: Image, rng: torch.Generator) -> Tensor:
    """Two copies of each picture: rolled by a number of pixels drawn for it, and mirrored."""
    columns = torch.randint(1, 5, (len(image),), generator=rng).tolist()
    rolled = [each.roll(by, 2) for each, by in zip(image, columns, strict=True)]
    return torch.cat([torch.stack(rolled), image.flip(3)])


@pytest.mark.parametrize("each", [False, True])
def test_a_guide_whose_places_correspond_moves_as_the_picture_does(each: bool) -> None:
    start = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(3))
    here = ent.inversion("0", ent.Picture.of(start))
    wanted = ent.per_image([here, here]) if each else here
    # Two pictures that are the guide, moved differently: each is like its own moved guide.
    canvas = ent.Pixels(start.repeat(2, 1, 1, 1))
    rolls = [rolled_and_mirrored, ent.Noise(0.2)]
    (step,) = ent.ascend(model(), wanted + ent.mean("0"), canvas, transforms=rolls, steps=1)  # type: ignore[arg-type]
    (plain,) = ent.ascend(
        model(),
        ent.mean("0"),
        ent.Pixels(start.repeat(2, 1, 1, 1)),
        transforms=rolls,  # type: ignore[arg-type]
        steps=1,
    )
    assert torch.allclose(step.scores, plain.scores, atol=1e-6)


STEPS = """
import gc, torch, entoptic as ent
network = ent.Model.wrap(torch.nn.Conv2d(3, 2, 3))  # held: a network let go is garbage
start = ent.Pixels(torch.full((1, 3, 8, 9), 0.5))
steps = ent.ascend(network, ent.energy("output"), start, transforms=[ent.Jitter(2)], steps=60)
gc.disable()
for _ in range(20):
    next(steps)
gc.collect()
for _ in range(20):
    next(steps)
print(gc.collect())
"""


def test_steps_leave_no_garbage_which_the_command_seldom_looks_for() -> None:
    # In a process of its own, as the command is: other tests' networks end whenever they do.
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
