"""What today's torch writes as ONNX files gives what onnxruntime says."""

from __future__ import annotations

from pathlib import Path

import pytest

for _package in ("onnx", "onnxruntime", "onnxscript", "timm", "torchvision"):
    pytest.importorskip(_package)

from benchmarks.exports import BOUND, CASES, QUICK, Case, largest_difference  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_small_networks_are_equal(case: Case, tmp_path: Path) -> None:
    assert largest_difference(case, tmp_path) <= BOUND


@pytest.mark.slow
@pytest.mark.parametrize("case", [each for each in CASES if each not in QUICK], ids=str)
def test_networks_are_equal(case: Case, tmp_path: Path) -> None:
    assert largest_difference(case, tmp_path) <= BOUND
