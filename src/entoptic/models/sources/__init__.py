"""Where networks come from: each source turns a specification into a Model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from entoptic.errors import UnknownModel
from entoptic.models.model import Model
from entoptic.models.sources import embedded
from entoptic.registry import Registry

DEFAULT = "squeezenet1_1"


@dataclass(frozen=True)
class Source:
    """A way to get a network.

    Args:
        load: makes a Model of the specification's rest.
        summary: one line for `entoptic models`.
    """

    load: Callable[[str], Model]
    summary: str


sources: Registry[Source] = Registry("model", UnknownModel)
"""Names of embedded networks, and prefixes such as `timm:`, to sources."""

sources.add(
    "squeezenet1_1",
    Source(embedded.squeezenet1_1, "SqueezeNet 1.1, ImageNet, embedded: small, fast, the default"),
)
sources.add(
    "efficientnet_lite0",
    Source(embedded.efficientnet_lite0, "EfficientNet-Lite0, ImageNet, embedded: more accurate"),
)


def load(spec: str = DEFAULT) -> Model:
    """Load a network.

    Args:
        spec: `squeezenet1_1` (the default) or `efficientnet_lite0`.

    Raises:
        UnknownModel: no source understands it; with the nearest.
        BadWeights: its weights are damaged.

    >>> load().source
    'squeezenet1_1'
    """
    name, _, rest = spec.partition(":")
    return sources[name].load(rest)
