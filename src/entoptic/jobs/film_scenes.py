"""The scenes of a film: found ahead, and dreamt several at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from entoptic.errors import BadFilm
from entoptic.jobs.film_dreams import Dreamer
from entoptic.jobs.film_frames import Seen, Shot, ahead, kept, seen
from entoptic.jobs.film_parts import Scene, State
from entoptic.networks.memory import return_freed_memory
from entoptic.video.cuts import is_cut, small
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Facts, Frame, Mark, frames_of

if TYPE_CHECKING:
    from entoptic.recipes.film import Film

# A film without coherence has scenes of so many frames.
_INDEPENDENT = 96
# Frames between two that are told of.
_TOLD = 50

States = Mapping[int, State]
"""The states of runs that are begun, by the number of their first frame."""


def find_scenes(recipe: Film, source: Facts) -> Generator[int, None, list[Scene]]:
    """Return the scenes of a film; yield how many frames have been looked at, every now and then.

    Args:
        recipe: which frames are dreamt.
        source: the film that is read.
    """
    found: list[Scene] = []
    before: Pixels | None = None
    for place, frame in kept(recipe, frames_of(source)):
        if recipe.coherence:
            now = small(frame.pixels)
            begins = before is None or is_cut(before, now)
            before = now
        else:
            begins = place % _INDEPENDENT == 0
        if begins:
            found.append(Scene(place, 0, Mark.of(frame)))
        found[-1] = replace(found[-1], frames=place + 1 - found[-1].first)
        if place % _TOLD == 0:
            yield place
    return found


def by_scene(scenes: Sequence[Scene], states: States) -> dict[int, State]:
    """Return the states of a film's scenes, of which some may have been made as one run.

    Args:
        scenes: of the whole film.
        states: as they are kept.
    """
    whole = states.get(0, State())
    if whole.frames <= scenes[0].frames:
        return dict(states)
    done = {each.first: min(whole.frames - each.first, each.frames) for each in scenes}
    return {
        each.first: after(each, replace(whole, frames=done[each.first]))
        for each in scenes
        if done[each.first] > 0
    }


def after(scene: Scene, state: State) -> State:
    """Return what is kept of the state of a scene: at its end nothing but that."""
    return State(state.frames) if state.frames == scene.frames else state


def unfinished(scenes: Sequence[Scene], states: States) -> list[Scene]:
    """Return the scenes that aren't finished, in order."""
    return [each for each in scenes if states.get(each.first, State()).frames < each.frames]


@dataclass(eq=False)
class Going:
    """A scene that is being dreamt.

    Args:
        first: number of its first frame.
        left: how many of its frames are still to be dreamt here.
        seen: these.
        state: after those before them.
    """

    first: int
    left: int
    seen: Iterator[Seen]
    state: State


def advance(dreamer: Dreamer, together: int, going: Sequence[Going]) -> list[Frame]:
    """Dream the next frame of each of several scenes; of independent frames, the next ones.

    Args:
        dreamer: dreams them.
        together: how many frames the network is shown together.
        going: at most so many scenes.

    Raises:
        BadFilm: the film has fewer frames than it had.
    """
    at_once = 1 if dreamer.film.coherence else together
    taken: list[tuple[Going, Seen]] = []
    for each in going:
        count = min(at_once, each.left, together - len(taken))
        found = list(islice(each.seen, count))
        if len(found) < count:
            raise BadFilm("the film has fewer frames than before; has it changed meanwhile?")
        each.left -= count
        taken += [(each, one) for one in found]
    made = dreamer.dreamt([(source, each.state) for each, source in taken])
    frames = []
    for (each, source), (pixels, state) in zip(taken, made, strict=True):
        each.state = replace(state, frames=each.state.frames + 1)
        frames.append(replace(source.frame, pixels=pixels))
    return frames


def dream_scenes(
    dreamer: Dreamer,
    together: int,
    scenes: Sequence[Scene],
    states: States,
    read: Callable[[Scene, int], Iterator[Seen]],
) -> Generator[tuple[list[Frame], States]]:
    """Dream scenes, several at once, each step a frame of each; the earliest first.

    Args:
        dreamer: dreams them.
        together: how many scenes at once.
        scenes: of the film.
        states: of those that are begun.
        read: returns the frames of a scene from one on.

    Yields:
        The frames of a step, and the states of all scenes after it.
    """
    now = dict(states)
    waiting = iter(unfinished(scenes, states))
    going: list[tuple[Scene, Going, Generator[Seen]]] = []
    try:
        while True:
            for scene in islice(waiting, together - len(going)):
                state = now.get(scene.first, State())
                frames = ahead(read(scene, state.frames))
                left = scene.frames - state.frames
                going.append((scene, Going(scene.first, left, frames, state), frames))
            if not going:
                return
            made = advance(dreamer, together, [each for _, each, _ in going])
            now |= {scene.first: after(scene, each.state) for scene, each, _ in going}
            yield made, dict(now)
            for _, each, frames in going:
                if not each.left:
                    frames.close()
            unended = [some for some in going if some[1].left]
            if len(unended) < len(going):
                return_freed_memory()  # which many decoders, each in threads of its own, scatter
            going = unended
    finally:
        for *_, frames in going:
            frames.close()


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames of a scene that a worker dreams.

    Args:
        first: number of the scene's first frame.
        state: after the frames before them.
        before: the last of these, as it is in the source; None where the scene begins.
        shots: the frames.
    """

    first: int
    state: State
    before: Shot | None
    shots: Sequence[Shot]


def dream_stretches(
    dreamer: Dreamer, together: int, stretches: Sequence[Stretch]
) -> tuple[list[Frame], dict[int, State]]:
    """Return the dreams of stretches of several scenes, and the states of the scenes after them."""
    going = [
        Going(each.first, len(each.shots), seen(dreamer.film, each.shots, each.before), each.state)
        for each in stretches
    ]
    frames = []
    while left := [each for each in going if each.left]:
        frames += advance(dreamer, together, left)
    return frames, {each.first: each.state for each in going}
