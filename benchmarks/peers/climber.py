"""A method that lives in its own environment and climbs whatever units it is told, over and over.

It reads a line of JSON for each climb, `{"units": [...], "evaluations": ..., "folder": ...}`, and
answers with `{"seconds": ..., "evaluations": ...}`: of the climbs alone, all units together, and
how often the network saw the picture of each.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.peers import METHODS
from benchmarks.peers.network import Task, save


def climb(
    method: str, task: Task, units: Sequence[int], evaluations: int, folder: Path | None
) -> dict[str, float]:
    """Let units climb; their pictures go to a folder if there is one."""
    runner = importlib.import_module(f"benchmarks.peers.{METHODS[method].module}")
    steps, shown = runner.steps(evaluations)
    seconds = 0.0
    for unit, picture, took in runner.pictures(task, units, evaluations):
        seconds += took
        if folder is not None:
            save(folder, unit, picture)
    return {"seconds": seconds, "evaluations": steps * shown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("network")
    parser.add_argument("what", choices=("classes", "channels"))
    parser.add_argument("device")
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("side", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = METHODS[options.method].settings
    task = Task(
        options.network,
        options.what,
        device=options.device,
        batch=options.batch,
        side=options.side,
        settings=settings,
    )
    for line in sys.stdin:
        told = json.loads(line)
        folder = None if told["folder"] is None else Path(told["folder"])
        # What a method prints is none of the answer.
        with contextlib.redirect_stdout(sys.stderr):
            found = climb(options.method, task, told["units"], told["evaluations"], folder)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
