"""Pictures of whole layers in catalogs, and pictures that lower units."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.catalogs.index import NAME
from entoptic.catalogs.layer_pictures import Photo
from entoptic.catalogs.plan import plan_catalog
from entoptic.errors import BadSetting
from inline import Inline

# How red and how green a pixel is; and of its ReLU nothing is below 0.
NETWORK = """
import torch

import entoptic as ent

def colors():
    conv = torch.nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(3)[:2, :, None, None])
        conv.bias.fill_(-0.5)
    net = torch.nn.Sequential(conv, torch.nn.ReLU())
    plain = ent.Preprocess(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    return ent.Model.wrap(net, preprocess=plain, source="python:color_nets:colors")
"""
MODEL = "python:color_nets:colors"
HOW: dict[str, Any] = {
    "size": 20, "steps": 9, "batch": 2, "device": "cpu", "on": Inline(), "transforms": "none",
    "canvas": "pixels", "learning_rate": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the network where workers import it."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "color_nets.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


@pytest.fixture(scope="module")
def made(nets: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with all kinds of pictures."""
    folder = tmp_path_factory.mktemp("made") / "catalog"
    found = make(folder)
    assert found.failures() == ()
    return found.folder


@pytest.fixture
def catalog(made: Path, tmp_path: Path) -> Path:
    """One that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "catalog"))


def make(folder: Path, **changes: Any) -> ent.Catalog:
    """Make the catalog, or go on with it."""
    return ent.catalog(MODEL, "0", output=folder, **{**HOW, "negative": True, **changes})


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files but the index."""
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file() and not each.name.startswith(NAME)
    }


def test_a_layer_has_a_dream_and_a_caricature_and_each_unit_a_negative_picture(made: Path) -> None:
    found = ent.open_catalog(made)
    (layer,) = found.layers()
    assert (layer.dream, layer.caricature) == ("layers/0-dream.png", "layers/0-caricature.png")
    assert [each.negative for each in found.units()] == ["0/0-negative.png", "0/1-negative.png"]
    assert [(each.units, each.done, each.left) for each in found.status()] == [(2, 2, 0)]
    kinds = ("0.png", "1.png", "0-negative.png", "1-negative.png")
    assert {*content(made)} == {
        *(f"0/{each}" for each in kinds), layer.dream, layer.caricature, "layers/photo.png"
    }  # fmt: skip


def test_the_negative_picture_of_red_has_no_red_and_the_positive_one_has_all(made: Path) -> None:
    for number, channel in enumerate(("red", "green")):
        most = ent.read(made / "0" / f"{number}.png").image[:, number]
        least = ent.read(made / "0" / f"{number}-negative.png").image[:, number]
        assert (float(most.mean()) > 0.9, float(least.mean()) < 0.1) == (True, True), channel


def test_each_picture_is_made_again_by_its_job_byte_for_byte(made: Path, tmp_path: Path) -> None:
    for name in ("layers/0-dream.png", "layers/0-caricature.png", "0/1-negative.png"):
        again = ent.redo(made / name, model=MODEL).save(tmp_path / "again.png")
        assert again.read_bytes() == (made / name).read_bytes()


def test_layers_without_activations_below_0_have_no_negative_pictures(tmp_path: Path) -> None:
    how: dict[str, Any] = {
        "every": 1,
        "units": None,
        "preview": False,
        "photo": lambda _: None,
        "given": {},
    }
    plan = plan_catalog(ent.load(MODEL), ["0", "1"], negative=True, **how)
    assert [*plan.negative] == [ent.Layer("0")]
    assert (
        "activations of 1 are never below 0, so that nothing lowers their units; they have no "
        "negative pictures" in plan.notes
    )
    with pytest.raises(BadSetting, match=r"lowers units of 1, .* name layers before their ReLU"):
        ent.catalog(MODEL, "1", output=tmp_path / "new", negative=True, **HOW)
    assert not (tmp_path / "new").exists()


def test_broken_pictures_and_the_photo_are_made_anew(catalog: Path, made: Path) -> None:
    (catalog / "layers" / "0-dream.png").write_bytes(b"broken")
    (catalog / "layers" / "photo.png").unlink()
    (catalog / "0" / "0-negative.png").unlink()
    notes: list[str] = []
    ent.verify_catalog(catalog, model=MODEL, on=Inline(), note=notes.append)
    assert [each.split()[0] for each in notes] == ["0/0-negative.png", "layers/0-dream.png"]
    assert content(catalog) == content(made) | {
        key: each for key, each in content(catalog).items() if key.startswith(".drafts")
    }


def test_a_lost_index_is_made_anew_from_pictures_of_all_kinds(catalog: Path, made: Path) -> None:
    (catalog / NAME).unlink()
    before = {each: (catalog / each).stat().st_ino for each in content(catalog)}
    found = make(catalog)
    assert {each: (catalog / each).stat().st_ino for each in content(catalog)} == before
    assert [(each.layer, each.score) for each in found.units()] == [
        (each.layer, each.score) for each in ent.open_catalog(made).units()
    ]
    assert found.layers() == ent.open_catalog(made).layers()


def test_another_photo_is_refused_and_one_that_is_gone_is_told(
    catalog: Path, tmp_path: Path
) -> None:
    ent.write(tmp_path / "mine.png", torch.rand(1, 3, 30, 40))
    before = content(catalog)
    with pytest.raises(BadSetting, match="are of another photo than this one; give the same one"):
        make(catalog, photo=tmp_path / "mine.png")
    assert content(catalog) == before
    own = tmp_path / "own"
    made = make(own, photo=tmp_path / "mine.png", units="0", negative=False)
    assert ent.read(own / "layers" / "photo.png").image.shape == (1, 3, 30, 40)
    whole = content(own)
    for each in ("0-caricature.png", "photo.png"):
        (own / "layers" / each).unlink()
    notes: list[str] = []
    ent.verify_catalog(own, model=MODEL, on=Inline(), note=notes.append)
    assert notes[-1].startswith("layers/photo.png isn't what was written; no picture of a layer")
    assert [each.name for each in made.failures()] == ["0 caricature"]
    make(own, photo=tmp_path / "mine.png", units="0", negative=False, verify=True)
    assert content(own) == whole


def test_pictures_of_layers_are_left_out_where_only_units_are_wanted_and_added_later(
    tmp_path: Path,
) -> None:
    made = make(tmp_path / "new", units_only=True, negative=False, units="0")
    assert {*content(made.folder)} == {"0/0.png"}
    assert made.layers()[0].dream is None
    make(made.folder, negative=False, units="0")
    assert made.layers()[0].dream == "layers/0-dream.png"
    with pytest.raises(BadSetting, match="a photo is for pictures of layers, which units_only"):
        make(made.folder, units_only=True, photo="mine.png")


def test_what_a_layer_cannot_have_is_noted() -> None:
    two = ent.Preprocess(size=(32, 32), mean=(0, 0), std=(1, 1), channels=2)
    model = ent.Model.wrap(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3)), preprocess=two)
    how: dict[str, Any] = {"every": 1, "units": None, "preview": True, "negative": False}
    plan = plan_catalog(
        model,
        ["0"],
        photo=lambda how: Photo.wanted(None, Path("none"), how.size),
        given={"canvas": "fourier"},
        **how,
    )
    notes = [each for each in plan.notes if each.startswith("0 has no ")]
    assert [each.split(":")[0] for each in notes] == ["0 has no dream", "0 has no caricature"]
    assert plan.of_layers == {ent.Layer("0"): {}}
