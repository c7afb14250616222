"""The local runner: what becomes of batches and of workers that end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting, WorkerFailed
from entoptic.images.files import load as bytes_of
from entoptic.runners.local import Local
from entoptic.runners.pictures import Pictures
from entoptic.runners.runner import Batch, Done, Failed


class Deadly(ent.Job):
    """A job that ends the process that is given it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int]]:
        return os._exit, (3,)


class DeadlyNetwork(torch.nn.Module):
    """A network that does so."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int]]:
        return os._exit, (3,)


def network() -> torch.nn.Module:
    """A small network, the same each time."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))


@pytest.fixture
def batch() -> Batch:
    """Two channels, soon made."""
    model = ent.Model.wrap(network())
    how = ent.Visualize(model, ["0:1", "0:2"], size=16, steps=1, batch=2, device="cpu")
    return Batch(7, how.plan().job)


def answers(network: Any, batches: list[Batch], workers: int = 1) -> list[Any]:
    """Return all answers in the order of their keys."""
    waiting = iter(batches)
    with Local(workers).start(Pictures(network), "cpu") as team:
        found = [each for each in team.run(lambda: next(waiting, None), 5.0) if each]
    return sorted(found, key=lambda each: each.key)


def test_pictures_are_those_of_the_job_in_this_process(batch: Batch, tmp_path: Any) -> None:
    model = ent.Model.wrap(network())
    (done,) = answers(model, [batch])
    assert isinstance(done, Done)
    assert done.key == 7
    expected = ent.run(batch.job, model=model)
    for number, made in enumerate(done.made):
        file = expected[number].save(tmp_path / "a.png")
        assert made.data == bytes_of(file).data


def test_a_batch_that_ends_its_worker_three_times_has_failed_and_the_others_are_made(
    batch: Batch,
) -> None:
    deadly = Batch(8, Deadly(**vars(batch.job)))
    found = answers(ent.Model.wrap(network()), [deadly, batch, Batch(9, batch.job)], 2)
    assert [type(each) for each in found] == [Done, Failed, Done]
    assert found[1].reason == "it ended its worker process 3 times (exit code 3)"
    assert found[0].made == found[2].made


def test_what_is_wrong_with_a_job_is_its_answer(batch: Batch) -> None:
    wrong = ent.Job(**{**vars(batch.job), "objective": "per_image([channel('nowhere', 0)])"})
    (failed,) = answers(ent.Model.wrap(network()), [Batch(1, wrong)])
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("no layer named 'nowhere'")


def test_a_network_that_workers_cannot_load_is_told(batch: Batch) -> None:
    with pytest.raises(WorkerFailed, match="a worker can't load the network: there is no module"):
        answers("python:no_such_module:net", [batch])


def test_workers_that_end_before_they_begin_are_told(batch: Batch) -> None:
    with pytest.raises(WorkerFailed, match=r"3 workers ended before they were ready \(exit code 3"):
        answers(DeadlyNetwork(), [batch])


def test_a_network_that_cannot_be_sent_is_refused() -> None:
    net = network()
    net.own = lambda x: x  # type: ignore[assignment]
    with pytest.raises(BadSetting, match=r"can't be sent to worker processes .*python:MODULE:FUN"):
        Local().start(Pictures(net), "cpu")


def test_workers_take_the_devices_in_turn() -> None:
    assert Local(3).places("cpu,cpu:0") == ["cpu", "cpu:0", "cpu"]
    assert Local(1).places("cpu") == ["cpu"]
