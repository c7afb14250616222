"""The rate of a catalog beside that of one call of `visualize`, as a ratio: seconds for each unit.

    python -m benchmarks.catalog [--units 128] [--rounds 3] [--layer fire5] [--json FILE]

Both make the same pictures with the preview's settings as a command, in turns, start-up included.
Seconds of the clock are what a user waits for; those of processors are the same on a busy machine.
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
    found: dict[str, list[tuple[float, float]]] = {"visualize": [], "catalog": []}
    for _ in range(options.rounds):
        for name in found:
            with tempfile.TemporaryDirectory() as folder:
                command = commands(options.layer, options.units, Path(folder) / "made")[name]
                found[name].append(seconds(command))
    print("| seconds a unit | clock | processors |\n|---|---|---|")
    medians = {}
    for name, runs in found.items():
        medians[name] = [
            statistics.median(each) / options.units for each in zip(*runs, strict=True)
        ]
        print(f"| {name} | {medians[name][0]:.3f} | {medians[name][1]:.3f} |")
    ratios = [c / v for c, v in zip(medians["catalog"], medians["visualize"], strict=True)]
    print(f"| ratio | {ratios[0]:.3f} | {ratios[1]:.3f} |")
    if options.json is not None:
        options.json.write_text(json.dumps({"units": options.units, "seconds": found}))


if __name__ == "__main__":
    main()
