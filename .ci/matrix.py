"""Run the tests under each Python and torch that pyproject.toml promises.

    python .ci/matrix.py                       every cell whose interpreter is at hand
    python .ci/matrix.py 3.12:newest           one cell
    python .ci/matrix.py --tests tests/unit    fewer tests

A cell is PYTHON:VERSIONS. "newest" takes the newest release of every dependency, "oldest" the
lower bounds that pyproject.toml writes. Each cell has an environment of its own, outside of the
repository. A cell without an interpreter is skipped, saying so; the script fails if a cell failed
or none could run. It needs nothing but Python's standard library.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
RELEASES = ("oldest", "newest")
# The oldest releases with the oldest Python, the newest with each.
CELLS = (f"{PYTHONS[0]}:oldest", *(f"{python}:newest" for python in PYTHONS))
# The extras whose packages the library itself imports: their lower bounds are promises too.
EXTRAS = ("zoo", "onnx", "pictures")


def candidates(version: str) -> Iterator[str]:
    """Commands that may be an interpreter of this version, the running one first."""
    yield sys.executable
    yield f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(str(path) for path in pyenv.glob(f"versions/{version}.*/bin/python"))
    if uv := shutil.which("uv"):
        found = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", version], capture_output=True, text=True
        )
        yield from found.stdout.splitlines()


def interpreter(version: str) -> str | None:
    """The first command that starts a Python of this version, None if there is none."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for command in candidates(version):
        if shutil.which(command) is None:
            continue
        answer = subprocess.run([command, "-c", ask], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return command
    return None


def lower_bounds(project: dict[str, Any]) -> list[str]:
    """Constraints that hold each dependency of the library at the bound that it promises."""
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    bounds = (re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", text) for text in wanted)
    return [f"{bound[1]}=={bound[2]}.*" for bound in bounds if bound]


def environment(cell: str, folder: Path) -> Path | None:
    """Make the cell's environment and return its interpreter, None if no Python is at hand."""
    version, releases = cell.split(":")
    base = interpreter(version)
    if base is None:
        return None
    home = folder / cell.replace(":", "-")
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([base, "-m", "venv", str(home)], check=True)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    constraints = home / "constraints.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = lower_bounds(project) if releases == "oldest" else []
    constraints.write_text("".join(f"{bound}\n" for bound in bounds), encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run(
        [*pip, "--constraint", str(constraints), "--editable", f"{ROOT}[all,test]"], check=True
    )
    return python


def run_cell(cell: str, folder: Path, tests: Sequence[str]) -> str:
    """Install and test one cell; return "passed", "failed" or "skipped" with the reason."""
    python = environment(cell, folder)
    if python is None:
        return "skipped: no such Python here"
    show = "import sys, torch; print(f'Python {sys.version} torch {torch.__version__}')"
    subprocess.run([str(python), "-c", show], check=True)
    # One thread each: with more, small tensors wait for each other's threads.
    run = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *tests],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return "passed" if run.returncode == 0 else "failed"


def main() -> int:
    """Run the cells asked for, print one line for each, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "cells", nargs="*", metavar="PYTHON:VERSIONS", help=f"default: {' '.join(CELLS)}"
    )
    parser.add_argument("--tests", nargs="+", default=["tests"], help="default: tests")
    parser.add_argument(
        "--environments", type=Path, default=Path(tempfile.gettempdir()) / "entoptic-matrix"
    )
    options = parser.parse_args()
    known = [f"{python}:{releases}" for python in PYTHONS for releases in RELEASES]
    if unknown := [cell for cell in options.cells if cell not in known]:
        parser.error(f"no cell {unknown[0]!r}; the cells are {' '.join(known)}")
    outcomes: dict[str, str] = {}
    for cell in options.cells or CELLS:
        began = time.monotonic()
        print(f"== {cell}", flush=True)
        try:
            outcome = run_cell(cell, options.environments, options.tests)
        except subprocess.CalledProcessError as failure:
            outcome = f"failed: {failure}"
        outcomes[cell] = f"{outcome} ({time.monotonic() - began:.0f} s)"
    for cell, outcome in outcomes.items():
        print(f"{cell:12} {outcome}")
    ran = [outcome for outcome in outcomes.values() if not outcome.startswith("skipped")]
    return 0 if ran and all(outcome.startswith("passed") for outcome in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
