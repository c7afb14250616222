"""The settings of a picture's job, as a page takes them over.

A picture may come from anyone: what it says goes through the same checks as what a page asks for,
files are looked for among the studio's photos only, and nothing is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from entoptic.errors import BadSetting, EntopticError, NoJob
from entoptic.jobs.job import Job, Source
from entoptic.jobs.recipe import recipes
from entoptic.jobs.stored import check_stored
from entoptic.objectives import match, parse
from entoptic.objectives.facts import files_named
from entoptic.studio.shelf import Shelf
from entoptic.studio.wishes import Wishes

_RECIPES = ("dream", "visualize", "zoom", "film")


def settings_of(wishes: Wishes, job: Job) -> dict[str, Any]:
    """Return the settings of a job, by name; `recipe`, and in `left_out` the others in words.

    Raises:
        NoJob: no recipe of the page's made it.
        BadSetting: the photo, or another file of a film, isn't there.
        EntopticError: it says what a page may not.
    """
    if job.recipe not in _RECIPES:
        raise NoJob(f"this picture was made by {job.recipe}, which has no page in the studio")
    check_stored(job.objective, job.settings, {})
    recipe = recipes[job.recipe]
    asked: dict[str, Any] = {"model": job.model, **recipe.upgraded(job.settings)}
    asked["seed"] = job.seed
    lost: list[str] = []
    asked |= _of_files(_Files(wishes.shelf, job, lost), asked)
    if job.recipe in ("zoom", "film") and lost:
        raise BadSetting(f"{lost[0]}; drop it here first, then use the settings again")
    asked, left_out = wishes.allowed(job.recipe, asked)
    wish = wishes.read(job.recipe, asked)
    taken = {name: asked[name] for name in wish.given}
    return taken | {"recipe": job.recipe, "left_out": [*lost, *left_out]}


def job_in(folder: Path, job: Job) -> Job:
    """Return a job that names files inside of a folder as from there, not by their whole paths.

    >>> from entoptic.jobs.job import Source
    >>> job = Job("film", "squeezenet1_1", "", {}, Source("/home/me/studio/photos/a.mp4", None))
    >>> job_in(Path("/home/me/studio"), job).photo.name
    'photos/a.mp4'
    """

    def inside(name: Any) -> Any:
        path = Path(name) if isinstance(name, str) else None
        return path.relative_to(folder).as_posix() if path and folder in path.parents else name

    def named(source: Source) -> Source:
        return replace(source, name=inside(source.name))

    return replace(
        job,
        photo=None if job.photo is None else named(job.photo),
        guides=tuple(map(named, job.guides)),
        settings={name: inside(value) for name, value in job.settings.items()},
    )


class _Files:
    """The files of a job among a studio's photos.

    Args:
        shelf: has the photos.
        job: says which files are meant.
        lost: is told what isn't there, in words.
    """

    def __init__(self, shelf: Shelf, job: Job, lost: list[str]) -> None:
        self._shelf, self.job, self.lost = shelf, job, lost
        self._known = {each.name: each.sha256 for each in job.guides}

    def source(self, what: str) -> str | None:
        if self.job.photo is None:
            return None
        return self._found(what, self.job.photo.name, self.job.photo.sha256)

    def other(self, what: str, name: str) -> str | None:
        return self._found(what, name, self._known.get(name))

    def _found(self, what: str, name: str | None, sha256: str | None) -> str | None:
        found = self._shelf.same(name, sha256)
        if found is None:
            called = f" {Path(name).name!r}" if name else ""
            self.lost.append(f"the {what}{called}, which isn't in the studio")
        return found


def _of_files(files: _Files, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job says of its photo, its masks and its objective."""
    source = "film" if files.job.recipe == "film" else "photo"
    found: dict[str, Any] = {source: files.source(source)}
    if isinstance(asked.get("mask"), str):
        found["mask"] = files.other("mask", asked["mask"])
    if isinstance(asked.get("region"), list | tuple):
        pairs = [(files.other("mask of a region", str(m)), o) for m, o in asked["region"]]
        found["region"] = [(mask, wanted) for mask, wanted in pairs if mask is not None]
    if asked.get("layer") is not None:  # of a film, over whose time it may change
        return found
    return found | _of_objective(files)


def _of_objective(files: _Files) -> dict[str, Any]:
    """Return the units, or the objective; of a guided dream the layer and the guide."""
    job = files.job
    if job.recipe == "visualize":
        return {"units": job.objective}
    guided = _guided(job.objective)
    if guided is not None:
        layer, name = guided
        return {"layer": layer, "guide": files.other("guide", name)}
    named = sorted(Path(each).name for each in files_named(parse(job.objective)))
    if named:
        files.lost.append(f"the objective, which names the file {named[0]!r}")
        return {}
    return {"objective": job.objective}


def _guided(objective: str) -> tuple[str, str] | None:
    """Return the layer and the guide of a guided dream's objective; None of another one.

    >>> _guided("match('fire5', 'flowers.jpg')"), _guided("energy('fire5')")
    (('fire5', 'flowers.jpg'), None)
    """
    try:
        wanted = parse(objective)
    except EntopticError:
        return None  # which is told where it is read as an objective
    for each in wanted.references():
        if isinstance(each.guide, str) and wanted == match(str(each.layer), each.guide):
            return str(each.layer), each.guide
    return None
