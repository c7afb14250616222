"""Judges: other networks that classify a picture made for a class."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from entoptic.errors import BadSetting
from entoptic.images.resize import resize
from entoptic.layers import LOGITS
from entoptic.networks import Model
from entoptic.objectives import Leaf, Objective
from entoptic.types import Image


@dataclass(frozen=True)
class ClassName:
    """The names of a class, by which another network's is found.

    Args:
        label: its label, synonyms included.
        synset: its WordNet number, None where the network doesn't know it.
    """

    label: str
    synset: str | None


@dataclass(frozen=True)
class Verdict:
    """A judge's verdict on the pictures of one class.

    Args:
        judge: the network's specification.
        top1: share of the pictures whose most probable class is this one.
        probability: of this class, mean over the pictures.
    """

    judge: str
    top1: float
    probability: float


def is_class(unit: Objective) -> bool:
    """Tell whether a unit is a class: `logit` or `log_odds`, and nothing else."""
    return isinstance(unit, Leaf) and unit.name in ("logit", "log_odds")


def class_name(model: Model, unit: Objective) -> ClassName | None:
    """Return the names of a unit's class; None where the network has no labels."""
    assert isinstance(unit, Leaf)
    label, layer = unit.arguments
    owner = model.members[model.member(layer)[0]] if model.members else model
    number = model.label(label, layer)
    if owner.labels is None:
        return None
    return ClassName(owner.labels[number], owner.synsets[number] if owner.synsets else None)


def counterpart(name: ClassName, judge: Model) -> int | None:
    """Return the judge's class of a name, None where it has none or the name leaves several.

    By synset where both have one; else by the whole label, then by each of its synonyms.
    """
    if name.synset and judge.synsets:
        return judge.synsets.index(name.synset) if name.synset in judge.synsets else None
    labels = [_names(label) for label in judge.labels or ()]
    for text in _names(name.label):
        found = [number for number, names in enumerate(labels) if text in names]
        if len(found) == 1:
            return found[0]
    return None


def check_judge(judge: Model) -> None:
    """Raise where a network can't say which class it sees.

    Raises:
        BadSetting: it has no labels, no scores of classes, or is an ensemble.
    """
    if judge.members:
        raise BadSetting(f"{judge.source} is several networks; name each of them as a judge")
    shape = judge.info(judge.resolve(LOGITS), judge.preprocess.size).shape
    if not judge.labels or len(shape) < 2 or len(judge.labels) != shape[1]:
        raise BadSetting(
            f"{judge.source} can't judge which class a picture shows: it has no labels for its "
            f"output of {shape}; name a classifier"
        )


@torch.no_grad()
def verdict(judge: Model, number: int, images: Image) -> Verdict:
    """Return a judge's verdict on pictures that should show one of its classes.

    Args:
        judge: a classifier; each picture is brought to its own size.
        number: of its class.
        images: (batch, 3, height, width), sRGB in [0, 1].
    """
    sized = resize(images, *judge.preprocess.size).clamp(0, 1)
    layer = judge.resolve(LOGITS)
    probabilities = _probabilities(judge.activations(sized, [layer])[layer])
    hits = probabilities.argmax(1) == number
    return Verdict(judge.source, float(hits.float().mean()), float(probabilities[:, number].mean()))


def _probabilities(logits: Tensor) -> Tensor:
    """(batch, classes); scores at several positions are averaged, as `logit` does."""
    return logits.flatten(2).mean(2).softmax(1) if logits.ndim > 2 else logits.softmax(1)


def _names(label: str) -> Collection[str]:
    """Return a label as a whole, then its synonyms."""
    parts = (label, *label.split(","))
    return list(dict.fromkeys(part.strip().casefold() for part in parts))
