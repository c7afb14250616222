"""Catalogs of codes and of directions, beside those of channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from entoptic.catalogs.families import count_of, halves, unit_of
from entoptic.catalogs.site.again import commands
from entoptic.errors import BadSetting, ChannelOutOfRange, UnknownLayer
from unit.test_autoencoders import saev

QUICK: dict[str, Any] = {"size": 32, "steps": 1, "device": "cpu", "workers": 1}
RELU = {"schema": 2, "cfg": {"activation": {"cls": "Relu", "params": {}}}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an autoencoder of three codes, two directions and photographs."""
    monkeypatch.chdir(tmp_path)
    saev(Path("sae.pt"), RELU, W_enc=torch.eye(128)[:, :3].contiguous(), b_enc=torch.zeros(3))
    np.save("atoms.npy", np.eye(2, 128, dtype=np.float32))
    Path("photos").mkdir()
    for number, level in enumerate((0.2, 0.9)):
        image = torch.full((1, 3, 60, 80), level)
        image[..., 20:40, 30:50] = 1 - level
        ent.write(f"photos/{number}.png", image)
    return tmp_path


def test_a_family_is_a_unit_without_its_number() -> None:
    assert repr(unit_of("code('a', 'sae.pt', top_k=8)", 3)) == "code('a', 'sae.pt', 3, 8)"
    assert repr(unit_of('direction("a", "b.npy")', 3)) == "direction('a', 'b.npy', 3, 0.0)"
    assert repr(unit_of("a.b", 3)) == "channel('a.b', 3)"
    assert halves("code('a', 'sae.pt', top_k=8)") == ("code('a', 'sae.pt', ", ", top_k=8)")


def test_codes_and_directions_are_catalogued_with_exemplars(folder: Path) -> None:
    code, atoms = "code('fire2', 'sae.pt')", "direction('fire2', 'atoms.npy')"
    assert (count_of(code), count_of(atoms)) == (3, 2)
    made = ent.catalog(
        ent.load().source, "fire2", code, atoms, output="out", units="0-1", photos="photos",
        exemplars=1, **QUICK,
    )  # fmt: skip
    units = {(each.layer, each.number): each for each in made.units()}
    assert [key[0] for key in units] == ["fire2"] * 2 + [code] * 2 + [atoms] * 2
    assert {each.state for each in units.values()} == {"done"}
    picture = made.picture(code, 1)
    assert picture.parent.name == "code-fire2-sae.pt"
    # The codes are the first channels, and so are the directions.
    for family in (code, atoms):
        found, wanted = made.exemplars(family)[1], made.exemplars("fire2")[1]
        assert [each.photo for each in found] == [each.photo for each in wanted]
        assert [each.value for each in found] == pytest.approx([each.value for each in wanted])
        assert found[0].position == wanted[0].position
        assert found[0].map is not None
        assert (Path("out") / found[0].map).is_file()
    again = ent.redo(picture)
    assert "code('fire2', 'sae.pt', 1)" in again.job.objective
    assert again.save("again.png").read_bytes() == picture.read_bytes()
    record = made.responses()
    assert record is not None
    assert len(record.units) == 6


def test_what_can_not_be_catalogued_is_told_before_any_work(folder: Path) -> None:
    model = ent.load().source
    with pytest.raises(UnknownLayer, match="no layer named 'fire77'"):
        ent.catalog(model, "code('fire77', 'sae.pt')", output="out", **QUICK)
    with pytest.raises(ChannelOutOfRange, match=r"unit 3 of .* the file has 3 units \(0..2\)"):
        ent.catalog(model, "code('fire2', 'sae.pt')", output="out", units="3", **QUICK)
    with pytest.raises(ChannelOutOfRange, match="for a layer of 128 channels, and 'fire5' has 256"):
        ent.catalog(model, "code('fire5', 'sae.pt')", output="out", **QUICK)
    with pytest.raises(BadSetting, match=r"sae.pt' isn't below the current folder"):
        ent.catalog(model, f"code('fire2', '{folder / 'sae.pt'}')", output="out", **QUICK)
    assert not Path("out").exists()


def test_the_site_tells_how_a_code_is_made_again() -> None:
    made = commands("squeezenet1_1", "code('fire2', 'sae.pt')", {"size": 96})
    assert "7".join(made["command"]) == (
        "entoptic visualize -m squeezenet1_1 "
        "\"code('fire2', 'sae.pt', 7)\" --size 96 -o code-fire2-sae-pt-7.png"
    )
    assert "7".join(made["python"]).endswith(
        "ent.visualize(\"squeezenet1_1\", \"code('fire2', 'sae.pt', 7)\", size=96)"
        '.save("code-fire2-sae-pt-7.png")'
    )
