"""Photographs of catalogs: which excite a unit, what it saw of them, and what changes later."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.catalogs import crops, files
from entoptic.catalogs.index import NAME
from entoptic.errors import BadSetting, CannotWrite, PictureNotFound
from entoptic.images.writing import write_file
from inline import Inline

# Red, blue and their difference at each pixel of 2x2, so that maps are half as large.
NETWORK = """
import torch

import entoptic as ent

def planted():
    conv = torch.nn.Conv2d(3, 4, 2, stride=2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[0, 0] = conv.weight[1, 2] = conv.weight[2, 2] = 0.25
        conv.weight[2, 0] = -0.25
        conv.weight[3, 0], conv.bias[3] = 0.001, -1.0
    net = torch.nn.Sequential(conv, torch.nn.ReLU())
    plain = ent.Preprocess(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    return ent.Model.wrap(net, preprocess=plain, source="python:planted_nets:planted")
"""
MODEL = "python:planted_nets:planted"
HOW: dict[str, Any] = {
    "size": 16, "steps": 1, "device": "cpu", "on": Inline(), "transforms": "none",
    "units_only": True,
}  # fmt: skip

# How red and how blue the photographs are; each has a stripe of that color at the rows 8 to 11.
COLORS = {"a": (0.2, 0.9), "b": (0.8, 0.1), "in/c": (0.6, 0.3), "d": (0.4, 0.0), "e": (1.0, 0.6)}


def write(folder: Path, name: str, red: float, blue: float) -> None:
    """Write a photograph of 32 pixels, black but for a stripe."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, 8:12], image[:, 2, 8:12] = red, blue
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    ent.write(folder / f"{name}.png", image)


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the network where workers import it."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "planted_nets.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


@pytest.fixture(scope="module")
def made(nets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of all units, without photographs."""
    made = ent.catalog(MODEL, "0", output=tmp_path_factory.mktemp("made") / "c", **HOW)
    assert made.failures() == ()
    return made.folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photographs."""
    for name, colors in COLORS.items():
        write(tmp_path / "photos", name, *colors)
    return tmp_path / "photos"


@pytest.fixture
def catalog(made: Path, tmp_path: Path) -> Path:
    """A catalog whose pictures are made, so that no worker is started."""
    return Path(shutil.copytree(made, tmp_path / "catalog"))


def look(catalog: Path, photos: Path, **changes: Any) -> ent.Catalog:
    """Show the photographs to the catalog's units."""
    return ent.catalog(MODEL, "0", output=catalog, photos=photos, **{**HOW, **changes})


def names(catalog: ent.Catalog, number: int, kind: str) -> list[str]:
    """Return the photographs of one unit, in order."""
    found = catalog.exemplars("0")[number]
    assert [each.rank for each in found if each.kind == kind] == [
        1 + place for place in range(sum(each.kind == kind for each in found))
    ]
    return [each.photo for each in found if each.kind == kind]


def content(folder: Path) -> tuple[dict[str, bytes], list[tuple[Any, ...]]]:
    """Return the bytes of all files but the index, and its rows of exemplars."""
    with sqlite3.connect(folder / NAME) as index:
        rows = index.execute(
            "SELECT layer, number, kind, rank, photo, value, crop, map, one.sha256, other.sha256 "
            "FROM exemplars JOIN files AS one ON one.file = crop "
            "LEFT JOIN files AS other ON other.file = map ORDER BY layer, number, kind, rank"
        ).fetchall()
    index.close()
    files = {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file() and not each.name.startswith(NAME)
    }
    return files, rows


def test_the_exemplars_of_a_red_unit_are_the_red_photographs_in_order(
    catalog: Path, photos: Path
) -> None:
    found = look(catalog, photos, exemplars=3)
    assert names(found, 0, "most") == ["e.png", "b.png", "in/c.png"]
    assert names(found, 0, "least") == ["a.png"]
    assert names(found, 1, "most") == ["a.png", "e.png", "in/c.png"]
    first = found.exemplars("0")[0][0]
    assert first.value == pytest.approx(1.0)
    assert first.position == (4, 0)
    assert (first.crop, first.map) == ("0/exemplars/0-1.jpg", "0/exemplars/0-1-map.jpg")
    record = found.responses()
    assert record is not None
    assert record.units == tuple(f"channel('0', {number})" for number in range(4))
    assert [each.name for each in record.photos] == ["a.png", "b.png", "d.png", "e.png", "in/c.png"]


def test_negative_activations_are_kept(catalog: Path, photos: Path) -> None:
    found = look(catalog, photos, exemplars=2)
    # Outside of the stripes the difference is 0: it is the largest activation of the red ones.
    assert names(found, 2, "most") == ["a.png"]
    first, second = found.exemplars("0")[3][:2]
    assert (first.value, second.value) == pytest.approx((-0.996, -0.9968))


def test_a_crop_is_what_the_unit_saw_and_a_map_is_bright_where_it_is_active(
    catalog: Path, photos: Path
) -> None:
    found = look(catalog, photos, exemplars=3)
    first = found.exemplars("0")[0][0]
    crop = ent.read(catalog / first.crop).image
    assert crop.shape == (1, 3, 48, 48)  # of 2x2 pixels
    assert crop.mean((0, 2, 3)).tolist() == pytest.approx([1.0, 0.0, 0.6], abs=0.02)
    assert first.map is not None
    drawn = ent.read(catalog / first.map).image.mean((0, 1, 3))
    # Rows 8 to 11 of 32 are 12 to 17 of 48, with soft edges.
    assert drawn[13:17].min() > 0.5
    assert drawn[:9].max() < 0.1
    least = found.exemplars("0")[1][-1]
    whole = ent.read(catalog / least.crop).image
    assert (least.kind, least.photo, least.map, whole.shape[-1]) == ("least", "d.png", None, 48)


def test_the_same_call_writes_nothing_and_more_photographs_are_added(
    catalog: Path, photos: Path
) -> None:
    look(catalog, photos, exemplars=2)
    before = {each: each.stat().st_ino for each in catalog.rglob("*.jpg")}
    look(catalog, photos, exemplars=2)
    assert {each: each.stat().st_ino for each in catalog.rglob("*.jpg")} == before

    write(photos, "redder", 0.9, 0.0)
    notes: list[str] = []
    found = look(catalog, photos, exemplars=2, note=notes.append)
    assert notes[-1] == "1 photograph is new; exemplars are chosen among all"
    assert names(found, 0, "most") == ["e.png", "redder.png"]
    whole = shutil.copytree(catalog, catalog.parent / "again")
    for each in ("responses.npz", *(str(file) for file in whole.rglob("*.jpg"))):
        (whole / each).unlink()
    ent.verify_catalog(whole, photos=photos, model=MODEL)
    assert content(whole) == content(catalog)


def test_a_changed_or_missing_photograph_is_told(catalog: Path, photos: Path) -> None:
    look(catalog, photos)
    kept = content(catalog)
    write(photos, "b", 0.0, 0.0)
    with pytest.raises(BadSetting, match=r"'b\.png' has changed since .* put it back; or, to look"):
        look(catalog, photos)
    (photos / "b.png").unlink()
    with pytest.raises(BadSetting, match=r"1 of the catalog's photographs, such as 'b\.png', are"):
        look(catalog, photos)
    assert content(catalog) == kept
    (catalog / "responses.npz").unlink()
    assert "b.png" not in names(look(catalog, photos), 0, "most")


def test_a_file_that_is_no_picture_is_named_and_left_out(catalog: Path, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"nothing")
    notes: list[str] = []
    found = look(catalog, photos, note=notes.append)
    assert notes[-1].startswith("the photograph 'broken.png' is left out: ")
    assert len(found.exemplars("0")[0]) == 5
    look(catalog, photos, note=notes.append)
    assert len([each for each in notes if "left out" in each]) == 1


def test_broken_crops_and_records_are_found_and_made_anew_from_the_photographs(
    catalog: Path, photos: Path
) -> None:
    look(catalog, photos)
    whole = content(catalog)
    (catalog / "0" / "exemplars" / "1-2.jpg").write_bytes(b"broken")
    (catalog / "0" / "exemplars" / "0-1-map.jpg").unlink()
    notes: list[str] = []
    ent.verify_catalog(catalog, note=notes.append)
    assert notes == [
        "0/exemplars/0-1-map.jpg isn't what was written",
        "0/exemplars/1-2.jpg isn't what was written",
        "name the folder of the photographs, with --photos, to make that anew",
    ]
    shown = ent.open_catalog(catalog).exemplars("0")
    assert "0/exemplars/1-2.jpg" not in [each.crop for each in shown[1]]
    ent.verify_catalog(catalog, model=MODEL, photos=photos)
    assert content(catalog) == whole
    (catalog / "responses.npz").write_bytes(b"broken")
    ent.verify_catalog(catalog, model=MODEL, photos=photos)
    assert content(catalog) == whole


def test_units_that_are_added_get_exemplars_too_but_not_of_photographs_that_leave_them_inactive(
    catalog: Path, photos: Path
) -> None:
    look(catalog, photos)
    found = ent.catalog(MODEL, "1", output=catalog, photos=photos, **HOW)
    assert [each.photo for each in found.exemplars("1")[0]] == names(found, 0, "most")
    assert [each.photo for each in found.exemplars("1")[2]] == ["a.png"]
    assert 3 not in found.exemplars("1")
    record = found.responses()
    assert record is not None
    assert len(record.units) == 8


def test_drawing_that_is_ended_goes_on_with_what_is_left(
    catalog: Path, photos: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path(shutil.copytree(made, catalog.parent / "whole"))
    look(whole, photos)
    written: list[Path] = []

    def full(file: Path, *given: Any, **more: Any) -> None:
        if len(written) == 7:
            raise CannotWrite("the disk is full; make room")
        write_file(file, *given, **more)
        written.append(file)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_file", full)
        patch.setattr(crops, "_WRITERS", 1)
        with pytest.raises(CannotWrite, match="the disk is full"):
            look(catalog, photos)
    one_photo = ent.open_catalog(catalog).exemplars("0").values()
    assert {each.photo for some in one_photo for each in some} == {"e.png"}
    look(catalog, photos)
    assert content(catalog) == content(whole)


def test_photographs_that_cannot_be_used_are_refused_before_any_work(
    tmp_path: Path, photos: Path
) -> None:
    new = tmp_path / "new"
    for folder, error, told in (
        (tmp_path / "none", PictureNotFound, "there is no photograph and no folder"),
        (photos / "a.png", BadSetting, "a file; name the folder it is in"),
        (tmp_path, BadSetting, "the catalog would lie inside the folder of the photographs"),
    ):
        with pytest.raises(error, match=told):
            look(new, folder)
    with pytest.raises(BadSetting, match="exemplars is 0"):
        look(new, photos, exemplars=0)
    assert not new.exists()


def test_a_layer_that_the_catalog_has_not_is_told(catalog: Path) -> None:
    found = ent.open_catalog(catalog)
    assert found.exemplars("0") == {}
    assert found.responses() is None
    assert found.layers()[0].layer == found.layers()[0].folder == "0"
    with pytest.raises(BadSetting, match="has no layer '1'; it has 0"):
        found.exemplars("1")
