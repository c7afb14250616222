"""Sites of catalogs: what their data says, and what is left alone."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entoptic as ent
from cataloged import LABELS, LAST, MODEL, SECOND, importable, make, photo
from entoptic.catalogs.families import halves
from entoptic.catalogs.index import Unit
from entoptic.catalogs.site import alike
from entoptic.catalogs.site.again import commands
from entoptic.catalogs.site.making import MARK
from entoptic.catalogs.site.responses import Responses
from entoptic.catalogs.site.shards import script
from entoptic.errors import AlreadyThere, BadCatalog, BadSetting, CannotWrite


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A whole catalog, which no test changes."""
    with importable(tmp_path_factory.mktemp("nets")):
        yield make(tmp_path_factory.mktemp("catalogs") / "mine").folder


@pytest.fixture(scope="module")
def site(catalog: Path) -> Path:
    """Its site, which no test changes."""
    return ent.catalog_site(catalog, models=[MODEL]).parent


def shard(site: Path, name: str) -> Any:
    """Read a shard as a browser does."""
    text = (site / "data" / f"{name}.js").read_text("ascii")
    found = re.fullmatch(r'entoptic\.shard\(("[^"]+"),JSON\.parse\((".*")\)\);\n', text)
    assert found is not None
    assert json.loads(found[1]) == name
    return json.loads(json.loads(found[2]))


def test_the_index_names_layers_units_and_how_pictures_are_made_again(
    catalog: Path, site: Path
) -> None:
    (entry,) = shard(site, "index")["catalogs"]
    assert site == catalog.with_name("mine-site")
    assert (entry["id"], entry["model"], entry["size"]) == ("hand", MODEL, [16, 16])
    first, last = entry["layers"]
    assert (first["name"], first["folder"], first["runs"]) == ("first", "first", [[0, 4, 1]])
    assert (last["name"], last["runs"], last["labels"]) == (LAST, [[0, 2, 1]], True)
    assert first["about"] == {"kind": "Conv2d", "channels": 4, "stride": [1, 1], "field": [1, 1]}
    assert first["cover"] == [0, 1, 2, 3]
    assert (first["unit"], last["unit"]) == (["first:", ""], [f"{LAST}:", ""])
    assert (first["alone"], last["alone"]) == (False, False)
    assert "2".join(first["again"]["command"]) == (
        f"entoptic visualize -m {MODEL} first:2 --size 16 --steps 1 --transforms none "
        "-o first-2.png"
    )
    assert shard(site, "c0-l1-labels") == [*LABELS]


def test_scores_and_pictures_are_the_catalogs(catalog: Path, site: Path) -> None:
    units = ent.open_catalog(catalog).units()
    assert len(units) == 6
    for each in units:
        at = 0 if each.layer == "first" else 1
        scores = shard(site, f"c0-l{at}-g0")["scores"]
        assert each.score is not None
        assert scores[each.number] == float(f"{each.score:.4g}")
        taken = site / "pictures" / "hand" / each.picture
        assert taken.read_bytes() == (catalog / each.picture).read_bytes()
        assert ent.read((site / "small" / "hand" / each.picture).with_suffix(".webp")).width == 16


def test_weights_are_those_of_the_network_strongest_first(site: Path) -> None:
    details = shard(site, "c0-l1-u0")
    (before,) = details[0]["weights"]["before"]
    assert (before["layer"], before["kernel"]) == ("first", [1, 1])
    assert SECOND[0] == [1, -2, 0, 3]
    assert before["excites"] == [[3, 3.0, None], [0, 1.0, None]]
    assert before["inhibits"] == [[1, -2.0, None]]
    assert "after" not in details[0]["weights"]
    (after,) = shard(site, "c0-l0-u0")[3]["weights"]["after"]
    assert after["excites"] == [[0, 3.0, None]]
    assert after["inhibits"] == [[1, -5.0, None]]


def test_photographs_and_what_they_say_of_units_alike_are_the_catalogs(
    catalog: Path, site: Path
) -> None:
    details = shard(site, "c0-l0-u0")
    assert shard(site, "index")["catalogs"][0]["photos"] == 16
    # Red and blue are one together, so that the sum of all is green but for a constant.
    assert details[3]["alike"][0] == [0, 1, 1.0]
    assert details[1]["alike"][0] == [0, 3, 1.0]
    assert [0, 2] not in [each[:2] for each in details[0]["alike"]]
    kind, name, value, crop, shown = details[0]["exemplars"][0]
    assert (kind, name, value) == ("most", photo(15), 1.0)
    for file in (crop, shown):
        assert (site / "pictures" / "hand" / file).read_bytes() == (catalog / file).read_bytes()
    assert [each[1] for each in details[2]["exemplars"] if each[0] == "most"][:2] == [
        "00.png", "01.png",
    ]  # fmt: skip
    for at in range(2):
        (layer,) = [shard(site, "index")["catalogs"][0]["layers"][at]]
        for file, width, height in (layer["dream"], layer["caricature"]):
            assert ent.read(site / "pictures" / "hand" / file).image.shape == (1, 3, height, width)
    lowers = shard(site, "c0-l1-u0")[1]["negative"]
    assert (site / "pictures" / "hand" / lowers).read_bytes() == (catalog / lowers).read_bytes()
    least, most, counts = details[0]["spread"]
    assert (least, most, sum(counts)) == (0.0, 1.0, 16)


def test_correlations_are_those_of_numpy_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)
    values[:, 5] = 3 - 2 * values[:, 1]
    values[:, 6] = 7  # of which no correlation is known
    values[:, 2] = values[:, 0] * 1e6 + 5e6
    monkeypatch.setattr(alike, "_ROWS", 3)
    found = alike.most_alike(values, 2)
    wanted = np.corrcoef(values[:, :6].T) - np.eye(6)
    for unit in range(6):
        order = [int(each) for each in np.argsort(-wanted[unit]) if wanted[unit][each] > 0][:2]
        assert [other for other, _ in found[unit]] == order
        np.testing.assert_allclose([r for _, r in found[unit]], wanted[unit][order], atol=6e-4)
    assert found[0][0] == (2, 1.0)
    assert 5 not in [other for other, _ in found[1]]
    assert found[6] == []


def test_responses_are_compared_over_the_photographs_that_both_networks_were_shown() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.normal(size=(30, 3)).astype(np.float32) for _ in range(2))
    names = np.array([f"{at:02}" for at in range(40)])
    # Photographs 10 to 29 are of both; the second has units 1, 2 and 7.
    two[:20, 0] = 5 - 3 * one[10:, 1]
    columns = [{("a", n): at for at, n in enumerate(some)} for some in ((0, 1, 2), (1, 2, 7))]
    mine = Responses(30, {}, one, names[:30], columns[0])
    other = Responses(30, {}, two, names[10:], columns[1])
    units = [Unit("a", n, "done", f"a/{n}.png", None, None, None, None, None) for n in range(3)]
    found = mine.with_another(other, units)
    assert found is not None
    assert found[:2] == [None, -1.0]
    assert found[2] == pytest.approx(np.corrcoef(one[10:, 2], two[:20, 1])[0, 1], abs=6e-4)
    assert mine.with_another(Responses(9, {}, two[:9], names[:9], columns[1]), units) is None
    assert mine.with_another(Responses(), units) is None


def test_no_name_becomes_markup(site: Path) -> None:
    for file in site.rglob("*"):
        if file.suffix in {".js", ".html"}:
            text = file.read_text("utf-8")
            assert LAST not in text
            assert LABELS[1] not in text
            assert photo(15) not in text
    assert "<" not in script("a", LABELS[1])


def test_pages_ask_for_nothing_outside(site: Path) -> None:
    texts = {each.name: each.read_text("utf-8") for each in site.glob("*.*") if each.is_file()}
    assert {"index.html", "core.js", "site.css"} <= {*texts}
    for name, text in texts.items():
        # Names of namespaces, of which nothing is asked.
        text = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(|innerHTML", text), name
    assert "default-src 'none'" in texts["index.html"]


def test_commands_quote_what_shells_and_python_would_read() -> None:
    told = commands("python:it's:x", LAST, {"transforms": 'a "b"', "size": [24, 32]})
    assert "7".join(told["command"]) == (
        "entoptic visualize -m \"python:it's:x\" '<img src=x onerror=hurt()>:7' "
        "--transforms 'a \"b\"' --size 24x32 -o img-src-x-onerror-hurt-7.png"
    )
    assert "7".join(told["python"]) == (
        'import entoptic as ent\n\nent.visualize("python:it\'s:x", "<img src=x onerror=hurt()>:7", '
        'transforms="a \\"b\\"", size=(24, 32)).save("img-src-x-onerror-hurt-7.png")'
    )


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
@pytest.mark.parametrize(
    "layer",
    ["fire5", "a b", "it's", "$HOME's `x`", 'say "hi" it\'s', "code('fire5', 'sae.pt')", LAST],
)
def test_shells_read_the_words_of_a_command_as_they_are_meant(layer: str) -> None:
    command = "3".join(commands("net's", layer, {})["command"])
    told = subprocess.run(
        ["sh", "-c", f"entoptic() {{ printf '%s\\n' \"$@\"; }}; {command}"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert told[:4] == ["visualize", "-m", "net's", "3".join(halves(layer))]


def test_without_the_network_all_else_is_there(catalog: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    ent.catalog_site(catalog, output=tmp_path / "site", note=notes.append)
    (note,) = notes
    assert note.startswith("hand: weights between layers and classes are left out: ")
    assert "weights" not in shard(tmp_path / "site", "c0-l1-u0")[0]
    assert shard(tmp_path / "site", "index")["catalogs"][0]["layers"][1]["labels"] is False


def test_two_catalogs_of_one_network_are_named_for_their_folders(
    catalog: Path, tmp_path: Path
) -> None:
    for name in ("before", "after"):
        shutil.copytree(catalog, tmp_path / name)
    with sqlite3.connect(tmp_path / "after" / "catalog.sqlite") as index:
        for table in ("exemplars", "pictures", "layers"):
            index.execute(f"DELETE FROM {table} WHERE layer = 'first'")
    index.close()
    home = ent.catalog_site(
        tmp_path / "before", tmp_path / "after", output=tmp_path / "both", models=[MODEL]
    )
    entries = shard(home.parent, "index")["catalogs"]
    assert [each["id"] for each in entries] == ["before", "after"]
    assert [one["alone"] for one in entries[0]["layers"]] == [False, False]
    assert [one["beside"] for one in entries[0]["layers"]] == [[], ["c1-l0"]]
    assert shard(home.parent, "c0-l1-c1-l0") == [1.0, 1.0]
    assert entries[1]["layers"][0]["beside"] == ["c0-l1"]
    (last,) = entries[1]["layers"]  # which has nobody to be read by
    assert (last["name"], last["alone"]) == (LAST, True)
    assert (home.parent / "pictures" / "after" / last["folder"] / "1.png").exists()


def test_what_cannot_be_read_is_told_and_the_rest_is_written(catalog: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(catalog, tmp_path / "mine")
    (mine / "first" / "1.png").write_bytes(b"no picture")
    (mine / "first" / "2.png").unlink()
    notes: list[str] = []
    site = ent.catalog_site(mine, models=[MODEL], note=notes.append).parent
    assert notes == [
        "hand: pictures that can't be read: 2, such as first/1.png; mend them by `entoptic "
        "catalog verify mine`"
    ]
    assert {each.name for each in (site / "small" / "hand" / "first").iterdir()} == {
        "0.webp", "3.webp",
    }  # fmt: skip


def test_what_is_not_made_is_said_with_the_reason(catalog: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(catalog, tmp_path / "mine")
    with sqlite3.connect(mine / "catalog.sqlite") as index:
        for number, state, reason in ((1, "failed", "it's <b>NaN</b>"), (2, "todo", None)):
            index.execute(
                "UPDATE pictures SET state = ?, reason = ?, score = NULL "
                "WHERE layer = 'first' AND kind = 'positive' AND number = ?",
                (state, reason, number),
            )
    index.close()
    site = ent.catalog_site(mine, models=[MODEL]).parent
    (first, _) = shard(site, "index")["catalogs"][0]["layers"]
    assert (first["done"], first["failed"], first["cover"]) == (2, 1, [0, 3])
    found = shard(site, "c0-l0-g0")
    assert found["bare"] == {"1": "it's <b>NaN</b>", "2": ""}
    assert found["scores"][1:3] == [None, None]
    assert not (site / "small" / "hand" / "first" / "1.webp").exists()


def test_a_catalog_that_names_files_outside_of_it_is_refused(catalog: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(catalog, tmp_path / "mine")
    with sqlite3.connect(mine / "catalog.sqlite") as index:
        index.execute("UPDATE pictures SET file = '../../0.png' WHERE file = 'first/0.png'")
    index.close()
    with pytest.raises(BadCatalog, match=r"names the file '\.\./\.\./0\.png', which isn't in it"):
        ent.catalog_site(mine, models=[MODEL])
    assert {each.name for each in tmp_path.iterdir()} == {"mine"}


def test_nothing_is_written_over_but_a_site_of_ours(catalog: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(AlreadyThere, match="is there, and isn't a site of entoptic"):
        ent.catalog_site(catalog, output=other, force=True)
    with pytest.raises(BadSetting, match="which holds a catalog; name another folder"):
        ent.catalog_site(catalog, output=catalog, force=True)
    with pytest.raises(AlreadyThere, match="is a file; name a folder for the site"):
        ent.catalog_site(catalog, output=other / "thesis.txt")
    with pytest.raises(CannotWrite, match=r"there is no folder .* to write to; make it first"):
        ent.catalog_site(catalog, output=tmp_path / "a" / "b")
    site = ent.catalog_site(catalog, output=tmp_path / "site").parent
    with pytest.raises(AlreadyThere, match="to replace it, say --force"):
        ent.catalog_site(catalog, output=site)
    (site / "CNAME").write_text("example.org")
    with pytest.raises(AlreadyThere, match="also holds 'CNAME', which isn't of the site"):
        ent.catalog_site(catalog, output=site, force=True)
    (site / "CNAME").unlink()
    (site / "data" / "index.js").write_text("old")
    ent.catalog_site(catalog, output=site, force=True)
    assert shard(site, "index")
    assert {each.name for each in tmp_path.iterdir()} == {"other", "site"}
    assert (other / "thesis.txt").read_text() == "mine"


def test_a_site_that_cannot_be_finished_leaves_the_old_one(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = ent.catalog_site(catalog, output=tmp_path / "site").parent
    before = {each: each.stat().st_ino for each in site.rglob("*")}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    rename = Path.rename

    def ended(path: Path, target: Path) -> None:
        if path.suffix == ".tmp":  # after the old one has made room
            raise KeyboardInterrupt
        rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr("entoptic.catalogs.site.content.write_shard", full)
        with pytest.raises(CannotWrite, match=r"can't be written \(No space left on device\)"):
            ent.catalog_site(catalog, output=site, force=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", ended)
        with pytest.raises(KeyboardInterrupt):
            ent.catalog_site(catalog, output=site, force=True)
    assert {each: each.stat().st_ino for each in site.rglob("*")} == before
    assert [each.name for each in tmp_path.iterdir()] == ["site"]


def test_what_is_no_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no catalogs; name the folders of some"):
        ent.catalog_site()
    with pytest.raises(BadCatalog, match="is no catalog"):
        ent.catalog_site(tmp_path)
    with pytest.raises(BadSetting, match="catalogs is 3; it must be"):
        ent.catalog_site(3)  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match="models is 3; it must be a list of networks"):
        ent.catalog_site(tmp_path, models=3)  # type: ignore[arg-type]
    assert not (tmp_path / MARK).exists()
