"""Catalogs: the same pictures and the same index, whatever happens on the way."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import entoptic as ent
from entoptic.catalogs import schema
from entoptic.catalogs.index import LEASE, NAME, Finished, Index, Order
from entoptic.catalogs.owners import is_gone, owner
from entoptic.catalogs.plan import plan_catalog
from entoptic.errors import (
    BadCatalog,
    BadSetting,
    CannotWrite,
    ChannelOutOfRange,
    DamagedIndex,
    MissingExtra,
    NotAllowed,
)

SOURCE = Path(ent.__file__).parents[1]

NETWORK = """
import torch

def tiny():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU(), torch.nn.Conv2d(6, 7, 3)
    )

def half():
    # Pictures of its second channel can't be made: it is 0 whatever is shown.
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3))
    with torch.no_grad():
        net[0].weight[1] = 0
        net[0].bias[1] = float("nan")
    return net
"""

HOW: dict[str, Any] = {
    "size": 24, "steps": 2, "batch": 2, "device": "cpu", "workers": 1, "transforms": "none",
    "units_only": True,
}  # fmt: skip
MODEL = "python:catalog_nets:tiny"
LAYERS = ("0", "2")


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put the networks where workers import them."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "catalog_nets.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        path = os.pathsep.join([str(folder), str(SOURCE)])
        patch.setenv("PYTHONPATH", path)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield folder


def make(folder: Path, *layers: str, **changes: Any) -> ent.Catalog:
    """Make the catalog of the tiny network."""
    return ent.catalog(MODEL, *(layers or LAYERS), output=folder, **{**HOW, **changes})


def content(folder: Path) -> tuple[dict[str, bytes], list[tuple[Any, ...]]]:
    """Return the bytes of all pictures, and all rows but for times and leases."""
    pictures = {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*/*")}
    with sqlite3.connect(folder / NAME) as index:
        rows = index.execute(
            "SELECT layer, number, kind, place, state, sha256, score, job, file FROM pictures "
            "JOIN batches USING (batch) JOIN layers USING (layer) ORDER BY layer, number, kind"
        ).fetchall()
    index.close()
    return pictures, rows


@pytest.fixture(scope="module")
def undisturbed(nets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole catalog, which no test changes."""
    return make(tmp_path_factory.mktemp("whole")).folder


def order(job: str, *numbers: int) -> Order:
    """Return a batch of the layer 0."""
    return Order(job, "positive", {number: f"0/{number}.png" for number in numbers})


def started(folder: Path) -> subprocess.Popen[bytes]:
    """Start the same catalog in a process of its own."""
    flags = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in HOW.items()
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "entoptic", "catalog", MODEL, *LAYERS, "-o", folder, *flags],
        stdout=subprocess.DEVNULL,
    )


def until(folder: Path, done: int) -> None:
    """Wait until so many pictures are there."""
    end = time.monotonic() + 120
    while len(list(folder.glob("*/*.png"))) < done:
        assert time.monotonic() < end
        time.sleep(0.01)


def rewritten(folder: Path, before: dict[str, int]) -> set[str]:
    """Return which files aren't those of before; each write makes a new one."""
    return {name for name, inode in before.items() if (folder / name).stat().st_ino != inode}


def inodes(folder: Path) -> dict[str, int]:
    """Return the number of each picture's file, of those that the index has as made."""
    rows = ent.open_catalog(folder).units()
    return {each.picture: (folder / each.picture).stat().st_ino for each in rows if each.sha256}


def test_every_unit_has_a_row_and_a_picture_whose_hash_it_has(undisturbed: Path) -> None:
    units = ent.open_catalog(undisturbed).units()
    names = [(each.layer, each.number) for each in units]
    assert names == [("0", n) for n in range(6)] + [("2", n) for n in range(7)]
    assert {each.state for each in units} == {"done"}
    assert {each.picture for each in units} == {*content(undisturbed)[0]}
    assert [each.picture for each in units][:2] == ["0/0.png", "0/1.png"]


def test_each_picture_is_made_again_by_its_job_byte_for_byte(
    undisturbed: Path, tmp_path: Path
) -> None:
    for name in ("0/1.png", "2/4.png", "2/6.png"):  # the last is a batch of its own
        again = ent.redo(undisturbed / name, model=MODEL).save(tmp_path / "again.png")
        assert again.read_bytes() == (undisturbed / name).read_bytes()


def test_the_score_is_the_channels_mean_on_the_picture_in_the_file(undisturbed: Path) -> None:
    model = ent.load(MODEL)
    for each in ent.open_catalog(undisturbed).units()[::3]:
        image = ent.read(undisturbed / each.picture).image
        (acts,) = model.activations(image, [each.layer]).values()
        assert each.score == pytest.approx(float(acts[0, each.number].mean()), abs=1e-5)


def test_the_same_call_makes_nothing_twice_and_new_layers_are_added(tmp_path: Path) -> None:
    make(tmp_path, "0", every=2)
    before = inodes(tmp_path)
    assert [*before] == ["0/0.png", "0/2.png", "0/4.png"]
    make(tmp_path, "0", every=2)
    made = make(tmp_path, "0", "2", units="0-2,4")
    assert rewritten(tmp_path, before) == set()
    assert [*inodes(tmp_path)][3:] == ["0/1.png", "2/0.png", "2/1.png", "2/2.png", "2/4.png"]
    assert [(each.layer, each.units, each.done) for each in made.status()] == [
        ("0", 4, 4),
        ("2", 4, 4),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 3}, r"was begun with steps 2, not 3; give the same settings, or name another"),
        ({"seed": 1, "size": 32}, r"was begun with seed 0, size 24, not 1, 32; give the same"),
    ],
)
def test_other_settings_are_refused_with_what_differs(
    undisturbed: Path, changes: dict[str, Any], told: str
) -> None:
    before = content(undisturbed)
    with pytest.raises(BadSetting, match=told):
        make(undisturbed, **changes)
    assert content(undisturbed) == before


def test_another_network_is_refused(undisturbed: Path) -> None:
    with pytest.raises(BadSetting, match="is of python:catalog_nets:tiny, not of python:cat"):
        ent.catalog("python:catalog_nets:half", "0", output=undisturbed, **HOW)


@pytest.mark.parametrize(
    ("units", "error", "told"),
    [
        ("0-3,x", BadSetting, "write numbers and ranges, such as 0-15,40"),
        ("4-6", ChannelOutOfRange, r"channel 6 of '0' does not exist; the layer has 6 channels"),
    ],
)
def test_units_that_are_not_there_are_refused(
    tmp_path: Path, units: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        make(tmp_path / "new", "0", units=units)
    assert not (tmp_path / "new").exists()


def test_a_broken_and_a_missing_picture_are_made_anew_and_no_other(tmp_path: Path) -> None:
    made = make(tmp_path)
    whole, before = content(tmp_path), inodes(tmp_path)
    (tmp_path / "0" / "3.png").write_bytes(b"broken")
    (tmp_path / "2" / "6.png").unlink()
    notes: list[str] = []
    ent.verify_catalog(made.folder, model=MODEL, workers=1, note=notes.append)
    assert content(tmp_path) == whole
    assert [each.split()[0] for each in notes] == ["0/3.png", "2/6.png"]
    assert rewritten(tmp_path, before) == {"0/3.png", "2/6.png"}


def test_a_strangers_catalog_runs_no_code_unless_its_network_is_named(tmp_path: Path) -> None:
    make(tmp_path, "0")
    (tmp_path / "0" / "3.png").unlink()
    with pytest.raises(NotAllowed, match="name the network yourself, with --model"):
        ent.verify_catalog(tmp_path)
    with pytest.raises(BadCatalog, match="is of python:catalog_nets:tiny, not of python:"):
        ent.verify_catalog(tmp_path, model="python:catalog_nets:half")


@pytest.mark.parametrize("left", [0, 10, 4096, 9000])
def test_a_truncated_index_is_made_anew_from_the_pictures(tmp_path: Path, left: int) -> None:
    make(tmp_path)
    whole, before = content(tmp_path), inodes(tmp_path)
    with (tmp_path / NAME).open("r+b") as index:
        index.truncate(left)
    if left:
        with pytest.raises(DamagedIndex, match=r"is damaged .* makes it anew from the pictures"):
            ent.open_catalog(tmp_path)
    make(tmp_path)
    assert content(tmp_path) == whole
    assert rewritten(tmp_path, before) == set()


def test_pictures_of_other_settings_are_not_written_over_where_the_index_is_gone(
    tmp_path: Path,
) -> None:
    make(tmp_path, "0")
    before = content(tmp_path)[0]
    (tmp_path / NAME).unlink()
    for _ in range(2):  # what is refused hasn't begun
        with pytest.raises(BadSetting, match=r"0/0\.png' is there, and isn't the picture that"):
            make(tmp_path, "0", steps=1)
    (tmp_path / NAME).unlink()
    assert {
        str(each.relative_to(tmp_path)): each.read_bytes() for each in tmp_path.glob("*/*")
    } == (before)


def test_a_folder_that_is_no_catalog_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadCatalog, match=r"is no catalog: it has no catalog\.sqlite; begin one"):
        ent.open_catalog(tmp_path)


def test_a_folder_that_cannot_be_made_or_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"can't make the folder .*; name another"):
        make(tmp_path / "file" / "catalog", "0")
    (tmp_path / NAME).mkdir()
    with pytest.raises(CannotWrite, match=r"can't be written .*; make room, or look at the perm"):
        make(tmp_path, "0")


def test_a_full_disk_is_told_in_one_line_and_the_same_call_goes_on(
    tmp_path: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CannotWrite, match="No space left on device"):
            make(tmp_path)
    assert {each.state for each in ent.open_catalog(tmp_path).units()} == {"todo"}
    make(tmp_path)
    assert content(tmp_path) == content(undisturbed)


def test_units_that_fail_are_told_and_those_of_their_batch_are_made(tmp_path: Path) -> None:
    made = ent.catalog("python:catalog_nets:half", "0", output=tmp_path, **{**HOW, "batch": 3})
    (failure,) = made.failures()
    assert failure.number == 1
    assert str(failure.reason).startswith("the score isn't finite in step 1; '0' has values that")
    assert [each.state for each in made.units()] == ["done", "failed", "done"]
    assert made.status()[0].left == 0


def killed_at_random(folder: Path, moments: int, seed: int, seconds: float) -> None:
    """Kill the process that makes a catalog, and in turn its worker, at random moments."""
    draw = random.Random(seed)
    for number in range(moments):
        child = started(folder)
        time.sleep(draw.uniform(0.5, seconds))
        victim = child.pid
        if number % 2:
            workers = Path(f"/proc/{child.pid}/task/{child.pid}/children")
            ids = [int(each) for each in workers.read_text().split()] if workers.exists() else []
            victim = ids[-1] if ids else child.pid
        os.kill(victim, signal.SIGKILL)
        if victim == child.pid:
            child.wait()
        else:
            child.kill()
            child.wait()


def test_a_catalog_that_is_killed_again_and_again_equals_an_undisturbed_one(
    tmp_path: Path, undisturbed: Path
) -> None:
    child = started(tmp_path)
    until(tmp_path, 3)
    child.kill()
    child.wait()
    before = inodes(tmp_path)
    assert 2 <= len(before) < 13
    killed_at_random(tmp_path, 2, seed=1, seconds=4)
    make(tmp_path)
    assert content(tmp_path) == content(undisturbed)
    assert rewritten(tmp_path, before) == set()


def test_two_processes_share_a_catalog_and_make_nothing_twice(
    tmp_path: Path, undisturbed: Path
) -> None:
    both = [started(tmp_path), started(tmp_path)]
    assert [each.wait() for each in both] == [0, 0]
    assert content(tmp_path) == content(undisturbed)


def test_a_batch_is_leased_once_until_its_owner_is_gone_or_silent(tmp_path: Path) -> None:
    first, second = owner(), owner()
    with Index(tmp_path, create=True) as one, Index(tmp_path) as two:
        one.add("0", "0", [order("job", 0, 1), order("other", 2)])
        lease = one.claim(first)
        assert lease is not None
        assert (lease.batch, lease.job, lease.units) == (1, "job", 2)
        assert lease.wanted == {0: "0/0.png", 1: "0/1.png"}
        other = two.claim(second)
        assert other is not None
        assert other.job == "other"
        assert two.claim(second) is None
        assert one.at_work() == 2
        with one.changing() as change:
            change.execute("UPDATE batches SET heard = heard - ? WHERE batch = 1", (LEASE + 1,))
        taken = two.claim(second)
        assert taken is not None
        assert taken.batch == 1
        assert not one.is_mine(1, first)
        one.finish(1, {0: Finished("a", 1.0, 2.0), 1: Finished("b", 1.0, 2.0)})
        assert [each.state for each in two.units()] == ["done", "done", "todo"]
        two.release(second)
        again = one.claim(first)
        assert again is not None
        assert again.job == "other"


def test_the_owner_of_a_process_that_has_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    machine, _, token = owner().split("/")
    assert is_gone(f"{machine}/{child.pid}/{token}")
    assert not is_gone(owner())
    assert not is_gone(f"elsewhere/{child.pid}/{token}")


def test_an_older_index_is_brought_to_the_newest_version_and_a_newer_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index(tmp_path, create=True) as index:
        index.add("0", "0", [order("job", 0)])
    more = [*schema.MIGRATIONS, "ALTER TABLE pictures ADD COLUMN liked INTEGER; SELECT 1"]
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", more)
        with Index(tmp_path) as index:
            assert [each.number for each in index.units()] == [0]
            with index.changing() as change:
                assert change.execute("SELECT liked FROM pictures").fetchall() == [(None,)]
    with pytest.raises(BadCatalog, match="index has version 4, and this entoptic knows 3; update"):
        Index(tmp_path)


def test_a_table_needs_pandas(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="a table needs pandas: pip install pandas"):
        ent.open_catalog(undisturbed).units().to_frame()


def test_a_picture_is_found_by_its_unit(undisturbed: Path) -> None:
    found = ent.open_catalog(undisturbed)
    assert found.picture("2", 5) == undisturbed / "2" / "5.png"
    with pytest.raises(BadSetting, match="has no picture of 2:7"):
        found.picture("2", 7)
    assert found.model == MODEL
    assert found.settings["steps"] == 2


def test_a_preview_of_no_named_layer_is_small_and_says_which_layers_it_takes() -> None:
    model = ent.load("squeezenet1_1")
    plan = plan_catalog(
        model,
        [],
        every=100,
        units=None,
        preview=True,
        negative=False,
        photo=lambda _: None,
        given={"steps": 5},
    )
    assert plan.facts["settings"]["size"] == 96
    assert plan.facts["settings"]["steps"] == 5
    fires = [f"fire{number}" for number in range(2, 10)]
    assert [str(each) for each in plan.numbers] == ["conv1", *fires, "conv10"]
    assert f"no layer is named; the catalog is of conv1, {', '.join(fires)}, conv10" in plan.notes
    assert plan.numbers[ent.Layer("fire4")] == (0, 100, 200)
