"""Damages files, has them read by a process without rights, and tells what went wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from damage.mutations import damaged
from damage.wholes import Parts, wholes

_TESTS = Path(__file__).parents[1]
# Seconds for a batch; a file takes some milliseconds.
_LONGEST = 900


@dataclass
class Found:
    """What came of a number of damaged files.

    Args:
        outcomes: how often each, by format.
        faults: format, seed and what is wrong, of all that weren't read or refused as they should.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def run(counts: Mapping[str, int], folder: Path, first: int = 0) -> Found:
    """Damage so many files of each format.

    Args:
        counts: by format.
        folder: where they may be written.
        first: number of the first seed.
    """
    whole = wholes()
    given = [_written(folder, f"{kind}-whole", kind, whole[kind]) for kind in counts]
    seeds = [f"{kind}-{first + n}" for kind, count in counts.items() for n in range(count)]
    lines = [
        _written(folder, seed, kind, damaged(whole[kind], seed))
        for seed in seeds
        for kind in [seed.partition("-")[0]]
    ]
    found = Found()
    done = 0
    while done < len(lines):
        done += _read(given, lines[done:], seeds[done:], found)
    return found


def _written(folder: Path, name: str, kind: str, parts: Parts) -> str:
    paths = [folder / f"{name}{end}" for end in parts]
    for path, data in zip(paths, parts.values(), strict=True):
        path.write_bytes(data)
    return "\t".join([kind, *map(str, paths)])


def _read(whole: list[str], lines: list[str], seeds: list[str], found: Found) -> int:
    """Have files read by one process, up to the one that ends it; how many it came by."""
    text = "\n".join([str(len(whole)), *whole, *lines])
    paths = os.pathsep.join([str(_TESTS), *sys.path])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "damage.sandbox"],
            input=text,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
        output, end = done.stdout, f"ended by {done.returncode}: {done.stderr[-500:]}"
    except subprocess.TimeoutExpired as error:
        output, end = (error.stdout or b"").decode(), "hangs"
    answers = [line.partition(" ")[2] for line in output.splitlines()]
    if not answers:
        raise AssertionError(f"the process can't begin: {end}")
    is_whole = (
        len(answers) == len(lines) and output.endswith("\n") and "caught: " not in answers[-1]
    )
    for seed, answer in zip(seeds, answers, strict=False):
        kind = seed.partition("-")[0]
        told = answer or end
        found.outcomes[
            f"{kind}: {told.partition(' ')[0] if told in ('read', 'refused') else 'fault'}"
        ] += 1
        if told not in ("read", "refused"):
            found.faults.append(f"{seed}: {told}")
    assert is_whole or len(answers) <= len(lines)
    return len(answers)
