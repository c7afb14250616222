"""The example picture: the same each time, and a landscape rather than a flat or broken surface."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_SCRIPT = Path(__file__).parents[2] / "examples" / "make_clouds.py"
_SPEC = importlib.util.spec_from_file_location("make_clouds", _SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
make_clouds = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_clouds)


@pytest.fixture(scope="module")
def landscape() -> np.ndarray:
    """A painting of an odd size: (200, 333, 3), 0 to 255."""
    return np.asarray(make_clouds.paint(200, 333, seed=0)).astype(float)


def luminance(picture: np.ndarray) -> np.ndarray:
    return picture @ [0.2126, 0.7152, 0.0722]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture(
    tmp_path: Path,
) -> None:
    for name, seed in (("a.png", "7"), ("b.png", "7"), ("c.png", "8")):
        done = run(tmp_path, name, "--size", "96x131", "--seed", seed)
        assert (done.returncode, done.stderr) == (0, "")
    first, again, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_only_the_finished_picture_is_left_in_the_folder(tmp_path: Path) -> None:
    run(tmp_path, "clouds.png", "--size", "64x80")
    assert [path.name for path in tmp_path.iterdir()] == ["clouds.png"]
    with Image.open(tmp_path / "clouds.png") as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (80, 64))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 67), (64, 200), (131, 64)])
def test_small_and_odd_sizes_come_out_as_asked(height: int, width: int) -> None:
    assert make_clouds.paint(height, width, seed=3).size == (width, height)


def test_colors_use_the_range_without_much_clipping(landscape: np.ndarray) -> None:
    assert landscape.shape == (200, 333, 3)
    assert np.percentile(luminance(landscape), 1) < 40
    assert np.percentile(luminance(landscape), 99) > 210
    assert np.mean((landscape == 0).all(-1) | (landscape == 255).all(-1)) < 0.01


def test_the_sky_is_blue_and_white_and_brighter_than_the_green_foreground(
    landscape: np.ndarray,
) -> None:
    sky, meadow = landscape[:110], landscape[-30:]
    assert luminance(sky).mean() > luminance(meadow).mean() + 60
    assert sky[..., 2].mean() > sky[..., 0].mean()
    red, green, blue = np.moveaxis(meadow, -1, 0)
    assert np.mean((green > red) & (green > blue)) > 0.5  # the rest: straw and flowers
    white = (sky.min(-1) > 175) & (np.ptp(sky, axis=-1) < 50)
    assert 0.10 < white.mean() < 0.75


def test_water_mirrors_what_stands_above_it_and_leaves_that_alone() -> None:
    picture = np.zeros((200, 40, 3), np.float32)
    picture[:120] = (0.1, 0.2, 0.9)  # sky
    picture[120:135] = (0.6, 0.1, 0.1)  # a red wall on the shore: its image ends at row 150
    waterline = np.full(40, 135, np.float32)
    wet = make_clouds.with_lake(picture, waterline, np.random.default_rng(0))
    np.testing.assert_array_equal(wet[:135], picture[:135])
    red, _, blue = wet[137:141].mean((0, 1))
    assert red > 3 * blue
    red, _, blue = wet[-20:].mean((0, 1))
    assert blue > 3 * red


def test_a_cloud_is_brighter_on_the_side_of_the_sun() -> None:
    ball = [np.array([0.5, 0.4, 0, 0.2, 1], np.float32)]
    volume = make_clouds.cumulus(200, 250, 250, ball, np.random.default_rng(0))
    sky = make_clouds.with_clouds(np.zeros((200, 250, 3), np.float32), volume, 250)
    sunny, shady = sky[70:130, 90:110].mean(), sky[70:130, 140:160].mean()
    assert make_clouds.TO_SUN[0] < 0  # it stands left
    assert sunny > 1.5 * shady > 0
    assert not sky[:20].any()
    assert not sky[:, -40:].any()


@pytest.mark.parametrize("rows", [slice(0, 110), slice(135, 165), slice(170, 200)])
def test_sky_lake_and_meadow_have_texture_at_coarse_and_fine_scales(
    landscape: np.ndarray, rows: slice
) -> None:
    part = luminance(landscape[rows])
    part = part[: len(part) // 10 * 10, :330]
    blocks = part.reshape(len(part) // 10, 10, 33, 10).mean((1, 3))
    assert blocks.std() > 5
    assert np.median(np.abs(np.diff(part, axis=0))) > 1.0


def test_no_row_of_the_sky_and_no_column_is_a_seam(landscape: np.ndarray) -> None:
    light = luminance(landscape)
    columns = np.median(np.abs(np.diff(light, axis=1)), 0)
    rows = np.median(np.abs(np.diff(light[:90], axis=0)), 1)
    assert columns.max() < 3 * np.median(columns)
    assert rows.max() < 3 * np.median(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "--size", "768"], "'768' is not HEIGHTxWIDTH, 64 to 2048 pixels each"),
        (["a.png", "--size", "63x64"], "'63x64' is not HEIGHTxWIDTH, 64 to 2048 pixels each"),
        (["a.png", "--size", "64x99999"], "'64x99999' is not HEIGHTxWIDTH"),
        (["a.png", "--seed", "-1"], "'-1' is not a whole number of up to 9 digits"),
        (["a.jpg"], "'a.jpg' is not a .png in a folder that exists"),
        (["nowhere/a.png"], "'nowhere/a.png' is not a .png in a folder that exists"),
        ([], "the following arguments are required: OUT.png"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    done = run(tmp_path, "taken.png", "--size", "64x64")
    assert done.returncode == 2
    assert done.stderr == "make_clouds.py: can't write taken.png: Is a directory\n"
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
