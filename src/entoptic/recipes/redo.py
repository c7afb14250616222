"""Make a picture again from the job that it carries, as it was or with changes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from entoptic import pictures
from entoptic.errors import BadSetting, NoJob, PictureNotFound
from entoptic.jobs import Job, Source
from entoptic.models import load
from entoptic.objectives import parse
from entoptic.pictures import Picture
from entoptic.recipes.deepdream import DreamSettings, plan_dream
from entoptic.recipes.plan import Plan
from entoptic.recipes.visualization import VisualizeSettings, plan_visualize
from entoptic.types import PathLike


def plan_redo(picture: PathLike, *, photo: PathLike | None = None, **changes: Any) -> Plan:
    """Check and lay out the job of a picture again.

    Args:
        picture: a file that entoptic wrote.
        photo: where the photo is now, if it isn't where it was; or another photo.
        changes: anything that `plan_dream` takes; for units, `plan_visualize`.

    Returns:
        The plan; without changes it makes the same bytes on the same machine.

    Raises:
        NoJob: the picture carries none.
        PictureNotFound: the photo isn't where it was, or isn't what it was.
        BadSetting: the photo was never in a file; or a change that can't be.
    """
    job = Job.from_json(pictures.read_job(picture))
    changes = {key: value for key, value in changes.items() if value is not None}
    match job.recipe:
        case "dream":
            plan: Plan = _dream(job, Path(picture), photo, changes)
        case "visualize":
            plan = _visualize(job, Path(picture), photo, changes)
        case _:
            raise NoJob(
                f"{str(picture)!r} was made by {job.recipe!r}, which this entoptic doesn't know; "
                "update it"
            )
    return replace(plan, job=_kept(plan.job, job))


def _dream(job: Job, picture: Path, photo: PathLike | None, changes: dict[str, Any]) -> Plan:
    settings = _settings(job, DreamSettings)
    model = load(changes.pop("model", job.model))
    if "memory" in changes and "tile" not in changes:
        changes["tile"] = "auto"  # tiles that fit there
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    if settings["noise"] and photo is not None:
        raise BadSetting(
            f"{str(picture)!r} was made from noise, not from a photo; leave out --photo"
        )
    finder = _Finder(picture, job)
    start = None if settings["noise"] else finder.photo(photo)
    options: dict[str, Any] = {"seed": job.seed, "on": job.device} | changes
    if not changes.keys() & {"objective", "layer", "guide"}:
        options |= {"objective": job.objective, "read_guide": finder.guide}
    elif changes.keys() & {"objective", "layer", "guide"} == {"guide"}:
        # Another guide, at the layer of the one before.
        layers = {each.layer for each in parse(job.objective).references()}
        options["layer"] = str(layers.pop()) if len(layers) == 1 else None
    return plan_dream(model, start, **options, **settings)


def _visualize(job: Job, picture: Path, photo: PathLike | None, changes: dict[str, Any]) -> Plan:
    if photo is not None:
        raise BadSetting(f"{str(picture)!r} shows units, not a photo; leave out --photo")
    settings = _settings(job, VisualizeSettings)
    model = load(changes.pop("model", job.model))
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    units = [changes.pop("objective", job.objective)]
    options: dict[str, Any] = {"seed": job.seed, "on": job.device} | changes
    return plan_visualize(model, units, **options, **settings)


def _settings(job: Job, kind: type[DreamSettings | VisualizeSettings]) -> dict[str, Any]:
    """The settings of a recipe and nothing else, since a picture may come from anyone.

    What an older entoptic didn't know yet gets the default, at which it does nothing.
    """
    # JSON knows lists only.
    given: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in job.settings.items()
    }
    strange = sorted(given.keys() - kind.__dataclass_fields__.keys())
    if strange:
        raise NoJob(
            f"the job in the picture is damaged: a {job.recipe} has no setting {strange[0]!r}"
        )
    try:
        return asdict(kind(**given))
    except (TypeError, BadSetting) as error:
        raise NoJob(f"the job in the picture is damaged: {error}") from None


def _kept(new: Job, old: Job) -> Job:
    """The new job; where nothing has changed, the old one with today's versions.

    Names of pictures may differ, since they are looked for in several places.
    """
    known = {each.sha256: each for each in (old.photo, *old.guides) if each is not None}
    photo = new.photo and known.get(new.photo.sha256, new.photo)
    guides = tuple(known.get(each.sha256, each) for each in new.guides)
    new = replace(new, photo=photo, guides=guides)
    alike = replace(new, stopped_after=old.stopped_after, made_with=old.made_with)
    return replace(old, made_with=new.made_with) if alike.to_json() == old.to_json() else new


@dataclass(frozen=True)
class _Finder:
    """Finds again the pictures that a job needs: where they were, or beside the result."""

    picture: Path
    job: Job

    def photo(self, given: PathLike | None) -> Picture:
        """The picture to begin with, or another one that is given."""
        if given is not None:
            return pictures.read(given)
        return self._same("photo", self.job.photo or Source(None, None))

    def guide(self, name: str) -> Picture:
        """The guide that an objective names."""
        known = {Path(each.name): each for each in self.job.guides if each.name is not None}
        return self._same("guide", known.get(Path(name), Source(None, None)))

    def _same(self, what: str, source: Source) -> Picture:
        """A picture whose bytes are what they were."""
        if source.name is None:
            raise BadSetting(
                f"{str(self.picture)!r} was made from a {what} given in Python; "
                f"say where it is with --{what} FILE"
            )
        beside = self.picture.parent
        places = [Path(source.name), beside / source.name, beside / Path(source.name).name]
        found = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 (never raises)
        for place in found:
            read = pictures.read(place)
            if read.sha256 == source.sha256:
                return read
        wrong = (
            f"{str(found[0])!r} has changed since {str(self.picture)!r} was made from it"
            if found
            else f"{source.name!r} that {str(self.picture)!r} was made from isn't here"
        )
        raise PictureNotFound(f"the {what} {wrong}; say where it is with --{what} FILE")
