"""Pictures a second of Ray beside the local runner, and those that one index can take.

    python -m benchmarks.runners [--rounds 7] [--workers 2] [--batch 8] [--steps 64] [--size 128]
        [--taken 4096] [--together 64] [--folder FOLDER] [--sync 0.005]

Both runners make the same batches of SqueezeNet's `fire5` in turns; their workers are ready before,
and idle ones take no time. The share is of the same round. On a machine that does other things too,
the other two figures are the ones to trust: what part of the time workers are busy, and what they
compute for a picture. Then pictures that are ready at once are
written into a catalog's folder, with its index, as fast as that goes: what no number of workers can
get past. With `--sync` each wait for the disk takes so many seconds more, as on slower disks. Where
Ray isn't installed, it is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

import entoptic as ent
from entoptic.catalogs.index import Index
from entoptic.catalogs.making import _begun
from entoptic.catalogs.plan import plan_catalog
from entoptic.catalogs.work import work
from entoptic.jobs.job import Job
from entoptic.runners.pictures import Made, Pictures
from entoptic.runners.runner import Batch, Done, Failed, Runner, Work
from entoptic.runners.team import Crew, Ready, Said, Team

NETWORK, LAYER = "squeezenet1_1", "fire5"


@dataclass(frozen=True)
class Timed(Work):
    """The seconds that a process computes for a batch.

    Args:
        network: of the pictures.
    """

    network: str

    def prepared(self) -> Callable[[Job, str], float]:
        make = Pictures(self.network).prepared()

        def timed(job: Job, device: str) -> float:
            began = time.process_time()
            make(job, device)
            return time.process_time() - began

        return timed


@dataclass(frozen=True)
class Round:
    """What one runner took for batches.

    Args:
        seconds: on the clock.
        busy: of them, on average, those in which a worker was making a batch.
        computed: seconds of processors that the workers computed.
    """

    seconds: float
    busy: float
    computed: float


def measured(team: Team, batches: Sequence[Batch], workers: int) -> Round:
    """Return how long a team takes for batches."""
    waiting = iter(batches)
    began, busy, computed = time.perf_counter(), 0.0, 0.0
    for answer in team.run(lambda: next(waiting, None), 5.0):
        assert not isinstance(answer, Failed), answer.reason
        if answer is not None:
            busy, computed = busy + answer.seconds, computed + answer.made
    return Round(time.perf_counter() - began, busy / workers, computed)


def compare(asked: argparse.Namespace) -> None:
    """Print the pictures a second of both runners, round by round, and their share."""
    model = ent.load(NETWORK)
    batches = []
    for number in range(2 * asked.workers):
        units = [f"{LAYER}:{asked.batch * number + each}" for each in range(asked.batch)]
        how = ent.Visualize(model, units, size=asked.size, steps=asked.steps, device="cpu")
        batches.append(Batch(number, how.plan().with_batch(asked.batch).job))
    pictures = len(batches) * asked.batch
    runners: dict[str, Runner] = {"local": ent.Local(asked.workers)}
    if importlib.util.find_spec("ray") is not None:
        # Ray lets all else go first, which on a busy machine would be measured in place of Ray.
        os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
        runners["ray"] = ent.Ray(workers=asked.workers)
    rounds: dict[str, list[Round]] = {name: [] for name in runners}
    with ExitStack() as stack:
        teams = {
            name: stack.enter_context(each.start(Timed(NETWORK), "cpu"))
            for name, each in runners.items()
        }
        for team in teams.values():
            measured(team, batches[: asked.workers], asked.workers)
        for number in range(asked.rounds):
            order = [*teams] if number % 2 else [*reversed(teams)]
            for name in order:
                rounds[name].append(measured(teams[name], batches, asked.workers))
            rates = [f"{name} {pictures / each[-1].seconds:.2f}" for name, each in rounds.items()]
            print(", ".join(rates), flush=True)
    for name, each in rounds.items():
        rate = statistics.median(pictures / one.seconds for one in each)
        busy = sum(one.busy for one in each) / sum(one.seconds for one in each)
        computed = statistics.median(one.computed for one in each) / pictures
        print(
            f"{name}: {rate:.2f} pictures a second, workers are busy {busy:.1%} of the time, "
            f"{computed:.3f} s of a processor for a picture"
        )
    if "ray" in rounds:
        pairs = zip(rounds["local"], rounds["ray"], strict=True)
        shares = sorted(local.seconds / other.seconds for local, other in pairs)
        low, middle, high = statistics.quantiles(shares, n=4)
        print(f"ray is {middle:.3f} of local (half of the rounds: {low:.3f}-{high:.3f})")


@contextmanager
def slower(by: float) -> Iterator[None]:
    """Have every wait for the disk take longer during a `with`; SQLite's own isn't touched."""
    usual = os.fsync

    def slow(handle: int) -> None:
        time.sleep(by)
        usual(handle)

    os.fsync = slow if by else usual  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = usual


class _AtOnce(Crew):
    """A worker that has everything ready.

    Args:
        made: what it answers every batch by.
    """

    def __init__(self, made: tuple[Made, ...]) -> None:
        self._made = made
        self._says: list[Said] = []

    def places(self) -> int:
        return 1

    def start(self) -> object:
        self._says.append(Ready())
        return self

    def give(self, worker: object, batch: Batch) -> bool:
        self._says.append(Done(batch.key, self._made, 1.0))
        return True

    def hear(self, workers: Sequence[object], seconds: float) -> list[tuple[object, Said]]:
        return [(self, self._says.pop())]

    def end(self, worker: object) -> None:
        pass

    def close(self) -> None:
        pass


def take(asked: argparse.Namespace) -> None:
    """Print how many pictures a second one catalog takes."""
    torch.manual_seed(0)
    count = asked.taken
    net = torch.nn.Sequential(torch.nn.Conv2d(3, count, 3))
    model = ent.Model.wrap(net)
    how = {"size": asked.size, "steps": 1, "batch": asked.together, "device": "cpu"}
    plan = plan_catalog(
        model,
        ["0"],
        every=1,
        units=None,
        preview=False,
        negative=False,
        photo=lambda _: None,
        given=how,
    )
    picture = ent.visualize(NETWORK, f"{LAYER}:3", size=224, steps=32, device="cpu", progress=False)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        data = picture.save(Path(folder) / "one.png").read_bytes()
        catalog = Path(folder) / "catalog"
        catalog.mkdir()
        with Index(catalog, create=True) as index:
            _begun(index, plan)
            with Team(_AtOnce((Made(data, 1.0),) * asked.together)) as team:
                began = time.perf_counter()
                work(index, team, lambda: None)
                took = time.perf_counter() - began
            assert index.is_finished()
    print(
        f"{count} pictures of {len(data) / 1000:.0f} kB, {asked.together} at a time"
        f"{f', {asked.sync:g} s more for each wait' if asked.sync else ''}: "
        f"{count / took:.0f} a second, {count * len(data) / took / 1e6:.0f} MB/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--taken", type=int, default=4096)
    parser.add_argument("--together", type=int, default=64)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sync", type=float, default=0.0)
    asked = parser.parse_args()
    with slower(asked.sync):
        take(asked)
    if asked.rounds:
        compare(asked)


if __name__ == "__main__":
    main()
