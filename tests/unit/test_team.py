"""A team of workers: what becomes of batches, whatever the workers are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import entoptic as ent
from entoptic.errors import BadSetting, MissingExtra, WorkerFailed
from entoptic.runners.named import runner_of
from entoptic.runners.pictures import Pictures
from entoptic.runners.runner import Answer, Batch, Done, Failed
from entoptic.runners.team import Crew, Ended, Ready, Said, Team, Unable


class Scripted(Crew):
    """Workers that say at once what a script has them say.

    Args:
        says: what one says of a batch.
        begins: what the workers say first, each in turn; those after them are ready.
        room: how many workers there can be, each time this is asked; the last stays.
    """

    def __init__(
        self,
        says: Callable[[Batch], Said],
        *,
        begins: Sequence[Said] = (),
        room: Sequence[int] = (2,),
    ) -> None:
        self.says, self.begins, self.room = says, [*begins], [*room]
        self.started: list[list[Said]] = []
        self.ended: list[list[Said]] = []
        self.idle = False
        self.is_closed = False

    def places(self) -> int:
        return self.room.pop(0) if len(self.room) > 1 else self.room[0]

    def start(self) -> list[Said]:
        worker: list[Said] = [self.begins.pop(0) if self.begins else Ready()]
        self.started.append(worker)
        return worker

    def give(self, worker: list[Said], batch: Batch) -> bool:
        if self.idle:  # the worker has ended meanwhile, for once
            self.idle = False
            return False
        worker.append(self.says(batch))
        return True

    def hear(self, workers: Sequence[list[Said]], seconds: float) -> list[tuple[list[Said], Said]]:
        return [(each, each.pop()) for each in workers[:1]]

    def end(self, worker: list[Said]) -> None:
        self.ended.append(worker)

    def close(self) -> None:
        self.is_closed = True


def done(batch: Batch) -> Said:
    """Say that a batch is made."""
    return Done(batch.key, batch.job, 0.0)


def answers(crew: Crew, count: int) -> list[Answer]:
    """Return the answers of so many batches, in the order of their keys."""
    waiting = iter([Batch(key, "job") for key in range(count)])
    with Team(crew) as team:
        found = [each for each in team.run(lambda: next(waiting, None), 0.0) if each]
    return sorted(found, key=lambda each: each.key)


def test_each_batch_is_answered_once_and_all_workers_are_ended() -> None:
    crew = Scripted(done)
    assert [each.key for each in answers(crew, 7)] == list(range(7))
    assert len(crew.started) == 2
    assert crew.ended == crew.started
    assert crew.is_closed


def test_no_more_workers_are_started_than_there_are_batches() -> None:
    crew = Scripted(done, room=(64,))
    answers(crew, 3)
    assert len(crew.started) == 3


def test_no_more_batches_are_taken_than_there_are_workers() -> None:
    taken = kept = 0
    most = 0

    def take() -> Batch | None:
        nonlocal taken, most
        taken += taken < 20
        most = max(most, taken - kept)
        return Batch(taken, "job") if taken < 20 else None

    with Team(Scripted(done, room=(3,))) as team:
        for answer in team.run(take, 0.0):
            kept += answer is not None
    assert kept == 19
    assert most <= 3 + 1  # the answer that is being kept, whose worker has its next batch


def test_a_worker_has_its_next_batch_before_its_answer_is_kept() -> None:
    given: list[int] = []

    def says(batch: Batch) -> Said:
        given.append(batch.key)
        return done(batch)

    waiting = iter([Batch(0, "job"), Batch(1, "job")])
    with Team(Scripted(says, room=(1,))) as team:
        found = (each for each in team.run(lambda: next(waiting, None), 0.0) if each)
        assert next(found).key == 0
        assert given == [0, 1]


def test_a_batch_that_ends_three_workers_has_failed_and_the_others_are_made() -> None:
    def says(batch: Batch) -> Said:
        return Ended("exit code 9") if batch.key == 1 else done(batch)

    crew = Scripted(says)
    first, failed, last = answers(crew, 3)
    assert isinstance(first, Done)
    assert isinstance(last, Done)
    assert failed == Failed(1, "it ended its worker process 3 times (exit code 9)")
    assert 4 <= len(crew.started) <= 5


def ending(times: int) -> Callable[[Batch], Said]:
    """Return what loses the first machines that make a batch."""
    left = iter(range(times))
    return lambda batch: done(batch) if next(left, None) is None else Ended("gone", lost=True)


def test_a_batch_whose_machine_is_lost_is_made_elsewhere_and_has_failed_the_tenth_time() -> None:
    assert answers(Scripted(ending(9), room=(1,)), 1) == [Done(0, "job", 0.0)]
    failed = Failed(0, "it lost its machine 10 times (gone)")
    assert answers(Scripted(ending(10), room=(1,)), 1) == [failed]


def test_a_worker_that_ended_while_it_had_nothing_to_do_is_no_fault_of_its_next_batch() -> None:
    crew = Scripted(done)
    crew.idle = True
    assert [each.key for each in answers(crew, 2)] == [0, 1]
    assert len(crew.ended) == 3


def test_workers_join_where_there_is_room_and_batches_wait_where_there_is_none() -> None:
    crew = Scripted(done, room=(0, 0, 1, 1, 4))
    assert len(answers(crew, 9)) == 9
    assert 2 <= len(crew.started) <= 4


def test_workers_that_cannot_begin_are_told() -> None:
    lost = Ended("gone", lost=True)
    assert len(answers(Scripted(done, begins=[lost] * 5), 1)) == 1
    with pytest.raises(WorkerFailed, match=r"3 workers ended before they were ready \(killed\)"):
        answers(Scripted(done, begins=[Ended("killed")] * 3), 1)
    crew = Scripted(done, begins=[Unable("no file 'net.onnx'")])
    with pytest.raises(WorkerFailed, match=r"a worker can't load the network: no file 'net\.onnx"):
        answers(crew, 1)
    assert crew.is_closed


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("local", ent.Local(3)),
        ("ray", ent.Ray("local", 3)),
        ("ray?cpus=2", ent.Ray("local", 3, cpus=2)),
        ("ray:auto", ent.Ray("auto", 3)),
        ("ray:10.0.0.1:6379", ent.Ray("10.0.0.1:6379", 3)),
        ("ray://head:10001?gpus=0.5&cpus=4", ent.Ray("ray://head:10001", 3, 0.5, 4)),
    ],
)
def test_a_runner_is_meant_by_its_text(text: str, meant: Any) -> None:
    assert runner_of(text, 3) == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("slurm", r"on is 'slurm'; it must be local, ray, ray:auto or ray://HOST:PORT"),
        ("ray:", "on is 'ray:'; it must be local, ray"),
        ("ray://", "on is 'ray://'; it must be local, ray"),
        ("local?cpus=2", r"on is 'local\?cpus=2'; it must be local, ray"),
        ("ray?gpu=1", r"on is 'ray\?gpu=1'; 'gpu' is none of gpus, cpus"),
        ("ray?gpus=half", r"on is 'ray\?gpus=half'; gpus must be a number"),
        ("ray?gpus=-1", "gpus is -1.0; it must be at least 0"),
        (7, "on is 7; it must be a runner, or one of local, ray"),
    ],
)
def test_what_is_no_runner_is_refused(given: Any, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        runner_of(given)


def test_the_workers_of_a_runner_are_told_once() -> None:
    assert runner_of(ent.Local(2)) == ent.Local(2)
    with pytest.raises(BadSetting, match="workers is 3 beside a runner; say it where that is made"):
        runner_of(ent.Local(2), 3)
    with pytest.raises(BadSetting, match="workers is 0; it must be a whole number from 1"):
        ent.Local(0)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (ent.Ray(gpus=1), "each worker is to have 1 GPU, and the pictures are planned for a CPU"),
        (ent.Ray(gpus=0.5), r"each worker is to have 0\.5 GPU"),
    ],
)
def test_gpus_for_pictures_of_a_cpu_are_refused(how: ent.Ray, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        how.start(Pictures("squeezenet1_1"), "cpu")


def test_ray_that_is_not_installed_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r'Ray needs the ray extra: pip install "entoptic\[ray'):
        ent.Ray().start(Pictures("squeezenet1_1"), "cpu")
