"""The packaged names of the 1000 ImageNet classes: whole, in class order, known ones in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest


def lines() -> list[list[str]]:
    file = resources.files("entoptic.networks.sources") / "imagenet_labels.txt"
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


def test_there_are_1000_lines_of_a_synset_and_a_label() -> None:
    assert len(lines()) == 1000
    assert all(len(line) == 2 for line in lines())
    assert all(re.fullmatch(r"n\d{8}", synset) for synset, _ in lines())
    assert all(label and label == label.strip() for _, label in lines())


def test_synsets_are_unique_and_ascend_as_the_class_order_does() -> None:
    synsets = [synset for synset, _ in lines()]
    assert len(set(synsets)) == 1000
    assert synsets == sorted(synsets)


@pytest.mark.parametrize(
    ("index", "synset", "label"),
    [
        (0, "n01440764", "tench, Tinca tinca"),
        (1, "n01443537", "goldfish, Carassius auratus"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby, tabby cat"),
        (282, "n02123159", "tiger cat"),
        (285, "n02124075", "Egyptian cat"),
        (967, "n07920052", "espresso"),
        (999, "n15075141", "toilet tissue, toilet paper, bathroom tissue"),
    ],
)
def test_known_classes_stand_at_their_numbers(index: int, synset: str, label: str) -> None:
    assert lines()[index] == [synset, label]


def test_one_label_names_two_classes_the_bird_and_the_machine() -> None:
    labels = [label for _, label in lines()]
    twice = [index for index, label in enumerate(labels) if labels.count(label) > 1]
    assert twice == [134, 517]
    assert labels[134] == labels[517] == "crane"


def test_all_lines_agree_with_the_classic_list(shared: Callable[[str], Path]) -> None:
    classic = shared("reference/synset_words.txt").read_text(encoding="utf-8").splitlines()
    assert lines() == [line.split(" ", 1) for line in classic]
