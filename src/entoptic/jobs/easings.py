"""Easings: how far a film has come at a time of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

EASINGS: Mapping[str, Callable[[float], float]] = {
    "smooth": lambda time: time * time * (3 - 2 * time),
    "linear": lambda time: time,
    "in": lambda time: time * time,
    "out": lambda time: time * (2 - time),
}
"""Functions from 0 to 1 by their names: slow at both ends, even, slow at the start, at the end."""
