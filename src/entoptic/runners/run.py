"""Carry out one job: from a picture, from JSON or from Python, as it was or with changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from entoptic import images
from entoptic.checks import flag, path, refused, several, taking
from entoptic.errors import BadSetting, NoJob
from entoptic.images import Picture, PictureLike
from entoptic.jobs.changed_files import files_of_change
from entoptic.jobs.film_settings import FilmRecipe
from entoptic.jobs.finding import Finder
from entoptic.jobs.functions import known
from entoptic.jobs.job import Job, Result
from entoptic.jobs.permission import networks_of
from entoptic.jobs.plan import Plan
from entoptic.jobs.recipe import Recipe, Setting, settings
from entoptic.jobs.stored import check_stored
from entoptic.networks import Model
from entoptic.objectives import parse
from entoptic.paths import why_missing
from entoptic.recipes import recipes
from entoptic.types import PathLike

# Why a picture that was stopped is finished from its beginning.
_FINISHED = "made from the first step: a picture doesn't hold the state of the optimizer"


def redo(
    picture: PathLike,
    *,
    photo: PictureLike | None = None,
    model: str | Model | Sequence[str | Model] | None = None,
    look_in: Sequence[PathLike] = (),
    finish: bool = False,
    **changes: Any,
) -> Result:
    """Make a picture again from the job that it carries, as it was or with changes.

    The picture may come from anyone. Its job is data: it loads embedded networks, and timm's and
    torchvision's whose weights are on this machine; a model file or a function of yours is loaded
    only where `model` names it again. Files that it names are read only beside the picture, in the
    working directory and in `look_in`, and only if their bytes are what they were.

    Args:
        picture: a file that entoptic wrote.
        photo: where the photo is now, if it isn't found; or another photo.
        model: the network that the job names, by which you allow it; or another one;
            a list of them where it compares several.
        look_in: more folders to look for the files in that the job names.
        finish: whether a picture that was stopped is made to its end, the same bytes as if it had
            never been stopped: from its first step, since a file holds no state of an optimizer.
            Otherwise it is stopped again after as many steps, unless `steps` are given.
        changes: any other argument of the recipe that made the picture; `objective` is another
            unit, or another objective.

    Returns:
        The picture with its job; without changes the same bytes on the same machine.

    Raises:
        EntopticError: see `plan_redo`, which also shows a job without carrying it out.

    >>> import entoptic as ent, tempfile
    >>> first = ent.dream(ent.load(), noise=(60, 80), octaves=1, steps=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = redo(first.save(f"{folder}/a.png"))
    >>> bool((again.image == first.image).all())
    True
    """
    return plan_redo(
        picture, photo=photo, model=model, look_in=look_in, finish=finish, **changes
    ).run()


def run_one(
    job: Recipe | Job | PathLike,
    *,
    photo: PictureLike | None = None,
    model: str | Model | Sequence[str | Model] | None = None,
    look_in: Sequence[PathLike] = (),
    **changes: Any,
) -> Result:
    """Carry out one job in this process; see `jobs.run`."""
    if isinstance(job, Recipe):
        given = {"photo": photo, "model": model} | changes
        wanted = {name: value for name, value in given.items() if value is not None}
        return replace(job, **known(type(job), wanted)).run()
    if not isinstance(job, Job | str | Path):
        raise refused(
            "job", job, "must be a recipe, a Job, its text as JSON, or the name of a file with one"
        )
    if not isinstance(job, Job):
        if not (isinstance(job, str) and job.lstrip().startswith("{")):
            if Path(job).suffix != ".json":
                return redo(job, photo=photo, model=model, look_in=look_in, **changes)
            job = _text_of(Path(job))
        job = Job.from_json(job)
    return plan_job(job, photo=photo, look_in=look_in, **changes, model=model).run()


def _text_of(file: Path) -> str:
    """Return the text of a job's file.

    Raises:
        NoJob: it can't be read, or is no text.
    """
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        hint = why_missing(file) if isinstance(error, FileNotFoundError) else ""
        hint = hint or "; give a file of JSON"
        raise NoJob(f"can't read the job in {str(file)!r}: {reason}{hint}") from None


@taking(picture=path, look_in=several(path, "folders"), finish=flag)
def plan_redo(
    picture: PathLike,
    *,
    photo: PictureLike | None = None,
    look_in: Sequence[PathLike] = (),
    finish: bool = False,
    **changes: Any,
) -> Plan:
    """Check and lay out the job of a picture again; arguments as for `redo`.

    Returns:
        The plan; without changes it makes the same bytes on the same machine, and its result is
        saved with as many bits per channel.

    Raises:
        NoJob: the picture carries none.
        NotAllowed: the job names a network that only you may name.
        PictureNotFound: the photo isn't found, or isn't what it was.
        BadSetting: the photo was never in a file; a change that can't be; or there is nothing to
            finish.
    """
    job = Job.from_json(images.read_job(picture))
    plan = plan_job(job, Path(picture), photo=photo, look_in=look_in, finish=finish, **changes)
    return replace(plan, bits=images.bits_of(picture))


def plan_job(
    job: Job,
    picture: Path | None = None,
    *,
    photo: PictureLike | None = None,
    look_in: Sequence[PathLike] = (),
    finish: bool = False,
    **changes: Any,
) -> Plan:
    """Check and lay out a job; see `plan_redo`.

    Args:
        job: what is made.
        picture: that carries the job; None where it comes from elsewhere.
    """
    where = Path("the job") if picture is None else picture
    if job.recipe in recipes and issubclass(recipes[job.recipe], FilmRecipe):
        raise NoJob(f"{str(where)!r} is a frame of a {job.recipe}; make the film's file again")
    if job.recipe not in recipes or recipes[job.recipe].makes_no_job:
        raise NoJob(
            f"{str(where)!r} was made by {job.recipe!r}, which this entoptic doesn't know; "
            "update it"
        )
    if finish and job.stopped_after is None:
        raise BadSetting(
            f"{str(where)!r} wasn't stopped before its end; there is nothing to finish"
        )
    given = {key: value for key, value in changes.items() if value is not None}
    check_stored("" if "objective" in given else job.objective, job.settings, given)
    whole = finish or "steps" in given
    if given.get("steps") == job.settings.get("steps") and "look" not in given:
        given.pop("steps", None)  # no change
    beside = () if picture is None else (picture.parent,)
    find = Finder(where, job, (*beside, Path(), *(Path(each) for each in look_in)))
    plan = _Again(find, recipes[job.recipe], photo, given).plan()
    new = _kept(plan.job, job, recipes[job.recipe])
    return replace(
        plan,
        job=replace(new, stopped_after=None) if whole else new,
        notes=(*plan.notes, _FINISHED) if finish else plan.notes,
    )


class _Again:
    """A job that is laid out again.

    Args:
        find: finds its files.
        recipe: the declaration.
        photo: another photo, or where it is now.
        changes: what the user wants otherwise.
    """

    def __init__(
        self,
        find: Finder,
        recipe: type[Recipe],
        photo: PictureLike | None,
        changes: Mapping[str, Any],
    ) -> None:
        self.find, self.job, self.recipe = find, find.job, recipe
        self.photo, self.changes = photo, dict(changes)
        self.declared = settings(recipe)
        self._fields = recipe.__dataclass_fields__

    def plan(self) -> Plan:
        """Return the plan."""
        stored = self._stored()
        names = stored.pop("models", None)
        networks = networks_of(self.find, self.changes, names)
        same_network = [each.source for each in networks] == (names or [self.job.model])
        self._objective(stored)
        self.changes = known(self.recipe, self.changes)
        for name in self.recipe.left_out(stored, self.changes, same_network):
            stored.pop(name, None)
        fixed: dict[str, Any] = {"model": networks[0] if names is None else networks}
        fixed |= {"seed": self.job.seed, "device": self.job.device}
        if self.photo is not None and "photo" not in self.declared:
            raise BadSetting(
                f"{str(self.find.picture)!r} shows units, not a photo; leave out --photo"
            )
        if "photo" in self.declared:
            fixed["photo"] = self._photo(stored)
        unchanged = {name: each for name, each in stored.items() if name not in self.changes}
        files = files_of_change(self.find, unchanged, self.changes)
        stored |= self.recipe.with_files(unchanged, self.find)
        number = stored.pop("picture", None)
        plan = self.recipe(**stored | fixed | self.changes).plan(files)
        return plan if number is None else _alone(plan, number)

    def _stored(self) -> dict[str, Any]:
        """Return the recipe's own settings as the job has them, and nothing else.

        A picture may come from anyone. A setting that an older entoptic didn't know yet gets the
        default at which it does nothing.

        Raises:
            NoJob: there is no such setting, or it can't be that.
        """
        given = self.recipe.upgraded(self.job.settings)
        own = {name: each for name, each in self.declared.items() if self.recipe.keeps(name)}
        names_known = {*own, "picture"} | ({"models"} if self.declared["model"].many else set())
        if strange := sorted(given.keys() - names_known):
            raise NoJob(
                f"the job in the picture is damaged: a {self.job.recipe} has no setting "
                f"{strange[0]!r}"
            )
        if lacking := [each for each in own if own[each].role != "own" and each not in given]:
            raise NoJob(f"the job in the picture is damaged: it names no {lacking[0]}")
        found = {name: _default(self.recipe, name, each) for name, each in own.items()} | given
        if "models" in names_known:
            names = given.get("models")
            if not (isinstance(names, list) and all(isinstance(each, str) for each in names)):
                raise NoJob("the job in the picture is damaged: models are no list of names")
        try:
            for name, setting in own.items():
                if found[name] is not None or self._fields[name].default is not None:
                    found[name] = setting.meaning(name, found[name])
        except BadSetting as error:
            raise NoJob(f"the job in the picture is damaged: {error}") from None
        return found

    def _objective(self, stored: dict[str, Any]) -> None:
        """Put the objective where the recipe has it."""
        field = self.recipe.unit_field
        changes = self.changes
        if "objective" in changes and field != "objective":
            if field is None:
                raise BadSetting(f"a picture by {self.job.recipe} has no one objective to change")
            value = changes.pop("objective")
            changes[field] = [value] if self.declared[field].role == "units" else value
        mine = {"objective", "layer", "guide", "look"} if field == "objective" else {field}
        filled = self.recipe.objective_is
        if filled is None or not changes.keys() & mine:
            if filled is not None:
                value = self.job.objective
                stored[filled] = [value] if self.declared[filled].role == "units" else value
            return
        if changes.keys() & mine == {"guide"}:
            # Another guide, at the layer of the one before.
            layers = {each.layer for each in parse(self.job.objective).references()}
            changes["layer"] = str(layers.pop()) if len(layers) == 1 else None

    def _photo(self, stored: dict[str, Any]) -> Picture | None:
        """Return the photo, found by its bytes; or the one that the user gives."""
        picture, again = str(self.find.picture), self.job.photo
        if stored.get("noise"):
            if self.photo is not None:
                raise BadSetting(
                    f"{picture!r} was made from noise, not from a photo; leave out --photo"
                )
            found = None
        else:
            found = self.find.photo(self.photo)
        if found is None or again is None or found.sha256 != again.sha256:
            stored.pop("together", None)
        return found


def _alone(plan: Plan, number: int) -> Plan:
    """Return the plan of one picture of several.

    Raises:
        NoJob: there are not so many.
    """
    from entoptic.jobs.sheets import SheetPlan

    if not isinstance(plan, SheetPlan) or not isinstance(number, int) or isinstance(number, bool):
        raise NoJob(f"the job in the picture is damaged: picture is {number!r}")
    if not 0 <= number < plan.pictures_asked:
        raise NoJob(f"the job in the picture is damaged: it is picture {number} of too few")
    return plan.alone(number)


def _default(recipe: type[Recipe], name: str, setting: Setting) -> Any:
    """Return what a setting is where a job doesn't know it."""
    default = recipe.__dataclass_fields__[name].default
    return setting.usual if default is None else default


def _kept(new: Job, old: Job, recipe: type[Recipe]) -> Job:
    """Return the new job; without changes, the old one with today's versions.

    Names of files may differ, since they are looked for in several places; and settings that are
    newer than an old job have the default at which they do nothing.
    """
    by_bytes = {each.sha256: each for each in (old.photo, *old.guides) if each is not None}
    photo = new.photo and by_bytes.get(new.photo.sha256, new.photo)
    guides = tuple(by_bytes.get(each.sha256, each) for each in new.guides)
    names = {each.name: same.name for each, same in zip(new.guides, guides, strict=True)}
    renamed = {name: _renamed(each, names) for name, each in new.settings.items()}
    objective = new.objective
    for found, name in names.items():
        objective = objective.replace(repr(found), repr(name))
    new = replace(new, photo=photo, guides=guides, settings=renamed, objective=objective)
    known = recipe.upgraded(old.settings)
    newer = {
        name: _default(recipe, name, each)
        for name, each in settings(recipe).items()
        if name in new.settings and name not in known
    }
    before = replace(
        old, settings=known | newer, stopped_after=new.stopped_after, made_with=new.made_with
    )
    same = json.loads(before.to_json()) == json.loads(new.to_json())  # in whatever order
    if not same:
        return new
    ordered = {name: new.settings[name] for name in before.settings}
    return replace(before, settings=ordered, stopped_after=old.stopped_after)


def _renamed(value: Any, names: Mapping[str | None, str | None]) -> Any:
    """Return a setting with other names of files, in lists too."""
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value
