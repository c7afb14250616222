"""Kept memory: a large block that is freed and taken again costs no new pages."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from entoptic.models.memory import keep_freed_memory


def new_pages(blocks: int) -> int:
    """Pages that the system had to hand out while large blocks were taken, filled and freed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.ones(16 << 20)  # 64 MiB, larger than what glibc keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_a_block_that_was_freed_is_used_again() -> None:
    assert keep_freed_memory()
    new_pages(4)  # the heap grows
    # Without it each of the 8 blocks would be 16384 new pages of 4 KiB, or 32 of 2 MiB.
    assert new_pages(8) < 32


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory.__wrapped__() is False
