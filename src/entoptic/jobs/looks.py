"""Looks: named settings of a dream, by network; what they are in words of the eye."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from entoptic.ascent.shaping import shaping_of, shaping_text
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import network_defaults
from entoptic.registry import suggestion

if TYPE_CHECKING:
    from entoptic.networks import Model

USUAL_LOOK = "natural"
"""The look where none is named: the network's defaults as they are."""

ORIGINAL: Mapping[str, Any] = {
    "octaves": 4,
    "steps": 10,
    "step_size": 1.5 / 255,
    "smoothing": 0.0,
    "shaping": "none",
    "headroom": 0.0,
}
"""The settings of "DeepDreaming with Caffe" (Mordvintsev, Olah, Tyka, 2015)."""


@dataclass(frozen=True)
class Look:
    """A named change of a dream's defaults.

    Args:
        words: what it is to the eye.
        settings: of `Dream`, beside the network's own; an objective among them.
        length: factor for the network's own length of a step.
    """

    words: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    length: float = 1.0

    @classmethod
    def of(cls, words: str, objective: str, length: float = 1.0) -> Look:
        """Return a look that differs by its objective, and by the length of steps."""
        return cls(words, {"objective": objective}, length)


GENERAL: Mapping[str, Look] = {
    USUAL_LOOK: Look("the network's default: natural colors, the whole frame"),
    "original": Look("the settings of the first DeepDream, garish and grainy", ORIGINAL),
    "subtle": Look("a hint, for a second glance", length=0.4),
    "wild": Look("twice as strong: the photo drowns", length=2.0),
    "soft": Look(
        "large, soft forms, little grain",
        {"shaping": "blur(1.2) + laplacian + decorrelate + spread", "smoothing": 2.0},
    ),
    "ink": Look(
        "light and dark alone; the photo's colors stay", {"shaping": "blur + luminance + spread"}
    ),
}
"""Looks that every network has."""

_SQUEEZENET = {
    "eyes": Look.of("eyes, wherever there is room", "energy('fire6')"),
    "fur": Look.of("fur, muzzles and whiskers", "positive('fire7') + positive('fire8')"),
    "swirls": Look.of("curls and rings, like a peacock's tail", "energy('fire5')"),
    "beads": Look.of("strings of beads and gems", "energy('fire4')", 0.7),
    "waves": Look.of("flowing strokes, as of an engraver", "energy('fire3')", 0.5),
    "brush": Look.of("bold strokes of a dry brush", "energy('fire2')", 0.4),
    "beasts": Look.of("whole animals, half hidden", "positive('conv10')"),
}

_EFFICIENTNET = {
    "orbs": Look.of("turned and ribbed bodies, shells and lamps", "positive('blocks.4')"),
    "filigree": Look.of("ornaments of fine parallel lines", "energy('blocks.3')"),
    "ribs": Look.of("hatched and woven ribs", "energy('blocks.2')"),
    "maze": Look.of("a labyrinth of thick strokes", "energy('blocks.1')", 0.6),
    "mountains": Look.of("ridges, scales and grasses", "energy('blocks.5')"),
    "mosaic": Look.of("a mosaic of late, small parts", "energy('blocks.6')"),
}

_GOOGLENET = {
    "architecture": Look.of("domes, arcades, wheels and dogs", "positive('inception_4c/output')"),
    "faces": Look.of("faces of dogs", "energy('inception_4a/output')"),
    "balloons": Look.of("balloons and heads, round and shaded", "energy('inception_4b/output')"),
    "animals": Look.of("animals with bodies and limbs", "energy('inception_4d/output')"),
    "bridges": Look.of("bridges, vessels and beasts", "energy('inception_4e/output')"),
    "feathers": Look.of("feathers and bursts, as of fireworks", "energy('inception_3b/output')"),
    "coral": Look.of("coral, curls and pebbles", "energy('inception_3a/output')"),
}

_VGG = {
    "dogs": Look.of("dogs, eyes and jars", "energy('conv5_1')"),
    "blossoms": Look.of("blossoms and clouds, softly shaded", "energy('conv5_3')"),
    "plumage": Look.of("plumage, beaks and scales", "energy('pool5')"),
    "flowers": Look.of("a carpet of small flowers", "energy('conv4_3')"),
    "ribbons": Look.of("ribbons and shells", "energy('conv4_1')"),
    "scales": Look.of("scales and leopard's spots", "energy('conv3_3')"),
    "strokes": Look.of("thick, smooth strokes", "energy('conv3_1')", 0.6),
    "dots": Look.of("dots, as of a print", "energy('conv2_2')", 0.6),
}

# The layers of torchvision's VGG-16 after whose ReLU, or pool, those of its authors' names end.
_TORCHVISION_VGG = {
    "conv2_2": 8, "conv3_1": 11, "conv3_3": 15, "conv4_1": 18, "conv4_3": 22, "conv5_1": 25,
    "conv5_3": 29, "pool5": 30,
}  # fmt: skip


def _renamed(looks: Mapping[str, Look], pattern: str, new: Any) -> dict[str, Look]:
    """Return looks whose layers have the names of another implementation."""
    return {
        name: Look.of(look.words, re.sub(pattern, new, look.settings["objective"]), look.length)
        for name, look in looks.items()
    }


_FAMILIES: Mapping[tuple[str, ...], Mapping[str, Look]] = {
    # What a network must have of layers: names that no other kind of network has together.
    ("fire2", "fire9", "conv10"): _SQUEEZENET,
    ("conv_stem", "blocks.6", "conv_head"): _EFFICIENTNET,
    ("inception_3a/output", "inception_5b/output"): _GOOGLENET,
    ("inception3a", "inception5b"): _renamed(_GOOGLENET, r"inception_(\w+)/output", r"inception\1"),
    ("conv2_2", "conv4_3", "conv5_3", "pool5"): _VGG,
    ("features.28", "features.29", "features.30"): _renamed(
        _VGG, r"(?:conv|pool)\w+", lambda found: f"features.{_TORCHVISION_VGG[found[0]]}"
    ),
}
"""Looks by the layers of their networks."""


def looks_of(model: Model) -> dict[str, Look]:
    """Return a network's looks by name: those of its family, then those that every network has."""
    return dict(_own(model)) | dict(GENERAL)


def _own(model: Model) -> Iterator[tuple[str, Look]]:
    for layers, looks in _FAMILIES.items():
        if all(layer in model.names for layer in layers):
            yield from looks.items()
            return


def look_settings(model: Model, name: str | None) -> dict[str, Any]:
    """Return the settings of a network's dream with a look; nothing of them is None.

    Args:
        model: the network.
        name: of the look; None for the usual one.

    Raises:
        BadSetting: the network has no such look.
    """
    looks = looks_of(model)
    if name is not None and name not in looks:
        raise BadSetting(f"{model.source} has no look {name!r}{suggestion(name, list(looks))}")
    look = looks[name or USUAL_LOOK]
    found = dict(network_defaults(model.source, "dream")) | dict(look.settings)
    if model.preprocess.channels == 1 or model.preprocess.shown != 3:
        # Colors are shaped where there are some.
        shaping = shaping_of(found.get("shaping", "none"))
        found["shaping"] = shaping_text(each for each in shaping if not each.of_colors)
    if look.length != 1:
        found["step_size"] = found["step_size"] * look.length
    return found
