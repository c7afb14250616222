"""Data of a site: scripts that hand a value to the page, since pages of the disk fetch nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

FORMAT = 1
"""Version of what pages read."""

GRID = 4096
"""Units of a layer whose scores share a file."""

DETAILS = 32
"""Units of a layer all of whose details share a file: some 60 kB."""


def write_shard(folder: Path, name: str, value: Any) -> None:
    """Write one script: `entoptic.shard(name, value)`.

    Args:
        folder: of the data, which is there.
        name: of the shard, and of its file, without folders.
        value: as JSON has it.
    """
    (folder / f"{name}.js").write_text(script(name, value), "ascii")


def script(name: str, value: Any) -> str:
    """Return the text of a shard, in which nothing of what it holds is markup or leaves a text.

    >>> script("a", "</script>")
    'entoptic.shard("a",JSON.parse("\\\\u0022\\\\u003c/script>\\\\u0022"));\\n'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    # As a text inside of a text: browsers read much JSON faster so than as JavaScript.
    inner = json.dumps(text).replace("<", "\\u003c").replace('\\"', "\\u0022")
    return f"entoptic.shard({json.dumps(name)},JSON.parse({inner}));\n"


def number(value: float | None) -> float | None:
    """Return a number as short as it is read; None where it is none.

    >>> number(12.3456789), number(float("nan")), number(0.0)
    (12.35, None, 0.0)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.4g}")
