"""A catalog of a network whose weights are written by hand, for tests of sites."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from inline import Inline

MODEL = "python:site_nets:hand"

LAST = "<img src=x onerror=hurt()>"
"""A layer's name that would be markup, were it written as such."""

LABELS = ("red, crimson", "</script><b>blue</b>")

FIRST = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
SECOND = [[1, -2, 0, 3], [0, 0, 4, -5]]

_NETS = f"""
from collections import OrderedDict

import torch
from torch import nn

import entoptic as ent


def pointwise(matrix):
    weight = torch.tensor(matrix, dtype=torch.float32)[:, :, None, None]
    made = nn.Conv2d(weight.shape[1], len(weight), 1, bias=False)
    made.weight.data = weight
    return made


def hand():
    net = nn.Sequential(OrderedDict([
        ("first", pointwise({FIRST})), ("relu", nn.ReLU()), ({LAST!r}, pointwise({SECOND})),
        ("mean", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()),
    ]))
    return ent.Model.wrap(net, labels={LABELS}, source={MODEL!r}, normalize=None)
"""

HOW: dict[str, Any] = {
    "size": 16, "steps": 1, "device": "cpu", "on": Inline(), "transforms": "none", "batch": 8,
}  # fmt: skip


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Put the network where it is imported from."""
    (folder / "site_nets.py").write_text(_NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


COLORS = [(at / 15, at * 7 % 16 / 15, 1 - at / 15) for at in range(16)]
"""Red, green and blue of the photographs: blue lacks what red has."""


def photo(at: int) -> str:
    """Return the name of a photograph; the last would be markup, where files may be called so."""
    return "<i>15.png" if at == 15 and os.name != "nt" else f"{at:02}.png"


def make(folder: Path, **more: Any) -> ent.Catalog:
    """Make the catalog: four units of the first layer, two of the last, 16 photographs."""
    photos = folder.with_name(f"{folder.name}-photos")
    photos.mkdir()
    for at, color in enumerate(COLORS):
        image = torch.tensor(color)[None, :, None, None].expand(-1, -1, 12, 16)
        ent.write(photos / photo(at), image)
    how = HOW | {"output": folder, "photos": photos, "negative": True} | more
    return ent.catalog(MODEL, "first", LAST, **how)
