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
from entoptic.objectives.batches import (
    alignment,
    channel_interpolate,
    diversity,
)
from entoptic.objectives.comparisons import (
    caricature,
    input_diff,
    inversion,
    match,
    style,
)
from entoptic.objectives.kinds import (
    Channel,
    Channels,
    Column,
    Guide,
    Label,
    Map,
    Overlay,
    Positive,
    Power,
    Row,
    Vector,
)
from entoptic.objectives.parser import (
    parse,
)
from entoptic.objectives.penalties import (
    blurriness,
    l1,
    l2,
    linf,
    total_variation,
)
from entoptic.objectives.terms import (
    Leaf,
    objective,
    vocabulary,
)
from entoptic.objectives.units import (
    channel,
    channel_weights,
    channels,
    direction,
    logit,
    neuron,
    neuron_direction,
    neuron_weights,
)
from entoptic.objectives.wholes import (
    energy,
    mean,
    positive,
    total,
)

__all__ = [
    "Activations",
    "Channel",
    "Channels",
    "Column",
    "Combined",
    "Const",
    "Guide",
    "Label",
    "Leaf",
    "Map",
    "Network",
    "Objective",
    "Overlay",
    "PerImage",
    "Positive",
    "Power",
    "Reference",
    "Row",
    "Vector",
    "alignment",
    "blurriness",
    "caricature",
    "channel",
    "channel_interpolate",
    "channel_weights",
    "channels",
    "direction",
    "diversity",
    "energy",
    "input_diff",
    "inversion",
    "l1",
    "l2",
    "linf",
    "logit",
    "match",
    "mean",
    "neuron",
    "neuron_direction",
    "neuron_weights",
    "objective",
    "parse",
    "per_image",
    "positive",
    "style",
    "total",
    "total_variation",
    "vocabulary",
]
