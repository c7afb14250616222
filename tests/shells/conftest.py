"""Tiny pictures, and networks that are loaded once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import entoptic.jobs.permission
import entoptic.networks
import entoptic.networks.given
from shells.command import picture

_load = functools.cache(entoptic.networks.load)


# Of a module, not of the session: what it patches would stay for the tests of other folders that
# the same worker runs afterwards.
@pytest.fixture(scope="module", autouse=True)
def networks_once() -> Iterator[None]:
    """Load each network, and make its layer table, once for all tests of the command."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entoptic.networks, "load", _load)
        patch.setattr(entoptic.networks.given, "load", _load)
        patch.setattr(entoptic.jobs.permission, "load", _load)
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            patch.delenv(name, raising=False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two photos, sky.png and sea.png."""
    picture(1).save(tmp_path / "sky.png")
    picture(2).save(tmp_path / "sea.png")
    return tmp_path
