"""Lists of jobs: the same pictures wherever they are made, and what becomes of those that fail."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting, JobsFailed, WorkerFailed


def network() -> ent.Model:
    """A small network, the same each time."""
    torch.manual_seed(0)
    return ent.Model.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.ReLU()))


def recipes(model: Any) -> list[Any]:
    """A sheet of two units, a dream of a photo that is in no file, and a picture alone."""
    torch.manual_seed(1)
    photo = torch.rand(1, 3, 20, 30)
    how: dict[str, Any] = {"size": 16, "steps": 2, "device": "cpu"}
    return [
        ent.Visualize(model, ["0:1", "0:2"], **how),
        ent.Dream(model, photo, objective="0:3", octaves=1, steps=1, device="cpu"),
        ent.Visualize(model, ["1:4"], seed=7, **how),
    ]


def contents(results: list[ent.Result], folder: Path) -> list[bytes]:
    """Return the bytes of the files of pictures, with their jobs."""
    return [each.save(folder / "a.png").read_bytes() for each in results]


def test_a_list_is_each_of_its_jobs_here_and_in_processes(tmp_path: Path) -> None:
    model = network()
    alone = contents([ent.run(each) for each in recipes(model)], tmp_path)
    assert len(set(alone)) == 3
    assert contents(ent.run(recipes(model)), tmp_path) == alone
    assert contents(ent.run(recipes(model), on="local", workers=2), tmp_path) == alone


def test_jobs_of_named_networks_are_made_by_those(tmp_path: Path) -> None:
    how: dict[str, Any] = {"size": 32, "steps": 1, "device": "cpu"}
    job = ent.run(ent.Visualize("squeezenet1_1", ["fire2:3"], **how)).job
    named = ent.Visualize("efficientnet_lite0", ["blocks.1:3"], **how)
    one, other = ent.run([job, named], on=ent.Local(1))
    assert (one.job.model, other.job.model) == ("squeezenet1_1", "efficientnet_lite0")
    assert contents([one, other], tmp_path) == contents([ent.run(job), ent.run(named)], tmp_path)


@pytest.mark.parametrize("on", [None, "local"])
def test_jobs_that_fail_are_told_by_number_and_the_others_are_kept(on: str | None) -> None:
    model = network()
    good, _, last = recipes(model)
    wrong = ent.Visualize(model, ["0:9"], device="cpu")
    with pytest.raises(JobsFailed) as caught:
        ent.run([good, wrong, last], on=on)
    assert str(caught.value) == (
        "1 of 3 jobs failed, and this error's `results` has the others'; jobs[1]: channel 9 of '0' "
        "does not exist; the layer has 5 channels (0..4)"
    )
    assert [*caught.value.reasons] == [1]
    first, none, third = caught.value.results
    assert none is None
    assert bool((first.image == ent.run(good).image).all())
    assert bool((third.image == ent.run(last).image).all())


def test_of_many_failed_jobs_the_first_are_told() -> None:
    wrong = [ent.Visualize(network(), [f"0:{number}"]) for number in range(9, 14)]
    told = r"^5 of 5 jobs failed.*jobs\[0\]: channel 9 .*jobs\[2\]: channel 11 [^[]*; and 2 more$"
    with pytest.raises(JobsFailed, match=told) as caught:
        ent.run(wrong)
    assert caught.value.results == [None] * 5


def test_a_network_is_allowed_for_all_jobs_at_once() -> None:
    job = ent.run(recipes(network())[0]).job
    with pytest.raises(JobsFailed, match=r"jobs\[0\]: a picture's job alone doesn't load this"):
        ent.run([job])
    both = ent.run([job, job], model=network())
    assert bool((both[0].image == both[1].image).all())


@pytest.mark.usefixtures("unchecked")
def test_a_list_that_is_none_is_refused() -> None:
    one = recipes(network())[0]
    with pytest.raises(BadSetting, match=r"job is Visualize\(.*; it must be a list where `on` or"):
        ent.run(one, on="local")
    with pytest.raises(BadSetting, match=r"workers are given, but not where they are; say on="):
        ent.run([one], workers=2)
    with pytest.raises(BadSetting, match=r"jobs\[1\] is 7; it must be a recipe, a Job, or a file"):
        ent.run([one, 7])  # type: ignore[list-item]
    assert ent.run([], on="local") == []


def test_what_cannot_be_sent_is_refused_before_work() -> None:
    model = network()
    moved = ent.Visualize(model, ["0:1"], transforms=[lambda image, rng: image])
    with pytest.raises(BadSetting, match=r"jobs\[0\] can't be sent to workers .*leave `on` out"):
        ent.run([moved], on="local")
    model.module.own = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(BadSetting, match="the network can't be sent to worker processes"):
        ent.run([ent.Visualize(model, ["0:1"])], on="local")


def test_a_network_that_workers_do_not_find_is_told() -> None:
    one = recipes(network())[0]
    with pytest.raises(WorkerFailed, match="a worker can't load the network: there is no module"):
        ent.run([one], on="local", workers=1, model="python:no_such_module:net")
