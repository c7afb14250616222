"""Pictures that were stopped: the same bytes again, and finished as if they had never been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images import read_job
from entoptic.jobs.dream_batches import PhotosTogether
from entoptic.jobs.job import Job
from entoptic.jobs.plan import Plan
from entoptic.runners.run import plan_redo
from planning import (
    grid_settings,
    group_settings,
    plan_accentuate,
    plan_caricature,
    plan_compare,
    plan_diversity,
    plan_dream,
    plan_grid,
    plan_groups,
    plan_interpolate,
    plan_invert,
    plan_visualize,
)

SMALL: dict[str, Any] = {"size": 32, "steps": 3}
QUICK = ("dream", "one unit", "batches at a time")
"""What is stopped at more than one place."""

UNITS = ["fire3:0", "fire3:1", "fire3:2"]


@pytest.fixture(scope="module")
def model() -> Iterator[ent.Model]:
    """The network, which `plan_redo` doesn't load again."""
    model = ent.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("entoptic.jobs.permission.load", lambda *_, **__: model)
        yield model


def photo(path: Path, seed: int, height: int = 40, width: int = 52) -> Path:
    rng = torch.Generator().manual_seed(seed)
    return ent.write(path, torch.rand((1, 3, height, width), generator=rng))


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    return photo(tmp_path / "sky.png", 1)


def together(model: ent.Model, sky: Path) -> Plan:
    """The second of two photos that are dreamt together."""
    photos = [sky, photo(sky.with_name("sea.png"), 2)]
    plans = [plan_dream(model, each, layer="fire3", octaves=2, steps=3) for each in photos]
    return PhotosTogether(plans).plans[1]


def tiled(model: ent.Model, sky: Path) -> Plan:
    large = photo(sky.with_name("large.png"), 3, 150, 210)
    return plan_dream(model, large, layer="fire2", tile=96, octaves=2, steps=2)


PLANS: dict[str, Callable[[ent.Model, Path], Plan]] = {
    "dream": lambda m, p: plan_dream(m, p, layer="fire3", octaves=2, steps=3),
    "noise": lambda m, _: plan_dream(m, noise=(40, 52), layer="fire3", octaves=2, steps=2),
    "guide": lambda m, p: plan_dream(m, p, layer="fire3", guide=p, octaves=1, steps=3),
    "photos together": together,
    "tiles": tiled,
    "one unit": lambda m, _: plan_visualize(m, UNITS[:1], **SMALL),
    "transparency": lambda m, _: plan_visualize(m, UNITS[:1], canvas="alpha", **SMALL),
    "batches": lambda m, _: plan_visualize(m, UNITS, batch=1, **SMALL),
    "batches at a time": lambda m, _: plan_visualize(m, UNITS, batch=1, on="cpu,cpu", **SMALL),
    "compare": lambda m, _: plan_compare([m], UNITS, method=["lucid", "pixels"], batch=2, **SMALL),
    "grid": lambda m, p: plan_grid(m, p, grid_settings("fire3", 2), batch=3, **SMALL),
    "groups": lambda m, p: plan_groups(m, p, group_settings("fire3", 2), batch=1, **SMALL),
    "accentuate": lambda m, p: plan_accentuate(m, p, UNITS[:2], transparency=True, **SMALL),
    "caricature": lambda m, p: plan_caricature(m, p, layer=["fire2", "fire3"], **SMALL),
    "invert": lambda m, p: plan_invert(m, p, layer="fire3", **SMALL),
    "interpolate": lambda m, _: plan_interpolate(
        m, UNITS[:2], pictures=2, reference_layer="fire3", **SMALL
    ),
    "diversity": lambda m, _: plan_diversity(m, UNITS[0], pictures=2, **SMALL),
}


def stopped(plan: Plan, after: int, path: Path) -> Path:
    """The picture that is saved where a signal comes after so many steps."""
    seen = []
    for step in plan.steps():
        seen.append(step.scores)
        if len(seen) == after:
            break
    return plan.result(step, seen).save(path)


@pytest.mark.parametrize("kind", PLANS)
def test_what_was_stopped_is_made_again_and_finished_to_the_byte(
    kind: str, model: ent.Model, sky: Path
) -> None:
    plan = PLANS[kind](model, sky)
    whole = plan.run().save(sky.with_name("whole.png")).read_bytes()
    assert plan.count >= 3
    for after in {1, plan.count - 1} if kind in QUICK else {plan.count // 2}:
        path = stopped(plan, after, sky.with_name("stopped.png"))
        again = plan_redo(path)
        assert again.run().save(sky.with_name("again.png")).read_bytes() == path.read_bytes()
        assert path.read_bytes() != whole
    finished = plan_redo(path, finish=True)
    assert finished.run().save(sky.with_name("finished.png")).read_bytes() == whole


def stopped_dream(model: ent.Model, sky: Path) -> tuple[Path, bytes]:
    """A dream that was stopped after two of three steps, and the bytes of the whole."""
    plan = plan_dream(model, sky, layer="fire3", octaves=1, steps=3)
    whole = plan.run().save(sky.with_name("whole.png")).read_bytes()
    return stopped(plan, 2, sky.with_name("stopped.png")), whole


def bytes_of(plan: Plan, sky: Path) -> bytes:
    return plan.run().save(sky.with_name("again.png")).read_bytes()


def test_to_ask_for_as_many_steps_as_there_were_is_to_finish(model: ent.Model, sky: Path) -> None:
    path, whole = stopped_dream(model, sky)
    assert bytes_of(plan_redo(path, steps=3), sky) == whole
    of_two = PLANS["photos together"](model, sky)
    of_two_whole = bytes_of(of_two, sky)
    assert bytes_of(plan_redo(stopped(of_two, 1, path), steps=3), sky) == of_two_whole


def test_other_steps_are_all_made(model: ent.Model, sky: Path) -> None:
    path, _ = stopped_dream(model, sky)
    longer = plan_dream(model, sky, layer="fire3", octaves=1, steps=5)
    assert bytes_of(plan_redo(path, steps=5), sky) == bytes_of(longer, sky)
    shorter = plan_dream(model, sky, layer="fire3", octaves=1, steps=1)
    assert bytes_of(plan_redo(path, steps=1), sky) == bytes_of(shorter, sky)
    assert bytes_of(plan_redo(path, finish=True, steps=5), sky) == bytes_of(longer, sky)


def test_a_photo_that_has_moved_is_no_reason_to_go_on(model: ent.Model, sky: Path) -> None:
    path, whole = stopped_dream(model, sky)
    moved = sky.rename(sky.with_name("moved.png"))
    assert bytes_of(plan_redo(path, photo=moved), sky) == path.read_bytes()
    assert bytes_of(plan_redo(path, photo=moved, finish=True), sky) == whole


def test_what_is_finished_is_said_to_begin_anew(model: ent.Model, sky: Path) -> None:
    path, _ = stopped_dream(model, sky)
    assert "made from the first step" in plan_redo(path, finish=True).notes[-1]
    assert not plan_redo(path).notes


def test_a_whole_picture_has_nothing_to_finish(model: ent.Model, sky: Path) -> None:
    path = plan_dream(model, sky, layer="fire3", octaves=1, steps=1).run()
    path = path.save(sky.with_name("whole.png"))
    with pytest.raises(BadSetting, match=r"wasn't stopped before its end; there is nothing"):
        plan_redo(path, finish=True)


def test_what_was_stopped_before_its_first_step_is_made_again(model: ent.Model, sky: Path) -> None:
    plan = plan_dream(model, sky, layer="fire3", octaves=1, steps=2)
    path = plan.result(None).save(sky.with_name("stopped.png"))
    assert Job.from_json(read_job(path)).stopped_after == 0
    assert bytes_of(plan_redo(path), sky) == path.read_bytes()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_picture_is_made_again_with_as_many_bits(model: ent.Model, sky: Path, bits: Any) -> None:
    plan = plan_dream(model, sky, layer="fire3", octaves=1, steps=1)
    path = plan.run().save(sky.with_name("deep.png"), bits=bits)
    result = plan_redo(path).run()
    assert result.save(sky.with_name("again.png")).read_bytes() == path.read_bytes()
    other = result.save(sky.with_name("other.png"), bits=24 - bits).read_bytes()
    assert other == plan.run().save(path, bits=24 - bits).read_bytes()
    # What can't hold as many has as many as it can.
    jpeg = result.save(sky.with_name("again.jpg")).read_bytes()
    assert jpeg == replace(result, bits=8).save(sky.with_name("b.jpg")).read_bytes()
