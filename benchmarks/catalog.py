"""The rate of a catalog beside that of one call of `visualize`, as a ratio: seconds for each unit.

    python -m benchmarks.catalog [--units 128] [--rounds 3] [--layer fire5] [--json FILE]

Both make the same pictures with the preview's settings as a command, in turns, start-up included.
Seconds of the clock are what a user waits for; those of processors are nearly the same on a busy
machine. The last column is of the units beyond the first quarter, without start-up: a catalog has a
process more for each worker, and each imports torch.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from entoptic.catalogs.plan import PREVIEW


def commands(layer: str, units: int, folder: Path) -> dict[str, list[str]]:
    """Return the two commands, which write into a folder."""
    preview = [f"--{name}={value}" for name, value in PREVIEW.items()]
    which = f"0-{units - 1}"
    network = "squeezenet1_1"
    return {
        "visualize": ["visualize", f"{layer}:{which}", "-m", network, *preview, "-o", f"{folder}/"],
        "catalog": [
            "catalog", network, layer, "--units", which, *preview, "--units-only", "-o", str(folder)
        ],
    }  # fmt: skip


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Run a command of entoptic; return the seconds of the clock, and of processors."""
    before, began = _of_children(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "entoptic", *arguments, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - began, _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", default="fire5")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    few = options.units // 4
    runs: dict[str, dict[int, list[tuple[float, float]]]] = {
        name: {few: [], options.units: []} for name in ("visualize", "catalog")
    }
    for _ in range(options.rounds):
        for name, counts in runs.items():
            for count, taken in counts.items():
                with tempfile.TemporaryDirectory() as folder:
                    command = commands(options.layer, count, Path(folder) / "made")[name]
                    taken.append(seconds(command))
    print(f"| {options.units} units | seconds a unit | of processors | without start-up, these |")
    print("|---|---|---|---|")
    rows = {}
    for name, counts in runs.items():
        wall, used = (statistics.median(each) for each in zip(*counts[options.units], strict=True))
        less = statistics.median(each for _, each in counts[few])
        further = (used - less) / (options.units - few)
        rows[name] = (wall / options.units, used / options.units, further)
        print(f"| {name} |", " | ".join(f"{each:.3f}" for each in rows[name]), "|")
    ratios = [c / v for c, v in zip(rows["catalog"], rows["visualize"], strict=True)]
    print("| ratio |", " | ".join(f"{each:.3f}" for each in ratios), "|")
    if options.json is not None:
        options.json.write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
