"""Carry out a job, or a list of them: here, in processes, or on a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, overload

from torch import nn

from entoptic.checks import path, refused, several, taking
from entoptic.errors import BadSetting, EntopticError, JobsFailed, NotAllowed, one_line
from entoptic.images import PictureLike
from entoptic.jobs.film_making import FilmMade
from entoptic.jobs.film_settings import FilmRecipe
from entoptic.jobs.functions import known
from entoptic.jobs.job import Job, Result
from entoptic.jobs.recipe import Recipe
from entoptic.networks import Model, load, model_of
from entoptic.runners.named import check_workers, runner_of
from entoptic.runners.run import run_one
from entoptic.runners.runner import Batch, Failed, Runner, Work
from entoptic.runners.scenes import by_workers
from entoptic.types import PathLike

JobLike: TypeAlias = Recipe | Job | PathLike
"""A job as users give it: a recipe, a Job, its text, or the name of a file with one."""

# So many failed jobs are told with their reasons.
_TOLD = 3
# Seconds after which a runner yields although nothing has happened.
_TICK = 5.0


@overload
def run(
    job: FilmRecipe,
    *,
    on: str | Runner | None = None,
    workers: int | None = None,
    model: str | Model | None = None,
    **changes: Any,
) -> FilmMade: ...


@overload
def run(
    job: JobLike,
    *,
    photo: PictureLike | None = None,
    model: str | Model | Sequence[str | Model] | None = None,
    look_in: Sequence[PathLike] = (),
    **changes: Any,
) -> Result: ...


@overload
def run(
    job: Sequence[JobLike],
    *,
    on: str | Runner | None = None,
    workers: int | None = None,
    photo: PictureLike | None = None,
    model: str | Model | Sequence[str | Model] | None = None,
    look_in: Sequence[PathLike] = (),
    **changes: Any,
) -> list[Result]: ...


@taking(look_in=several(path, "folders"))
def run(
    job: JobLike | Sequence[JobLike],
    *,
    on: str | Runner | None = None,
    workers: int | None = None,
    photo: PictureLike | None = None,
    model: str | Model | Sequence[str | Model] | None = None,
    look_in: Sequence[PathLike] = (),
    **changes: Any,
) -> Result | FilmMade | list[Result]:
    """Carry out a job, or a list of them.

    Args:
        job: a recipe, such as `Dream(...)`; a `Job`; the text of one, as JSON; or the name of a
            picture that carries one, or of a file of JSON. Or a list of these.
        on: where a list runs, or the scenes of a film are dreamt: `local`, in processes of this
            machine; `ray`, `ray:auto` or `ray://HOST:PORT`, on a cluster; or a runner, such as
            `Ray(gpus=0.5)`. By default here, one job after the other.
        workers: number of workers, where `on` is a text.
        photo: where the photo is now, if it isn't found; or another photo.
        model: the network that the job names, by which you allow it; or another one;
            a list of them where it compares several.
        look_in: more folders to look for the files in that the job names.
        changes: any other argument of the recipe.

    Returns:
        The picture with its job; without changes the same bytes on the same machine. Of a list all
        pictures, in its order, each the same wherever it is made. Of a film that film.

    Raises:
        JobsFailed: jobs of a list failed; the error has the results of the others.
        EntopticError: whatever else is wrong is said before any work.

    >>> import entoptic as ent
    >>> first = ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1)
    >>> bool((run(first.job).image == first.image).all())
    True
    >>> [len(each) for each in run([first.job, first.job])]
    [1, 1]
    """
    given = {"photo": photo, "model": model, "look_in": look_in} | changes
    if isinstance(job, FilmRecipe | list | tuple):
        check_workers(on, workers)
    if isinstance(job, FilmRecipe) and on is not None:
        named = {name: value for name, value in given.items() if value is not None}
        del named["look_in"]
        film: Any = replace(job, **known(type(job), named))
        return by_workers(film.plan(), runner_of(on, workers)).run()
    if isinstance(job, Recipe | Job) or not isinstance(job, list | tuple):
        if on is not None or workers is not None:
            raise refused("job", job, "must be a list where `on` or `workers` is given")
        return run_one(job, **given)  # type: ignore[arg-type]
    for number, each in enumerate(job):
        if not isinstance(each, Recipe | Job | PathLike):
            raise refused(f"jobs[{number}]", each, "must be a recipe, a Job, or a file with one")
    orders, networks = _without_networks(job)
    work = Results(networks, given)
    made = _here(work, orders) if on is None else _by(runner_of(on, workers), work, orders)
    return _all_or_told(made)


@dataclass(frozen=True)
class _Sent:
    """The number of a network that is sent to each worker once, where a recipe held the network."""

    number: int


@dataclass(frozen=True, eq=False)
class Results(Work):
    """Any jobs, each with its own network; a worker loads each network once.

    Args:
        networks: those that recipes hold themselves.
        given: what all jobs are carried out with, see `run`.
    """

    networks: tuple[Model | nn.Module, ...]
    given: Mapping[str, Any]

    def prepared(self) -> Callable[[bytes, str], bytes]:
        """See `Work`; bytes, since tensors would travel in shared memory, a file handle each."""
        make = self.maker()
        return lambda job, device: pickle.dumps(make(_at(pickle.loads(job), device)))

    def maker(self) -> Callable[[JobLike], Result]:
        """Return what carries out one job."""
        given = dict(self.given)
        if isinstance(given["model"], str):
            given["model"] = load(given["model"])
        loaded = _Loaded(tuple(map(model_of, self.networks)))
        return lambda job: loaded.result(job, given)


@dataclass(frozen=True)
class _Loaded:
    """The networks of one worker, each loaded when it is first named."""

    sent: tuple[Model, ...]
    named: dict[tuple[str, bool], Model] = field(default_factory=dict)

    def result(self, job: JobLike, given: Mapping[str, Any]) -> Result:
        if given["model"] is not None:
            return run_one(job, **given)
        if isinstance(job, Recipe):
            return run_one(replace(job, model=self._meant(job.model)), **given)
        if isinstance(job, Job) and "models" not in job.settings:
            try:
                return run_one(job, **{**given, "model": self._load(job.model, stored=True)})
            except NotAllowed:
                pass  # what a job may not name is told, with what to do, where it is looked at
        return run_one(job, **given)

    def _meant(self, given: Any) -> Any:
        """Return what stands for networks in a recipe, loaded."""
        if isinstance(given, list | tuple):
            return [self._meant(each) for each in given]
        if isinstance(given, _Sent):
            return self.sent[given.number]
        return self._load(given, stored=False) if isinstance(given, str) else given

    def _load(self, name: str, *, stored: bool) -> Model:
        if (name, stored) not in self.named:
            self.named[name, stored] = load(name, stored=stored)
        return self.named[name, stored]


def _without_networks(
    jobs: Sequence[JobLike],
) -> tuple[list[JobLike], tuple[Model | nn.Module, ...]]:
    """Return jobs whose recipes hold no network, and the networks, each once."""
    networks: list[Model | nn.Module] = []

    def sent(given: Any) -> Any:
        if isinstance(given, list | tuple):
            return [sent(each) for each in given]
        if not isinstance(given, Model | nn.Module):
            return given
        for number, each in enumerate(networks):
            if each is given:
                return _Sent(number)
        networks.append(given)
        return _Sent(len(networks) - 1)

    orders = []
    for each in jobs:
        if isinstance(each, Recipe):
            each = replace(each, model=sent(each.model))
        orders.append(each)
    return orders, tuple(networks)


def _at(job: Any, device: str) -> Any:
    """Return a job for the device of a worker, where it doesn't ask for one of another kind."""
    kind = device.partition(":")[0]
    if kind == "cpu" or not isinstance(job, Recipe | Job):
        return job
    asked = str(job.device).partition(":")[0]
    return replace(job, device=device) if asked in ("auto", kind) else job


def _here(work: Results, orders: Sequence[JobLike]) -> list[Result | Failed]:
    """Carry jobs out one after the other."""
    make, made = work.maker(), list[Result | Failed]()
    for number, each in enumerate(orders):
        try:
            made.append(make(each))
        except EntopticError as error:
            made.append(Failed(number, str(error)))
    return made


def _by(runner: Runner, work: Results, orders: Sequence[JobLike]) -> list[Result | Failed]:
    """Carry jobs out by workers; they are given in their order, and answered in any."""
    waiting = iter([Batch(number, _bytes(number, each)) for number, each in enumerate(orders)])
    made: dict[int, Result | Failed] = {}
    with runner.start(work, work.given.get("device", "auto")) as team:
        for answer in team.run(lambda: next(waiting, None), _TICK):
            if answer is not None:
                made[answer.key] = (
                    answer if isinstance(answer, Failed) else pickle.loads(answer.made)
                )
    return [made[number] for number in range(len(orders))]


def _bytes(number: int, job: JobLike) -> bytes:
    """Return a job as it is sent.

    Raises:
        BadSetting: it can't be.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BadSetting(
            f"jobs[{number}] can't be sent to workers ({one_line(str(error), 200)}); leave `on` "
            "out, or give it by names"
        ) from None


def _all_or_told(made: Sequence[Result | Failed]) -> list[Result]:
    """Return the results of all jobs.

    Raises:
        JobsFailed: not all have one.
    """
    reasons = {n: each.reason for n, each in enumerate(made) if isinstance(each, Failed)}
    results = [None if isinstance(each, Failed) else each for each in made]
    if not reasons:
        return [each for each in results if each is not None]
    told = [f"jobs[{number}]: {reasons[number]}" for number in [*reasons][:_TOLD]]
    more = f"; and {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
    raise JobsFailed(
        f"{len(reasons)} of {len(made)} jobs failed, and this error's `results` has the others'; "
        f"{'; '.join(told)}{more}",
        results,
        reasons,
    )
