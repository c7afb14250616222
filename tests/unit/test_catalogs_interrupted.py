"""Catalogs whose process is killed, or can't write: made whole by running it again."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.catalogs.files import DRAFTS
from entoptic.catalogs.index import NAME, Index
from entoptic.catalogs.owners import owner
from entoptic.errors import CannotWrite
from inline import Inline

SOURCE = Path(ent.__file__).parents[1]
PROC = Path("/proc/self/task").exists()

NETWORK = """
import torch

import entoptic as ent

def small():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 9, 3), torch.nn.ReLU(), torch.nn.Conv2d(9, 8, 3))
    plain = ent.Preprocess(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    return ent.Model.wrap(net, preprocess=plain, source="python:kill_nets:small")
"""
MODEL = "python:kill_nets:small"
HOW = (
    "0", "2", "--size", "24", "--steps", "2", "--batch", "2", "--device", "cpu", "--workers", "2",
    "--negative", "--exemplars", "4",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the network where processes import it."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "kill_nets.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(SOURCE)]))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs."""
    folder = tmp_path_factory.mktemp("photos")
    rng = torch.Generator().manual_seed(0)
    for number in range(12):
        ent.write(folder / f"{number}.png", torch.rand((1, 3, 40, 50), generator=rng))
    return folder


def started(folder: Path, photos: Path) -> subprocess.Popen[str]:
    """Start the catalog, or go on with it, in a process of its own."""
    command = (sys.executable, "-m", "entoptic", "catalog", MODEL, "-o", folder, *HOW)
    return subprocess.Popen(
        [*command, "--photos", photos, "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def made(folder: Path, photos: Path) -> None:
    """Make the catalog to its end."""
    child = started(folder, photos)
    _, err = child.communicate()
    assert (child.returncode, err) == (0, "")


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole catalog."""
    folder = tmp_path_factory.mktemp("whole") / "catalog"
    made(folder, photos)
    return folder


def content(folder: Path) -> tuple[dict[str, bytes], list[tuple[Any, ...]]]:
    """Return the bytes of all files but the index, and its rows but for times and leases."""
    files = {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file() and not each.name.startswith(NAME)
    }
    rows: list[tuple[Any, ...]] = []
    with sqlite3.connect(folder / NAME) as index:
        for query in (
            "SELECT layer, number, kind, place, state, sha256, score, job, file FROM pictures "
            "JOIN batches USING (batch)",
            "SELECT * FROM exemplars",
            "SELECT * FROM files",
            "SELECT * FROM layers",
            "SELECT * FROM facts WHERE name != 'photographs'",
        ):
            rows += sorted(index.execute(query), key=repr)
    index.close()
    return files, rows


def assert_same(folder: Path, whole: Path) -> None:
    """Compare two catalogs, and say where they differ."""
    (found, rows), (wanted, wanted_rows) = content(folder), content(whole)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert [row for row in rows if row not in wanted_rows] == []
    assert len(rows) == len(wanted_rows)


def finished(folder: Path) -> dict[str, int]:
    """Return the number of the file of each picture that the index has as made."""
    if not (folder / NAME).exists():
        return {}
    with Index(folder) as index:
        names = [each.file for each in index.pictures() if each.state == "done"]
    return {name: (folder / name).stat().st_ino for name in names}


def files(folder: Path) -> int:
    """Return how many files there are."""
    return sum(1 for each in folder.rglob("*") if each.is_file())


def kill(folder: Path, photos: Path, draw: random.Random, most: int, worker: bool) -> None:
    """Kill the process that makes the catalog, or a worker, at a random moment of its work."""
    child = started(folder, photos)
    wanted = draw.randrange(most)
    while child.poll() is None and files(folder) < wanted:
        time.sleep(0.002)
    time.sleep(draw.uniform(0, 0.1))
    if worker:
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for each in children.read_text().split()[-1:]:
                os.kill(int(each), signal.SIGKILL)
        time.sleep(draw.uniform(0, 0.5))
    child.kill()
    child.communicate()


@pytest.mark.slow
@pytest.mark.skipif(not PROC, reason="finds workers by /proc")
def test_a_catalog_that_is_killed_at_thirty_moments_equals_an_undisturbed_one(
    tmp_path: Path, photos: Path, undisturbed: Path
) -> None:
    most = files(undisturbed)
    for number in range(6):
        draw, folder = random.Random(number), tmp_path / str(number)
        before: dict[str, int] = {}
        for moment in range(5):
            kill(folder, photos, draw, most, worker=moment % 2 == 1)
            now = finished(folder)
            assert before.items() <= now.items()  # no finished picture is made twice
            before = now
        made(folder, photos)
        assert_same(folder, undisturbed)
        assert before.items() <= finished(folder).items()


WRITER = """
import sys
from pathlib import Path

from entoptic.catalogs.index import Finished, Index, Order

with Index(Path(sys.argv[1]), create=True) as index:
    first = len(index.units())
    for start in range(first, first + 100_000, 8):
        files = {number: f"0/{number}.png" for number in range(start, start + 8)}
        index.add("0", "0", [Order(str(start), "positive", files)])
        lease = index.claim("here/1/a")
        index.finish(lease.batch, {place: Finished("a", 1.0, 2.0) for place in lease.wanted})
"""


def killed_while_writing(folder: Path, moments: int) -> None:
    """Kill a process that does nothing but change an index; look at what it leaves each time."""
    draw = random.Random(0)
    folder.mkdir()
    before = 0
    for moment in range(moments):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)])
        end = time.monotonic() + 120
        while True:
            assert time.monotonic() < end
            with contextlib.suppress(sqlite3.Error), sqlite3.connect(folder / NAME) as index:
                if index.execute("SELECT count(*) FROM pictures").fetchone()[0] > before:
                    break
        time.sleep(draw.uniform(0, 0.1))
        child.kill()
        child.wait()
        with Index(folder) as index:
            units = index.units()
        assert len(units) > before
        assert len(units) % 8 == 0  # a batch is added whole, and finished whole
        batches = [units[at : at + 8] for at in range(0, len(units), 8)]
        states = ["".join({each.state for each in some}) for some in batches]
        assert {*states} <= {"done", "todo"}
        assert states.count("todo") <= moment + 1  # whose process was killed
        before = len(units)


def test_an_index_is_whole_wherever_the_process_that_writes_it_is_killed(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "catalog", 3)


@pytest.mark.slow
def test_an_index_is_whole_after_thirty_kills(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "catalog", 30)


@contextlib.contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Make a folder a disk of its own, of a size; skip where that isn't allowed."""
    folder.mkdir()
    size = ("-o", f"size={kilobytes}k")
    if shutil.which("mount") is None or os.name == "nt" or os.geteuid() != 0:
        pytest.skip("a disk of its own is for root")
    if subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", folder], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def change(folder: Path, how: str) -> None:
    """Mount a disk otherwise."""
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [32, 160, 300, 500])
def test_a_full_disk_is_told_in_one_line_and_with_more_room_the_catalog_is_made(
    tmp_path: Path, photos: Path, undisturbed: Path, kilobytes: int
) -> None:
    with disk(tmp_path / "disk", kilobytes) as folder:
        child = started(folder / "catalog", photos)
        _, err = child.communicate()
        assert child.returncode == 1, err
        assert err.count("\n") == 1
        assert "make room" in err
        change(folder, "size=20m")
        before = finished(folder / "catalog")
        made(folder / "catalog", photos)
        assert_same(folder / "catalog", undisturbed)
        assert before.items() <= finished(folder / "catalog").items()


def test_a_folder_that_cannot_be_written_is_told_and_its_catalog_can_be_read(
    tmp_path: Path,
) -> None:
    how: dict[str, Any] = {"size": 16, "steps": 0, "device": "cpu", "on": Inline()}
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3))
    with disk(tmp_path / "disk", 20_000) as folder:
        whole = ent.catalog(network, "0", output=folder / "whole", units_only=True, **how)
        units = whole.units()
        change(folder, "ro")
        assert ent.open_catalog(folder / "whole").units() == units
        assert ent.open_catalog(folder / "whole").status()[0].done == 2
        for name in ("whole", "new"):
            with pytest.raises(CannotWrite, match=r"can't (be written|make the folder)"):
                ent.catalog(network, "0", output=folder / name, units_only=True, every=1, **how)
        change(folder, "rw")


def test_drafts_of_processes_that_are_gone_are_removed_and_no_others(tmp_path: Path) -> None:
    how: dict[str, Any] = {"size": 16, "steps": 0, "device": "cpu", "on": Inline()}
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 3))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    machine = owner().split("/")[0]
    drafts = tmp_path / DRAFTS
    drafts.mkdir()
    gone = drafts / f"{machine}+{child.pid}+abcd+1234.tmp"
    here = drafts / f"{machine}+{os.getpid()}+abcd+1234.tmp"
    elsewhere = drafts / f"else+where+{child.pid}+abcd+1234.tmp"
    for each in (gone, here, elsewhere):
        each.touch()
    ent.catalog(network, "0", output=tmp_path, units_only=True, **how)
    assert {*drafts.iterdir()} == {here, elsewhere}
