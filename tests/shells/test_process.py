"""The command as a process: exit codes, signals, pipes, start-up, completion."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from entoptic.catalogs.index import Index, Order
from entoptic.images import read_job
from shells.command import QUICK, SAVED, SOURCE, entoptic, finished, process


def test_a_dream_prints_nothing_but_its_name(folder: Path) -> None:
    done = finished(process("dream", "sky.png", *QUICK, folder=folder))
    assert (done.code, done.out, done.err) == (0, "sky-dream.png\n", "")
    # Another process gives the same bytes.
    assert entoptic("redo", "sky-dream.png", folder=folder).code == 0
    assert (folder / "sky-dream-redo.png").read_bytes() == (folder / "sky-dream.png").read_bytes()


ENDLESS = ("--octaves=1", "--steps=100000", "--every=10", "--jitter=2")
"""A dream that goes on until it is stopped, and shows when it has begun."""


def wait_for_frames(folder: Path, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not list(folder.glob("*-step*.png")) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="signals are different here")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_saves_what_there_is(folder: Path, name: str, code: int) -> None:
    child = process("dream", "sky.png", *ENDLESS, folder=folder)
    wait_for_frames(folder, child)
    child.send_signal(getattr(signal, name))
    done = finished(child)
    assert (done.code, done.out) == (code, "sky-dream.png\n")
    made = json.loads(read_job(folder / "sky-dream.png"))["stopped_after"]
    assert done.err == f"Interrupted after {made} of 100000 steps{SAVED}"
    assert made >= 10
    assert entoptic("redo", "sky-dream.png", folder=folder).code == 0
    assert (folder / "sky-dream-redo.png").read_bytes() == (folder / "sky-dream.png").read_bytes()
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="terminals are different here")
def test_a_terminal_that_is_closed_saves_what_there_is(folder: Path) -> None:
    import pty

    number, terminal = pty.fork()
    if number == 0:  # the process that runs in the terminal
        os.chdir(folder)
        environment = os.environ | {"PYTHONPATH": str(SOURCE), "TERM": "xterm"}
        dream = [sys.executable, "-m", "entoptic", "dream", "sky.png", *ENDLESS]
        os.execve(sys.executable, dream, environment)
    deadline = time.monotonic() + 60
    while not list(folder.glob("*-step*.png")) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.02)[0]:
            os.read(terminal, 1 << 16)  # the progress bar
    os.close(terminal)
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert json.loads(read_job(folder / "sky-dream.png"))["stopped_after"] >= 10
    assert not list(folder.glob(".*"))


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    child = process("layers", folder=tmp_path)
    assert child.stdout is not None
    child.stdout.close()  # as head does, before anything has been written
    child.stdout = None
    assert finished(child).err in ("", None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "entoptic", "completion", "bash"],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the system refuses: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), ([], 0), (["--version"], 0), (["nonsense"], 2), (["dream"], 2)],
)
def test_exit_codes_without_any_work(tmp_path: Path, arguments: list[str], code: int) -> None:
    assert finished(process(*arguments, folder=tmp_path)).code == code


def test_help_of_every_command_imports_neither_torch_nor_pillow(tmp_path: Path) -> None:
    program = """
import sys
from entoptic.cli.main import main, outcome
helps = [[name, "--help"] for name in main.commands]
for arguments in ([], ["--help"], ["completion", "zsh"], *helps):
    assert outcome(arguments) == 0
print(sorted({"torch", "numpy", "PIL"} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def test_the_status_of_a_catalog_imports_no_torch(tmp_path: Path) -> None:
    with Index(tmp_path, create=True) as index:
        index.keep({"model": "squeezenet1_1", "settings": {}})
        index.add("fire5", "fire5", [Order("{}", "positive", {3: "fire5/3.png"})])
    program = """
import sys
from entoptic.cli.main import outcome
assert outcome(["catalog", "status", "."]) == 0
print(sorted({"torch", "numpy", "PIL"} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[1].split()[:4] == ["fire5", "1", "0", "0"]
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["dream", "sky.png", *QUICK],
        ["dream", "sky.png", *QUICK, "--guide", "sky.png", "--precision", "auto"],
        ["visualize", "fire7:0", "class:goldfish", "--size", "48", "--steps", "2"],
    ],
    ids=" ".join,
)
def test_torchs_compiler_is_not_imported(folder: Path, arguments: list[str]) -> None:
    # It, and what it is made of, takes as long as many steps.
    program = """
import json, sys, torch
def compiler():
    return [n for n in sys.modules if n in ("torch._dynamo", "torch._inductor", "sympy")]
by_itself = compiler()
from entoptic.cli.main import outcome
code = outcome(sys.argv[1:])
layers = "entoptic.networks.layer_table.probe" in sys.modules
print(json.dumps([code, layers, by_itself, compiler()]), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    code, layers, by_itself, after_all = json.loads(done.stderr.splitlines()[-1])
    assert (code, layers) == (0, True), done.stderr
    assert not by_itself, f"{by_itself} come with `import torch` of {torch.__version__}"
    assert not after_all


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("entoptic ide", "plain,identify"),
        ("entoptic dream --octave-s", "plain,--octave-scale"),
        ("entoptic dream --bits 1", "plain,16"),
        ("entoptic dream sk", "file,sk"),
        ("entoptic redo --photo s", "file,s"),
    ],
)
def test_the_shell_completes(tmp_path: Path, words: str, expected: str) -> None:
    done = finished(
        process(
            folder=tmp_path,
            _ENTOPTIC_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=str(words.count(" ")),
        )
    )
    assert (done.out, done.err) == (f"{expected}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(tmp_path: Path, shell: str) -> None:
    done = entoptic("completion", shell, folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert f"_ENTOPTIC_COMPLETE={shell}_complete" in done.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.out, text=True, check=True)
