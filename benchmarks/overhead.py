"""What a step costs in Python: bytecodes, counted, and milliseconds where there is next to no work.

    python -m benchmarks.overhead [--functions 0] [--json FILE]

Bytecodes are those that the interpreter carries out in one step after those that make things ready;
they are the same each time, however busy the machine is. `entoptic` are those of our own modules,
`all` also those of torch and of Python's library. The network is one convolution of four channels
and the picture is small, so that the milliseconds are nearly all overhead. A visualization's first
17 steps go by gradient rules, on a graph of their own.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import entoptic as ent
from entoptic.ascent.loop import Step
from entoptic.networks import Model
from entoptic.recipes.visualize import Visualize

# What is timed of each climb.
_STEPS = 200

Trace = Callable[[FrameType, str, Any], Any]


@dataclass(frozen=True)
class Climb:
    """A climb on the small network.

    Args:
        begin: its steps.
        counted: the number of the step whose bytecodes are counted, from 1; in the steps 1, 2, 4,
            8, ... a climb looks at its gradient besides.
    """

    begin: Callable[[], Iterator[Step]]
    counted: int


def small() -> Model:
    """A network that has next to nothing to compute."""
    torch.manual_seed(0)
    return Model.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()))


def dream() -> Iterator[Step]:
    """As a dream climbs."""
    return ent.ascend(
        small(),
        ent.energy("1"),
        ent.Pixels(torch.rand((1, 3, 8, 12), generator=torch.Generator().manual_seed(0))),
        transforms=[ent.Jitter(4)],
        optimizer=ent.climb(),
        steps=1_000_000,
    )


def visualization() -> Iterator[Step]:
    """As units climb where nothing else is asked for."""
    plan = Visualize(small(), ["1:2"], device="cpu", size=16, steps=1_000_000).plan()
    return plan.steps()


CLIMBS = {
    "dream": Climb(dream, 6),
    "visualize, first steps": Climb(visualization, 6),
    "visualize": Climb(visualization, 21),
}

# What a step should stay below, beside what it takes: measured in Python 3.11, and a quarter more.
MOST = {"dream": 2406, "visualize, first steps": 6840, "visualize": 4865}


def bytecodes(climb: Climb) -> Counter[tuple[str, str]]:
    """Of one step, by module and function."""
    steps = climb.begin()
    for _ in range(climb.counted - 1):
        next(steps)
    counts: Counter[tuple[str, str]] = Counter()

    def trace(frame: FrameType, event: str, _value: Any) -> Trace:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            counts[frame.f_globals.get("__name__", ""), frame.f_code.co_qualname] += 1
        return trace

    before = sys.gettrace()
    gc.collect()
    gc.disable()  # what it would call belongs to no step
    sys.settrace(trace)
    try:
        next(steps)
    finally:
        sys.settrace(before)
        gc.enable()
    return counts


def seconds(climb: Climb) -> float:
    """Of a step, the median."""
    steps = climb.begin()
    for _ in range(climb.counted):
        next(steps)
    times = []
    for _ in range(_STEPS):
        started = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure() -> list[dict[str, Any]]:
    """Of each climb, what a step costs."""
    torch.set_num_threads(1)
    rows = []
    for name, climb in CLIMBS.items():
        counts = bytecodes(climb)
        rows.append(
            {
                "climb": name,
                "entoptic": sum(n for (module, _), n in counts.items() if _is_ours(module)),
                "all": counts.total(),
                "milliseconds": 1e3 * seconds(climb),
                "functions": {
                    f"{module}.{function}": count
                    for (module, function), count in counts.most_common()
                },
            }
        )
    return rows


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "entoptic"


def table(rows: Sequence[Mapping[str, Any]], functions: int = 0) -> Iterator[str]:
    """The rows in Markdown, with the functions that cost most."""
    yield f"One step in Python {sys.version.split()[0]}, torch {torch.__version__}."
    yield ""
    yield "| climb | bytecodes of entoptic | in Python 3.11 at most | of all | ms |"
    yield "|---|---:|---:|---:|---:|"
    for row in rows:
        ours, most, of_all = row["entoptic"], MOST[row["climb"]], row["all"]
        yield f"| {row['climb']} | {ours} | {most} | {of_all} | {row['milliseconds']:.2f} |"
    for row in rows if functions else ():
        yield ""
        yield f"{row['climb']}:"
        for name, count in list(row["functions"].items())[:functions]:
            yield f"- {name}: {count}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", type=int, default=0, help="that cost most, so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = measure()
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), "utf-8")
    print("\n".join(table(rows, options.functions)))


if __name__ == "__main__":
    main()
