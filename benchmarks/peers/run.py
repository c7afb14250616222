"""Makes the pictures of one method, in the environment that the method is installed in."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import METHODS
from benchmarks.peers.network import Task, save


def make(method: str, task: Task, units: list[int], evaluations: int, folder: Path) -> None:
    """Write the pictures that aren't there yet, and what each took, into `times.json`.

    Raises:
        SystemExit: some are there already that were made with other evaluations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "times.json"
    times: dict[str, Any] = json.loads(log.read_text("utf-8")) if log.exists() else {}
    runner = importlib.import_module(f"benchmarks.peers.{METHODS[method].module}")
    steps, shown = runner.steps(evaluations)
    if other := {each["evaluations"] for each in times.values()} - {steps * shown}:
        sys.exit(
            f"{folder} has pictures of {min(other)} evaluations, not {steps * shown}; "
            "remove them, or choose another folder"
        )
    missing = [unit for unit in units if f"{unit:04}" not in times]
    for unit, picture, seconds in runner.pictures(task, missing, evaluations):
        save(folder, unit, picture)
        times[f"{unit:04}"] = {
            "seconds": round(seconds, 3),
            "steps": steps,
            "evaluations": steps * shown,
            "threads": torch.get_num_threads(),
            "frozen": task.frozen,
        }
        log.write_text(json.dumps(times, indent=1), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("network")
    parser.add_argument("what", choices=("classes", "channels"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("evaluations", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("units", type=int, nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    task = Task(
        options.network,
        options.what,
        options.frozen,
        options.device,
        settings=METHODS[options.method].settings,
    )
    make(options.method, task, options.units, options.evaluations, options.folder)


if __name__ == "__main__":
    main()
