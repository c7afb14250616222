"""What all tests share: checked annotations, and the folder with real networks and photographs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# From here on every function of entoptic that is imported checks its annotations, axes included.
install_import_hook("entoptic", "beartype.beartype")

_DATA = Path(
    os.environ.get("ENTOPTIC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
).resolve()


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Path of a file of the developers' test data; skips the test where there is none."""

    def find(name: str) -> Path:
        path = _DATA / name
        if not path.exists():
            pytest.skip(f"needs the developers' test data {name!r} (set ENTOPTIC_TEST_DATA)")
        return path

    return find
