"""`entoptic gradient` and `entoptic convert` leave alone what isn't theirs to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from shells.command import entoptic

GRADIENT = ("gradient", "sky.png", "--of", "fire2", "-o")


def test_a_gradient_is_a_picture_or_numbers(folder: Path) -> None:
    for name in ("a.png", "a.npy"):
        done = entoptic(*GRADIENT, name, folder=folder)
        assert (done.code, done.out) == (0, f"{name}\n")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (["sea.png"], "'sea.png' is there already; name another file"),
        (["sky.png", "--force"], "'sky.png' is a file that is read"),
    ],
)
def test_a_gradient_overwrites_nothing_that_it_should_not(
    folder: Path, output: list[str], told: str
) -> None:
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    done = entoptic(*GRADIENT, *output, folder=folder)
    assert done.code == 1
    assert told in done.err
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_network_is_never_converted_onto_itself(tmp_path: Path) -> None:
    for name in ("net.prototxt", "net.caffemodel"):
        (tmp_path / name).write_bytes(b"mine")
    done = entoptic(
        "convert", "caffe:net.prototxt+net.caffemodel", "net.caffemodel", "--force",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 1
    assert "'net.caffemodel' is a file that is read" in done.err
    assert (tmp_path / "net.caffemodel").read_bytes() == b"mine"
