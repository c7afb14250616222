"""Films of dreams: what is carried, what is held, and what goes on after an interruption."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import entoptic as ent
from entoptic.errors import AlreadyThere, BadFilm, BadSetting
from entoptic.jobs.film_parts import State
from entoptic.jobs.films import FilmPlan
from entoptic.jobs.keys import Keys
from entoptic.recipes.film import Film
from entoptic.video.cuts import is_cut
from entoptic.video.motion import dis, motion
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Frame, facts_of, frames_of
from filming import film, moving, packets, small_network, texture

pytest.importorskip("av")
pytest.importorskip("cv2")

LUMA = np.array([0.2126, 0.7152, 0.0722])
SHORT: dict[str, Any] = {"octaves": 1, "steps": 2, "layer": "0", "device": "cpu"}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return small_network()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return film(tmp_path / "source.mkv", moving(6), codec="ffv1", pixels="bgr0")


def planned(model: ent.Model, source: Path, **how: Any) -> FilmPlan:
    how = {"output": source.with_name("made.apng")} | SHORT | how
    return Film(model, source, **how).plan()


def dreamt(plan: FilmPlan) -> list[Pixels]:
    return [frame.pixels for frame, _ in plan.frames()]


def luma(pixels: Pixels) -> float:
    return float((pixels.astype(float) @ LUMA).mean())


def test_the_motion_of_a_shifted_texture_is_the_shift() -> None:
    before, now = moving(2, 96, 128)
    found = motion(before, now, dis)
    inside = found.back[12:-12, 12:-12]
    # A window that moves by (1, 2): what is at (row, column) was at (row + 1, column + 2).
    assert np.abs(inside.mean((0, 1)) - (2, 1)).max() < 0.15
    assert found.visible[12:-12, 12:-12].mean() > 0.97
    values = before.astype(np.float32)
    assert np.abs(found.carried(values) - now)[12:-12, 12:-12].mean() < 2


def test_what_enters_from_outside_was_not_seen() -> None:
    whole = texture(64, 160, 3)
    before, now = np.ascontiguousarray(whole[:, :96]), np.ascontiguousarray(whole[:, 12:108])
    visible = motion(before, now, dis).visible
    assert visible[8:-8, 10:70].mean() > 0.95
    assert visible[:, -8:].mean() < 0.3


def test_a_cut_is_found_and_fast_motion_is_none() -> None:
    assert is_cut(texture(96, 128, 1), texture(96, 128, 2))
    whole = texture(96, 200, 1)
    fast = [np.ascontiguousarray(whole[:, start : start + 128]) for start in (0, 24)]
    assert not is_cut(fast[0], fast[1])


def test_nothing_is_carried_over_a_cut(model: ent.Model, tmp_path: Path) -> None:
    first, second = moving(3, seed=1), moving(3, seed=2)
    both = film(tmp_path / "both.mkv", [*first, *second], codec="ffv1", pixels="bgr0")
    alone = film(tmp_path / "alone.mkv", second, codec="ffv1", pixels="bgr0")
    joined = dreamt(planned(model, both))
    assert all(map(np.array_equal, joined[3:], dreamt(planned(model, alone))))


def test_without_coherence_each_frame_is_its_own_dream(model: ent.Model, source: Path) -> None:
    found = dreamt(planned(model, source, coherence=0))
    for frame, shown in zip(frames_of(facts_of(source)), found, strict=True):
        photo = torch.from_numpy(frame.pixels).permute(2, 0, 1)[None].float() / 255
        alone = ent.dream(model, photo, **SHORT).image[0].permute(1, 2, 0).numpy() * 255
        shift = (alone @ LUMA).mean() - luma(frame.pixels)
        # As bright as the source, by one number for all pixels, but for those that are clipped.
        inside = (alone > 12).all(-1) & (alone < 243).all(-1)
        assert np.abs(alone - shift - shown)[inside].max() < 1.5


def test_all_coherence_moves_the_detail_and_adds_none_to_it(
    model: ent.Model, tmp_path: Path
) -> None:
    still = [texture(48, 64)] * 3
    source = film(tmp_path / "still.mkv", still, codec="ffv1", pixels="bgr0")
    first, second, third = dreamt(planned(model, source, coherence=1))
    # Where nothing moves, flow is not quite 0.
    assert np.abs(first.astype(float) - second).mean() < 0.5
    assert np.abs(first.astype(float) - third).mean() < 0.8
    assert np.abs(first.astype(float) - still[0]).mean() > 3


def test_frames_are_as_bright_as_the_sources(model: ent.Model, source: Path) -> None:
    found = dreamt(planned(model, source, strength=3))
    for frame, shown in zip(frames_of(facts_of(source)), found, strict=True):
        assert luma(shown) == pytest.approx(luma(frame.pixels), rel=0.005)


def test_detail_grows_no_further_than_its_limit(model: ent.Model, tmp_path: Path) -> None:
    source = film(tmp_path / "still.mkv", [texture(48, 64)] * 12, codec="ffv1", pixels="bgr0")
    sizes = [
        float(np.sqrt(np.square(state.detail).mean()))
        for _, state in planned(model, source, coherence=0.3).frames()
        if state.detail is not None
    ]
    assert len(sizes) == 12
    assert max(sizes) <= 1.26 * sizes[0]


def test_a_flow_of_ones_own_is_asked(model: ent.Model, source: Path) -> None:
    asked = []

    def still(first: Pixels, second: Pixels) -> NDArray[np.float32]:
        asked.append(first.shape)
        return np.zeros((*first.shape[:2], 2), np.float32)

    dreamt(planned(model, source, flow=still))
    assert asked == [(48, 64, 3)] * 10  # there and back, between six frames


def test_strength_follows_its_keys(model: ent.Model, source: Path) -> None:
    found = dreamt(planned(model, source, strength="0s:0,0.2s:2", coherence=0))
    frames = [each.pixels.astype(float) for each in frames_of(facts_of(source))]
    changes = [np.abs(a - b).mean() for a, b in zip(frames, found, strict=True)]
    assert changes[0] < 0.02
    assert all(later > earlier for earlier, later in itertools.pairwise(changes))


def test_layers_that_fade_begin_as_the_first_and_end_as_the_second(
    model: ent.Model, source: Path
) -> None:
    fading = dreamt(planned(model, source, layer="0s:0,0.2s:1", coherence=0))
    first = dreamt(planned(model, source, layer="0", coherence=0))
    last = dreamt(planned(model, source, layer="1", coherence=0))
    assert np.array_equal(fading[0], first[0])
    assert np.array_equal(fading[5], last[5])
    assert not np.array_equal(fading[3], first[3])


@pytest.mark.parametrize("finish", ["match_histogram", "keep_colors"])
def test_a_finish_keeps_the_film_outside_of_its_mask(
    model: ent.Model, source: Path, tmp_path: Path, finish: str
) -> None:
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, :32] = 255
    path = film(tmp_path / "half.mkv", [half], codec="ffv1", pixels="bgr0")
    found = dreamt(planned(model, source, mask=path, strength=4, **{finish: True}))
    for frame, shown in zip(frames_of(facts_of(source)), found, strict=True):
        assert np.array_equal(shown[:, 32:], frame.pixels[:, 32:])
        assert not np.array_equal(shown[:, :32], frame.pixels[:, :32])


def test_a_mask_that_moves_keeps_the_film_outside(
    model: ent.Model, source: Path, tmp_path: Path
) -> None:
    masks = []
    for number in range(6):
        mask = np.zeros((48, 64, 3), np.uint8)
        mask[:, : 8 * (number + 1)] = 255
        masks.append(mask)
    path = film(tmp_path / "mask.mkv", masks, codec="ffv1", pixels="bgr0")
    found = dreamt(planned(model, source, mask=path, coherence=0.5))
    for number, frame in enumerate(frames_of(facts_of(source))):
        edge = 8 * (number + 1)
        assert np.array_equal(found[number][:, edge:], frame.pixels[:, edge:])
        assert np.abs(found[number][:, :edge].astype(float) - frame.pixels[:, :edge]).mean() > 1


def test_a_part_of_the_frames_is_taken(model: ent.Model, source: Path) -> None:
    plan = planned(model, source, start=0.04, end=0.24, every=2, coherence=0, strength=1e-6)
    frames = [each.pixels for each in frames_of(facts_of(source))]
    found = list(plan.frames())
    assert plan.count == len(found) == 3
    assert [each.time for each, _ in found] == [0, Fraction(2, 25), Fraction(4, 25)]
    for (frame, _), number in zip(found, (1, 3, 5), strict=True):
        assert np.abs(frame.pixels.astype(float) - frames[number]).max() <= 1


def test_the_whole_film_is_written_with_its_sound(model: ent.Model, tmp_path: Path) -> None:
    source = film(tmp_path / "source.mp4", moving(8), audio="aac")
    made = ent.film(model, source, output=tmp_path / "made.mp4", **SHORT)
    assert (made.frames, made.finished, made.path) == (8, True, tmp_path / "made.mp4")
    assert packets(made.path) == packets(source)
    assert len(list(frames_of(facts_of(made.path)))) == 8
    assert sorted(each.name for each in tmp_path.iterdir()) == ["made.mp4", "source.mp4"]


def stopping(plan: FilmPlan, after: int) -> bool:
    """Make so many frames of a film; return whether it is whole."""
    told: list[str] = []
    made = plan.run(
        told.append, stopped=lambda: sum(each.startswith("frame") for each in told) == after
    )
    return made.finished


def shown(path: Path) -> list[Pixels]:
    return [each.pixels for each in frames_of(facts_of(path))]


def test_a_film_that_was_stopped_plays_and_goes_on_to_the_same_frames(
    model: ent.Model, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = planned(model, source)
    whole.run()
    expected = shown(whole.form.path)
    how = {"output": tmp_path / "again.apng"}
    assert not stopping(planned(model, source, **how), 2)
    assert all(map(np.array_equal, shown(tmp_path / "again.apng"), expected[:2]))
    assert not stopping(planned(model, source, **how), 3)
    assert len(shown(tmp_path / "again.apng")) == 5

    made: list[int] = []
    frames = FilmPlan.frames

    def counted(self: FilmPlan, state: State | None = None) -> Iterator[tuple[Frame, State]]:
        for frame, after in frames(self, state):
            made.append(frame.number)
            yield frame, after

    monkeypatch.setattr(FilmPlan, "frames", counted)
    last = planned(model, source, **how)
    last.check_free(force=False)
    assert last.run().finished
    assert made == [5]  # the others were there
    assert all(map(np.array_equal, shown(tmp_path / "again.apng"), expected))
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize("removed", [1, 2, 3, 4])
def test_a_film_that_was_killed_while_its_parts_were_deleted_is_made_again(
    model: ent.Model, source: Path, removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = planned(model, source)
    whole.run()
    expected = shown(whole.form.path)
    unlink, left = Path.unlink, iter(range(removed, -1, -1))

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.parent.suffix == ".parts" and self.name[0] != "." and not next(left):
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    whole.form.path.unlink()
    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        planned(model, source).run()
    monkeypatch.undo()
    again = planned(model, source)
    again.check_free(force=True)
    assert again.run().finished
    assert all(map(np.array_equal, shown(again.form.path), expected))


def test_parts_of_another_film_are_not_gone_on_with(model: ent.Model, source: Path) -> None:
    assert not stopping(planned(model, source), 2)
    with pytest.raises(AlreadyThere, match="parts of a film with other settings; delete it"):
        planned(model, source, strength=2).check_free(force=False)


def test_a_film_that_is_there_is_kept(model: ent.Model, source: Path) -> None:
    plan = planned(model, source)
    plan.form.path.write_bytes(b"mine")
    with pytest.raises(AlreadyThere, match=r"is there already; name another output"):
        plan.check_free(force=False)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"strength": "0s:0.3,x"}, r"must have a time for each value, as in 0s:0.3,4s:1.5"),
        ({"strength": "4s:1,2s:3"}, "must have its times in increasing order"),
        ({"strength": "0s:-1"}, "strength"),
        ({"coherence": 2}, "coherence"),
        ({"start": 3, "end": 2}, "end is 2; it must be after start, 3"),
        ({"rate": 30}, "rate is of a folder of pictures; a film keeps its own"),
        ({"output": "a.avi"}, "can't write a film as '.avi'"),
        ({"layer": "0s:0,1s:nothing"}, "nothing"),
        ({"codec": "mpeg2"}, "codec"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(
    model: ent.Model, source: Path, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(ent.errors.EntopticError, match=message):
        planned(model, source, **how)
    assert [each.name for each in source.parent.iterdir()] == ["source.mkv"]


def test_the_film_that_is_read_is_never_replaced(model: ent.Model, source: Path) -> None:
    with pytest.raises(BadSetting, match="is the film that is read; name another output"):
        planned(model, source, output=source)


def test_sound_that_the_format_cannot_hold_is_told_before_any_work(
    model: ent.Model, tmp_path: Path
) -> None:
    source = film(tmp_path / "source.mp4", moving(4), audio="aac")
    with pytest.raises(BadFilm, match="can't hold the sound"):
        planned(model, source, output=tmp_path / "made.webm")
    assert planned(model, source, output=tmp_path / "made.webm", silent=True).facts.audio == 0


def test_a_start_after_the_end_of_the_film_is_told(model: ent.Model, source: Path) -> None:
    with pytest.raises(BadSetting, match="start is after the film's last frame"):
        planned(model, source, start=5).run()
    assert not list(source.parent.glob("*.parts"))


def test_keys_are_lines_between_values() -> None:
    keys = Keys((1.0, 3.0), (0.0, 4.0))
    assert [keys.number(time) for time in (0, 1, 1.5, 2, 3, 9)] == [0, 0, 1, 2, 4, 4]


def test_the_job_of_a_film_names_all_its_settings(model: ent.Model, source: Path) -> None:
    job = planned(model, source, strength="0s:0.3,4s:1.5", coherence=0.5).job
    assert job.recipe == "film"
    assert (job.settings["strength"], job.settings["coherence"]) == ("0s:0.3,4s:1.5", 0.5)
    assert job.from_json(job.to_json()) == job
