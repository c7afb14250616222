"""Make a picture again from the job that it carries, as it was or with changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from entoptic import pictures
from entoptic.errors import BadSetting, NoJob
from entoptic.jobs import Job
from entoptic.models import load
from entoptic.objectives import parse
from entoptic.pictures import PictureLike
from entoptic.recipes.accentuation import plan_accentuate
from entoptic.recipes.activation_grid import GridSettings, plan_grid
from entoptic.recipes.comparison import plan_compare
from entoptic.recipes.deepdream import DreamSettings, plan_dream
from entoptic.recipes.finding import Finder
from entoptic.recipes.layer_views import plan_caricature, plan_invert
from entoptic.recipes.methods import ClimbSettings, changed
from entoptic.recipes.neuron_groups import GroupSettings, plan_groups
from entoptic.recipes.plan import Plan
from entoptic.recipes.variation import plan_diversity, plan_interpolate
from entoptic.recipes.visualization import plan_visualize
from entoptic.types import PathLike

_Own = TypeVar("_Own", bound=GridSettings | GroupSettings)


# Why a picture that was stopped is finished from its beginning.
_FINISHED = "made from the first step: a picture's whole numbers don't hold how a climb goes on"


def plan_redo(
    picture: PathLike, *, photo: PictureLike | None = None, finish: bool = False, **changes: Any
) -> Plan:
    """Check and lay out the job of a picture again.

    Args:
        picture: a file that entoptic wrote.
        photo: where the photo is now, if it isn't where it was; or another photo.
        finish: whether a picture that was stopped is made to its end, the same bytes as if it had
            never been stopped: from its beginning, since its file doesn't hold how a climb goes on.
            Otherwise it is stopped again after as many steps, unless `steps` are given.
        changes: anything that `plan_dream` takes; for units, `plan_visualize`.

    Returns:
        The plan; without changes it makes the same bytes on the same machine, and its result is
        saved with as many bits per channel.

    Raises:
        NoJob: the picture carries none.
        PictureNotFound: the photo isn't where it was, or isn't what it was.
        BadSetting: the photo was never in a file; a change that can't be; or there is nothing to
            finish.
    """
    job = Job.from_json(pictures.read_job(picture))
    if job.recipe not in _AGAIN:
        raise NoJob(
            f"{str(picture)!r} was made by {job.recipe!r}, which this entoptic doesn't know; "
            "update it"
        )
    if finish and job.stopped_after is None:
        raise BadSetting(
            f"{str(picture)!r} wasn't stopped before its end; there is nothing to finish"
        )
    given = {key: value for key, value in changes.items() if value is not None}
    whole = finish or "steps" in given
    if given.get("steps") == job.settings.get("steps"):
        given.pop("steps", None)  # no change
    plan = _AGAIN[job.recipe](_finder(Path(picture), job, given), photo, given)
    new = _kept(plan.job, job)
    return replace(
        plan,
        job=replace(new, stopped_after=None) if whole else new,
        notes=(*plan.notes, _FINISHED) if finish else plan.notes,
        bits=pictures.bits_of(picture),
    )


def _finder(picture: Path, job: Job, changes: Mapping[str, Any]) -> Finder:
    """For the files of a job; its settings name the spectrum, if it is needed, where it is now."""
    find = Finder(picture, job)
    name = changed(job.settings, changes).get("spectrum")
    if not isinstance(name, str) or "spectrum" in changes:
        return find
    settings = {**job.settings, "spectrum": str(find.spectrum(name))}
    return replace(find, job=replace(job, settings=settings))


def _dream(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    job = find.job
    settings = _settings(job, DreamSettings)
    if changes:
        settings["together"] = None  # which is there for the same bytes only
    model = load(changes.pop("model", job.model))
    if "memory" in changes and "tile" not in changes:
        changes["tile"] = "auto"  # tiles that fit there
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    if settings["noise"] and photo is not None:
        raise BadSetting(
            f"{str(find.picture)!r} was made from noise, not from a photo; leave out --photo"
        )
    start = None if settings["noise"] else find.photo(photo)
    if start is None or job.photo is None or start.sha256 != job.photo.sha256:
        settings["together"] = None
    options: dict[str, Any] = {"seed": job.seed, "on": job.device} | changes
    if not changes.keys() & {"objective", "layer", "guide"}:
        options |= {"objective": job.objective, "read_guide": find.guide}
    elif changes.keys() & {"objective", "layer", "guide"} == {"guide"}:
        # Another guide, at the layer of the one before.
        layers = {each.layer for each in parse(job.objective).references()}
        options["layer"] = str(layers.pop()) if len(layers) == 1 else None
    return plan_dream(model, start, **options, **settings)


def _visualize(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    job = find.job
    if photo is not None:
        raise BadSetting(f"{str(find.picture)!r} shows units, not a photo; leave out --photo")
    model = load(changes.pop("model", job.model))
    options: dict[str, Any] = {"seed": job.seed, "on": job.device}
    options |= {key: changes.pop(key) for key in list(changes) if key in options}
    if "objective" not in changes:
        options["read_guide"] = find.guide
    units = [changes.pop("objective", job.objective)]
    return plan_visualize(
        model, units, **options, **changed(_settings(job, ClimbSettings), changes)
    )


# What a comparison may have several of, and what one of them is called.
_SEVERAL = {
    "models": "model",
    "methods": "method",
    "canvases": "canvas",
    "transforms": "transforms",
}


def _compare(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    job = find.job
    if photo is not None:
        raise BadSetting(f"{str(find.picture)!r} shows units, not a photo; leave out --photo")
    settings = dict(job.settings)
    named = {}
    for many, one in _SEVERAL.items():
        names = settings.pop(many, None)
        if not (isinstance(names, list) and all(isinstance(each, str) for each in names)):
            raise NoJob(f"the job in the picture is damaged: {many} are no list of names")
        named[many] = [changes.pop(one)] if one in changes else names
    if strange := sorted(settings.keys() - ClimbSettings.__dataclass_fields__.keys()):
        raise NoJob(f"the job in the picture is damaged: a compare has no setting {strange[0]!r}")
    models = [load(name) for name in named.pop("models")]
    units = [changes.pop("objective", job.objective)]
    options: dict[str, Any] = {"seed": job.seed, "on": job.device, "read_guide": find.guide}
    return plan_compare(models, units, **options | settings | named | changes)


def _grid(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    shown, rest = _of_a_photo(find, changes, GridSettings)
    return plan_grid(photo=find.photo(photo), shown=shown, **rest)


def _groups(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    shown, rest = _of_a_photo(find, changes, GroupSettings)
    return plan_groups(photo=find.photo(photo), shown=shown, **rest)


def _of_a_photo(
    find: Finder, changes: dict[str, Any], kind: type[_Own]
) -> tuple[_Own, dict[str, Any]]:
    """A recipe's own settings with their changes, and all other arguments of its plan."""
    job = find.job
    known = kind.__dataclass_fields__.keys()
    parts = [
        replace(job, settings={k: v for k, v in job.settings.items() if (k in known) == own})
        for own in (True, False)
    ]
    own, climb = _settings(parts[0], kind), _settings(parts[1], ClimbSettings)
    if "model" in changes:
        # Another network has other layers.
        own["layer"] = None
    own |= {key: changes.pop(key) for key in list(changes) if key in known}
    options: dict[str, Any] = {"seed": job.seed, "on": job.device}
    options |= {key: changes.pop(key) for key in list(changes) if key in options}
    model = load(changes.pop("model", job.model))
    return kind(**own), {"model": model} | options | changed(climb, changes)


@dataclass(frozen=True)
class _Climb:
    """A recipe that climbs, and what else than the climb's settings its jobs hold.

    Args:
        plan: lays it out.
        own: the recipe's own settings.
        of: which of those another objective changes.
        photo: whether it is about a photo.
    """

    plan: Callable[..., Plan]
    own: tuple[str, ...]
    of: str | None = None
    photo: bool = False

    def again(self, find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
        """The recipe laid out again."""
        job = find.job
        if photo is not None and not self.photo:
            raise BadSetting(f"{str(find.picture)!r} shows units, not a photo; leave out --photo")
        if self.of is not None and "objective" in changes:
            named = changes.pop("objective")
            changes[self.of] = [named] if self.of == "units" else named
        own = {name: job.settings[name] for name in self.own if name in job.settings}
        if {"unit", "units"} & ({*self.own} - own.keys()):
            raise NoJob("the job in the picture is damaged: it names no unit")
        rest = {name: value for name, value in job.settings.items() if name not in own}
        how = _settings(replace(job, settings=rest), ClimbSettings)
        model = load(changes.pop("model", job.model))
        options: dict[str, Any] = {"seed": job.seed, "on": job.device} | own
        options |= {key: changes.pop(key) for key in list(changes) if key in {*self.own, *options}}
        start = [find.photo(photo)] if self.photo else []
        return self.plan(model, *start, **options, read_guide=find.guide, **changed(how, changes))


_TOGETHER = ("pictures", "strength", "layer")

_AGAIN: Mapping[str, Callable[[Finder, PictureLike | None, dict[str, Any]], Plan]] = {
    "dream": _dream,
    "visualize": _visualize,
    "compare": _compare,
    "grid": _grid,
    "groups": _groups,
    "accentuate": _Climb(
        plan_accentuate, ("units", "strength", "layer", "transparency"), of="units", photo=True
    ).again,
    "caricature": _Climb(plan_caricature, ("layer", "cosine_power"), photo=True).again,
    "diversity": _Climb(plan_diversity, ("unit", *_TOGETHER), of="unit").again,
    "interpolate": _Climb(plan_interpolate, ("units", *_TOGETHER)).again,
    "invert": _Climb(plan_invert, ("layer", "smoothness"), photo=True).again,
}


def _settings(job: Job, kind: type[Any]) -> dict[str, Any]:
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

    Names of files may differ, since they are looked for in several places.
    """
    known = {each.sha256: each for each in (old.photo, *old.guides) if each is not None}
    photo = new.photo and known.get(new.photo.sha256, new.photo)
    guides = tuple(known.get(each.sha256, each) for each in new.guides)
    names = {each.name: same.name for each, same in zip(new.guides, guides, strict=True)}
    settings = dict(new.settings)
    if settings.get("spectrum") is not None:
        settings["spectrum"] = names.get(settings["spectrum"], settings["spectrum"])
    new = replace(new, photo=photo, guides=guides, settings=settings)
    alike = replace(new, stopped_after=old.stopped_after, made_with=old.made_with)
    return replace(old, made_with=new.made_with) if alike.to_json() == old.to_json() else new
