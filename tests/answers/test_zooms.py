"""Zooms: where the camera goes, what is held, loops, and going on after an interruption."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.jobs.cameras import back
from entoptic.jobs.loops import Loop
from entoptic.jobs.zooms import ZoomPlan
from entoptic.recipes.zoom import Zoom
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Frame, facts_of, frames_of
from filming import small_network, texture

pytest.importorskip("av")
pytest.importorskip("cv2")

SHORT: dict[str, Any] = {"octaves": 1, "steps": 1, "layer": "0", "device": "cpu"}
STILL: dict[str, Any] = {"strength": 0, "zoom": 1}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return small_network()


@pytest.fixture
def photo() -> Tensor:
    return torch.from_numpy(texture(48, 64)).permute(2, 0, 1)[None].float() / 255


def planned(model: ent.Model, photo: Tensor, tmp_path: Path, **how: Any) -> ZoomPlan:
    how = {"output": tmp_path / "zoom.apng", "rate": 10, "seconds": 0.4} | SHORT | how
    return Zoom(model, photo, **how).plan()


def made(plan: ZoomPlan) -> list[Pixels]:
    return [frame.pixels for frame, _ in plan.frames()]


def bytes_of(photo: Tensor) -> np.ndarray[Any, Any]:
    return (photo[0].permute(1, 2, 0) * 255).numpy()


def test_a_camera_that_stands_still_shows_the_photo(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    found = made(planned(model, photo, tmp_path, **STILL))
    assert len(found) == 4
    assert all(np.abs(each - bytes_of(photo)).max() <= 1 for each in found)


def test_a_camera_that_moves_across_shows_the_photo_shifted(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    # 10 frames a second: two pixels a frame, of 64.
    *_, last = made(planned(model, photo, tmp_path, **STILL, across=20 / 64))
    mean = np.abs(last[:, :52].astype(float) - bytes_of(photo)[:, 6:58]).mean()
    assert mean < 4  # levels are held, though another part of the texture is seen
    assert np.abs(last[:, :52].astype(float) - bytes_of(photo)[:, :52]).mean() > 4 * mean


def test_a_camera_that_goes_near_makes_a_square_larger(model: ent.Model, tmp_path: Path) -> None:
    square = torch.full((1, 3, 64, 64), 0.2)
    square[..., 24:40, 24:40] = 0.8
    # 1.5 times in a second: 1.5 after ten frames.
    *_, last = made(planned(model, square, tmp_path, strength=0, zoom=1.5, seconds=1.1))
    bright = last[..., 0] > last[..., 0].mean() + 20
    assert bright.sum() == pytest.approx(16**2 * 1.5**2, rel=0.12)
    rows, columns = np.nonzero(bright)
    assert (rows.mean(), columns.mean()) == pytest.approx((31.5, 31.5), abs=0.5)


def test_a_camera_that_turns_a_quarter_turns_the_photo(model: ent.Model, tmp_path: Path) -> None:
    square = torch.full((1, 3, 64, 64), 0.2)
    square[..., 8:16, 28:36] = 0.8  # above the middle
    *_, last = made(planned(model, square, tmp_path, strength=0, zoom=1, turn=90, seconds=1.1))
    rows, columns = np.nonzero(last[..., 0] > 120)
    # Clockwise: what was above is to the right.
    assert (rows.mean(), columns.mean()) == pytest.approx((31.5, 63 - 11.5), abs=1)


def test_the_center_of_a_zoom_stays_where_it_is(model: ent.Model, tmp_path: Path) -> None:
    dot = torch.full((1, 3, 64, 64), 0.2)
    dot[..., 14:18, 46:50] = 0.8
    how: dict[str, Any] = {"strength": 0, "zoom": 2, "seconds": 0.6, "center": (0.25, 0.75)}
    *_, last = made(planned(model, dot, tmp_path, **how))
    rows, columns = np.nonzero(last[..., 0] > 120)
    assert (rows.mean(), columns.mean()) == pytest.approx((15.5, 47.5), abs=1)


def test_the_strongest_center_drifts_to_what_the_layer_sees(tmp_path: Path) -> None:
    red = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 1, 1, bias=False)), preprocess=None)
    with torch.no_grad():
        red.module[0].weight.copy_(torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1))
    photo = torch.full((1, 3, 64, 64), 0.2)
    photo[:, 0, 44:52, 8:16] = 0.9
    plan = planned(red, photo, tmp_path, **STILL, center="strongest", seconds=6)
    *_, (_, last) = plan.frames()
    assert tuple(last.held[6:]) == pytest.approx((48 / 64, 12 / 64), abs=0.01)


def test_levels_stay_those_of_the_first_frame(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    first, *rest = made(planned(model, photo, tmp_path, strength=4, seconds=4))
    assert len(rest) == 39
    for frame in rest:
        assert frame.mean((0, 1)) == pytest.approx(first.mean((0, 1)), rel=0.03)
        assert frame.std((0, 1)) == pytest.approx(first.std((0, 1)), rel=0.1)


def test_the_end_of_a_loop_goes_over_into_its_begin(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    plan = planned(model, photo, tmp_path, loop=True, seconds=1.6, zoom=1.1, strength=0.1)
    done = plan.run()
    found = [each.pixels.astype(float) for each in frames_of(facts_of(done.path))]
    assert (len(found), done.frames, plan.beyond) == (16, 16, 4)
    steps = [np.abs(a - b).mean() for a, b in zip(found, [*found[1:], found[0]], strict=True)]
    assert steps[-1] <= 1.2 * max(steps[:-1])
    straight = planned(model, photo, tmp_path, seconds=1.6, zoom=1.1, strength=0.1)
    jump = made(straight)
    assert np.abs(jump[-1].astype(float) - jump[0]).mean() > 2 * steps[-1]


def test_the_first_frame_of_a_loop_grows_out_of_the_middle_of_its_end(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    plan = planned(model, photo, tmp_path, loop=True, seconds=4, zoom=2)
    tenth = Fraction(1, 10)
    frames = [Frame(n, n * tenth, tenth, texture(48, 64, seed=n)) for n in range(55)]
    found = [each.pixels for each in plan.arranged(lambda: iter(frames))]
    # An ellipse inside of which the begin is whole, half as large as the frame's, leaves the frame
    # at its corners when it is 2 * sqrt(2) times as large: after 1.5 seconds.
    assert (plan.count, plan.beyond, len(found)) == (40, 15, 40)
    first = torch.from_numpy(frames[0].pixels).permute(2, 0, 1)[None].float()
    # A second before the end it is half as large, and around it is the film.
    small = torch.nn.functional.interpolate(first, (24, 32), mode="area")[0].permute(1, 2, 0)
    middle = found[30][12:36, 16:48][6:18, 8:24]
    assert np.abs(middle - small.numpy()[6:18, 8:24]).mean() < 3
    assert np.array_equal(found[30][:12], frames[30].pixels[:12])
    # Where it fills the frame, at its end, it is whole in the middle.
    assert np.array_equal(found[0][18:30, 24:40], frames[0].pixels[18:30, 24:40])
    # Before it appears, and after what was there has left the frame, the film is itself.
    last = min(plan.loop.places)
    assert all(np.array_equal(found[n], frames[n].pixels) for n in range(15, 40 + last))


def test_a_loop_goes_on_over_its_seam_as_the_camera_moves(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    import cv2

    plan = planned(model, photo, tmp_path, loop=True, seconds=2, zoom=4, turn=20, strength=0.5)
    frames = [frame for frame, _ in plan.frames()]
    found = [each.pixels for each in plan.arranged(lambda: iter(frames))]

    def errors(loop: list[Pixels]) -> list[float]:
        """Return how far each next frame is from what the camera's motion makes of one."""
        said = []
        for number, (now, after) in enumerate(zip(loop, [*loop[1:], loop[0]], strict=True), 1):
            way = back(plan.recipe, (48, 64), (0.5, 0.5), number / 10, 1 / 10)
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            there = cv2.warpAffine(now.astype(np.float32), way, (64, 48), flags=flags, borderMode=2)
            said.append(float(np.abs(there - after).mean()))
        return said

    fading = Loop(5, {}, (0, 0), 0)
    faded = [each.pixels for each in fading.arranged(lambda: iter(frames), 20)]
    ours, theirs = errors(found), errors(faded)
    assert ours[-1] < 1.5 * np.median(ours)
    assert theirs[-1] > 1.5 * ours[-1]
    contrast = [each.std() for each in found]
    assert min(contrast) > 0.8 * np.median(contrast)


@pytest.mark.parametrize(
    "how",
    [{"zoom": 1.1}, {"zoom": 0.5}, {"zoom": 1, "turn": 30}, {"center": "strongest"}],
    ids=str,
)
def test_a_loop_in_which_little_grows_fades_into_its_begin(
    model: ent.Model, photo: Tensor, tmp_path: Path, how: dict[str, Any]
) -> None:
    plan = planned(model, photo, tmp_path, loop=True, **{"seconds": 4, "zoom": 2} | how)
    assert (plan.beyond, plan.loop and plan.loop.places) == (10, {})


def test_a_loop_that_was_stopped_shows_what_there_is(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    plan = planned(model, photo, tmp_path, loop=True, seconds=2, zoom=4, strength=0)
    asked = iter(range(100))
    made = plan.run(stopped=lambda: next(asked) == 5)
    assert (made.finished, made.frames) == (False, 6)
    assert len(list(frames_of(facts_of(made.path)))) == 6
    assert plan.run().frames == 20


def test_a_zoom_that_was_stopped_goes_on_to_the_same_frames(
    model: ent.Model, photo: Tensor, tmp_path: Path
) -> None:
    expected = made(planned(model, photo, tmp_path, seconds=0.8))
    asked = iter(range(100))
    plan = planned(model, photo, tmp_path, seconds=0.8)
    assert not plan.run(stopped=lambda: next(asked) == 3).finished
    again = planned(model, photo, tmp_path, seconds=0.8)
    again.check_free(force=False)
    assert again.run().finished
    found = [each.pixels for each in frames_of(facts_of(tmp_path / "zoom.apng"))]
    assert len(found) == 8
    assert all(map(np.array_equal, found, expected))


@pytest.mark.parametrize("package", ["av", "cv2"])
def test_what_is_not_installed_is_told_before_any_work(
    model: ent.Model, photo: Tensor, tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ent.errors.MissingExtra, match=r"pip install 'entoptic\[film\]'"):
        planned(model, photo, tmp_path)
    with pytest.raises(ent.errors.MissingExtra, match=r"pip install 'entoptic\[film\]'"):
        ent.film(model, tmp_path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"center": "0.5"}, "must be two shares, down and across: 0.5,0.5; or strongest"),
        ({"center": (2, 0.5)}, "must be two shares from 0 to 1"),
        ({"zoom": 0}, "zoom"),
        ({"zoom": "0s:1.5,2s:0"}, "zoom"),
        ({"seconds": 0}, "seconds"),
    ],
)
def test_wrong_settings_are_refused(
    model: ent.Model, photo: Tensor, tmp_path: Path, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(ent.errors.BadSetting, match=message):
        planned(model, photo, tmp_path, **how)
