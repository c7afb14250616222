"""How many units climb how fast, by entoptic and by its peers.

    python -m benchmarks.units [METHOD...] [--units 32] [--peer-units 4] [--evaluations 256]
        [--rounds 3] [--batch 8] [--threads 2] [--device cpu] [--json FILE] [--out FOLDER]

Units are the channels of SqueezeNet's `fire7`. A neuron-step is one look of the network at the
picture of one unit, with the way back and the step. All pictures are of 224 x 224, which is also
what horama shows the network of its own of 1280 x 1280; the network's weights are trainable, as
networks come.
Each method lives in a process of its own environment and climbs in turn with the others, after a
short climb as warm-up; the ratio of each round is what counts. Peers climb one unit after another,
and once more in batches where they offer that. How many units they climb doesn't change their
rate. The clean score is the mean activation of the channel on the finished picture at 224 x 224,
without transforms (of horama's picture on the middle, which is all that it shows a network), ± the
standard error of the mean, of the units that all methods have drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import entoptic as ent
from benchmarks.judge import channel_score, views
from benchmarks.machine import chosen, named
from benchmarks.peers import LAYER, METHODS
from benchmarks.peers.environments import ROOT, interpreter, variables

NETWORK = "squeezenet1_1"
# With our own transforms, and with those that lucent's are after.
OURS = ("entoptic", "entoptic-bf16", "entoptic-lucid-bf16")
DEFAULT = (*OURS, "lucent", "dreamlens", "torch-dreams", "horama")

# The first 17 steps of a climb are of another kind (see `redirected_relu`), and what follows them
# must have run before it is timed.
WARM_UP = 24


@dataclass(frozen=True)
class Contender:
    """A method, and how many units it lets climb together."""

    method: str
    batch: int

    def __str__(self) -> str:
        return self.method if self.batch == 1 else f"{self.method}, {self.batch} at a time"


@dataclass
class Found:
    """What was measured of a contender.

    Args:
        rates: neuron-steps per second, round by round.
        evaluations: looks at each unit's picture.
        scores: by unit.
    """

    rates: list[float] = field(default_factory=list)
    evaluations: int = 0
    scores: dict[int, float] = field(default_factory=dict)


class Climber:
    """A contender's process, which waits between climbs.

    Args:
        contender: what it climbs by.
        options: of the command.
    """

    def __init__(self, contender: Contender, options: argparse.Namespace) -> None:
        self.contender = contender
        method = contender.method
        python = interpreter(method, METHODS[method], options.environments)
        numbers = [str(contender.batch), str(options.threads), str(options.side)]
        self._process = subprocess.Popen(
            [
                *(str(python), "-m", "benchmarks.peers.climber", method, NETWORK, "channels"),
                *(options.device, *numbers),
            ],
            cwd=ROOT,
            env=variables(options.device),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Climber:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def climb(
        self, units: Sequence[int], evaluations: int, folder: Path | None = None
    ) -> tuple[float, int]:
        """Neuron-steps per second, and how often the network saw each picture.

        Raises:
            SystemExit: the process has ended; what it said stands above.
        """
        told = {"units": [*units], "evaluations": evaluations, "folder": folder and str(folder)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(told) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"{self.contender} climbs no more; what it said stands above")
        found = json.loads(answer)
        looks = int(found["evaluations"])
        return len(units) * looks / found["seconds"], looks


def contenders(methods: Sequence[str], batch: int) -> list[Contender]:
    """Ours in batches, as `visualize` has it, and peers in both ways."""
    found = []
    for method in methods:
        if method not in OURS or batch == 1:
            found.append(Contender(method, 1))
        if METHODS[method].batches and batch > 1:
            found.append(Contender(method, batch))
    return found


def measure(options: argparse.Namespace, folder: Path) -> dict[Contender, Found]:
    """All contenders in turn, round by round."""
    drawn = contenders(options.methods, options.batch)
    found = {each: Found() for each in drawn}
    with ExitStack() as stack:
        climbers = [stack.enter_context(Climber(each, options)) for each in drawn]
        for climber in climbers:
            climber.climb(range(climber.contender.batch), WARM_UP)
        for number in range(options.rounds):
            for climber in climbers:
                contender = climber.contender
                where = folder / str(contender)
                where.mkdir(parents=True, exist_ok=True)
                units = _units(contender, number, options)
                rate, looks = climber.climb(units, options.evaluations, where)
                found[contender].rates.append(rate)
                found[contender].evaluations = looks
                print(f"round {number + 1}, {contender}: {rate:.1f}", file=sys.stderr, flush=True)
    return found


def _units(contender: Contender, number: int, options: argparse.Namespace) -> list[int]:
    """Ours climb all, the peers some in each round, each round others."""
    if contender.method in OURS:
        return list(range(options.units))
    count = max(contender.batch, options.peer_units)
    return [unit % options.units for unit in range(number * count, (number + 1) * count)]


def judge(found: Mapping[Contender, Found], folder: Path) -> None:
    """Score the pictures of the units that all have drawn."""
    model = ent.load(NETWORK)
    drawn = [{path.stem for path in (folder / str(each)).glob("*.png")} for each in found]
    for name in sorted(set.intersection(*drawn)):
        for contender, own in found.items():
            picture = ent.read(folder / str(contender) / f"{name}.png").image
            *_, shown = views(contender.method, picture).values()
            own.scores[int(name)] = channel_score(model, shown, LAYER, int(name))


def report(found: Mapping[Contender, Found], options: argparse.Namespace) -> dict[str, Any]:
    """All that is known, for JSON: rates, and how many times faster ours were in the same round."""
    ours = {str(each): own for each, own in found.items() if each.method in OURS}
    return {
        "network": NETWORK,
        "layer": LAYER,
        "device": named(chosen(options.device)),
        "threads": options.threads,
        "rounds": options.rounds,
        "rows": [
            {
                "method": str(each),
                **asdict(own),
                "slower": {
                    name: [
                        mine / theirs for mine, theirs in zip(best.rates, own.rates, strict=True)
                    ]
                    for name, best in ours.items()
                },
            }
            for each, own in found.items()
        ],
    }


def table(told: Mapping[str, Any]) -> Iterator[str]:
    """The report in Markdown."""
    rows = told["rows"]
    ours = list(rows[0]["slower"])
    scored = len(rows[0]["scores"])
    yield f"Channels of {told['layer']} of {told['network']} on {told['device']},"
    yield f"{told['threads']} threads; medians of {told['rounds']} rounds (and their range);"
    yield f"clean scores of {scored} units that all have drawn, ± the standard error."
    yield ""
    heads = "".join(f" {name} is faster |" for name in ours)
    yield f"| method | neuron-steps/s | evaluations |{heads} clean score |"
    yield f"|---|---:|---:|{'---:|' * len(ours)}---:|"
    for row in rows:
        ratios = "".join(f" {_spread(row['slower'][name], '.2f', 'x')} |" for name in ours)
        rate = _spread(row["rates"], ".1f")
        score = _mean(list(row["scores"].values()))
        yield f"| {row['method']} | {rate} | {row['evaluations']} |{ratios} {score} |"


def _spread(values: Sequence[float], how: str, unit: str = "") -> str:
    middle = f"{statistics.median(values):{how}}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{how}}-{max(values):{how}})"


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "none"
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.1f} ± {error:.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--peer-units", type=int, default=4)
    parser.add_argument("--evaluations", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, help="keeps the pictures")
    parser.add_argument(
        "--environments", type=Path, default=Path.home() / ".cache" / "entoptic-peers"
    )
    options = parser.parse_args(arguments)
    chosen(options.device)
    if unknown := [method for method in options.methods if method not in METHODS]:
        parser.error(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    options.methods = options.methods or [*DEFAULT]
    with tempfile.TemporaryDirectory() as folder:
        pictures = options.out.resolve() if options.out else Path(folder)
        found = measure(options, pictures)
        judge(found, pictures)
    told = report(found, options)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), "utf-8")
    print("\n".join(table(told)))


if __name__ == "__main__":
    main()
