"""How long the whole command takes from a cold start, against what it can't do without.

    python -m benchmarks.cold [--rounds 5] [--threads 2] [--device cpu] [--photo FILE] [--json FILE]

`entoptic dream PHOTO`, from the start of Python to the saved picture, is timed in turn with
`python -c "import torch"` and with the steps of the same dream, taken in this process after one
dream as warm-up. The ratio is that of the command to the sum of the two; it should be at most 1.5.
The photo is our own landscape, `examples/make_clouds.py`, whose long side has 1024 pixels.

Below the table stands where a command's time goes, each part measured in a process of its own (the
median of the rounds): imports, the network and its weights, the plan, the steps and what is saved.
A plan or a first step that takes a second tells that torch's compiler is imported, which nothing
uses; a test of `tests/shells/test_process.py` holds it off.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import entoptic as ent
from benchmarks.machine import chosen, named, synchronise
from benchmarks.peers.environments import ROOT, variables
from entoptic.networks import Model
from entoptic.recipes.dream import Dream

BAR = 1.5

# What a command does, with the clock read between; as `entoptic.cli.dreaming` has it.
_PARTS = """
import json, sys, time
begun = time.perf_counter()
parts = {}
def done(part):
    global begun
    parts[part] = time.perf_counter() - begun
    begun = time.perf_counter()
photo, output, device = sys.argv[1:]
import torch
done("import torch")
import entoptic.cli.main
from entoptic.networks import load
from entoptic.networks.sources import DEFAULT
from entoptic.recipes.dream import Dream
done("import entoptic")
model = load(DEFAULT)
done("load the network")
plan = Dream(model, photo, device=device).plan()
done("read the photo and plan")
scores = []
for step in plan.steps():
    scores.append(step.scores)
    if len(scores) == 1:
        float(scores[0])
        done("the first step")
float(scores[-1])
done("all other steps")
result = plan.result(step, scores)
result.save(output)
done("save")
print(json.dumps(parts))
"""


def measure(photo: Path, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Everything in turn, round by round."""
    found: dict[str, list[float]] = {"command": [], "import torch": [], "steps": []}
    parts: list[dict[str, float]] = []
    model = ent.load()
    steps_alone(model, photo, device)  # warm-up
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "dream.png")
        words = ["-m", "entoptic", "dream", str(photo), "-o", str(output), "--force"]
        command = [*words, "--device", str(device)]
        for _ in range(options.rounds):
            found["command"].append(_seconds(command, options))
            found["import torch"].append(_seconds(["-c", "import torch"], options))
            found["steps"].append(steps_alone(model, photo, device))
            told = _run(["-c", _PARTS, str(photo), str(output), str(device)], options)
            parts.append(json.loads(told))
    ratios = [
        whole / (torch_alone + steps)
        for whole, torch_alone, steps in zip(
            found["command"], found["import torch"], found["steps"], strict=True
        )
    ]
    return {
        "device": named(device),
        "size": Dream(model, photo).plan().shape,
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds": found,
        "ratios": ratios,
        "parts": {name: statistics.median(each[name] for each in parts) for name in parts[0]},
    }


def steps_alone(model: Model, photo: Path, device: torch.device) -> float:
    """Seconds of a dream's steps, without what comes before and after."""
    plan = Dream(model, photo, device=str(device)).plan()
    synchronise(device)
    started = time.perf_counter()
    for _ in plan.steps():
        pass
    synchronise(device)
    return time.perf_counter() - started


def _seconds(words: Sequence[str], options: argparse.Namespace) -> float:
    started = time.perf_counter()
    _run(words, options)
    return time.perf_counter() - started


def _run(words: Sequence[str], options: argparse.Namespace) -> str:
    """What Python says that is given some words.

    Raises:
        SystemExit: with what it complains of.
    """
    done = subprocess.run(
        [sys.executable, *words],
        env=variables(options.device) | {"OMP_NUM_THREADS": str(options.threads)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def clouds(folder: Path) -> Path:
    """Our own landscape, 768 x 1024."""
    photo = folder / "clouds.png"
    script = ROOT / "examples" / "make_clouds.py"
    subprocess.run([sys.executable, str(script), str(photo)], check=True)
    return photo


def table(told: Mapping[str, Any]) -> Iterator[str]:
    """The report in Markdown."""
    seconds, ratios = told["seconds"], told["ratios"]
    height, width = told["size"]
    yield f"`entoptic dream` of {height}x{width} pixels on {told['device']},"
    yield f"{told['threads']} threads; medians of {told['rounds']} rounds (and their range)."
    yield ""
    yield "| | seconds |"
    yield "|---|---:|"
    for name, label in (
        ("command", "the command"),
        ("import torch", "`import torch`"),
        ("steps", "the steps, warm"),
    ):
        each = seconds[name]
        yield f"| {label} | {statistics.median(each):.2f} ({min(each):.2f}-{max(each):.2f}) |"
    middle = statistics.median(ratios)
    yield ""
    yield f"The command takes {middle:.2f} times their sum ({min(ratios):.2f}-{max(ratios):.2f});"
    yield f"it should take at most {BAR}."
    yield ""
    yield "| part of a command | seconds |"
    yield "|---|---:|"
    for name, value in told["parts"].items():
        yield f"| {name} | {value:.3f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = chosen(options.device)
    with tempfile.TemporaryDirectory() as folder:
        photo = options.photo or clouds(Path(folder))
        told = measure(photo, options, device)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), "utf-8")
    print("\n".join(table(told)))


if __name__ == "__main__":
    main()
