"""Films made by many workers: scenes are independent, and each worker dreams some at a time."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from entoptic.errors import BadSetting, WorkerFailed
from entoptic.jobs.film_dreams import Dreamer
from entoptic.jobs.film_frames import Shot, ahead
from entoptic.jobs.film_making import Making, Steps, Tell
from entoptic.jobs.film_parts import Parts, Scene, State
from entoptic.jobs.film_scenes import Stretch, after, by_scene, dream_stretches, unfinished
from entoptic.jobs.films import FilmPlan
from entoptic.runners.runner import Batch, Done, Runner, Work
from entoptic.runners.team import LATER, Later, Team

if TYPE_CHECKING:
    from entoptic.objectives.files import Files
    from entoptic.recipes.film import Film

# Seconds that a worker dreams before it gives back what it has, about: so much is lost if the
# program is killed.
_SECONDS = 15.0
# Frames of each scene in that time: at first, as nothing is known, and at most.
_FIRST, _MOST = 4, 48
# Seconds after which it is asked whether to stop, though nothing has been made.
_TICK = 1.0


@dataclass(frozen=True, eq=False)
class Dreams(Work):
    """Stretches of the scenes of a film.

    Args:
        film: how they are dreamt; with a name, which each worker loads, or the network.
        together: how many frames the network is shown together at most.
        files: reads the files that objectives name.
    """

    film: Film
    together: int
    files: Files | None

    def prepared(self) -> Callable[[bytes, str], bytes]:
        """See `Work`; bytes, since tensors would travel in shared memory, a file handle each."""
        film = replace(cast("Any", self.film), model=self.film.network())
        dreamers: dict[str, Dreamer] = {}

        def make(job: bytes, device: str) -> bytes:
            if device not in dreamers:
                there = film if device == "cpu" else replace(film, device=device)
                dreamers[device] = Dreamer(there, film.model, self.files)
            made = dream_stretches(dreamers[device], self.together, pickle.loads(job))
            return pickle.dumps(made)

        return make


def by_workers(plan: Making, runner: Runner) -> Making:
    """Return a film whose scenes are dreamt by workers.

    Its frames are those that it has here: to the last bit with convolutions on processors;
    elsewhere sums over a batch may round otherwise.

    Raises:
        BadSetting: each of its frames needs the one before it.
    """
    if not isinstance(plan, FilmPlan):
        raise BadSetting(
            f"a {plan.job.recipe} has no scenes that workers could share, since each of its frames "
            "is made of the one before; leave `on` and `workers` out"
        )

    def steps(parts: Parts, tell: Tell) -> Steps:
        scenes = yield from plan.scenes(parts, tell)
        if not scenes:
            return
        film = replace(cast("Any", plan.recipe), model=plan.network)
        work = Dreams(film, plan.together, plan.files)
        sharing = _Sharing(plan, scenes, by_scene(scenes, parts.kept().states))
        with runner.start(work, plan.recipe.device) as team, closing(sharing):
            yield from sharing.steps(team)

    return replace(plan, by=steps)


@dataclass(eq=False)
class _Sharing:
    """Scenes as they are given out, a stretch at a time.

    Args:
        plan: of the film.
        scenes: all of them.
        states: of those that are begun.
    """

    plan: FilmPlan
    scenes: list[Scene]
    states: dict[int, State]
    _given: dict[int, list[Scene]] = field(default_factory=dict)
    _read: dict[int, _Reading] = field(default_factory=dict)
    _length: int = field(default_factory=lambda: _FIRST)
    _count: int = 0

    def steps(self, team: Team) -> Steps:
        """Yield frames as they are finished."""
        for answer in team.run(lambda: self._next(team.places()), _TICK):
            if answer is None:
                yield [], {}
            elif isinstance(answer, Done):
                frames, states = pickle.loads(answer.made)
                for scene in self._given.pop(answer.key):
                    before = self.states.get(scene.first, State()).frames
                    self.states[scene.first] = after(scene, states[scene.first])
                    done = self.states[scene.first].frames
                    if done == scene.frames:
                        self._read.pop(scene.first).close()
                    each = answer.seconds / (done - before)
                    self._length = max(1, min(_MOST, round(_SECONDS / max(each, 1e-6))))
                yield frames, dict(self.states)
            else:
                first = min(each.first for each in self._given[answer.key])
                raise WorkerFailed(f"frames from {first} on can't be dreamt: {answer.reason}")

    def _next(self, places: int) -> Batch | Later | None:
        """Return what a worker is given: the earliest scenes that no other one has."""
        left = unfinished(self.scenes, self.states)
        taken = {each.first for scenes in self._given.values() for each in scenes}
        free = [each for each in left if each.first not in taken]
        if not free:
            return LATER if left else None
        share = 1
        if self.plan.recipe.coherence:  # else one scene fills a batch
            share = min(self.plan.together, math.ceil(len(left) / places))
        chosen = free[:share]
        self._count += 1
        self._given[self._count] = chosen
        return Batch(self._count, pickle.dumps([self._stretch(each) for each in chosen]))

    def _stretch(self, scene: Scene) -> Stretch:
        state = self.states.get(scene.first, State())
        if scene.first not in self._read:
            self._read[scene.first] = _Reading.of(self.plan, scene, state.frames)
        reading = self._read[scene.first]
        shots = list(islice(reading.shots, self._length))
        stretch = Stretch(scene.first, state, reading.before, shots)
        reading.before = shots[-1]
        return stretch

    def close(self) -> None:
        """Let go of the film."""
        for each in self._read.values():
            each.close()


@dataclass(eq=False)
class _Reading:
    """The frames of a scene that are still to be given out."""

    before: Shot | None
    shots: Iterator[Shot]
    close: Callable[[], None]

    @classmethod
    def of(cls, plan: FilmPlan, scene: Scene, done: int) -> _Reading:
        before, shots = plan.shots(scene, done)
        waiting = ahead(shots)
        return cls(before, waiting, waiting.close)
