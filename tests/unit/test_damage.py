"""Damaged files of every format, read by a process that may only read: refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from damage.harness import run
from damage.sandbox import CAUGHT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made for Linux")

COUNTS = {
    "export": 150,
    "pth": 150,
    "legacy": 150,
    "safetensors": 150,
    "onnx": 100,
    "caffe": 100,
    "mxnet": 100,
    "tensorflow": 100,
}


def test_a_thousand_damaged_files_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    found = run(COUNTS, tmp_path)
    assert not found.faults
    # Damage of every format is met: most is refused, but not all of it.
    assert set(found.outcomes) == {f"{kind}: {end}" for kind in COUNTS for end in _ENDS}
    assert found.outcomes.total() == 1000


_ENDS = ("read", "refused")


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_many_damaged_files_are_read_or_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    found = run({kind: 10_000}, tmp_path, first=1000)
    assert not found.faults


ATTEMPTS = {
    "open to write": "open('made', 'w')",
    "open to append": "open('made', 'ab')",
    "open by the system": "os.open('made', os.O_CREAT | os.O_WRONLY)",
    "make a folder": "os.mkdir('made')",
    "remove": "os.remove('there')",
    "rename": "os.rename('there', 'made')",
    "run a command": "os.system('touch made')",
    "start a process": "subprocess.Popen(['touch', 'made'])",
    "connect": "socket.socket()",
    "run code": "exec('1')",
    "evaluate code": "eval('1')",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_process_that_reads_them_may_do_nothing_else(attempt: str, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    tests = Path(__file__).parents[1]
    program = (
        f"import os, socket, subprocess, sys; sys.path.insert(0, {str(tests)!r})\n"
        f"from damage.sandbox import give_up_rights\ngive_up_rights()\n{ATTEMPTS[attempt]}"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True)
    assert done.returncode == CAUGHT, done.stderr
    assert done.stdout.startswith(b"caught: ")
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
