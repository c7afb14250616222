"""Defaults of recipes by network: one table, chosen by eye unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USUAL = "squeezenet1_1"
"""The network where none is named."""

_EFFICIENTNET: Mapping[str, Mapping[str, Any]] = {
    "dream": {
        "objective": "energy('blocks.4')",
        "octaves": 5,
        "step_size": 1.8 / 255,
        "smoothing": 1.0,
        "shaping": "blur(0.8) + decorrelate + spread",
        "headroom": 0.05,
    },
    # Its pictures of classes are those that other networks recognise best.
    "visualize": {"method": "natural_wide"},
    "compare": {"method": "natural_wide"},
    "evaluate": {"method": "natural_wide"},
    "caricature": {"layer": "blocks.3"},
    "invert": {"layer": "blocks.2"},
    "accentuate": {"reference_layer": "blocks.1", "weight": 50.0},
    "interpolate": {"reference_layer": "blocks.3"},
    "grid": {"layer": "blocks.3"},
    "groups": {"layer": "blocks.4.1.act2"},
}

NETWORKS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "squeezenet1_1": {
        "dream": {
            "objective": "energy('fire7') + energy('fire8')",
            "octaves": 5,
            "steps": 12,
            "step_size": 1.3 / 255,
            "smoothing": 1.5,
            "shaping": "blur + decorrelate + spread",
            "headroom": 0.05,
        },
        # Late enough for shapes, early enough that they stay where the photo has them.
        "caricature": {"layer": "fire6"},
        "invert": {"layer": "fire5"},
        # Its activations of the photo stay, and so does the photo.
        "accentuate": {"reference_layer": "fire3"},
        "interpolate": {"reference_layer": "fire5"},
        # Neighboring pictures differ, and belong together all the same.
        "grid": {"layer": "fire8"},
        # Groups are parts of things here, and no activation is below 0.
        "groups": {"layer": "fire8"},
    },
    "efficientnet_lite0": _EFFICIENTNET,
    "efficientnet_lite1": _EFFICIENTNET,
    "efficientnet_lite2": _EFFICIENTNET,
}
"""Settings by the network's name and the recipe's."""

OTHERS: Mapping[str, Mapping[str, Any]] = {
    "dream": {
        "octaves": 4,
        "steps": 10,
        "step_size": 2 / 255,
        "smoothing": 1.5,
        "shaping": "blur + decorrelate + spread",
        "headroom": 0.05,
    },
}
"""Settings by the recipe's name for every other network; chosen with GoogLeNet and VGG-16."""


def network_defaults(source: str, recipe: str) -> Mapping[str, Any]:
    """Return a network's own settings of a recipe; its options change nothing in them.

    >>> network_defaults("squeezenet1_1?size=300x300", "caricature")
    {'layer': 'fire6'}
    """
    return NETWORKS.get(source.partition("?")[0], OTHERS).get(recipe, {})
