"""What a picture should score: objectives as data, with arithmetic, names and a parser."""

from entoptic.objectives.algebra import (
    Activations,
    Combined,
    Const,
    Network,
    Objective,
    PerImage,
    Reference,
    per_image,
)
from entoptic.objectives.library import (
    channel,
    energy,
    l2,
    logit,
    match,
    mean,
    neuron,
    total,
    total_variation,
)
from entoptic.objectives.parser import parse
from entoptic.objectives.terms import (
    Channel,
    Column,
    Guide,
    Label,
    Leaf,
    Row,
    objective,
    vocabulary,
)

__all__ = [
    "Activations",
    "Channel",
    "Column",
    "Combined",
    "Const",
    "Guide",
    "Label",
    "Leaf",
    "Network",
    "Objective",
    "PerImage",
    "Reference",
    "Row",
    "channel",
    "energy",
    "l2",
    "logit",
    "match",
    "mean",
    "neuron",
    "objective",
    "parse",
    "per_image",
    "total",
    "total_variation",
    "vocabulary",
]
