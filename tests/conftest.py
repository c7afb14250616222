"""What all tests share: checked annotations, and the folder with real networks and photographs."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import iter_modules

import pytest
from jaxtyping import config, install_import_hook

# As seldom as in the command: of a heap with torch's half a million objects, looking takes 0.1 s.
gc.set_threshold(10_000)

# From here on every function of entoptic that is imported checks its annotations, axes included.
# Not so the command's, which name classes that are imported only when work begins, and the embedded
# networks', which are traced with stand-ins for tensors.
_SOURCE = Path(__file__).parents[1] / "src" / "entoptic"
_checked = [
    ".".join(("entoptic", *folder, each.name))
    for folder in ((), ("networks",), ("networks", "sources"))
    for each in iter_modules([str(_SOURCE.joinpath(*folder))])
    if each.name not in ("cli", "networks", "sources", "zoo")
]
install_import_hook(_checked, "typechecker.checked")

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


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Annotations go unchecked, as they do for users: what a wrong argument meets there."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
