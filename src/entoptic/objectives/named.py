"""The registered objectives, as attributes: `named.channel` is `vocabulary["channel"]`."""

from __future__ import annotations

from typing import Any

from entoptic.objectives.terms import vocabulary


def __getattr__(name: str) -> Any:
    if name not in vocabulary:
        raise AttributeError(f"no objective named {name!r}")
    return vocabulary[name]
