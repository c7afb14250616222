"""Nothing is lost: not by another run at the same time, by `--force`, or by a full disk."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from entoptic.cli.outputs import free
from entoptic.images import png
from shells.command import QUICK, entoptic, finished, process

resource = pytest.importorskip("resource", reason="only POSIX has it")

SMALL = ("--size", "32", "--steps", "1")
GRADIENT = ("gradient", "sky.png", "--of", "fire2")

# What is typed, and the name of the result.
COMMANDS = {
    "dream": (("dream", "sky.png", *QUICK), "sky-dream.png"),
    "dream to a name": (("dream", "sky.png", *QUICK, "-o", "out.png"), "out.png"),
    "dream to a folder": (("dream", "sky.png", *QUICK, "-o", "out/"), "out/sky-dream.png"),
    "photos": (("dream", "sky.png", "sea.png", *QUICK), "sky-dream.png"),
    "visualize": (("visualize", "fire2:0", *SMALL), "fire2-0-visualize.png"),
    "evaluate": (
        ("evaluate", "fire2:0", *SMALL, "--save", "out"),
        "out/seed-0-evaluate.png",
    ),
    "gradient": ((*GRADIENT, "-o", "out.png"), "out.png"),
    "numbers": ((*GRADIENT, "-o", "out.npy"), "out.npy"),
    "spectrum": (("spectrum", "sky.png", "--size", "16", "-o", "out.npz"), "out.npz"),
}


@pytest.fixture
def another_is_faster(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """Each name is taken a moment before the result gets it, once."""
    link, mine = os.link, b"another's"

    def slower(draft: Path, target: Path) -> None:
        if not any(target.parent.glob(f"{target.stem.removesuffix('-2')}*")):
            target.write_bytes(mine)
        link(draft, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", slower)
        yield mine


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_result_of_another_run_is_kept_and_ours_gets_the_next_name(
    folder: Path, kind: str, another_is_faster: bytes
) -> None:
    arguments, name = COMMANDS[kind]
    done = entoptic(*arguments, folder=folder)
    assert done.code == 0
    first = folder / name
    second = first.with_stem(f"{first.stem}-2")
    assert first.read_bytes() == another_is_faster
    assert second.stat().st_size > 100
    assert f"'{name}' has come to be meanwhile and is kept; this is " in done.err
    if kind != "evaluate":
        assert str(second.relative_to(folder)) in done.out


def test_frames_are_kept_too(folder: Path, another_is_faster: bytes) -> None:
    options = ["--octaves=1", "--steps=2", "--every=1", "--json"]
    done = entoptic("dream", "sky.png", *options, folder=folder)
    assert (folder / "sky-dream-step1.png").read_bytes() == another_is_faster
    assert (folder / "sky-dream-step1-2.png").stat().st_size > 100
    assert (folder / json.loads(done.out)["picture"]).stat().st_size > 100


def test_a_name_with_a_number_is_followed_by_the_next_one(tmp_path: Path) -> None:
    for name in ("a.png", "a-2.png", "b-2.png"):
        (tmp_path / name).touch()
    assert free(tmp_path / "a-2.png", (), (), force=False).name == "a-3.png"
    # Here the number is part of a name that somebody gave.
    assert free(tmp_path / "b-2.png", (), (), force=False).name == "b-2-2.png"


@pytest.mark.slow
def test_five_runs_at_once_make_five_pictures(folder: Path) -> None:
    runs = [process("dream", "sky.png", *QUICK, "--seed", str(n), folder=folder) for n in range(5)]
    assert [finished(each).code for each in runs] == [0] * 5
    made = list(folder.glob("sky-dream*.png"))
    assert len({each.read_bytes() for each in made}) == len(made) == 5
    assert not list(folder.glob(".*"))


def network(folder: Path) -> str:
    """A network whose weights, external data and labels are called like pictures."""
    onnx = pytest.importorskip("onnx")
    weight = np.ones((2, 3, 1, 1), np.float32)
    tensor = onnx.TensorProto(name="w", data_type=1, dims=weight.shape, data_location=1)
    tensor.external_data.add(key="location", value="data.png")
    (folder / "data.png").write_bytes(weight.tobytes())
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="conv")],
        "g",
        [value("x", 1, ["n", 3, 32, 32])],
        [value("y", 1, ["n", 2, 32, 32])],
        [tensor],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    (folder / "net.png").write_bytes(model.SerializeToString())
    (folder / "labels.png").write_text("a\nb\n")
    return "onnx:net.png?labels=labels.png"


@pytest.mark.parametrize("name", ["net.png", "data.png", "labels.png", "sky.png", "sea.png"])
@pytest.mark.parametrize("command", ["dream", "visualize", "gradient"])
def test_force_never_replaces_what_is_read(folder: Path, command: str, name: str) -> None:
    model = network(folder)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    of = "match('conv', 'sea.png')"
    typed = {
        "dream": ["dream", "sky.png", "-m", model, "--objective", of, *QUICK, "--size", "32"],
        "visualize": ["visualize", "-m", model, of, *SMALL],
        "gradient": ["gradient", "sky.png", "-m", model, "--of", of, "--size", "32"],
    }[command]
    done = entoptic(*typed, "-f", "-o", name, folder=folder)
    if (command, name) == ("visualize", "sky.png"):  # which it doesn't read
        assert done.code == 0, done.err
        return
    assert done.code == 1, done.err
    assert f"'{name}' is a file that is read" in done.err
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_spectrum_is_not_made_over_its_photographs(folder: Path) -> None:
    (folder / "sky.png").rename(folder / "sky.npz")
    before = (folder / "sky.npz").read_bytes()
    done = entoptic("spectrum", "sky.npz", "-o", "sky.npz", "-f", folder=folder)
    assert "'sky.npz' is a file that is read" in done.err
    assert (folder / "sky.npz").read_bytes() == before


def test_a_file_that_is_replaced_keeps_its_mode(folder: Path) -> None:
    for kind in ("dream to a name", "numbers", "spectrum"):
        arguments, name = COMMANDS[kind]
        (folder / name).write_bytes(b"old")
        (folder / name).chmod(0o604)
        assert entoptic(*arguments, "-f", folder=folder).code == 0
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o604
        assert (folder / name).stat().st_size > 100


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".npy"])
def test_a_full_disk_costs_nothing_that_was_there(folder: Path, suffix: str) -> None:
    (folder / f"out{suffix}").write_bytes(b"old")
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        done = entoptic(*GRADIENT, "-f", "-o", f"out{suffix}", folder=folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (done.code, done.out) == (1, "")
    assert f"'out{suffix}' can't be written (" in done.err
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_redo_keeps_16_bits(folder: Path) -> None:
    entoptic("dream", "sky.png", *QUICK, "--bits=16", folder=folder)
    for options, depth in (((), 16), (("--bits=8",), 8)):
        done = entoptic("redo", "sky-dream.png", *options, "-o", f"{depth}.png", folder=folder)
        assert done.code == 0
        assert png.header((folder / f"{depth}.png").read_bytes()).depth == depth
    assert (folder / "16.png").read_bytes() == (folder / "sky-dream.png").read_bytes()
    assert entoptic("redo", "sky-dream.png", "-o", "a.jpg", folder=folder).code == 0
