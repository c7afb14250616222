"""The Ray runner, on clusters of several nodes on this machine."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting, JobsFailed, WorkerFailed
from entoptic.runners import ray as runner
from entoptic.runners.local import Local
from entoptic.runners.pictures import Pictures
from entoptic.runners.runner import Batch, Done, Failed, Runner, Work
from entoptic.runners.team import Team
from filming import are_same, film, frames_in, moving
from unit.test_catalogs import content, inodes, rewritten, until

ray = pytest.importorskip("ray", reason="Ray isn't installed (the extra entoptic[ray])")
cluster_utils = pytest.importorskip("ray.cluster_utils")

SOURCE = Path(ent.__file__).parents[1]

NETWORK = """
import torch

def tiny():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 40, 3), torch.nn.ReLU())

def deadly():
    # The same; the first process that dreams three times with it is killed.
    import os, pathlib, signal
    from entoptic.jobs.film_dreams import Dreamer
    dreamt, times = Dreamer.dreamt, []

    def counted(self, frames):
        times.append(len(frames))
        if len(times) == 3:
            try:
                pathlib.Path(__file__).with_name("killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return dreamt(self, frames)

    Dreamer.dreamt = counted
    return tiny()
"""
MODEL = "python:ray_nets:tiny"
HOW: dict[str, Any] = {
    "size": 96, "steps": 48, "batch": 2, "device": "cpu", "transforms": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put the network where the workers of all nodes import it."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "ray_nets.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(SOURCE)]))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield folder


@pytest.fixture(scope="module")
def cluster(nets: Path) -> Iterator[Any]:
    """A cluster whose head does no work, and one node of one CPU; nodes come and go."""
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def undisturbed(nets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole catalog, made by the local runner."""
    return catalog(tmp_path_factory.mktemp("whole"), Local(1))


def catalog(folder: Path, on: str | Runner) -> Path:
    """Make the catalog of the tiny network."""
    return ent.catalog(MODEL, "0", output=folder, on=on, **HOW).folder


def network() -> torch.nn.Module:
    """A small network, the same each time."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))


@pytest.fixture
def batch() -> Batch:
    """Two channels, soon made."""
    how = ent.Visualize(network(), ["0:1", "0:2"], size=16, steps=1, batch=2, device="cpu")
    return Batch(7, how.plan().job)


class Deadly(ent.Job):
    """A job that ends the process that is given it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int]]:
        return os._exit, (3,)


def answers(network: Any, batches: list[Batch], on: Runner) -> list[Any]:
    """Return all answers in the order of their keys."""
    waiting = iter(batches)
    with on.start(Pictures(network), "cpu") as team:
        found = [each for each in team.run(lambda: next(waiting, None), 1.0) if each]
    return sorted(found, key=lambda each: each.key)


def test_pictures_are_those_of_the_local_runner(cluster: Any, batch: Batch) -> None:
    model = ent.Model.wrap(network())  # by the object store
    (here,) = answers(model, [batch], Local(1))
    (there,) = answers(model, [batch], ent.Ray(cluster.address))
    assert isinstance(there, Done)
    assert there.made == here.made
    assert not ray.is_initialized()


def test_a_batch_that_ends_its_worker_three_times_has_failed_and_the_others_are_made(
    cluster: Any, batch: Batch
) -> None:
    deadly = Batch(8, Deadly(**vars(batch.job)))
    model = ent.Model.wrap(network())
    found = answers(model, [deadly, batch, Batch(9, batch.job)], ent.Ray(cluster.address))
    assert [type(each) for each in found] == [Done, Failed, Done]
    assert found[1].reason.startswith("it ended its worker process 3 times (")
    assert found[0].made == found[2].made


def test_a_network_that_a_node_does_not_have_is_told_with_the_node(
    cluster: Any, batch: Batch
) -> None:
    told = rf"can't load the network: on the node {os.uname().nodename}: .*no_such_module.*; each"
    with pytest.raises(WorkerFailed, match=told):
        answers("python:no_such_module:net", [batch], ent.Ray(cluster.address))


def test_another_version_on_a_node_is_told(
    cluster: Any, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "made_with", lambda: {"entoptic": "9.0", "torch": "1.0"})
    told = r"there are entoptic .* and torch .*, here entoptic 9\.0 and torch 1\.0; pictures may"
    with pytest.raises(WorkerFailed, match=told):
        answers(network(), [batch], ent.Ray(cluster.address))


def test_a_network_that_cannot_be_sent_is_refused(cluster: Any) -> None:
    net = network()
    net.own = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(BadSetting, match=r"can't be sent to workers .*python:MODULE:FUNCTION"):
        ent.Ray(cluster.address).start(Pictures(net), "cpu")
    assert not ray.is_initialized()


def test_workers_that_no_node_has_room_for_are_refused(cluster: Any) -> None:
    told = "no node has room for a worker of 64 CPU and 0 GPU; the cluster has 1 CPU and 0 GPU"
    with pytest.raises(BadSetting, match=told):
        ent.Ray(cluster.address, cpus=64).start(Pictures(network()), "cpu")


def test_a_cluster_that_is_not_there_is_told() -> None:
    with pytest.raises(
        WorkerFailed, match=r"no cluster of Ray at 'ray://127.0.0.1:9' .* start one"
    ):
        ent.Ray("ray://127.0.0.1:9").start(Pictures(network()), "cpu")


def test_the_catalog_of_one_node_is_that_of_the_local_runner(
    cluster: Any, undisturbed: Path, tmp_path: Path
) -> None:
    catalog(tmp_path, f"ray:{cluster.address}")
    assert content(tmp_path) == content(undisturbed)


def test_more_workers_than_there_is_room_for_are_not_waited_for(cluster: Any, batch: Batch) -> None:
    batches = [Batch(number, batch.job) for number in range(3)]
    found = answers(network(), batches, ent.Ray(cluster.address, workers=3))
    assert [type(each) for each in found] == [Done] * 3


@pytest.mark.slow
def test_workers_of_a_node_that_is_lost_while_they_begin_are_no_false_starts(
    cluster: Any, tmp_path: Path
) -> None:
    lost = cluster.add_node(num_cpus=4)
    number = lost.node_id

    class Slow(Work):
        """Is never ready on the node that is lost."""

        def prepared(self) -> Callable[[str, str], str]:
            if ray.get_runtime_context().get_node_id() == number:
                (tmp_path / str(os.getpid())).touch()
                time.sleep(600)

            def slow(job: str, device: str) -> str:
                while not (tmp_path / "lost").exists():
                    time.sleep(0.05)
                time.sleep(4)  # until Ray has seen it too
                return job

            return slow

    def lose() -> None:
        end = time.monotonic() + 120
        while len(list(tmp_path.iterdir())) < 4 and time.monotonic() < end:
            time.sleep(0.05)
        cluster.remove_node(lost, allow_graceful=False)
        (tmp_path / "lost").touch()

    thread = threading.Thread(target=lose)
    thread.start()
    waiting = iter([Batch(key, "made") for key in range(5)])
    with ent.Ray(cluster.address).start(Slow(), "cpu") as team:
        found = [each for each in team.run(lambda: next(waiting, None), 1.0) if each]
    thread.join()
    assert sorted(each.key for each in found) == list(range(5))


def test_two_workers_share_a_gpu_where_each_has_half(cluster: Any, batch: Batch) -> None:
    node = cluster.add_node(num_cpus=8, num_gpus=1)
    try:
        how = ent.Ray(cluster.address, gpus=0.5)
        # The node only says that it has a GPU; what is asked of Ray is what counts here.
        crew = runner._Actors(how, Pictures(network()), "cpu", {"CPU": 1, "GPU": 0.5})
        waiting = iter([Batch(number, batch.job) for number in range(4)])
        with Team(crew) as team:
            assert crew.places() == 2
            found = [each for each in team.run(lambda: next(waiting, None), 1.0) if each]
        assert [type(each) for each in found] == [Done] * 4
    finally:
        cluster.remove_node(node)


def test_a_record_made_on_ray_is_the_same_bytes_as_here(cluster: Any, tmp_path: Path) -> None:
    torch.manual_seed(2)
    for number in range(20):
        ent.write(tmp_path / f"{number}.png", torch.rand(1, 3, 20, 24))
    how: dict[str, Any] = {"size": (16, 16), "most": 3, "device": "cpu", "covariance": "mean"}
    model = ent.Model.wrap(network())
    here = ent.record(model, ["0"], [tmp_path], **how)
    on_ray = ent.record(model, ["0"], [tmp_path], on=f"ray:{cluster.address}", **how)
    files = [each.save(tmp_path / "whole.npz").read_bytes() for each in (here, on_ray)]
    assert files[0] == files[1]


def test_a_list_of_jobs_is_what_it_is_here(cluster: Any) -> None:
    model = ent.Model.wrap(network())
    how: dict[str, Any] = {"size": 16, "steps": 1, "device": "cpu"}
    jobs = [ent.Visualize(model, [f"0:{number}"], **how) for number in (3, 9, 1)]
    with pytest.raises(JobsFailed, match=r"1 of 3 jobs failed.*jobs\[1\]: channel 9 of") as caught:
        ent.run(jobs, on=f"ray:{cluster.address}")
    here = [ent.run(jobs[0]), None, ent.run(jobs[2])]
    for one, other in zip(caught.value.results, here, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            assert one.job == other.job
            assert bool((one.image == other.image).all())


def started(folder: Path, cluster: Any) -> subprocess.Popen[bytes]:
    """Start the catalog in a process of its own."""
    flags = [f"--{name}={value}" for name, value in HOW.items()]
    on = f"--on=ray:{cluster.address}"
    return subprocess.Popen(
        [sys.executable, "-m", "entoptic", "catalog", MODEL, "0", "-o", folder, on, *flags],
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_catalog_whose_nodes_come_and_go_is_complete_and_the_same(
    cluster: Any, undisturbed: Path, tmp_path: Path
) -> None:
    lost = cluster.add_node(num_cpus=1)
    driver = started(tmp_path, cluster)
    until(tmp_path, 8)
    cluster.remove_node(lost, allow_graceful=False)  # as a machine that is switched off
    before = len(inodes(tmp_path))
    cluster.add_node(num_cpus=1)
    assert 6 <= before < 30
    assert driver.wait() == 0
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.slow
def test_a_driver_that_is_killed_and_started_again_goes_on_and_makes_nothing_twice(
    cluster: Any, undisturbed: Path, tmp_path: Path
) -> None:
    driver = started(tmp_path, cluster)
    until(tmp_path, 8)
    driver.kill()
    driver.wait()
    before = inodes(tmp_path)
    assert 6 <= len(before) < 40
    catalog(tmp_path, f"ray:{cluster.address}")
    assert content(tmp_path) == content(undisturbed)
    assert rewritten(tmp_path, before) == set()


@pytest.mark.slow
def test_a_film_whose_worker_is_killed_has_the_frames_that_it_has_here(
    cluster: Any, nets: Path, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="PyAV isn't installed (the extra entoptic[film])")
    pytest.importorskip("cv2", reason="OpenCV isn't installed (the extra entoptic[film])")
    scenes = [moving(count, seed=seed) for seed, count in enumerate((12, 9, 11, 10))]
    source = film(tmp_path / "source.mkv", [*itertools.chain(*scenes)], codec="ffv1", pixels="bgr0")

    def made(name: str, network: str, *more: str) -> Path:
        output = tmp_path / name
        how = ["--layer=0", "--octaves=1", "--steps=4", "--device=cpu", f"--model={network}"]
        command = [
            sys.executable,
            "-m",
            "entoptic",
            "film",
            str(source),
            "-o",
            str(output),
            *how,
            *more,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return output

    node = cluster.add_node(num_cpus=1)
    try:
        deadly = MODEL.replace("tiny", "deadly")
        on_ray = made("ray.apng", deadly, f"--on=ray:{cluster.address}")
    finally:
        cluster.remove_node(node)
    assert (nets / "killed").exists()
    here = made("here.apng", MODEL)
    assert len(frames_in(here)) == 42
    assert are_same(on_ray, here)
