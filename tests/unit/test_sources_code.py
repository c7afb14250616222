"""Sources that run code: the user's own functions, and other packages' sources."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.errors import UnknownModel
from entoptic.layers import Layer
from entoptic.networks import Model, load
from entoptic.networks.sources import find, summaries
from entoptic.networks.sources.source import Source
from entoptic.networks.sources.spec import Spec

MODULE = """
from torch import nn
import entoptic as ent

def plain():
    return nn.Sequential(nn.Conv2d(3, 5, 3))

def whole():
    how = ent.Preprocess((8, 9), (0, 0, 0), (1, 1, 1))
    return ent.Model.wrap(plain(), preprocess=how, labels=["a", "b", "c", "d", "e"])

def number():
    return 3

constant = 4
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module of the user's own in it."""
    (tmp_path / "own_networks.py").write_text(MODULE)
    (tmp_path / "own_needy.py").write_text("import no_such_package_at_all\n")
    monkeypatch.chdir(tmp_path)
    for name in ("own_networks", "own_needy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_module_of_the_working_directory_makes_a_network(here: Path) -> None:
    before = list(sys.path)
    model = load("python:own_networks:plain?mean=0.5&std=0.25")
    assert sys.path == before
    assert model.layers(size=(8, 9))[Layer("output")].shape == (1, 5, 6, 7)
    assert model.source == "python:own_networks:plain?mean=0.5&std=0.25"
    assert model.preprocess.mean == (0.5, 0.5, 0.5)


def test_a_whole_model_keeps_its_preprocessing_and_labels(here: Path) -> None:
    model = load("python:own_networks:whole")
    assert model.preprocess.size == (8, 9)
    assert model.label("c") == 2
    assert model.source == "python:own_networks:whole"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("python:", "names no function; write python:MODULE:FUNCTION"),
        ("python:own_networks", "names no function; write python:MODULE:FUNCTION"),
        ("python:own_netwroks:plain", "there is no module 'own_netwroks' to import"),
        ("python:own_networks.deep:plain", "there is no module 'own_networks.deep' to import"),
        ("python:own_needy:plain", "own_needy needs the module 'no_such_package_at_all'"),
        ("python:own_networks:plane", "own_networks has no function 'plane'"),
        ("python:own_networks:constant", "own_networks has no function 'constant'"),
        ("python:own_networks:number", "number of own_networks returns int; it must return a"),
    ],
)
def test_what_is_wrong_with_a_function_is_one_line(spec: str, message: str, here: Path) -> None:
    with pytest.raises(UnknownModel, match=message):
        load(spec)


def test_the_summary_says_that_code_is_run() -> None:
    assert "runs code" in summaries()["python:MODULE:FUNCTION"]


def network(spec: Spec) -> Model:
    """A source of another package."""
    torch.manual_seed(int(spec.rest))
    return ent.Model.wrap(nn.Conv2d(3, 2, 1), source=spec.text)


whole_source = Source(network, "theirs:SEED", "one convolution")


def not_a_model(spec: Spec) -> Any:
    return spec.rest


text = "neither a source nor a function"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages with sources; `broken` would fail if it were imported."""
    sys.modules["their_package"] = sys.modules[__name__]
    entries = [
        EntryPoint("theirs", "their_package:whole_source", "entoptic.sources"),
        EntryPoint("plain", "their_package:network", "entoptic.sources"),
        EntryPoint("wrong", "their_package:not_a_model", "entoptic.sources"),
        EntryPoint("words", "their_package:text", "entoptic.sources"),
        EntryPoint("broken", "no_such_package_at_all:load", "entoptic.sources"),
        EntryPoint("twice", "their_package:network", "entoptic.sources"),
        EntryPoint("twice", "their_package:whole_source", "entoptic.sources"),
    ]

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "entoptic.sources"
        return [each for each in entries if name in (None, each.name)]

    home = sys.modules[Source.__module__]
    monkeypatch.setattr(home, "entry_points", entry_points)


@pytest.mark.parametrize("word", ["theirs", "plain"])
def test_other_packages_bring_sources(word: str, packages: None) -> None:
    model = load(f"{word}:7?scale=255")
    assert model.preprocess.scale == 255
    torch.manual_seed(7)
    assert torch.equal(model.module.state_dict()["weight"], nn.Conv2d(3, 2, 1).weight)


def test_all_sources_are_listed_and_a_broken_one_says_so(packages: None) -> None:
    found = summaries()
    assert found["theirs:SEED"] == "one convolution"
    assert found["plain:..."] == "from the package their_package:network"
    assert "can't be imported (No module named 'no_such_package_at_all')" in found["broken"]
    assert "their_package:network, their_package:whole_source" in found["twice"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("broken", "'broken' of the package .* can't be imported .*; update or remove"),
        ("words", "is no Source and no function"),
        ("wrong", "the source 'wrong' gives str, not a Model"),
        ("thiers", "no model named 'thiers'; did you mean 'theirs'"),
    ],
)
def test_what_is_wrong_with_a_package_is_one_line(word: str, message: str, packages: None) -> None:
    with pytest.raises(UnknownModel, match=message):
        load(f"{word}:1")


def test_a_source_of_entoptic_needs_no_package(packages: None) -> None:
    assert find("squeezenet1_1").form == "squeezenet1_1"
