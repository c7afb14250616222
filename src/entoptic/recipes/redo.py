"""Make a picture again from the job that it carries, as it was or with changes."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from entoptic import pictures
from entoptic.errors import BadSetting, NoJob, PictureNotFound
from entoptic.jobs import Job
from entoptic.models import load
from entoptic.pictures import Picture
from entoptic.recipes.deepdream import DreamSettings, Plan, plan_dream
from entoptic.types import PathLike


def plan_redo(picture: PathLike, *, photo: PathLike | None = None, **changes: Any) -> Plan:
    """Check and lay out the job of a picture again.

    Args:
        picture: a file that entoptic wrote.
        photo: where the photo is now, if it isn't where it was; it must be the same file, unless
            there are other changes too: then it is one of them.
        changes: anything that `plan_dream` takes.

    Returns:
        The plan; without changes it makes the same bytes on the same machine.

    Raises:
        NoJob: the picture carries none.
        PictureNotFound: the photo isn't where it was, or isn't what it was.
        BadSetting: the photo was never in a file; or a change that can't be.
    """
    job = Job.from_json(pictures.read_job(picture))
    if job.recipe != "dream":
        raise NoJob(
            f"{str(picture)!r} was made by {job.recipe!r}, which this entoptic doesn't know; "
            "update it"
        )
    settings = _settings(job)
    changes = {key: value for key, value in changes.items() if value is not None}
    model = load(changes.pop("model", job.model))
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    if settings["noise"] and photo is not None:
        raise BadSetting(
            f"{str(picture)!r} was made from noise, not from a photo; leave out --photo"
        )
    start = None if settings["noise"] else _photo(job, Path(picture), photo)
    options: dict[str, Any] = {"seed": job.seed, "on": job.device} | changes
    if not changes.keys() & {"objective", "layer", "guide"}:
        _same_guides(job)
        options["objective"] = job.objective
    plan = plan_dream(model, start, **options, **settings)
    return replace(plan, job=_kept(plan.job, job))


def _settings(job: Job) -> dict[str, Any]:
    """The settings of a dream and nothing else, since a picture may come from anyone.

    What an older entoptic didn't know yet gets the default, at which it does nothing.
    """
    try:
        return asdict(DreamSettings(**job.settings))
    except (TypeError, BadSetting) as error:
        raise NoJob(f"the job in the picture is damaged: {error}") from None


def _kept(new: Job, old: Job) -> Job:
    """The new job; where nothing has changed, the old one with today's versions.

    The photo's name may differ, since it is looked for in several places.
    """
    photo = new.photo
    if photo and old.photo and photo.sha256 == old.photo.sha256:
        photo = old.photo
    alike = replace(new, photo=photo, stopped_after=old.stopped_after, made_with=old.made_with)
    if alike.to_json() == old.to_json():
        return replace(old, made_with=new.made_with)
    return replace(new, photo=photo)


def _photo(job: Job, picture: Path, given: PathLike | None) -> Picture:
    if given is not None:
        return pictures.read(given)
    if job.photo is None or job.photo.name is None:
        raise BadSetting(
            f"{str(picture)!r} was made from a photo given in Python; "
            "say where it is with --photo FILE"
        )
    places = [Path(job.photo.name), picture.parent / job.photo.name]
    places.append(picture.parent / places[0].name)
    found = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 (never raises)
    if not found:
        raise PictureNotFound(
            f"the photo {job.photo.name!r} that {str(picture)!r} was made from isn't here; "
            "say where it is with --photo FILE"
        )
    photos = [pictures.read(place) for place in found]
    for photo in photos:
        if photo.sha256 == job.photo.sha256:
            return photo
    raise PictureNotFound(
        f"{str(found[0])!r} has changed since {str(picture)!r} was made from it; "
        "dream it anew, or name the right file with --photo FILE"
    )


def _same_guides(job: Job) -> None:
    """The guides of an objective must be what they were."""
    for guide in job.guides:
        if guide.name is None:
            raise BadSetting("the guide was given in Python; name one with --guide FILE")
        if pictures.read(guide.name).sha256 != guide.sha256:
            raise PictureNotFound(
                f"the guide {guide.name!r} has changed; name one with --guide FILE"
            )
