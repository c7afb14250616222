"""The judge of the comparison with the peers, on pictures and networks made by hand."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from benchmarks import judge, quality
from benchmarks.peers import METHODS, Method, run
from benchmarks.peers.network import Task
from skimage import data
from torch import Tensor, nn

import entoptic as ent

RED = torch.tensor([0.8, 0.2, 0.4]).reshape(1, 3, 1, 1).expand(1, 3, 30, 20)


class Colors(nn.Module):
    """Three classes: as red, as green and as blue as the picture is on the whole."""

    def forward(self, image: Tensor) -> Tensor:
        return 5 * image.mean((2, 3))


class Levels(nn.Module):
    """One layer that is the picture itself."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        maps: Tensor = self.maps(image)
        return maps


def seeing(module: nn.Module) -> ent.Model:
    return ent.Model.wrap(
        module, preprocess=ent.Preprocess(size=(8, 12), mean=(0, 0, 0), std=(1, 1, 1))
    )


@pytest.mark.parametrize(("label", "first"), [(0, 1.0), (1, 0.0), (2, 0.0)])
def test_only_the_class_that_a_network_sees_counts_as_top_1(label: int, first: float) -> None:
    scores = judge.class_score(seeing(Colors()), RED, label)
    assert (scores["top1"], scores["top5"]) == (first, 1.0)


def test_the_probability_is_the_softmaxs() -> None:
    scores = judge.class_score(seeing(Colors()), RED, 2)
    whole = math.exp(4) + math.exp(1) + math.exp(2)
    assert scores["probability"] == pytest.approx(math.exp(2) / whole, rel=1e-5)


def test_a_network_that_sees_nothing_is_never_right() -> None:
    gray = torch.full((1, 3, 30, 20), 0.5)
    assert judge.class_score(seeing(Colors()), gray, 0)["top1"] == 0


def test_the_clean_score_is_the_channels_mean_over_space() -> None:
    assert judge.channel_score(seeing(Levels()), RED, "maps", 2) == pytest.approx(0.4)


def test_chelsea_is_an_egyptian_cat_to_the_judge() -> None:
    photo = ent.Picture.of(data.chelsea()).image
    side = min(photo.shape[-2:])
    scores = judge.class_score(ent.load("squeezenet1_1"), ent.center_crop(photo, side, side), 285)
    assert scores["top1"] == 1


def test_a_method_that_shows_crops_is_judged_by_its_middle_too() -> None:
    picture = torch.zeros(1, 3, 40, 80)
    picture[..., 18:22, 35:45] = 1
    found = judge.views("horama", picture)
    assert list(found) == ["horama", "horama, middle"]
    # 0.275 of the sides.
    assert found["horama, middle"].shape == (1, 3, 11, 22)
    assert float(found["horama, middle"][0, 0].sum()) == 40


def test_methods_are_compared_by_the_units_that_all_of_them_drew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "NETWORKS", ("colours",))
    monkeypatch.setattr(judge.ent, "load", lambda _name: seeing(Colors()))  # type: ignore[attr-defined]
    monkeypatch.setattr(judge, "LAYER", "output")
    monkeypatch.delenv("ENTOPTIC_TEST_DATA", raising=False)
    for method, units in (("entoptic", (0, 1)), ("lucent", (0,))):
        folder = tmp_path / method / "colours" / "classes"
        folder.mkdir(parents=True)
        times = {f"{unit:04}": {"seconds": 2.5, "evaluations": 128} for unit in units}
        (folder / "times.json").write_text(json.dumps(times), "utf-8")
        for unit in units:
            ent.write(folder / f"{unit:04}.png", RED)
    quality.main(["judge", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "quality.json").read_text("utf-8"))
    tops = {
        method: {unit: scores["colours top1"] for unit, scores in drawn.items()}
        for method, drawn in report["classes of colours"].items()
    }
    assert tops == {"entoptic": {"0": 1.0, "1": 0.0}, "lucent": {"0": 1.0}}
    page = (tmp_path / "quality.md").read_text("utf-8")
    assert "1 pictures by each method" in page
    assert "| entoptic | 100% | 100% |" in page
    assert ent.read(tmp_path / "entoptic" / "colours" / "classes.png").width == 128 * 2 + 4


def by_hand(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A method that makes grey pictures, two evaluations a step; the units that it is asked for."""
    asked: list[int] = []

    def pictures(
        _task: Task, units: Sequence[int], _evaluations: int
    ) -> Iterator[tuple[int, np.ndarray, float]]:
        for unit in units:
            asked.append(unit)
            yield unit, np.full((4, 6, 3), 0.5, np.float32), 1.5

    runner = SimpleNamespace(steps=lambda evaluations: (-(-evaluations // 2), 2), pictures=pictures)
    monkeypatch.setitem(sys.modules, "benchmarks.peers.by_hand", runner)
    monkeypatch.setitem(METHODS, "by hand", Method("by_hand"))
    return asked


def test_pictures_that_are_there_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = by_hand(monkeypatch)
    for units in ([10], [10, 20]):
        run.make("by hand", Task("none", "classes"), units, 5, tmp_path)
    assert asked == [10, 20]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["0010.png", "0020.png"]
    times = json.loads((tmp_path / "times.json").read_text("utf-8"))
    # Three steps of two are the least that show five.
    assert (times["0020"]["steps"], times["0020"]["evaluations"]) == (3, 6)


def test_pictures_of_other_evaluations_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(monkeypatch)
    run.make("by hand", Task("none", "classes"), [10], 4, tmp_path)
    with pytest.raises(SystemExit, match="has pictures of 4 evaluations, not 8"):
        run.make("by hand", Task("none", "classes"), [20], 8, tmp_path)
