"""`entoptic layers`, `models` and `identify`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from entoptic.layers import Layer
from entoptic.networks import load
from shells.command import entoptic


def test_layers_are_listed_in_the_order_in_which_they_run(tmp_path: Path) -> None:
    done = entoptic("layers", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    header, first, *_, last = done.out.splitlines()
    assert header.split() == [
        "layer", "kind", "shape", "channels", "stride", "receptive_field", "parameters",
    ]  # fmt: skip
    assert first.split() == ["conv1", "Conv2d", "1x64x111x111", "64", "2x2", "3x3", "1,792"]
    assert last.split() == ["output", "Sequential", "1x1000", "1000", "-", "-", "1,235,496"]


def test_a_pattern_chooses_layers(tmp_path: Path) -> None:
    done = entoptic("layers", "squeezenet1_1", "fire7/e*x3", folder=tmp_path)
    assert [line.split()[0] for line in done.out.splitlines()] == ["layer", "fire7/expand3x3"]


def test_layers_as_json_are_the_layer_table(tmp_path: Path) -> None:
    done = entoptic("layers", "efficientnet_lite0", "blocks.4", "--json", folder=tmp_path)
    (row,) = json.loads(done.out)
    info = load("efficientnet_lite0").layers()[Layer("blocks.4")]
    assert row["layer"] == "blocks.4"
    assert tuple(row["shape"]) == info.shape
    assert (row["channels"], row["parameters"]) == (info.channels, info.parameters)


def test_layers_are_told_for_a_size(tmp_path: Path) -> None:
    done = entoptic(
        "layers", "squeezenet1_1", "pool10", "--size", "300x500", "--json", folder=tmp_path
    )
    assert json.loads(done.out)[0]["shape"] == [1, 1000]
    done = entoptic(
        "layers", "squeezenet1_1", "conv1", "--size", "300x500", "--json", folder=tmp_path
    )
    assert json.loads(done.out)[0]["shape"] == [1, 64, 149, 249]


def test_models_are_listed_with_both_embedded_ones(tmp_path: Path) -> None:
    done = entoptic("models", folder=tmp_path)
    assert [line.split()[0] for line in done.out.splitlines()][:3] == [
        *("model", "squeezenet1_1", "efficientnet_lite0")
    ]
    assert list(json.loads(entoptic("models", "--json", folder=tmp_path).out))[:2] == [
        *("squeezenet1_1", "efficientnet_lite0")
    ]


def test_one_model_tells_of_itself(tmp_path: Path) -> None:
    done = entoptic("models", "squeezenet1_1", folder=tmp_path)
    told = dict(line.split("  ", 1) for line in done.out.splitlines())
    assert told["parameters"].strip() == "1235496"
    assert told["classes"].strip() == "1000"
    assert "BGR, 0 to 255, minus (104.0, 117.0, 123.0)" in told["preprocess"]
    facts = json.loads(entoptic("models", "squeezenet1_1", "--json", folder=tmp_path).out)
    assert facts["preprocess"]["mean"] == [104, 117, 123]
    assert facts["dreams_of"].startswith("energy(")


def test_identify_gives_as_many_classes_as_asked_for(folder: Path) -> None:
    done = entoptic("identify", "sky.png", "--top", "3", folder=folder)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 3)
    everything = entoptic("identify", "sky.png", "--top", "1000", "--json", folder=folder)
    guesses = json.loads(everything.out)
    probabilities = [each["probability"] for each in guesses]
    assert len({each["number"] for each in guesses}) == 1000
    assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    assert probabilities == sorted(probabilities, reverse=True)
    first = guesses[0]
    assert done.out.splitlines()[0].endswith(f"%  {first['label']} ({first['number']})")


@pytest.mark.parametrize("model", ["squeezenet1_1", "efficientnet_lite0"])
def test_a_cat_is_identified(shared: Callable[[str], Path], tmp_path: Path, model: str) -> None:
    photo = shared("photos/chelsea.png")
    done = entoptic("identify", photo, "--model", model, "--top", "3", "--json", folder=tmp_path)
    # Tabby, tiger cat, Egyptian cat.
    assert {281, 282, 285} & {each["number"] for each in json.loads(done.out)}
