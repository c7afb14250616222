"""Make a picture again from the job that it carries, as it was or with changes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from entoptic import images
from entoptic.checks import flag, path, refused, several, taking
from entoptic.errors import BadSetting, NoJob, NotAllowed
from entoptic.images import PictureLike
from entoptic.jobs.finding import Finder
from entoptic.jobs.job import Job, Result
from entoptic.jobs.methods import ClimbSettings, changed
from entoptic.jobs.plan import Plan
from entoptic.jobs.stored import check_stored
from entoptic.networks import Model, load
from entoptic.objectives import parse
from entoptic.paths import is_same
from entoptic.recipes.accentuation import plan_accentuate
from entoptic.recipes.activation_grid import GridSettings, plan_grid
from entoptic.recipes.comparison import plan_compare
from entoptic.recipes.deepdream import DreamSettings, plan_dream
from entoptic.recipes.layer_views import plan_caricature, plan_invert
from entoptic.recipes.neuron_groups import GroupSettings, plan_groups
from entoptic.recipes.variation import plan_diversity, plan_interpolate
from entoptic.recipes.visualization import plan_visualize
from entoptic.types import PathLike

_Own = TypeVar("_Own", bound=GridSettings | GroupSettings)


# Why a picture that was stopped is finished from its beginning.
_FINISHED = "made from the first step: a picture's whole numbers don't hold how a climb goes on"


def redo(
    picture: PathLike,
    *,
    photo: PictureLike | None = None,
    model: str | Model | None = None,
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
        model: the network that the job names, by which you allow it; or another one.
        look_in: more folders to look for the files in that the job names.
        finish: whether a picture that was stopped is made to its end, the same bytes as if it had
            never been stopped: from its beginning, since its file doesn't hold how a climb goes on.
            Otherwise it is stopped again after as many steps, unless `steps` are given.
        changes: any other argument of the recipe that made the picture.

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
    check_stored("" if "objective" in given else job.objective, job.settings, given)
    whole = finish or "steps" in given
    if given.get("steps") == job.settings.get("steps"):
        given.pop("steps", None)  # no change
    find = _finder(Path(picture), job, given, [Path(each) for each in look_in])
    plan = _AGAIN[job.recipe](find, photo, given)
    new = _kept(plan.job, job)
    return replace(
        plan,
        job=replace(new, stopped_after=None) if whole else new,
        notes=(*plan.notes, _FINISHED) if finish else plan.notes,
        bits=images.bits_of(picture),
    )


def _finder(picture: Path, job: Job, changes: Mapping[str, Any], look_in: Sequence[Path]) -> Finder:
    """For the files of a job; its settings name the spectrum, if it is needed, where it is now."""
    find = Finder(picture, job, (picture.parent, Path(), *look_in))
    name = changed(job.settings, changes).get("spectrum")
    if not isinstance(name, str) or "spectrum" in changes:
        return find
    settings = {**job.settings, "spectrum": str(find.spectrum(name))}
    return replace(find, job=replace(job, settings=settings))


def _networks(
    find: Finder, changes: dict[str, Any], names: Sequence[str] | None = None
) -> list[Model]:
    """The networks of a job, or the one that the user names instead.

    Args:
        find: knows the job.
        changes: of which `model` is taken out; where it names what the job names, it is no change
            but a permission.
        names: of the networks, where there may be several.

    Raises:
        NotAllowed: the job names what only the user may name.
    """
    names = [find.job.model] if names is None else names
    typed = changes.pop("model", None)
    if not isinstance(typed, Model | str | None) or typed == "":
        raise refused("model", typed, "must be a Model, or a name for entoptic.load")
    if isinstance(typed, Model):
        return [typed]
    if typed is not None:
        allowed = names if typed == ",".join(names) else [typed]
        if any(_names(find.picture, each) for each in allowed):
            raise NotAllowed(f"the network {typed!r} is the picture {str(find.picture)!r} itself")
        return [load(each) for each in allowed]
    try:
        return [load(each, stored=True) for each in names]
    except NotAllowed as error:
        raise NotAllowed(
            f"a picture's job alone doesn't load this: {error}; {_permission(find.picture, names)}"
        ) from None


def _names(picture: Path, network: str) -> bool:
    """Whether a network's specification names the picture as one of its files."""
    parts = [Path(each) for each in re.split("[:+?&=,]", network) if each]
    return any(is_same(each, picture) for each in parts)


def _permission(picture: Path, names: Sequence[str]) -> str:
    """What to do to allow networks: what to type, if that is safe to type as it stands."""
    if "python" in names:  # as `Model.wrap` calls what it is given
        return "give it in Python: entoptic.redo(PICTURE, model=...)"
    if any(_names(picture, each) for each in names):
        return "a picture that is its own network is not to be trusted"
    command = shlex.join(["entoptic", "redo", str(picture), "--model", ",".join(names)])
    if not command.isprintable() or len(command) > _LONGEST_COMMAND:
        return "if you trust it, name the network yourself, with --model"
    return f"if you trust it, type: {command}"


# What is longer a message leaves out the middle of, quotation marks too.
_LONGEST_COMMAND = 300


def _dream(find: Finder, photo: PictureLike | None, changes: dict[str, Any]) -> Plan:
    job = find.job
    settings = _settings(job, DreamSettings)
    settings["memory"] = None  # of the machine and its user
    (model,) = _networks(find, changes)
    if changes or model.source != job.model:
        settings["together"] = None  # which is there for the same bytes only
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
    (model,) = _networks(find, changes)
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
        named[many] = [changes.pop(one)] if one in changes and many != "models" else names
    if strange := sorted(settings.keys() - ClimbSettings.__dataclass_fields__.keys()):
        raise NoJob(f"the job in the picture is damaged: a compare has no setting {strange[0]!r}")
    models = _networks(find, changes, named.pop("models"))
    options: dict[str, Any] = {"seed": job.seed, "on": job.device}
    if "objective" not in changes:
        options["read_guide"] = find.guide
    units = [changes.pop("objective", job.objective)]
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
    (model,) = _networks(find, changes)
    if model.source != job.model:
        # Another network has other layers.
        own["layer"] = None
    own |= {key: changes.pop(key) for key in list(changes) if key in known}
    options: dict[str, Any] = {"seed": job.seed, "on": job.device}
    options |= {key: changes.pop(key) for key in list(changes) if key in options}
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
        # What the user writes names the user's own files.
        read_guide = images.read if "objective" in changes else find.guide
        if self.of is not None and "objective" in changes:
            named = changes.pop("objective")
            changes[self.of] = [named] if self.of == "units" else named
        own = {name: job.settings[name] for name in self.own if name in job.settings}
        if {"unit", "units"} & ({*self.own} - own.keys()):
            raise NoJob("the job in the picture is damaged: it names no unit")
        rest = {name: value for name, value in job.settings.items() if name not in own}
        how = _settings(replace(job, settings=rest), ClimbSettings)
        (model,) = _networks(find, changes)
        options: dict[str, Any] = {"seed": job.seed, "on": job.device} | own
        options |= {key: changes.pop(key) for key in list(changes) if key in {*self.own, *options}}
        start = [find.photo(photo)] if self.photo else []
        return self.plan(model, *start, **options, read_guide=read_guide, **changed(how, changes))


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
