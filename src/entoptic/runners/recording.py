"""Records made here or by workers, each of which looks at a part of the photographs."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entoptic.analysis.photographs import ViewSize
from entoptic.analysis.record import COVARIED, SAMPLE, TOP, Record
from entoptic.analysis.recording import (
    How,
    Named,
    Parts,
    Recording,
    Tell,
    named_photos,
    record_named,
)
from entoptic.checks import (
    as_given,
    count,
    extent,
    function,
    one_of,
    path as a_path,
    several,
    taking,
    whole,
)
from entoptic.errors import PictureNotFound
from entoptic.images import PictureLike
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, Model, ModelLike, model_of
from entoptic.objectives import Objective
from entoptic.runners.named import check_workers, runner_of
from entoptic.runners.runner import Batch, Failed, Runner, Work
from entoptic.runners.team import Team
from entoptic.types import PathLike

# Photographs that a worker looks at in one go: most of what it answers has the size of the units'
# statistics, however many they are.
_MOST_AT_ONCE = 256
# So many goes there are at least, for workers to share.
_LEAST_GOES = 16
# Seconds after which a record is told of that nothing has happened.
_TICK = 5.0


@dataclass(frozen=True, eq=False)
class Looked:
    """What a worker answers.

    Args:
        part: the record of the photographs that it has looked at.
        missing: names of the files that it hasn't found.
    """

    part: Record
    missing: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Looking(Work):
    """Units of a network, looked at in photographs.

    Args:
        network: a name, which each worker loads; or the network, which is sent to it.
        units: names of layers, and objectives.
        how: to look at them.
    """

    network: ModelLike
    units: tuple[Layer | str | Objective, ...]
    how: How

    def prepared(self) -> Callable[[bytes, str], Looked]:
        """See `Work`; photographs come as bytes, since tensors would be shared, a handle each."""
        look = _Looker(model_of(self.network), self)
        return lambda photos, device: look(pickle.loads(photos), device)


@dataclass(frozen=True, eq=False)
class _Looker:
    """A worker's network, with the units bound to it where it has looked at photographs."""

    model: Model
    work: Looking
    by_device: dict[str, Recording] = field(default_factory=dict)

    def __call__(self, photos: Named, device: str) -> Looked:
        if device not in self.by_device:
            work = self.work
            self.by_device[device] = Recording.of(self.model, work.units, work.how, device)
        missing = [
            name for name, each in photos.items() if isinstance(each, Path) and not each.exists()
        ]
        there = {name: each for name, each in photos.items() if name not in missing}
        return Looked(self.by_device[device].whole(there), tuple(missing))


def by_workers(runner: Runner, work: Looking, recording: Recording, device: DeviceLike) -> Parts:
    """Return what has photographs looked at by workers.

    Where some end their worker again and again, they are looked at one by one, and those that do it
    alone are left out.

    Args:
        runner: of the workers.
        work: theirs.
        recording: the same, as it would be done here.
        device: as recipes take it.
    """

    def parts(photos: Named) -> Iterator[Record | None]:
        batch = recording.batch
        least = math.ceil(len(photos) / _LEAST_GOES / batch) * batch
        with runner.start(work, device) as team:
            lost = yield from _round(team, photos, min(_MOST_AT_ONCE, least))
            alone = yield from _round(team, {name: photos[name] for name in lost}, 1)
        yield replace(recording.empty, broken=alone)

    return parts


def _round(team: Team, photos: Named, size: int) -> Generator[Record | None, None, dict[str, str]]:
    """Yield records of so many photographs each; return the others, with the reasons.

    Raises:
        PictureNotFound: a worker doesn't find a file that is there.
    """
    names = [*photos]
    goes = [names[start : start + size] for start in range(0, len(names), size)]
    waiting = (
        Batch(number, pickle.dumps({name: photos[name] for name in go}))
        for number, go in enumerate(goes)
    )
    lost: dict[str, str] = {}
    for answer in team.run(lambda: next(waiting, None), _TICK) if goes else ():
        if answer is None:
            yield None
        elif isinstance(answer, Failed):
            lost |= dict.fromkeys(goes[answer.key], answer.reason)
        elif answer.made.missing:
            raise PictureNotFound(
                f"a worker doesn't find {answer.made.missing[0]!r}; each node must have the "
                "photographs under the same names, as in a folder that all share"
            )
        else:
            yield answer.made.part
    return lost


def _layer_or_unit(name: str, value: Any) -> Any:
    """Return an objective as it is, or the name of a layer."""
    return value if isinstance(value, Objective) else layer_name(name, value)


@taking(
    layers=several(_layer_or_unit, "layers and objectives"),
    photos=several(as_given, "files, folders and pictures"),
    size=extent(10_000),
    most=count,
    sampled=count,
    batch=count,
    readers=count,
    covariance=one_of(*COVARIED, None),
    workers=whole(1, 100_000),
    path=a_path,
    tell=function,
    precision=one_of("fp32", "bf16", "fp16"),
)
def record(
    model: ModelLike,
    layers: Collection[Layer | str | Objective],
    photos: Sequence[PictureLike],
    *,
    size: ViewSize | None = None,
    most: int = TOP,
    sampled: int = SAMPLE,
    covariance: str | None = None,
    batch: int | None = None,
    readers: int | None = None,
    device: DeviceLike = "auto",
    precision: str = "fp32",
    on: str | Runner | None = None,
    workers: int | None = None,
    path: PathLike | None = None,
    tell: Tell = lambda _: None,
) -> Record:
    """Run a network over photographs once, and keep what excites its units most and least.

    The photographs are read beside the network, few at a time, so that a million of them need no
    more memory than a thousand, but for their names and hashes. Files that can't be read are named
    in the record, and passed over.

    Args:
        model: the network.
        layers: names of layers, for all of their channels; and objectives that score one image,
            such as `channel("fire7", 3)`, for these units.
        photos: files, folders of pictures with the folders inside them, or pictures.
        size: at which they are shown: (height, width) of the middle that is cut out, or the long
            side in pixels; by default the network's own (height, width).
        most: how many photographs are kept at each end of a unit's values.
        sampled: for how many photographs all values are kept; quantiles are exact up to this
            number.
        covariance: also keeps the covariance of each two units of a layer, 32 bytes for each: of
            their `max` or `mean` in each photograph, or of their values at one random `position` of
            each, drawn by its hash.
        batch: photographs that are shown together, where the size is (height, width); by default 1
            on a CPU, 32 on a GPU.
        readers: threads that read; by default one for each core, 8 at most; of each worker.
        device: where to compute.
        precision: fp32, bf16 or fp16.
        on: where the photographs are looked at: `local`, in processes of this machine; `ray`,
            `ray:auto` or `ray://HOST:PORT`, on a cluster; or a runner. By default here. In a
            script, call it below `if __name__ == "__main__":`, since it starts processes.
        workers: number of workers, where `on` is a text.
        path: a file, ending in .npz: what it holds isn't done again, and it is written from time to
            time, so that work that was ended goes on.
        tell: is told what is being done.

    Returns:
        The record; the same bytes for the same photographs, however they were split, on machines
        of one kind.

    Raises:
        BadSetting: nothing to record, settings out of their range, or other ones than the file has.
        UnknownLayer, ChannelOutOfRange, UnknownLabel, NotEnoughMemory: with what to do.
        PictureNotFound: no photographs; or a worker doesn't find them.
        WorkerFailed: workers can't begin.
        BadRecord, CannotWrite: of the file.

    >>> import torch, entoptic as ent
    >>> photos = [torch.rand(1, 3, 40, 60), torch.rand(1, 3, 50, 40)]
    >>> found = ent.record(ent.load(), ["fire2"], photos, size=64, covariance="mean")
    >>> found.measures["max"].top.values.shape, found.covariance().shape
    ((128, 9), (128, 128))
    """
    check_workers(on, workers)
    runner = None if on is None else runner_of(on, workers)
    network = model_of(model)
    how = How(size, most, sampled, batch, readers, precision, covariance)
    recording = Recording.of(network, layers, how, device)
    parts = None
    if runner is not None:
        work = Looking(model if isinstance(model, str) else network, tuple(layers), how)
        parts = by_workers(runner, work, recording, device)
    return record_named(recording, named_photos(photos), path=path, tell=tell, parts=parts)
