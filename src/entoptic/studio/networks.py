"""The networks of a studio: those that its owner allows, each loaded once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from entoptic.catalogs.plan import default_layers
from entoptic.errors import BadSetting
from entoptic.networks import Model, load
from entoptic.networks.sources import sources
from entoptic.networks.sources.embedded import is_installed


class Networks:
    """Networks by the names that `load` takes.

    Args:
        named: those that the owner names, beside the embedded ones; loaded at once, so that one
            that can't be is told before the page is opened.

    Raises:
        EntopticError: one can't be loaded.
    """

    def __init__(self, named: Sequence[str] = ()) -> None:
        self.names = tuple(dict.fromkeys([*embedded(), *named]))
        self._loaded: dict[str, Model] = {}
        self._lock = threading.Lock()
        for name in named:
            self[name]

    def __getitem__(self, name: str) -> Model:
        """Return a network, loaded.

        Raises:
            BadSetting: the studio has no such network.
            EntopticError: it can't be loaded.
        """
        if name not in self.names:
            raise BadSetting(
                f"this studio has no such network; it has {', '.join(self.names)}, and its owner "
                "adds others by `entoptic studio --model NAME`"
            )
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load(name)
            return self._loaded[name]

    def layers(self, name: str) -> tuple[str, ...]:
        """Return the layers of a network that are shown, early to late."""
        model = self[name]
        try:
            return default_layers(model)
        except BadSetting:  # a network without blocks shows all that it has
            return tuple(str(layer) for layer, info in model.layers().items() if info.channels)

    def channels(self, name: str, layer: str) -> int:
        """Return how many channels one of the layers has.

        Raises:
            BadSetting: it isn't one of them.
        """
        if layer not in self.layers(name):
            raise BadSetting(f"{name} has no layer {layer!r} in the studio")
        model = self[name]
        return model.layers()[model.resolve(layer)].channels or 0

    def labels(self, name: str, layer: str) -> tuple[str, ...]:
        """Return the names of a layer's channels, where they are classes."""
        labels = self[name].labels
        return labels if labels and len(labels) == self.channels(name, layer) else ()


def embedded() -> list[str]:
    """Return the names of the networks that are installed with entoptic.

    >>> embedded()[:2]
    ['squeezenet1_1', 'efficientnet_lite0']
    """
    return [name for name in sources if ":" not in sources[name].form and is_installed(name)]
