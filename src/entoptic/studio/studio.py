"""A studio: its folder, its networks, its engine, and what pages ask of them."""

from __future__ import annotations

import functools
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from entoptic.errors import BadPicture, BadSetting, NoJob
from entoptic.jobs.job import Job
from entoptic.jobs.plan import Plan
from entoptic.jobs.recipe import recipes
from entoptic.studio.engine import Engine, Run, Work
from entoptic.studio.lesson import Lesson
from entoptic.studio.limits import Limits
from entoptic.studio.networks import Networks
from entoptic.studio.seeing import Seeing
from entoptic.studio.settings import job_in, settings_of
from entoptic.studio.shelf import Shelf
from entoptic.studio.unit_pictures import UnitPictures
from entoptic.studio.wishes import NoFiles, Wish, Wishes
from entoptic.studio.works import FilmWork, PictureWork, texts

FILMS = ("film", "zoom")
# Frames of a film that are made to be looked at, before it is.
_PREVIEW = 8

EXAMPLE = Path(__file__).parent / "static" / "clouds.jpg"


class Studio:
    """All that the pages of a studio share.

    Args:
        folder: of photos and results; where each visitor has its own, of what they share.
        limits: of what may be asked for.
        models: networks beside the embedded ones.
        catalogs: folders of catalogs, whose pictures of units are shown.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        models: Sequence[str] = (),
        catalogs: Sequence[Path] = (),
    ) -> None:
        self.limits = limits or Limits()
        self.folder = folder.absolute()
        self.networks = Networks(models)
        # What may be wrong with what was typed is told before there is a folder.
        self.units = UnitPictures(self.networks, folder / "units", catalogs)
        self._shelf = Shelf(folder, self.limits.folder * 1_000_000)
        self._private: dict[str, Shelf] = {}
        self.seeing = Seeing(self.networks)
        self.lesson = Lesson(self.networks, self.seeing)
        self.engine = Engine(self.limits.queue, self.units)
        self.example = self._shelf.add(EXAMPLE.read_bytes(), "clouds.jpg")

    def shelf(self, owner: str) -> Shelf:
        """Return the shelf of a visitor: the studio's, or where each has its own, that one.

        Raises:
            BadSetting: each has its own, and this one isn't here any more.
        """
        if not self.limits.private:
            return self._shelf
        if owner not in self._private:
            raise BadSetting("this visit has ended; load the page again")
        return self._private[owner]

    def enter(self, owner: str) -> None:
        """Let a visitor in: a page was opened."""
        if self.limits.private and owner not in self._private:
            folder = Path(tempfile.mkdtemp(prefix="entoptic-studio-"))
            self._private[owner] = Shelf(folder, self.limits.folder * 1_000_000)
            self._private[owner].add(EXAMPLE.read_bytes(), "clouds.jpg")

    def wishes(self, owner: str) -> Wishes:
        """Return what reads the wishes of a visitor's page."""
        return Wishes(self.shelf(owner), self.networks, self.limits)

    def start(
        self, owner: str, name: str, asked: Mapping[str, Any], *, preview: bool = False
    ) -> Run:
        """Put what a page asks for into the queue.

        Args:
            owner: whose page it is.
            name: of the recipe.
            asked: settings by name.
            preview: whether only the first frames of a film are made.

        Raises:
            EntopticError: it can't be that; with what can.
        """
        wishes = self.wishes(owner)
        wish = wishes.read(name, asked)
        return self.engine.submit(owner, self._work(wishes, wish, name, preview))

    def _work(self, wishes: Wishes, wish: Wish, name: str, preview: bool) -> Work:
        if name not in FILMS:
            plan = functools.partial(_plan, wishes, wish)
            return PictureWork(plan, wishes.shelf, wish.stem, type(wish.recipe), wish.given)
        self.limits.check_film(float(wish.given.get("seconds", 0)))
        file = wishes.shelf.free(f"{wish.stem}-{name}", ".mp4")
        return FilmWork(
            functools.partial(_film, wishes, wish, file, preview),
            wishes.shelf,
            type(wish.recipe),
            wish.given,
            file,
            _PREVIEW if preview else None,
        )

    def go_on(self, owner: str, name: str | None) -> Run:
        """Go on with what was stopped: from its last step, or again from the first.

        Args:
            owner: whose page it is.
            name: of the picture, in the history.

        Raises:
            BadSetting: there is nothing to go on with.
        """
        run = self.engine.go_on(owner)
        if run is not None:
            return run
        if name is None:
            raise BadSetting("there is nothing to go on with; begin a new one")
        return self.again(owner, name, finish=True)

    def again(self, owner: str, name: str, **changes: Any) -> Run:
        """Carry out the job of a picture of the history again; see `entoptic.redo`."""
        from entoptic.runners.run import plan_redo

        shelf = self.shelf(owner)
        file = shelf.file(name)
        recipe = recipes[shelf.job(name).recipe]

        def plan() -> Plan:
            found = plan_redo(file, **changes)
            self.limits.check(max(found.shape), found.count)
            return found

        stem = file.stem.removesuffix(f"-{recipe.name}")
        return self.engine.submit(owner, PictureWork(plan, shelf, stem, recipe, None))

    def leave(self, owner: str) -> None:
        """Stop what a visitor has begun, and forget what is the visitor's alone."""
        self.engine.leave(owner)
        shelf = self._private.pop(owner, None)
        if shelf is not None:
            shutil.rmtree(shelf.folder, ignore_errors=True)

    def about(self, owner: str, name: str) -> dict[str, Any]:
        """Return how a picture of the history is made again, and with what settings."""
        shelf = self.shelf(owner)
        found: dict[str, Any] = {"again": shelf.again(name), "recipe": None, "facts": []}
        try:
            job = shelf.job(name)
        except (NoJob, BadPicture):
            return found
        facts = [job.model, job.objective, f"seed {job.seed}"]
        return found | {"recipe": job.recipe, "facts": [each for each in facts if each]}

    def texts(self, owner: str, name: str, asked: Mapping[str, Any]) -> dict[str, str]:
        """Return the command and the Python that make what a page asks for."""
        shelf = self.shelf(owner)
        wish = self.wishes(owner).read(name, asked)
        ending = ".mp4" if name in FILMS else ".png"
        return texts(
            shelf, type(wish.recipe), wish.given, shelf.free(f"{wish.stem}-{name}", ending)
        )

    def job_of(self, owner: str, name: str, in_history: bool) -> Job:
        """Return the job of a picture of the history, or of a photo.

        Raises:
            NoJob: it carries none.
            PictureNotFound: there is no such picture.
        """
        shelf = self.shelf(owner)
        job = shelf.job(name) if in_history else shelf.job_of_photo(name)
        if job is None:
            raise NoJob(f"{name!r} carries no settings; it wasn't made by entoptic")
        return job

    def settings_of(self, owner: str, job: Job) -> dict[str, Any]:
        """Return the settings of a picture's job, as far as the page may say them.

        Returns:
            By name; `recipe`, the photo's `height` and `width`, and in `left_out` what is not taken
            over, in words.

        Raises:
            NoJob: no recipe of the page's made it.
            EntopticError: it says what a page may not.
        """
        wishes = self.wishes(owner)
        found = settings_of(wishes, job)
        shape: dict[str, int] = {}
        if "film" in found:
            shape = wishes.shelf.size_of_film(found["film"])
        elif "photo" in found:
            photo = wishes.shelf.photo(found["photo"])
            shape = {"height": photo.height, "width": photo.width}
        sides = found.get("noise") or [*shape.values()]
        # A page always says a size, where a job may leave it to be the photo's own.
        own = {"size": max(sides)} if sides else {}
        return own | found | shape

    def close(self) -> None:
        """End the engine, and remove what belongs to visitors."""
        self.engine.close()
        for owner in [*self._private]:
            shutil.rmtree(self._private.pop(owner).folder, ignore_errors=True)


def _plan(wishes: Wishes, wish: Wish) -> Plan:
    plan = wish.recipe.plan(NoFiles())
    wishes.limits.check(max(plan.shape), plan.count)
    return plan


def _film(wishes: Wishes, wish: Wish, file: str, preview: bool) -> Any:
    film: Any = wish.recipe  # whose fields the declaration lists
    folder = wishes.shelf.folder
    recipe = replace(film, output=str(folder / file))
    plan: Any = recipe.plan(NoFiles())
    wishes.limits.check(max(plan.facts.height, plan.facts.width), 0)
    if not preview and plan.count is not None:
        wishes.limits.check_film(float(plan.count / plan.facts.rate))
    return replace(plan, job=job_in(folder, plan.job))


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(18)
