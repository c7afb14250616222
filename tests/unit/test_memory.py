"""Kept memory: a large block that is freed and taken again costs no new pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from entoptic.networks.memory import keep_freed_memory

# In a process of its own, so that no other test's heap decides where blocks come to lie.
_COUNT = """
import resource, sys, torch
from entoptic.networks.memory import keep_freed_memory

def new_pages(blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.ones(16 << 20)  # 64 MiB, larger than what glibc keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

without = new_pages(24)
assert keep_freed_memory()
new_pages(4)  # the heap grows
print(without, new_pages(24))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_a_block_that_was_freed_is_used_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COUNT], capture_output=True, text=True, check=True
    )
    without, kept = map(int, done.stdout.split())
    # Each block is new without it: 16384 pages of 4 KiB, or 32 of 2 MiB. The heap may move once.
    assert without >= 24 * 32
    assert kept < without / 4


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory.__wrapped__() is False
