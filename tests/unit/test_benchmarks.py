"""The measurements: what they count is counted right."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import __main__ as whole, cold, step, units
from benchmarks.peers.environments import variables
from benchmarks.units import Contender, Found
from torch import nn

import entoptic as ent


def test_a_convolutions_work_is_what_one_counts_by_hand() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False))
    model = ent.Model.wrap(
        module, preprocess=ent.Preprocess(size=(5, 7), mean=(0, 0, 0), std=(1, 1, 1))
    )
    operations, numbers = step.work(model, "0", torch.rand(2, 3, 5, 7))
    places = 2 * 5 * 7
    # There and back, a product and a sum for each of 3 x 4 pairs of channels.
    assert operations == 2 * 2 * 12 * places
    # Each way reads one side and the weights, and writes the other side.
    assert numbers == 2 * (3 * places + 4 * places + 12)


def test_ours_climb_in_batches_and_peers_in_both_ways() -> None:
    found = [str(each) for each in units.contenders(["entoptic", "lucent", "horama"], 8)]
    assert found == ["entoptic, 8 at a time", "lucent", "lucent, 8 at a time", "horama"]


def test_ratios_are_those_of_the_same_round() -> None:
    found = {
        Contender("entoptic", 8): Found([80.0, 40.0], 256, {0: 6.0, 1: 8.0}),
        Contender("lucent", 1): Found([10.0, 4.0], 256, {0: 3.0, 1: 3.0}),
    }
    told = units.report(found, Namespace(device="cpu", threads=2, rounds=2))
    assert told["rows"][1]["slower"] == {"entoptic, 8 at a time": [8.0, 10.0]}
    page = "\n".join(units.table(told))
    assert "| lucent | 7.0 (4.0-10.0) | 256 | 9.00x (8.00-10.00) | 3.0 ± 0.0 |" in page
    assert "7.0 ± 1.0" in page


def test_a_living_method_climbs_and_keeps_its_pictures(tmp_path: Path) -> None:
    options = Namespace(environments=tmp_path / "none", threads=1, device="cpu", side=64)
    with units.Climber(Contender("entoptic", 2), options) as climber:
        first = climber.climb([3, 5], 1, tmp_path)
        again = climber.climb([3], 2)
    assert (first[1], again[1]) == (1, 2)
    assert first[0] > 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["0003.png", "0005.png"]


def test_a_method_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = tmp_path / "python"
    nothing.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    nothing.chmod(0o700)
    monkeypatch.setattr(units, "interpreter", lambda *_: nothing)
    options = Namespace(environments=tmp_path, threads=1, device="cpu", side=64)
    with (
        pytest.raises(SystemExit, match="horama climbs no more; what it said stands above"),
        units.Climber(Contender("horama", 1), options) as climber,
    ):
        climber.climb([3], 1)


def test_a_commands_ratio_is_to_the_sum_of_what_it_cant_do_without() -> None:
    seconds = {"command": [3.0], "import torch": [1.0], "steps": [1.5]}
    told = {"device": "cpu", "threads": 2, "rounds": 1, "size": (768, 1024)}
    page = "\n".join(
        cold.table(told | {"seconds": seconds, "ratios": [1.2], "parts": {"save": 0.5}})
    )
    assert "The command takes 1.20 times their sum" in page
    assert "| save | 0.500 |" in page


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
@pytest.mark.parametrize("main", [whole.main, step.main, units.main, cold.main])
def test_a_gpu_that_isnt_there_is_told_before_any_work(main: Any) -> None:
    with pytest.raises(SystemExit, match=r"no device 'cuda' here \(.*\); try --device auto"):
        main(["--device", "cuda"])


def test_a_part_that_there_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        whole.main(["stepp"])
    assert "no part 'stepp'; there are step, batch, units" in capsys.readouterr().err


def test_all_tables_stand_on_one_page(tmp_path: Path) -> None:
    (tmp_path / "units.md").write_text("of units", "utf-8")
    (tmp_path / "step.md").write_text("of steps", "utf-8")
    assert list(whole.page(tmp_path)) == ["# step", "", "of steps", "# units", "", "of units"]


def test_a_method_on_a_cpu_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CUDA_VISIBLE_DEVICES", "0")
    assert variables("cpu")["CUDA_VISIBLE_DEVICES"] == ""
    assert variables("cuda")["CUDA_VISIBLE_DEVICES"] == "0"
