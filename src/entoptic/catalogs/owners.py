"""Owners of leases: which process works on a batch, and whether it is still there."""

from __future__ import annotations

import os
import platform
import secrets
from pathlib import Path


def owner() -> str:
    """Return a name for one run of this process: machine, process, and a token of the run."""
    return f"{_machine()}/{os.getpid()}/{secrets.token_hex(4)}"


def is_gone(named: str) -> bool:
    """Tell whether the process of an owner of this machine is there no more.

    Of other machines, and where that can't be known, it is taken to be there.
    """
    machine, number, _ = named.split("/")
    if machine != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    """Return the name of the machine, or of the container, whose process numbers are its own."""
    names = Path("/proc/self/ns/pid")
    inside = f"-{names.stat().st_ino}" if names.exists() else ""
    return platform.node().replace("/", "-") + inside
