"""Scenes of films: found ahead, dreamt several at once, and gone on with one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from entoptic.errors import BadFilm
from entoptic.jobs import film_dreams
from entoptic.jobs.film_dreams import Dreamer
from entoptic.jobs.film_parts import Scene, State
from entoptic.jobs.film_scenes import by_scene, find_scenes
from entoptic.jobs.films import FilmPlan
from entoptic.recipes.film import Film
from entoptic.video import reading
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Mark, facts_of, frames_of, frames_since
from filming import film, moving, small_network

pytest.importorskip("av")
pytest.importorskip("cv2")

SHORT: dict[str, Any] = {"octaves": 1, "steps": 2, "layer": "0", "device": "cpu"}
LENGTHS = (5, 3, 4)


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return small_network()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return three_scenes(tmp_path / "source.mkv")


def three_scenes(path: Path) -> Path:
    scenes = [moving(count, seed=seed) for seed, count in enumerate(LENGTHS)]
    return film(path, [*itertools.chain(*scenes)], codec="ffv1", pixels="bgr0")


def planned(model: ent.Model, source: Path, **how: Any) -> FilmPlan:
    return Film(model, source, **{"output": source.with_name("made.apng")} | SHORT | how).plan()


def shown(path: Path) -> list[Pixels]:
    return [each.pixels for each in frames_of(facts_of(path))]


def same(first: Sequence[Pixels], second: Sequence[Pixels]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def scenes_of(plan: FilmPlan) -> list[Scene]:
    looking = find_scenes(plan.recipe, plan.source)
    while True:
        try:
            next(looking)
        except StopIteration as over:
            found: list[Scene] = over.value
            return found


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames the network is shown together, step by step."""
    counts: list[int] = []
    dreamt = Dreamer.dreamt

    def counted(self: Dreamer, frames: Any) -> Any:
        counts.append(len(frames))
        return dreamt(self, frames)

    monkeypatch.setattr(Dreamer, "dreamt", counted)
    return counts


def test_the_scenes_of_a_film_are_found(model: ent.Model, source: Path) -> None:
    found = scenes_of(planned(model, source))
    assert [(each.first, each.frames) for each in found] == [(0, 5), (5, 3), (8, 4)]
    assert [each.mark.number for each in found] == [0, 5, 8]
    # Every other frame from the second on, to the tenth: 1 3, 5 7, 9.
    part = scenes_of(planned(model, source, start=0.04, end=0.4, every=2))
    assert [(each.first, each.frames) for each in part] == [(0, 2), (2, 2), (4, 1)]
    assert [each.mark.number for each in part] == [1, 5, 9]


@pytest.mark.parametrize("how", [{}, {"every": 2, "start": 0.04}], ids=["all", "some"])
def test_scenes_are_dreamt_together_and_are_what_they_are_one_by_one(
    model: ent.Model, source: Path, how: dict[str, Any], at_once: list[int]
) -> None:
    plan = planned(model, source, **how)
    expected = [frame for frame, _ in plan.frames()]
    assert set(at_once) == {1}
    at_once.clear()
    assert plan.run().frames == len(expected)
    assert same(shown(plan.form.path), [each.pixels for each in expected])
    assert at_once == ([3, 3, 2, 1] if how else [3, 3, 3, 2, 1])[: len(at_once)]
    assert sum(at_once) == len(expected)
    assert [each.time for each in frames_of(facts_of(plan.form.path))] == [
        each.time for each in expected
    ]


def test_masks_protection_and_regions_are_each_scenes_own(
    model: ent.Model, source: Path, tmp_path: Path
) -> None:
    masks = film(
        tmp_path / "mask.mkv",
        [np.full((48, 64, 3), 20 * number + 15, np.uint8) for number in range(12)],
        codec="ffv1",
        pixels="bgr0",
    )
    half = torch.zeros(1, 3, 48, 64)
    half[..., :24, :] = 1
    region = ent.write(tmp_path / "half.png", half)
    how = {"mask": masks, "protect": "saliency", "region": [(str(region), "energy('1')")]}
    plan = planned(model, source, **how)
    expected = [frame.pixels for frame, _ in plan.frames()]
    plan.run()
    assert same(shown(plan.form.path), expected)


def test_frames_without_coherence_are_dreamt_together(
    model: ent.Model, source: Path, at_once: list[int]
) -> None:
    plan = planned(model, source, coherence=0)
    plan.run()
    assert at_once == [8, 4]
    alone = replace(planned(model, source, coherence=0), together=1)
    assert same(shown(plan.form.path), [frame.pixels for frame, _ in alone.frames()])


def test_what_changes_over_time_is_dreamt_one_by_one(
    model: ent.Model, source: Path, at_once: list[int]
) -> None:
    planned(model, source, strength="0s:0.5,0.4s:2").run()
    assert set(at_once) == {1}


@pytest.mark.parametrize("after", range(1, 5))
def test_scenes_that_were_stopped_go_on_where_each_was(
    model: ent.Model, source: Path, after: int, at_once: list[int]
) -> None:
    expected = [frame.pixels for frame, _ in planned(model, source).frames()]
    at_once.clear()
    told: list[str] = []
    first = planned(model, source)
    made = first.run(
        told.append, stopped=lambda: sum(each.startswith("frame") for each in told) == after
    )
    done = sum([3, 3, 3, 2, 1][:after])
    assert (made.frames, made.finished) == (done, False)
    times = [each.time * 25 for each in frames_of(facts_of(made.path))]
    assert times == [n for n in range(12) if any(0 <= n - s < after for s in (0, 5, 8))][:done]
    again = planned(model, source)
    again.check_free(force=False)
    assert again.run().finished
    assert at_once == [3, 3, 3, 2, 1]  # nothing twice
    assert same(shown(made.path), expected)
    assert sorted(each.name for each in source.parent.iterdir()) == ["made.apng", "source.mkv"]


def test_a_film_begun_as_one_run_goes_on_scene_by_scene() -> None:
    mark = Mark(0, Fraction(0), 0)
    scenes = [Scene(0, 5, mark), Scene(5, 3, mark), Scene(8, 4, mark)]
    detail = np.zeros((2, 2, 3), np.float32)
    found = by_scene(scenes, {0: State(6, detail, np.ones(1))})
    assert [(first, each.frames) for first, each in found.items()] == [(0, 5), (5, 1)]
    assert found[0].detail is None
    assert found[5].detail is detail
    assert by_scene(scenes, {0: State(5), 8: State(1)}).keys() == {0, 8}


def test_a_film_that_has_lost_frames_meanwhile_says_so(model: ent.Model, source: Path) -> None:
    plan = planned(model, source)
    parts = plan.parts
    parts.begin()
    scenes = scenes_of(plan)
    parts.keep_scenes([*scenes[:2], Scene(8, 7, scenes[2].mark)])
    with pytest.raises(BadFilm, match="has fewer frames than before; has it changed"):
        plan.run()


@pytest.mark.parametrize(
    ("codec", "name"),
    [("ffv1", "a.mkv"), ("libx264", "a.mp4"), ("libx264", "a.ts"), ("gif", "a.gif")],
)
def test_frames_since_a_mark_are_the_films(tmp_path: Path, codec: str, name: str) -> None:
    kinds = {"ffv1": "bgr0", "libx264": "yuv420p", "gif": "rgb8"}
    path = film(tmp_path / name, moving(30), codec=codec, pixels=kinds[codec])
    facts = facts_of(path)
    frames = list(frames_of(facts))
    for number in (0, 1, 17, 29):
        found = list(frames_since(facts, Mark.of(frames[number])))
        assert [(each.number, each.time) for each in found] == [
            (each.number, each.time) for each in frames[number:]
        ]
        assert same([each.pixels for each in found], [each.pixels for each in frames[number:]])


def test_a_film_that_winds_to_another_frame_is_decoded_from_its_begin(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = facts_of(source)
    frames = list(frames_of(facts))
    wound = reading._wound
    monkeypatch.setattr(reading, "_wound", lambda *args: itertools.islice(wound(*args), 1, None))
    found = list(frames_since(facts, Mark.of(frames[7])))
    assert [each.number for each in found] == [7, 8, 9, 10, 11]
    assert same([each.pixels for each in found], [each.pixels for each in frames[7:]])


@pytest.mark.parametrize(
    ("optimizer", "later"),
    [(None, [(1, 4, 2.0), (2, 4, 2.0)]), ("adam(0.01)", [(1, 8, 1), (2, 8, 1)])],
)
def test_frames_that_carry_detail_have_half_the_steps_each_twice_as_long(
    model: ent.Model,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str | None,
    later: list[tuple[int, int, float]],
) -> None:
    runs: list[tuple[int, int, float]] = []
    stepped = film_dreams._stepped

    def told(plan: Any, octaves: Any, *rest: Any) -> Any:
        runs.append((len(octaves.sizes), octaves.steps, octaves.lengths[0]))
        return stepped(plan, octaves, *rest)

    monkeypatch.setattr(film_dreams, "_stepped", told)
    how: dict[str, Any] = {"octaves": 3, "steps": 8, "coherence": 1, "optimizer": optimizer}
    frames = planned(model, source, **how).frames()
    for _ in range(LENGTHS[0] + 1):
        next(frames)
    scene = [(3, 8, 1), *later * (LENGTHS[0] - 1)]
    assert runs == [*scene, (3, 8, 1)]  # and anew after the cut
