"""Films of dreams: frame by frame, with the detail of one carried to the next."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from entoptic.errors import BadSetting
from entoptic.images.resize import fit_long_side
from entoptic.jobs.dream_batches import most_together
from entoptic.jobs.film_dreams import Dreamer, film_job, first_dream, with_pictures
from entoptic.jobs.film_frames import (
    Seen,
    Shot,
    ahead,
    at_size,
    exact,
    kept,
    seen,
    shots,
)
from entoptic.jobs.film_making import Making, Steps, Tell
from entoptic.jobs.film_parts import Parts, Scene, State
from entoptic.jobs.film_scenes import Going, advance, by_scene, dream_scenes, find_scenes
from entoptic.jobs.finding import hash_of_film
from entoptic.jobs.inputs import check_pixels
from entoptic.jobs.job import Source
from entoptic.paths import is_same
from entoptic.video.damage import check_whole
from entoptic.video.motion import check_installed
from entoptic.video.pixels import image_of
from entoptic.video.reading import (
    Facts,
    Frame,
    at_rate,
    facts_of,
    frames_of,
    frames_since,
)
from entoptic.video.writing import Sound, check_form, check_sound, form_of

if TYPE_CHECKING:
    from entoptic.networks import Model, ModelLike
    from entoptic.objectives.files import Files
    from entoptic.recipes.film import Film

_PREVIEW_SIDE, _PREVIEW_SECONDS = 256, 3.0


@dataclass(frozen=True, eq=False)
class FilmPlan(Making):
    """A film that has been checked and can begin.

    Args:
        model: the network.
        recipe: what is wanted.
        source: properties of the film that is read.
        mask: properties of the film that is its mask.
        together: how many frames the network is shown together at most.
        network: as it was given; a name, where it was one.
        files: reads the files that objectives name.
        by: makes the frames; by default they are made here.
    """

    model: Model
    recipe: Film
    source: Facts
    mask: Facts | None
    together: int
    network: ModelLike
    files: Files | None = None
    by: Callable[[Parts, Tell], Steps] | None = None

    @property
    def count(self) -> int | None:
        """Number of frames, where it is known."""
        if self.source.frames is None:
            return None
        end = self.recipe.end
        seconds = self.source.frames / self.source.rate
        last = seconds if end is None else min(seconds, exact(end))
        seen = round((last - exact(self.recipe.start)) * self.source.rate)
        return max(1, -(-seen // int(self.recipe.every)))

    def frames(self, state: State | None = None) -> Iterator[tuple[Frame, State]]:
        """Dream the film's frames in order, each with what the next one needs of it.

        Args:
            state: after the last finished frame, to go on from; None for the film's begin.
        """
        state = state or State()
        dreamer = Dreamer(self.recipe, self.model, self.files)
        together = 1 if self.recipe.coherence else self.together
        frames = kept(self.recipe, frames_of(self.source))
        before, found = self._shots(frames, 0, state.frames)
        with closing(ahead(seen(self.recipe, found, before))) as waiting:
            while some := list(islice(waiting, together)):
                going = Going(0, len(some), iter(some), state)
                for frame in advance(dreamer, together, [going]):
                    state = replace(going.state, frames=frame.number + 1)
                    yield frame, state

    def steps(self, parts: Parts, tell: Tell = lambda _: None) -> Steps:
        """See `Making.steps`; several scenes at once where the network gains by it."""
        if self.by is not None:
            yield from self.by(parts, tell)
            return
        states = parts.kept().states
        scenes = parts.scenes()
        if scenes is None and self.recipe.coherence and self.together > 1:
            scenes = yield from self.scenes(parts, tell)
        if scenes is not None and len(scenes) > 1:
            dreamer = Dreamer(self.recipe, self.model, self.files)
            states = by_scene(scenes, states)
            yield from dream_scenes(dreamer, self.together, scenes, states, self._of_scene)
            return
        at_once = 1 if self.recipe.coherence else self.together
        frames = self.frames(states.get(0))
        while some := list(islice(frames, at_once)):
            yield [frame for frame, _ in some], {0: some[-1][1]}

    def scenes(
        self, parts: Parts, tell: Tell
    ) -> Generator[tuple[list[Frame], Mapping[int, State]], None, list[Scene]]:
        """Return the film's scenes, which are looked for once; yield no frames meanwhile.

        Args:
            parts: where they are kept.
            tell: told how far it is.
        """
        known = parts.scenes()
        if known is not None:
            return known
        looking = find_scenes(self.recipe, self.source)
        try:
            while True:
                tell(f"looking for scenes: frame {next(looking)}")
                yield [], {}
        except StopIteration as over:
            found: list[Scene] = over.value
        parts.keep_scenes(found)
        return found

    def shots(self, scene: Scene, done: int) -> tuple[Shot | None, Iterator[Shot]]:
        """Return a scene's frames as they are dreamt, with the one before them.

        Args:
            scene: of this film.
            done: how many of its frames are left out.
        """
        frames = kept(self.recipe, frames_since(self.source, scene.mark), scene.first)
        before, found = self._shots(frames, scene.first, done)
        return before, islice(found, scene.frames - done)

    def _of_scene(self, scene: Scene, done: int) -> Iterator[Seen]:
        before, found = self.shots(scene, done)
        return seen(self.recipe, found, before)

    def _shots(
        self, frames: Iterator[tuple[int, Frame]], first: int, done: int
    ) -> tuple[Shot | None, Iterator[Shot]]:
        """Return frames as they are dreamt, but for some, with the last of these."""
        before = max(0, done - 1)
        found = shots(self.recipe, frames, self.facts, self.mask, first + before)
        return (next(found, None) if done else None), found

    def sound(self, made: Fraction | None) -> Sound | None:
        """Return the sound of the film.

        Args:
            made: seconds that there are of an interrupted film; None for all of it.
        """
        recipe = self.recipe
        if not self.facts.audio or self.form.silent:
            return None
        end = None if recipe.end is None else exact(recipe.end)
        start = exact(recipe.start)
        return Sound(self.source.path, start, end if made is None else start + made)


def plan_film(recipe: Film, files: Files | None = None) -> FilmPlan:
    """Check a film and lay it out; see `Recipe.plan`."""
    check_installed()
    path = Path(recipe.film)
    source = at_rate(facts_of(path), None if recipe.rate is None else Fraction(recipe.rate))
    if recipe.preview:
        end = recipe.start + _PREVIEW_SECONDS
        recipe = replace(
            cast("Any", recipe),
            size=_PREVIEW_SIDE if recipe.size is None else recipe.size,
            end=end if recipe.end is None else min(end, recipe.end),
        )
    output = recipe.destination()
    form = form_of(output, recipe.codec, recipe.bits)
    if is_same(output, path):
        raise BadSetting(f"{str(output)!r} is the film that is read; name another output")
    source = replace(source, bits=form.bits)
    height, width = _size_of(recipe, source)
    check_pixels(height, width)
    audio = 0 if recipe.silent else source.audio
    facts = replace(
        source,
        height=height,
        width=width,
        rate=source.rate / recipe.every,
        audio=audio,
        frames=None,
        **_colors(source),
    )
    if audio and not form.silent:
        check_sound(form, path)
    mask = None if recipe.mask is None else facts_of(Path(recipe.mask))
    check_form(form, facts)
    end = None if recipe.end is None else exact(recipe.end)
    for each in (source, mask):
        if each is not None:
            check_whole(each, end)
    given, model = recipe.model, recipe.network()
    recipe = with_pictures(replace(cast("Any", recipe), model=model))
    black = torch.zeros(1, 3, height, width)
    frame = next(frames_of(source), None)
    begin = black if frame is None else image_of(at_size(frame.pixels, height, width))
    first = first_dream(recipe, model, begin, files, size=None)
    notes = [*first.notes, *form.notes(height, width)]
    if audio and form.silent:
        notes.append(f"{output.suffix or 'a folder of pictures'} has no sound")
    masked = None if mask is None else _source(mask.path)
    job = film_job(recipe, first, _source(path), masked)
    # What changes over time is another dream at each.
    together = 1 if recipe.keys() else most_together(first, "auto")
    of_film = facts, form, job, tuple(notes), model, recipe, source, mask
    return FilmPlan(*of_film, together=together, network=given, files=files)


def _colors(source: Facts) -> dict[str, Any]:
    """Return the colors of the film that is made: the source's; of RGB, high definition's."""
    if source.matrix == 0:
        return {"matrix": 1, "primaries": 1, "transfer": 1, "full_range": False}
    return {}


def _size_of(recipe: Film, source: Facts) -> tuple[int, int]:
    """Return (height, width) of the film that is made."""
    size = recipe.size
    if size is None:
        return source.height, source.width
    if isinstance(size, tuple):
        return size
    return fit_long_side(source.height, source.width, size)


def _source(path: Path) -> Source:
    return Source(str(path), hash_of_film(path))
