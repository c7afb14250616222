"""Films whose scenes are dreamt by several workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from answers.test_film_scenes import LENGTHS, same, shown, three_scenes
from entoptic.errors import BadSetting, WorkerFailed
from entoptic.jobs.films import FilmPlan
from entoptic.recipes.film import Film
from entoptic.runners import scenes
from entoptic.runners.runner import Answer, Batch, Done, Failed, Runner, Work
from entoptic.runners.scenes import by_workers
from entoptic.runners.team import LATER, Crew, Later, Ready, Said, Team
from filming import small_network

pytest.importorskip("av")
pytest.importorskip("cv2")

SHORT: dict[str, Any] = {"octaves": 1, "steps": 2, "layer": "0", "device": "cpu"}


class Here(Runner):
    """Workers that are none: batches are made as they are heard.

    Args:
        workers: how many.
        fail: on the so-manieth batch.
    """

    def __init__(self, workers: int, fail: int | None = None) -> None:
        self.workers, self.fail = workers, fail
        self.given: list[list[tuple[int, int, int]]] = []

    def start(self, work: Work, device: Any = "auto") -> Team:
        return Team(_Here(self, pickle.loads(pickle.dumps(work))))


class _Here(Crew):
    def __init__(self, runner: Here, work: Work) -> None:
        self.runner, self.make = runner, work.prepared()
        self.batches: dict[int, Batch | None] = {}

    def places(self) -> int:
        return self.runner.workers

    def start(self) -> int:
        self.batches[len(self.batches)] = None
        return len(self.batches) - 1

    def give(self, worker: int, batch: Batch) -> bool:
        self.batches[worker] = batch
        stretches = pickle.loads(batch.job)
        self.runner.given.append(
            [(each.first, each.state.frames, len(each.shots)) for each in stretches]
        )
        return True

    def hear(self, workers: Sequence[int], seconds: float) -> list[tuple[int, Said]]:
        # The last that was given something answers first.
        worker = max(workers)
        batch, self.batches[worker] = self.batches[worker], None
        if batch is None:
            return [(worker, Ready())]
        if batch.key == self.runner.fail:
            return [(worker, Failed(batch.key, "no memory"))]
        return [(worker, Done(batch.key, self.make(batch.job, "cpu"), 1.0))]

    def end(self, worker: int) -> None:
        self.batches.pop(worker)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return small_network()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return three_scenes(tmp_path / "source.mkv")


def planned(model: ent.Model, source: Path, **how: Any) -> FilmPlan:
    return Film(model, source, **{"output": source.with_name("made.apng")} | SHORT | how).plan()


def frames(plan: FilmPlan) -> list[Any]:
    return [frame.pixels for frame, _ in plan.frames()]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_film_by_workers_is_the_film_made_here(
    model: ent.Model, source: Path, workers: int
) -> None:
    runner = Here(workers)
    plan = planned(model, source)
    made = by_workers(plan, runner).run()
    assert (made.frames, made.finished) == (sum(LENGTHS), True)
    assert same(shown(made.path), frames(plan))
    given = [each for batch in runner.given for each in batch]
    assert sum(count for *_, count in given) == sum(LENGTHS)  # nothing twice
    if workers == 1:
        assert runner.given == [[(0, 0, 4), (5, 0, 3), (8, 0, 4)], [(0, 4, 1)]]
    if workers == 2:
        assert runner.given[:2] == [[(0, 0, 4), (5, 0, 3)], [(8, 0, 4)]]


def test_a_mask_and_no_coherence_go_to_workers_too(
    model: ent.Model, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = torch.zeros(1, 3, 48, 64)
    half[..., :20] = 1
    mask = ent.write(tmp_path / "half.png", half)
    monkeypatch.setattr("entoptic.jobs.film_scenes._INDEPENDENT", 5)
    runner = Here(2)
    plan = planned(model, source, mask=mask, coherence=0)
    made = by_workers(plan, runner).run()
    found = frames(plan)
    assert same(shown(made.path), found)
    assert [batch[0][0] for batch in runner.given[:2]] == [0, 5]
    again = by_workers(planned(model, source, mask=mask, output=tmp_path / "b.apng"), Here(2)).run()
    assert not same(shown(again.path), found)
    assert same(shown(again.path), frames(planned(model, source, mask=mask)))


@pytest.mark.parametrize("first", [True, False], ids=["here, by workers", "by workers, here"])
def test_a_film_goes_on_where_it_was_not_begun(model: ent.Model, source: Path, first: bool) -> None:
    expected = frames(planned(model, source))
    told: list[str] = []
    plan = planned(model, source)
    begun, last = (plan, by_workers(plan, Here(2)))[:: 1 if first else -1]
    made = begun.run(told.append, stopped=lambda: any(each.startswith("frame") for each in told))
    assert 0 < made.frames < sum(LENGTHS)
    last.check_free(force=False)
    assert last.run().finished
    assert same(shown(made.path), expected)


def test_stretches_take_as_long_as_they_are_to(
    model: ent.Model, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "_FIRST", 1)
    monkeypatch.setattr(scenes, "_SECONDS", 2.0)  # of a worker that takes a second for each
    runner = Here(1)
    by_workers(planned(model, source), runner).run()
    assert [batch[0][2] for batch in runner.given] == [1, 2, 2]


def test_what_workers_cannot_make_is_told(model: ent.Model, source: Path) -> None:
    with pytest.raises(WorkerFailed, match="frames from 8 on can't be dreamt: no memory"):
        by_workers(planned(model, source), Here(2, fail=2)).run()
    assert (source.with_name("made.apng.parts")).exists()


def test_a_zoom_is_not_shared(model: ent.Model, tmp_path: Path) -> None:
    plan = ent.Zoom(model, torch.rand(1, 3, 48, 64), output=tmp_path / "a.apng", **SHORT).plan()
    with pytest.raises(BadSetting, match="a zoom has no scenes that workers could share"):
        by_workers(plan, Here(2))


def test_run_takes_a_film_and_where_it_is_made(model: ent.Model, source: Path) -> None:
    made = ent.run(Film(model, source, output=source.with_name("a.apng"), **SHORT), on=Here(2))
    assert same(shown(made.path), frames(planned(model, source)))
    with pytest.raises(BadSetting, match="workers are given, but not where they are"):
        ent.run(Film(model, source, **SHORT), workers=2)


def test_a_team_asks_again_when_there_may_be_more() -> None:
    answers: list[Answer] = []
    asked: list[Any] = []

    class Twice(Work):
        def prepared(self) -> Callable[[Any, str], Any]:
            return lambda job, device: job

    def take() -> Batch | Later | None:
        made = len(answers)
        found = Batch(made, pickle.dumps([])) if made == len(asked) and made < 3 else None
        if found is not None:
            asked.append(found)
        return found or (LATER if made < 3 else None)

    with Team(_Here(Here(2), Twice())) as team:
        for answer in team.run(take, 1.0):
            assert isinstance(answer, Done)
            answers.append(answer)
    assert [each.key for each in answers] == [0, 1, 2]


@pytest.mark.slow
def test_processes_make_the_same_film(source: Path) -> None:
    how = {**SHORT, "layer": "conv1", "steps": 1}
    made = ent.run(
        Film("squeezenet1_1", source, output=source.with_name("a.apng"), **how),
        on="local",
        workers=2,
    )
    here = ent.film("squeezenet1_1", source, output=source.with_name("b.apng"), **how)
    assert made.frames == here.frames == sum(LENGTHS)
    assert same(shown(made.path), shown(here.path))
    assert not np.array_equal(shown(made.path)[0], shown(source)[0])
