"""Films made again, from the job in their metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entoptic.errors import BadSetting, NoJob
from entoptic.jobs.changed_files import files_of_change
from entoptic.jobs.film_settings import FilmRecipe
from entoptic.jobs.finding import Finder
from entoptic.jobs.functions import known
from entoptic.jobs.growth import picture_of_film
from entoptic.jobs.job import Job
from entoptic.jobs.permission import networks_of
from entoptic.jobs.recipe import Recipe, settings
from entoptic.jobs.stored import check_stored
from entoptic.objectives import parse
from entoptic.recipes import recipes
from entoptic.recipes.grow import Grow
from entoptic.runners.run import plan_job
from entoptic.types import PathLike
from entoptic.video.containers import comment_of
from entoptic.video.writing import form_of

if TYPE_CHECKING:
    from entoptic.jobs.film_making import Making
    from entoptic.objectives.files import Files


def plan_film_redo(
    film: PathLike,
    output: PathLike,
    *,
    photo: PathLike | None = None,
    look_in: Sequence[PathLike] = (),
    **changes: Any,
) -> Making:
    """Check and lay out the job of a film again.

    Args:
        film: that entoptic has made: .mp4, .mov, .mkv or .webm.
        output: the film that is made.
        photo: where its source is now, or another one.
        look_in: more folders to look for its files in.
        changes: other settings of its recipe; `model` by which you allow a network.

    Raises:
        NoJob: the film carries none, or a damaged one.
        NotAllowed: the job names a network that only you may name.
        PictureNotFound: the source, a guide or a mask isn't found, or isn't what it was.
        BadSetting: a change that can't be.
    """
    path = Path(film)
    job = job_of_film(path)
    made_by: Any = recipes_of_job(job, path)
    recipe = made_by[0]
    wanted = {name: value for name, value in changes.items() if value is not None}
    form: Any = {name: wanted.get(name, job.settings.get(name)) for name in ("codec", "bits")}
    form_of(Path(output), **form)  # before a network is loaded
    if len(made_by) == 1:
        wanted = known(recipe, wanted)
    else:
        return _growth(path, job, output, photo, look_in, wanted)
    find = Finder(path, job, (path.parent, Path(), *(Path(each) for each in look_in)))
    (network,) = networks_of(find, wanted)
    stored = _stored(recipe, job)
    files = _filled(recipe, job, stored, wanted, find)
    source = find.photo(photo) if recipe.name == "zoom" else find.film(photo)
    given = stored | wanted
    given = {"seed": job.seed, "device": job.device} | given
    again = _stated(recipe, wanted, network, source, output=output, **given)
    plan: Making = again.plan(files)
    return plan


def _filled(
    recipe: Any, job: Job, stored: dict[str, Any], wanted: Mapping[str, Any], find: Finder
) -> Files:
    """Put a job's objective and files where the recipe has them; return what finds more files.

    Raises:
        NoJob: the regions are damaged.
        NotAllowed: the job names what would have to be imported.
        PictureNotFound: a file isn't found, or isn't what it was.
    """
    mine = {"objective", "layer", "guide", "look"} & wanted.keys()
    check_stored("" if mine else job.objective, job.settings, wanted)
    references = () if mine - {"guide"} else parse(job.objective).references()
    guides = {str(each.guide) for each in references}
    if not mine and stored.get("layer") is None:
        stored["objective"] = job.objective
    elif not mine and len(guides) > 1:
        raise NoJob("the job in the film is damaged: it has a layer, and several guides")
    elif not mine and guides:
        stored["guide"] = find.guide(*guides)  # at layers that may change over time
    elif mine == {"guide"} and stored.get("layer") is None:
        layers = {str(each.layer) for each in references}
        stored["layer"] = layers.pop() if len(layers) == 1 else None
    elif mine & {"objective", "look"}:
        stored["layer"] = None
    if stored.get("mask") is not None and "mask" not in wanted:
        stored["mask"] = find.mask(str(stored["mask"]))
    if stored.get("region") and "region" not in wanted:
        try:
            regions = settings(recipe)["region"].meaning("region", stored["region"])
        except BadSetting as error:
            raise NoJob(f"the job in the film is damaged: {error}") from None
        stored["region"] = tuple((find.guide(str(mask)), of) for mask, of in regions)
    unchanged = {name: each for name, each in stored.items() if name not in wanted}
    return files_of_change(find, unchanged, wanted)


def _growth(
    path: Path,
    job: Job,
    output: PathLike,
    photo: PathLike | None,
    look_in: Sequence[PathLike],
    wanted: Mapping[str, Any],
) -> Making:
    """Check and lay out a growing picture again: its own job, and the film's settings."""
    own = _of_growth()
    picture = picture_of_film(job, own)
    film = {name: value for name, value in job.settings.items() if name in own}
    for name in own & wanted.keys():
        film[name] = wanted[name]
    changes = {name: value for name, value in wanted.items() if name not in own}
    grows = plan_job(picture, path, photo=photo, look_in=look_in, **changes)
    given = _stored(Grow, replace(job, settings=film))
    plan: Making = _stated(Grow, wanted, grows, output=output, **given).plan()
    return plan


def _stated(recipe: Any, wanted: Mapping[str, Any], *args: Any, **given: Any) -> Any:
    """Return a recipe from a film's job.

    Raises:
        BadSetting: what is wanted otherwise can't be.
        NoJob: the job can't be.
    """
    try:
        return recipe(*args, **given)
    except BadSetting as error:
        if wanted:
            raise
        raise NoJob(f"the job in the film is damaged: {error}") from None


def job_of_film(path: Path) -> Job:
    """Return the job that a film carries.

    Raises:
        NoJob: it carries none, or a damaged one.
        PictureNotFound, BadFilm: there is no such film.
    """
    found = comment_of(path)
    if found is None or not found.startswith("{"):
        raise NoJob(
            f"{str(path)!r} carries no job; name a film that entoptic wrote and no other program "
            "has saved since"
        )
    return Job.from_json(found)


def recipes_of_job(job: Job, film: Path) -> tuple[type[Recipe], ...]:
    """Return the recipe of a film's job; of a growing picture its own too, behind it.

    Args:
        job: that the film carries.
        film: for the error.

    Raises:
        NoJob: it makes no film, or a picture grows that can't.
    """
    if job.recipe not in recipes or not issubclass(recipes[job.recipe], FilmRecipe):
        raise NoJob(f"{str(film)!r} carries the job of {job.recipe!r}, which makes no film")
    if job.recipe != Grow.name:
        return (recipes[job.recipe],)
    of = picture_of_film(job, _of_growth()).recipe
    if of not in recipes or recipes[of].makes_no_job:
        raise NoJob(f"the job in the film is damaged: it grows a {of!r}")
    return Grow, recipes[of]


def _of_growth() -> set[str]:
    """Return the settings of a growing picture's film that are the film's."""
    return {name for name in settings(Grow) if Grow.keeps(name)}


def _stored(recipe: type[Recipe], job: Job) -> dict[str, Any]:
    """Return the settings of a job; those that are newer than it have their defaults.

    Raises:
        NoJob: there is no such setting.
    """
    stored: Mapping[str, Any] = recipe.upgraded(job.settings)
    fields = recipe.__dataclass_fields__
    if strange := sorted(name for name in stored if name not in fields or not recipe.keeps(name)):
        raise NoJob(f"the job in the film is damaged: a {job.recipe} has no setting {strange[0]!r}")
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if value is not None or fields[name].default is not None
    }
