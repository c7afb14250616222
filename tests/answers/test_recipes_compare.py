"""Comparisons: each column is what it would be alone, and stands where it is said to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import BadSetting, NoJob, UnknownLayer
from entoptic.images import read_job
from entoptic.jobs.columns import ColumnsPlan
from entoptic.jobs.job import Job
from entoptic.networks import Preprocess
from entoptic.runners.run import plan_job, plan_redo
from planning import plan_compare, plan_visualize

QUICK: dict[str, Any] = {"size": 48, "steps": 2}


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


@pytest.fixture(scope="module")
def efficientnet() -> ent.Model:
    return ent.load("efficientnet_lite0")


def color_model(source: str, colors: list[int]) -> ent.Model:
    """Its channels are some of red, green and blue."""
    module = nn.Conv2d(3, len(colors), 1, bias=False)
    module.weight.data = torch.eye(3)[colors].reshape(-1, 3, 1, 1)
    plain = Preprocess((16, 16), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(nn.Sequential(module), preprocess=plain, source=source)


def tile(image: torch.Tensor, row: int, column: int, side: int = 48) -> torch.Tensor:
    """One picture of a sheet with titles and labels, each 20 pixels high, and gaps of 4."""
    top, left = 20 + row * (side + 20 + 4), column * (side + 4)
    return image[..., top : top + side, left : left + side]


def test_a_comparison_is_made_again_in_the_same_precision(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    by: dict[str, Any] = {"method": ["lucid", "pixels"], "precision": "bf16"}
    path = ent.compare(squeezenet, "fire2:0", **by, **QUICK).save(tmp_path / "a.png")
    again = plan_redo(path)
    assert isinstance(again, ColumnsPlan)
    assert {each.settings.precision for each in again.columns} == {"bf16"}
    assert again.job == Job.from_json(read_job(path))


def test_each_network_has_its_column_and_each_unit_its_row() -> None:
    networks = [color_model("red first", [0, 2]), color_model("blue first", [2, 0])]
    plan = plan_compare(
        networks, ["0:0", "0:1"],
        size=16, steps=120, canvas=["pixels"], transforms=["none"],
    )  # fmt: skip
    assert (plan.titles, plan.labels) == (("red first", "blue first"), ("0:0", "0:1"))
    image = plan.run().image
    assert image.shape[-2:] == plan.shape == (20 + 2 * 36 + 4, 2 * 16 + 4)
    for row, column, wanted, other in ((0, 0, 0, 2), (0, 1, 2, 0), (1, 0, 2, 0), (1, 1, 0, 2)):
        color = tile(image, row, column, 16)[0].mean((1, 2))
        assert color[wanted] > max(0.75, color[other] + 0.2)


@pytest.mark.parametrize(
    ("name", "several"),
    [
        ("method", ["lucid", "maco"]),
        ("canvas", ["pixels", "laplacian"]),
        ("transforms", ["none", "lucid"]),
    ],
)
def test_every_column_is_what_it_is_alone(
    squeezenet: ent.Model, name: str, several: list[str]
) -> None:
    units = ["fire3:3", "fire3:5"]
    columns: dict[str, Any] = {name: several}
    together = ent.compare(squeezenet, *units, **columns, **QUICK, batch=1).image
    for column, one in enumerate(several):
        setting: dict[str, Any] = {name: one}
        plan = plan_visualize(squeezenet, units, **setting, **QUICK, batch=1)
        for row, alone in enumerate(plan.pictures()):
            assert torch.equal(tile(together, row, column), alone)


def test_pictures_grow_column_by_column(squeezenet: ent.Model) -> None:
    how: dict[str, Any] = {"method": ["lucid", "pixels"], "batch": 2, "on": "cpu"}
    plan = plan_compare([squeezenet], ["fire3:0-2"], **how, **QUICK)
    assert [step.octave for step in plan.steps()] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(plan.stages) == 4
    first = next(iter(plan.steps())).image()
    # The second column hasn't begun: its pictures are grey.
    assert tile(first, 0, 0).std() > 0
    assert (tile(first, 2, 1) == 0.5).all()
    assert torch.equal(plan_compare(
        [squeezenet], ["fire3:0-2"], method=["lucid", "pixels"], batch=2, size=48, steps=0
    ).run().image, plan.start)  # fmt: skip


def test_a_comparison_of_networks_is_made_again_byte_for_byte(
    squeezenet: ent.Model, efficientnet: ent.Model, tmp_path: Path
) -> None:
    plan = plan_compare(
        [squeezenet, efficientnet], ["logit('goldfish')"], method=["lucid"], size=64, steps=2
    )
    path = plan.run().save(tmp_path / "a.png")
    again = plan_redo(path)
    assert isinstance(again, ColumnsPlan)
    assert again.titles == ("squeezenet1_1", "efficientnet_lite0")
    assert again.run().save(tmp_path / "b.png").read_bytes() == path.read_bytes()
    changed = plan_redo(path, method="maco", steps=1, seed=3, objective="logit('cock')")
    assert isinstance(changed, ColumnsPlan)
    assert changed.job.settings["method"] == ["maco"]
    assert changed.columns[1].settings.preset == "maco"
    assert (changed.job.settings["steps"], changed.job.seed) == (1, 3)
    assert changed.labels == ("logit('cock', 'logits')",)
    with pytest.raises(BadSetting, match="given are 1 of models, 1 of methods"):
        plan_redo(path, model="squeezenet1_1")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"methods": 3}, "is damaged: method is 3; it must be a list of names"),
        ({"models": [3]}, "is damaged: models are no list of names"),
        ({"canvas": [3]}, "is damaged: canvas is 3; it must be a text"),
        ({"size": None}, "is damaged: size is None; it must be a whole number"),
        ({"seed": 3}, "is damaged: a compare has no setting 'seed'"),
    ],
)
def test_a_job_of_a_stranger_does_no_harm(
    squeezenet: ent.Model, settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    result = ent.compare(squeezenet, "fire3:3", method=["lucid", "maco"], size=48, steps=0)
    result.save(tmp_path / "a.png")
    job = Job.from_json(read_job(tmp_path / "a.png"))
    strange = replace(result, job=replace(job, settings={**job.settings, **settings}))
    with pytest.raises(NoJob, match=told):
        plan_redo(strange.save(tmp_path / "b.png"))


def test_a_unit_that_one_network_lacks_is_told_with_the_network(
    squeezenet: ent.Model, efficientnet: ent.Model
) -> None:
    with pytest.raises(
        UnknownLayer, match="in the column 'efficientnet_lite0': no layer named 'fire7'"
    ):
        plan_compare([squeezenet, efficientnet], ["fire7:3"])


@pytest.mark.parametrize(
    ("named", "settings", "told"),
    [
        (
            {},
            {},
            "such as method=lucid,maco, and of one of these kinds alone; given are 1 of models",
        ),
        ({"method": ["maco"]}, {}, "given are 1 of models, 1 of methods"),
        (
            {"method": ["maco", "lucid"], "canvas": ["maco", "pixels"]},
            {},
            "2 of methods, 2 of canvases",
        ),
        ({"method": ["maco", "maco"]}, {}, "methods to compare must differ; given are maco, maco"),
        ({"method": ["maco", "oil"]}, {}, "no method named 'oil'"),
        ({"method": ["maco", "lucid"]}, {"jitter": 3}, "compare has no setting 'jitter'"),
        ({"method": ["maco", "lucid"]}, {"size": 0}, "size is 0"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    squeezenet: ent.Model, named: dict[str, Any], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadSetting, match=told):
        plan_compare([squeezenet], ["fire3:3"], **named, **settings)


def test_nothing_to_compare_is_refused(squeezenet: ent.Model) -> None:
    with pytest.raises(BadSetting, match="0 units in 2 columns"):
        plan_compare([squeezenet], [], method=["maco", "lucid"])
    with pytest.raises(BadSetting, match="given are 2 of methods"):
        plan_compare([], ["fire3:3"], method=["maco", "lucid"])


def test_another_default_changes_no_comparison_that_is_made_again(
    squeezenet: ent.Model, efficientnet: ent.Model
) -> None:
    job = plan_compare([squeezenet, efficientnet], ["class:goldfish"], batch=1, **QUICK).job
    assert job.settings["column_methods"] == ["natural", "natural_wide"]
    assert plan_job(job).job == job
    # As jobs were before: they don't say by what method.
    first = {name: each for name, each in job.settings.items() if name != "column_methods"}
    again = plan_job(replace(job, settings=first))
    assert isinstance(again, ColumnsPlan)
    assert [each.settings.method for each in again.columns] == ["entoptic", "strong"]
    assert [each.settings.canvas for each in again.columns] == ["fourier", "fourier"]
    assert plan_job(again.job).job == again.job
    assert plan_job(again.job, steps=1).job.settings["column_methods"] == ["entoptic", "strong"]
    changed = plan_job(again.job, transforms=["gentle"]).job.settings
    assert changed["column_methods"] == ["natural", "natural_wide"]
    strange = replace(job, settings=first | {"column_methods": ["natural"]})
    with pytest.raises(BadSetting, match="1 column_methods for 2 columns; leave them out"):
        plan_job(strange)
