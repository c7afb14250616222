"""Pictures in batches: how many at a time, what if memory runs out, and several devices."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic import transforms
from entoptic.ascent import memory
from entoptic.ascent.tiling.budget import step_bytes  # type: ignore[attr-defined]
from entoptic.errors import BadSetting, NonFiniteGradient, NotEnoughMemory
from entoptic.jobs import sheets as sheet_plan
from entoptic.layers import Layer
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_redo
from planning import plan_compare, plan_diversity, plan_evaluate, plan_visualize
from shells.command import entoptic

QUICK: dict[str, Any] = {"size": 48, "steps": 2}
CPU = torch.device("cpu")
FIRE5 = frozenset({Layer("fire5")})


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [each for each in threading.enumerate() if each.name.startswith("entoptic")] == []


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """Sums round alike however many batches run at the same time."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(cores)


def test_a_processor_of_two_cores_lets_two_batches_climb_at_a_time_and_redo_too(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    torch.set_num_threads(2)
    picture = tmp_path / "units.png"
    first = plan_visualize(squeezenet, ["fire3:0-3"], batch=1, **QUICK).run()
    assert first.job.device == "cpu,cpu"
    assert torch.get_num_threads() == 2
    first.save(picture)
    again = plan_redo(picture).run()
    assert torch.equal(again.image, first.image)
    # One after the other on both cores they become the same but for rounding.
    alone = plan_visualize(squeezenet, ["fire3:0-3"], batch=1, on="cpu", **QUICK).run()
    assert alone.job.device == "cpu"
    torch.testing.assert_close(alone.image, first.image, rtol=0, atol=0.05)


class Small(nn.Module):
    """A network with memory for a few pictures only."""

    def __init__(self, most: int, error: Callable[[], BaseException]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.most = most
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error()
        return self.conv(x)


def small(
    most: int, error: Callable[[], BaseException] = lambda: torch.OutOfMemoryError("no room")
) -> ent.Model:
    torch.manual_seed(0)
    plain = Preprocess((24, 24), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(Small(most, error), preprocess=plain)


def with_memory(monkeypatch: pytest.MonkeyPatch, room: float) -> None:
    monkeypatch.setattr(memory, "bytes_to_use", lambda device, given: room)


def each_takes(model: ent.Model, side: int) -> float:
    """Bytes of a picture up to fire5: what the network takes, and 8 copies of 3 floats a pixel."""
    return step_bytes(model, FIRE5, (side, side)) + 96 * side**2


# How many at a time.


def test_as_many_climb_together_as_memory_has_room_for(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory(monkeypatch, 3.5 * each_takes(squeezenet, 48))
    plan = plan_visualize(squeezenet, ["fire5:0-6"], on="cpu", **QUICK)
    assert plan.job.settings["batch"] == plan.settings.batch == 3
    assert [count for _, count in plan.batches] == [3, 3, 1]


def test_a_larger_picture_leaves_room_for_fewer(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory(monkeypatch, 4.5 * each_takes(squeezenet, 48))
    plan = plan_visualize(squeezenet, ["fire5:0-6"], on="cpu", size=96, steps=2)
    assert plan.batch == 1


@pytest.mark.parametrize(("room", "batch"), [(0.0, 1), (math.inf, 8)])
def test_there_is_always_one_and_never_more_than_is_of_use(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch, room: float, batch: int
) -> None:
    with_memory(monkeypatch, min(room, 1e15))
    assert plan_visualize(squeezenet, ["fire5:0-20"], on="cpu", **QUICK).batch == batch


def test_each_crop_is_a_picture_to_the_network(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = [transforms.RandomCrops(4, size=(96, 96))]
    alone = 96 * 48**2
    with_memory(monkeypatch, 2.5 * (alone + 4 * step_bytes(squeezenet, FIRE5, (96, 96))))
    assert memory.roomy_batch(squeezenet, FIRE5, (48, 48), crops, [CPU], 9) == 2


def test_devices_share_the_pictures_and_what_is_one_device_its_memory(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory(monkeypatch, 1e15)
    plan = plan_visualize(squeezenet, ["fire5:0-6"], on="cpu,cpu,cpu", **QUICK)
    assert plan.batch == 3
    with_memory(monkeypatch, 4.5 * each_takes(squeezenet, 48))
    assert memory.roomy_batch(squeezenet, FIRE5, (48, 48), (), [CPU] * 2, 100) == 2


def test_a_number_is_taken_as_it_is(squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 0.0)
    assert plan_visualize(squeezenet, ["fire5:0-6"], batch=5, **QUICK).batch == 5


@pytest.mark.parametrize(
    ("batch", "told"),
    [("many", "batch is 'many'; it is auto, or a number"), (0, "batch is 0; it must be")],
)
def test_another_word_or_no_picture_is_refused(
    squeezenet: ent.Model, batch: int | str, told: str
) -> None:
    with pytest.raises(BadSetting, match=told):
        plan_visualize(squeezenet, ["fire5:0"], batch=batch, **QUICK)


def test_all_columns_climb_in_batches_of_one_size(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each of MaCo's crops is a picture to the network, so that memory has room for fewer.
    with_memory(monkeypatch, 7.5 * each_takes(squeezenet, 48))
    assert plan_visualize(squeezenet, ["fire5:0-6"], method="lucid", on="cpu", **QUICK).batch == 7
    methods = ["gentle", "lucid", "maco"]
    plan = plan_compare([squeezenet], ["fire5:0-6"], method=methods, on="cpu", **QUICK)
    assert [column.batch for column in plan.columns] == [1, 1, 1]
    assert plan.job.settings["batch"] == 1


# What if memory runs out.


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA: no room"),
        lambda: RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        lambda: RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        MemoryError,
    ],
)
def test_pictures_begin_again_in_batches_half_as_large_which_is_said_once(
    error: Callable[[], BaseException],
) -> None:
    plan = plan_visualize(small(3, error), ["output:0-7"], batch=8, size=24, steps=2)
    made = plan.run()
    # 8, 4, and at last 2 at a time.
    expected = plan_visualize(small(8), ["output:0-7"], batch=2, size=24, steps=2).run()
    assert torch.equal(made.image, expected.image)
    assert made.job.settings["batch"] == 2
    assert made.notes == ("memory ran out, so that the pictures were made 2 at a time",)
    assert made.job == expected.job
    assert len(made.scores) == 8


def test_fewer_pictures_than_a_batch_has_are_halved_from_what_they_are() -> None:
    plan = plan_visualize(small(2), ["output:0-2"], batch=100, size=24, steps=1)
    assert plan.run().job.settings["batch"] == 1


def test_other_errors_stay_what_they_are() -> None:
    model = small(2, lambda: RuntimeError("the network is broken"))
    with pytest.raises(RuntimeError, match="the network is broken"):
        plan_visualize(model, ["output:0-2"], batch=3, size=24, steps=1).run()


def test_a_network_that_takes_no_two_pictures_is_shown_them_one_by_one() -> None:
    model = small(1, lambda: ValueError("one picture only"))
    made = plan_visualize(model, ["output:0-1"], batch=2, size=24, steps=1).run()
    alone = plan_visualize(small(9), ["output:0-1"], batch=2, size=24, steps=1).run()
    torch.testing.assert_close(made.image, alone.image)


def test_where_one_picture_is_too_many_it_is_said_what_to_do() -> None:
    model = small(1)
    plan = plan_visualize(model, ["output:0-3"], on="cpu", batch=4, size=24, steps=1)
    model.module.most = 0  # type: ignore[assignment]
    told = r"memory on cpu for a picture of 24x24 .*; try a smaller --size, .* \(--device cpu\)$"
    with pytest.raises(NotEnoughMemory, match=told):
        plan.run()
    with pytest.raises(
        NotEnoughMemory, match=r"for 4 pictures .*; try a smaller --batch, a smaller"
    ):
        list(plan.steps())


def test_pictures_that_climb_for_one_objective_cant_be_parted() -> None:
    plan = plan_diversity(
        small(2), "output:0", pictures=3, reference_layer="conv", on="cpu", size=24, steps=1
    )
    with pytest.raises(NotEnoughMemory, match=r"for 3 pictures of 24x24 .*; try fewer, a smaller"):
        plan.run()


def test_a_comparison_and_an_evaluation_begin_again_too() -> None:
    how: dict[str, Any] = {"size": 24, "steps": 1, "batch": 4}
    made = plan_compare([small(1)], ["output:0-3"], method=["gentle", "pixels"], **how).run()
    assert made.job.settings["batch"] == 1
    assert made.notes == ("memory ran out, so that the pictures were made 1 at a time",)
    found = plan_evaluate(small(2), ["output:0-3"], judges=[], **how).run()
    assert found.settings["batch"] == 2
    assert sum("memory ran out" in note for note in found.notes) == 1


def test_the_command_says_it_and_redo_makes_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sheet_plan.ascend  # type: ignore[attr-defined]

    def tight(model: Any, objective: Any, canvas: Any, **rest: Any) -> Any:
        if len(canvas()) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(model, objective, canvas, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(sheet_plan, "ascend", tight)
        units = ["visualize", "fire3:0-4", "--size=40", "--steps=1", "--batch=5"]
        done = entoptic(*units, "-o", "a.png", "--json", folder=tmp_path)
    assert done.code == 0
    assert done.err.count("memory ran out, so that the pictures were made 2 at a time") == 1
    assert json.loads(done.out)["job"]["settings"]["batch"] == 2
    assert json.loads(done.out)["steps"] == 3
    plan_redo(tmp_path / "a.png").run().save(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# Several devices.


def on_both(model: ent.Model, *units: str, **how: Any) -> tuple[Tensor, Tensor]:
    """The same pictures by one device, and by two at a time."""
    given = QUICK | {"batch": 2} | how
    one, two = (plan_visualize(model, units, on=on, **given).run() for on in ("cpu", "cpu,cpu"))
    assert (one.job.device, two.job.device) == ("cpu", "cpu,cpu")
    assert len(one.scores) == len(two.scores)
    return one.image, two.image


@pytest.mark.parametrize(
    "how",
    # Of many steps the first are by the network's modules, the others by its graph.
    [{}, {"canvas": "alpha"}, {"method": "lucid", "batch": 1}, {"steps": 18, "size": 32}],
)
def test_several_devices_make_what_one_does(squeezenet: ent.Model, how: dict[str, Any]) -> None:
    one, two = on_both(squeezenet, "fire3:0-2", "fire5:1-2", **how)
    assert torch.equal(one, two)


def test_an_ensemble_and_a_network_without_a_graph_are_spread_too() -> None:
    both = ent.ensemble(a=ent.load("squeezenet1_1"), b=ent.load("efficientnet_lite0"))
    one, two = on_both(both, "a/fire3:0", "b/blocks.1:0-1", "a/fire3:3", batch=1)
    assert torch.equal(one, two)
    # Its forward pass looks at its input, so that it runs by hooks.
    one, two = on_both(small(9), "conv:0-7", size=24)
    assert torch.equal(one, two)


def test_what_counts_is_as_opaque_on_several_devices(squeezenet: ent.Model) -> None:
    photo = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1))
    one, two = (
        ent.accentuate(
            squeezenet, photo, "fire3:0-2", device=on, transparency=True, batch=1, **QUICK
        )
        for on in ("cpu", "cpu,cpu")
    )
    assert torch.equal(one.image, two.image)
    assert one.alpha is not None
    assert two.alpha is not None
    assert torch.equal(one.alpha, two.alpha)


def test_redo_spreads_again(squeezenet: ent.Model, tmp_path: Path) -> None:
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    plan_visualize(squeezenet, ["fire3:0-2"], on="cpu,cpu", **QUICK).run().save(first)
    plan = plan_redo(first)
    assert plan.job.device == "cpu,cpu"
    assert plan.job.settings["batch"] == 2
    plan.run().save(again)
    assert first.read_bytes() == again.read_bytes()


def test_what_is_one_batch_is_on_the_first_device(squeezenet: ent.Model) -> None:
    assert plan_visualize(squeezenet, ["fire3:0"], on="cpu,cpu", **QUICK).job.device == "cpu"
    together = plan_diversity(squeezenet, "fire3:0", on="cpu,cpu", **QUICK)
    assert together.job.device == "cpu"


def test_columns_and_measured_pictures_are_spread(squeezenet: ent.Model) -> None:
    how: dict[str, Any] = {"batch": 1, **QUICK}
    one, two = (
        plan_compare([squeezenet], ["fire3:0-2"], method=["gentle", "pixels"], on=on, **how).run()
        for on in ("cpu", "cpu,cpu")
    )
    assert torch.equal(one.image, two.image)
    plans = [plan_visualize(squeezenet, ["fire3:0-4"], on=on, **how) for on in ("cpu", "cpu,cpu")]
    assert all(map(torch.equal, *(list(plan.pictures()) for plan in plans)))
    assert torch.equal(torch.cat(list(plans[0].pictures())), torch.cat(list(plans[1].pictures())))


def test_every_step_shows_the_finished_pictures_and_those_that_climb(
    squeezenet: ent.Model,
) -> None:
    plan = plan_visualize(squeezenet, ["fire3:0-2"], on="cpu,cpu", batch=1, size=40, steps=3)
    numbers: dict[int, list[int]] = {}
    last = None
    for step in plan.steps():
        numbers.setdefault(step.octave, []).append(step.index)
        last = step.image()
        gray = last[..., 40 * (step.octave // 2) + 4 : 40 * (step.octave // 2) + 20, :]
        assert gray.std() > 0.01
    assert numbers == {batch: [0, 1, 2] for batch in range(3)}
    assert last is not None
    assert torch.equal(last, plan.run().image)


def test_who_stops_early_has_all_that_is_there_and_leaves_nothing_running(
    squeezenet: ent.Model,
) -> None:
    before = threading.active_count()
    plan = plan_visualize(squeezenet, ["fire3:0-3"], on="cpu,cpu", batch=1, size=40, steps=5)
    steps = plan.steps()
    found = [next(steps) for _ in range(6)]
    del steps
    assert threading.active_count() == before
    made = plan.result(found[-1], [step.scores for step in found])
    assert made.job.stopped_after == 6
    assert made.image.shape[-2:] == plan.shape


def test_what_goes_wrong_on_one_device_reaches_the_caller(
    squeezenet: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sheet_plan.ascend  # type: ignore[attr-defined]

    def broken(model: Any, objective: Any, canvas: Any, **rest: Any) -> Any:
        for step in whole(model, objective, canvas, **rest):
            if "channel('fire3', 2)" in repr(objective):
                raise NonFiniteGradient("the gradient isn't finite")
            yield step

    monkeypatch.setattr(sheet_plan, "ascend", broken)
    plan = plan_visualize(squeezenet, ["fire3:0-3"], on="cpu,cpu", batch=1, size=40, steps=9)
    with pytest.raises(NonFiniteGradient, match="isn't finite"):
        plan.run()


def test_memory_that_runs_out_on_several_devices_halves_the_batches_of_all() -> None:
    how: dict[str, Any] = {"size": 24, "steps": 2}
    plan = plan_visualize(small(2), ["output:0-7"], on="cpu,cpu", batch=4, **how)
    expected = plan_visualize(small(8), ["output:0-7"], batch=2, **how).run()
    made = plan.run()
    assert torch.equal(made.image, expected.image)
    assert made.job.settings["batch"] == 2


def test_a_device_that_isnt_there_is_refused_before_any_work(squeezenet: ent.Model) -> None:
    with pytest.raises(BadSetting, match="no device is called 'tpu'"):
        plan_visualize(squeezenet, ["fire3:0-1"], on="cpu,tpu", **QUICK)
