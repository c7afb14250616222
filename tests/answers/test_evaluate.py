"""Evaluations: numbers that are known beforehand, on networks made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.analysis.judges import ClassName, class_name, counterpart, verdict
from entoptic.analysis.photographs import crops, photo_files
from entoptic.errors import (
    BadPicture,
    BadSetting,
    EntopticError,
    PictureNotFound,
    UnknownLayer,
    UnknownModel,
)
from entoptic.jobs.evaluation import Evaluation
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_redo
from planning import plan_evaluate

QUICK: dict[str, Any] = {
    "size": 16,
    "steps": 60,
    "canvas": "pixels",
    "transforms": "none",
    "learning_rate": 0.1,
}
COLORS = ("red, crimson", "green", "blue, azure")


class Colors(nn.Module):
    """Its channels are red, green and blue; its class scores their means, ten times as large."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Conv2d(3, 3, 1, bias=False)
        self.own.weight.data = torch.eye(3).reshape(3, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        return 10 * self.own(image).mean((2, 3))


def colors(
    labels: tuple[str, ...] | None = COLORS, synsets: tuple[str, ...] | None = None
) -> ent.Model:
    plain = Preprocess((12, 20), (0, 0, 0), (1, 1, 1))
    wrapped = ent.Model.wrap(Colors(), preprocess=plain, labels=labels)
    return replace(wrapped, synsets=synsets, _tables={})


def flat(height: int, width: int, *color: float) -> ent.Picture:
    """A picture of one colour."""
    return ent.Picture.of(
        torch.tensor(color, dtype=torch.float32).reshape(3, 1, 1).expand(3, height, width)
    )


def evaluated(*units: str, **how: object) -> Evaluation:
    return ent.evaluate(colors(), *units, judges=(), **(QUICK | how))


def test_the_score_of_what_a_color_wants_most_is_all_of_it() -> None:
    red, minus = evaluated("own:0", "-1 * own:2").rows
    assert (red.unit, red.score) == ("own:0", 1.0)
    assert minus.score == 0
    assert red.seconds > 0
    assert (red.percentile, red.of_best, red.top1, red.probability, red.diversity) == (None,) * 5


def test_scores_are_of_the_picture_as_a_file_shows_it(tmp_path: Path) -> None:
    found = evaluated("own:0", steps=3)
    found.sheets[0].save(tmp_path / "red.png")
    in_file = ent.read(tmp_path / "red.png").image
    assert found.rows[0].score == pytest.approx(float(in_file[:, 0].mean()), abs=1e-7)
    climbed = float(ent.visualize(colors(), "own:0", **(QUICK | {"steps": 3})).image[:, 0].mean())
    assert found.rows[0].score != pytest.approx(climbed, abs=1e-6)


def test_a_percentile_is_the_share_of_crops_that_score_less() -> None:
    # One crop each, since they are square; the untouched start of the climb is middle grey.
    photos = [flat(16, 16, red, 0.9, 0.1) for red in (0.1, 0.2, 0.3, 0.8)]
    found = evaluated("own:0", "own:2", photos=photos, steps=0)
    assert (found.photos, found.crops) == (4, 4)
    red, blue = found.rows
    assert red.percentile == 75
    assert red.of_best == pytest.approx(red.score / 0.8)
    assert blue.percentile == 100
    assert found.means["percentile"] == 87.5


def test_a_score_that_equals_a_photos_isnt_more() -> None:
    assert evaluated("own:0", photos=[flat(16, 16, 1, 0, 0)]).rows[0].percentile == 0
    best = evaluated("-1 * own:0", photos=[flat(16, 16, 1, 0, 0)]).rows[0]
    assert (best.percentile, best.of_best) == (100, None)  # no photo scores above 0


def test_crops_show_a_photo_whole_and_in_detail() -> None:
    photo = torch.zeros(1, 3, 40, 60)
    photo[..., :20] = 1  # the left third
    found = crops(photo, 10)
    # Whole: the middle, the left and the right end; then the four corners.
    assert found[:, 0].mean((1, 2)).tolist() == pytest.approx([0.25, 0.5, 0, 1, 0, 1, 0], abs=0.03)
    assert len(crops(photo, 21)) == 3  # too small for details
    assert len(crops(torch.zeros(1, 3, 7, 7), 10)) == 1  # enlarged
    assert crops(torch.zeros(1, 3, 1, 50_000), 10).shape == (3, 3, 10, 10)


def test_photographs_are_found_in_folders_each_once(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.png"):
        ent.write(tmp_path / name.lower(), flat(3, 4, 0.5, 0.5, 0.5).image)
    (tmp_path / "b.png").rename(tmp_path / "b.PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    found = photo_files([tmp_path / "c.png", tmp_path])
    assert [each.name for each in found] == ["c.png", "a.jpg", "b.PNG"]


def test_the_network_itself_as_its_judge_sees_the_class() -> None:
    judge = colors()
    found = ent.evaluate(colors(), "logit('blue')", "own:1", judges=[judge], **QUICK)
    blue, green = found.rows
    # Each score starts alike, near 4.9, and only blue's climbs, to 10.
    assert blue.top1 == 1
    assert blue.probability is not None
    assert blue.probability > 0.98
    assert (green.verdicts, green.top1) == ((), None)
    assert found.means["top1"] == 1
    assert blue.verdicts[0].judge == "python"


def test_a_judge_of_mixed_labels_sees_another_class() -> None:
    judge = colors(labels=("blue", "red", "green"))
    row = ent.evaluate(colors(), "logit('blue, azure')", judges=[judge], **QUICK).rows[0]
    assert row.top1 == 0


def test_a_verdict_is_the_share_of_pictures_and_their_mean_probability() -> None:
    images = torch.cat([flat(24, 40, *each).image for each in ((1, 0, 0), (0, 0, 1.0))])
    found = verdict(colors(), 0, images)
    sure = torch.tensor([10.0, 0, 0]).softmax(0)
    assert found.top1 == 0.5
    assert found.probability == pytest.approx(float((sure[0] + sure[1]) / 2), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (ClassName("azure, sky", "n3"), 2),
        (ClassName("anything", "n1"), 0),
        (ClassName("blue", "n9"), None),
    ],
)
def test_classes_are_matched_by_synset_where_both_have_one(
    name: ClassName, number: int | None
) -> None:
    assert counterpart(name, colors(synsets=("n1", "n2", "n3"))) == number


@pytest.mark.parametrize(
    ("label", "number"),
    [("Crimson", 0), ("navy, AZURE", 2), ("green", 1), ("yellow", None), ("red, crimson", 0)],
)
def test_classes_are_matched_by_label_otherwise(label: str, number: int | None) -> None:
    assert counterpart(ClassName(label, None), colors(synsets=("n1", "n2", "n3"))) == number
    assert counterpart(ClassName(label, "n1"), colors()) == number


def test_a_name_of_two_classes_is_neither() -> None:
    assert counterpart(ClassName("crane", None), colors(labels=("crane", "crane", "x"))) is None


def test_a_class_of_an_ensemble_is_called_as_its_own_network_calls_it() -> None:
    both = ent.ensemble(a=colors(), b=colors(labels=("x", "y", "z"), synsets=("n1", "n2", "n3")))
    assert class_name(both, ent.logit(1, "b/logits")) == ClassName("y", "n2")
    assert class_name(both, ent.logit("azure", "a/logits")) == ClassName("blue, azure", None)


def test_pictures_that_are_alike_have_no_diversity_and_others_have_some() -> None:
    # Two seeds end in the same red; after no step they are two noises.
    alike, noise = (evaluated("own:0", seeds=2, steps=steps).rows[0] for steps in (60, 0))
    assert noise.diversity is not None
    assert alike.diversity is not None
    pictures = [
        ent.visualize(colors(), "own:0", seed=seed, **(QUICK | {"steps": 0})).image
        for seed in (0, 1)
    ]
    grams = [(each[0].flatten(1) @ each[0].flatten(1).T).flatten() for each in pictures]
    expected = 1 - float(torch.cosine_similarity(*grams, dim=0))  # type: ignore[arg-type, misc]
    assert noise.diversity == pytest.approx(expected, abs=2e-5)
    assert evaluated("own:0").rows[0].diversity is None
    # However many climb together.
    (one_by_one,) = evaluated("own:0", seeds=2, steps=0, batch=1).rows
    assert one_by_one.diversity == pytest.approx(expected, abs=2e-5)


def test_everything_but_time_and_memory_is_the_same_again() -> None:
    how = {"seeds": 2, "steps": 2, "photos": [flat(20, 30, 1, 0, 0)]}
    first, second = (json.loads(evaluated("own:0", "own:1", **how).to_json()) for _ in range(2))
    for each in (first, second):
        each["peak_memory_mib"] = None
        each["means"]["seconds"] = None
        for row in each["rows"]:
            row["seconds"] = None
    assert first == second
    assert first["settings"]["steps"] == 2
    assert "sheets" not in first


def test_batches_and_seeds_are_those_of_visualize(tmp_path: Path) -> None:
    units = ("fire3:3-5",)
    found = ent.evaluate(ent.load(), *units, seeds=2, size=40, steps=2, batch=2)
    again = ent.visualize(ent.load(), *units, seed=1, size=40, steps=2, batch=2)
    found.sheets[1].save(tmp_path / "found.png")
    again.save(tmp_path / "again.png")
    plan_redo(tmp_path / "found.png").run().save(tmp_path / "redone.png")
    first, second, third = (
        (tmp_path / f"{name}.png").read_bytes() for name in ("found", "again", "redone")
    )
    assert first == second == third
    assert found.peak_memory_mib is not None
    assert 100 < found.peak_memory_mib < 100_000
    assert [row.unit for row in found.rows] == ["fire3:3", "fire3:4", "fire3:5"]


def test_what_isnt_measured_is_said() -> None:
    def notes(*units: str, model: ent.Model, **how: object) -> str:
        return " | ".join(plan_evaluate(model, units, size=16, **how).notes)

    assert "name some: --photos FOLDER" in notes("own:0", model=colors())
    assert "no photographs" not in notes("own:0", model=colors(), photos=[flat(3, 4, 0, 0, 0)])
    assert "has no labels, so that no other" in notes("logit(1)", model=colors(labels=None))
    assert "name one: --judge" in notes("logit(1)", model=colors(), judges=[])
    assert "nothing to judge" in notes("own:1", model=colors(), judges=[colors()])
    other = colors(labels=("red", "yellow", "pink"))
    lacking = notes("logit('azure')", "logit('red')", model=colors(), judges=[other])
    assert "python has no one class for 'blue, azure'" in lacking


def test_the_other_embedded_networks_judge_where_nobody_is_named() -> None:
    squeezenet = ent.load()
    plan = plan_evaluate(squeezenet, ["logit('goldfish')"], size=64)
    assert [judge.source for judge in plan.judges] == ["efficientnet_lite0"]
    assert plan_evaluate(squeezenet, ["fire7:3"], size=64).judges == ()
    both = ent.ensemble(a=squeezenet)
    plan = plan_evaluate(both, ["logit('goldfish', 'a/logits')"], size=64)
    assert [judge.source for judge in plan.judges] == ["efficientnet_lite0"]


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ({"seeds": 0}, BadSetting, "seeds is 0"),
        ({"judges": ["nothing"]}, UnknownModel, "no model named 'nothing'"),
        ({"judges": [colors(labels=None)]}, BadSetting, "python can't judge.*no labels"),
        ({"judges": [ent.ensemble(a=colors())]}, BadSetting, "name each of them as a judge"),
        ({"photos": ["not-there.png"]}, PictureNotFound, "not-there.png"),
        ({"photos": ["empty"]}, PictureNotFound, "the folder 'empty' has no pictures"),
        ({"photos": ["false.png"]}, BadPicture, "false.png"),
        ({"photos": "empty"}, BadSetting, "it must be a list of files, folders and pictures"),
        ({"sizes": 3}, BadSetting, "no setting 'sizes'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    how: dict[str, object],
    error: type[EntopticError],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("false.png").write_text("no picture")
    with pytest.raises(error, match=told):
        plan_evaluate(colors(), ["logit('red')"], **how)


def test_a_unit_that_cant_be_is_told_before_any_work() -> None:
    with pytest.raises(UnknownLayer, match="did you mean 'own'"):
        plan_evaluate(colors(), ["owl:3"])
