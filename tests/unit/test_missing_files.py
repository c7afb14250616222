"""Files that aren't there: a name that is near, a link that leads nowhere, a missing folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import entoptic as ent
from entoptic.analysis.photographs import photo_files
from entoptic.analysis.spectrum import read_spectrum
from entoptic.errors import EntopticError
from entoptic.formats.state_dict.reading import read_state_dict
from entoptic.networks.sources.labels import labels_of
from entoptic.paths import why_missing
from entoptic.registry import import_file
from entoptic.runners.run import plan_redo, run_one

PICTURES = (".png", ".jpg")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("there", "wanted", "hint"),
    [
        ("sky.png", "skye.png", "; did you mean 'sky.png'?"),
        ("sky.jpg", "sky.png", "; did you mean 'sky.jpg'?"),
        ("Holiday.png", "holdiay.png", "; did you mean 'Holiday.png'?"),
        ("cat.png", "cta.png", "; did you mean 'cat.png'?"),
        ("cat.png", "nope.png", ""),
        ("cat.png", "car.png", ""),
        ("b.png", "a.png", ""),
        ("frame2.png", "frame1.png", ""),  # numbers tell files apart
        ("sky.txt", "sky.png", ""),
        ("sky.png", "no/sky.png", "; there is no folder 'no'; check the name and the folder"),
        ("sky.png", "sky.png/x.png", ""),
        ("sky.png", "s" * 5000 + ".png", ""),
        ("sky.png", "s\0y.png", ""),
    ],
)
def test_a_name_is_proposed_only_where_it_is_alike(
    folder: Path, there: str, wanted: str, hint: str
) -> None:
    (folder / there).touch()
    assert why_missing(wanted, PICTURES) == hint


def test_the_most_alike_of_the_same_ending_is_proposed(folder: Path) -> None:
    for name in ("clouds.jpg", "clouds.png", "clouds-dream.png"):
        (folder / name).touch()
    assert why_missing("cloud.png", PICTURES) == "; did you mean 'clouds.png'?"
    assert why_missing("cloud.jpg", PICTURES) == "; did you mean 'clouds.jpg'?"


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "a picture": ("sky.png", ent.read),
    "a photo": ("sky.png", lambda name: ent.Dream(ent.load(), name).plan()),
    "a growing photo": ("sky.png", lambda name: ent.grow(ent.Dream(ent.load(), name))),
    "a zoom's photo": ("sky.png", lambda name: ent.zoom(ent.load(), name)),
    "a guide": ("sky.png", lambda name: ent.dream(ent.load(), noise=(48, 48), guide=name)),
    "a mask": ("sky.png", lambda name: ent.dream(ent.load(), noise=(48, 48), mask=name)),
    "a film": ("sky.mp4", lambda name: ent.film(ent.load(), name)),
    "a picture made again": ("sky.png", plan_redo),
    "a photograph": ("sky.png", lambda name: photo_files([name], checked=False)),
    "a model file": ("net.onnx", lambda name: ent.load(f"onnx:{name}")),
    "weights": ("net.pt", lambda name: read_state_dict(Path(name))),
    "labels": ("names.txt", lambda name: labels_of(None, {"labels": name})),
    "a vector": (
        "rows.npy",
        lambda name: ent.visualize(ent.load(), f"direction('fire5', '{name}', 0)"),
    ),
    "an autoencoder": (
        "sae.pt",
        lambda name: ent.visualize(ent.load(), f"code('fire5', '{name}', 0)"),
    ),
    "a spectrum": ("a.npz", read_spectrum),
    "a job": ("job.json", run_one),
    "a user's objectives": ("mine.py", import_file),
    "a catalog": ("catalog", ent.open_catalog),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_link_that_leads_nowhere_is_told_as_such(folder: Path, reader: str) -> None:
    name, read = READERS[reader]
    Path(name).symlink_to("gone")
    with pytest.raises(EntopticError, match="; it is a link to 'gone', where nothing is; mend"):
        read(name)
    assert [each.name for each in folder.iterdir()] == [name]


@pytest.mark.parametrize("reader", [each for each in READERS if each != "a catalog"])
def test_a_missing_file_is_told_with_a_name_only_where_one_is_alike(
    folder: Path, reader: str
) -> None:
    name, read = READERS[reader]
    far = f"qq{Path(name).suffix}"
    (folder / f"{Path(name).stem}tower{Path(name).suffix}").touch()
    with pytest.raises(EntopticError) as told:
        read(far)
    assert "did you mean" not in str(told.value)
    assert far in str(told.value)
    long = f"mountains{Path(name).suffix}"
    (folder / long).touch()
    with pytest.raises(EntopticError, match=f"; did you mean '{long}'"):
        read(long.replace("s.", "."))


def test_a_missing_folder_of_pictures_says_what_is_missing(folder: Path) -> None:
    with pytest.raises(EntopticError, match=r"no picture 'no/a.png'; there is no folder 'no'"):
        ent.read("no/a.png")
    ent.write(folder / "a.png", torch.zeros(1, 3, 4, 4))
    assert ent.read("a.png").height == 4
