"""The pictures of entoptic's feature visualization beside those of its peers.

    python -m benchmarks.quality make METHOD... --network N --what classes|channels --out FOLDER
    python -m benchmarks.quality judge --out FOLDER --caffe FOLDER
    python -m benchmarks.quality photos FOLDER
    python -m benchmarks.quality time METHOD... --out FOLDER --units 0:6

Three questions are asked. Does another network see the class in a picture that was made for one
network? How much does the picture excite a channel of `fire7` once it is left alone, without the
transforms that it was made under? And how far is it from photographs, see
`benchmarks.naturalness`, of which `photos` measures some? Each method has its own defaults, native
size included, and the same number of evaluations: pictures that the network was shown, 128 for
each.

`make` writes FOLDER/METHOD/NETWORK/WHAT/0010.png, and `times.json` beside it. Pictures that are
there are not made again: remove a method's folder once the method has changed. The peers are
installed by pip, each in an environment of its own; the modules of `benchmarks.peers` say how each
is given the network.

`time` makes pictures that nobody keeps, one method after another, with the weights as networks
come (the peers don't freeze them), and writes FOLDER/times.md: for a quiet moment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import METHODS
from benchmarks.peers.environments import ROOT, interpreter, variables

UNITS = {"classes": slice(0, 1000, 10), "channels": slice(0, 64, 1)}
"""Of a network's classes every tenth, of a layer's channels the first."""


def make(
    method: str,
    task: tuple[str, str],
    units: Sequence[int],
    folder: Path,
    options: argparse.Namespace,
    *,
    frozen: bool,
) -> None:
    """Have one method make its pictures, in its own environment."""
    python = interpreter(method, METHODS[method], options.environments)
    settings = [str(folder), str(options.evaluations), str(options.threads)]
    done = subprocess.run(
        [
            *(str(python), "-m", "benchmarks.peers.run", method, *task, *settings),
            *(["--frozen"] if frozen else []),
            *("--device", options.device),
            *map(str, units),
        ],
        cwd=ROOT,
        env=variables(options.device),
        check=False,
    )
    if done.returncode:
        sys.exit(f"{method} made no more pictures; what it said stands above")


def make_all(options: argparse.Namespace) -> None:
    task = options.network, options.what
    units = range(1000)[options.units or UNITS[options.what]]
    for method in options.methods:
        folder = options.out.resolve() / method / options.network / options.what
        make(method, task, units, folder, options, frozen=True)


def measure(options: argparse.Namespace) -> None:
    """Seconds per picture, the first picture of each method left out as warm-up."""
    task = options.network, options.what
    units = range(1000)[options.units or slice(0, 6)]
    rows = ["| method | s/picture | s/evaluation | evaluations |", "|---|---:|---:|---:|"]
    for method in options.methods:
        with tempfile.TemporaryDirectory() as folder:
            make(method, task, units, Path(folder), options, frozen=False)
            times = json.loads(Path(folder, "times.json").read_text("utf-8"))
        taken = [each["seconds"] for each in list(times.values())[1:]]
        shown = times[f"{units[0]:04}"]["evaluations"]
        median = statistics.median(taken)
        rows.append(f"| {method} | {median:.2f} | {median / shown:.4f} | {shown} |")
        print(rows[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    title = (
        f"{options.what} of {options.network}, {options.threads} threads, "
        f"median of {len(units) - 1} pictures"
    )
    (options.out / "times.md").write_text("\n".join([title, "", *rows, ""]), "utf-8")


def judge(options: argparse.Namespace) -> None:
    from benchmarks.judge import judge_all

    judge_all(options.out, options.caffe)


def photos(options: argparse.Namespace) -> None:
    """Measure photographs as pictures are measured: the middle square of each."""
    import entoptic as ent
    from benchmarks.naturalness import naturalness

    found = []
    for file in sorted(options.folder.iterdir()):
        image = ent.read(file).image
        side = min(image.shape[-2:])
        found.append(naturalness(ent.center_crop(image, side, side)))
    for name in found[0]:
        print(f"{name}: {statistics.fmean(each[name] for each in found):.3f}")


def _slice(text: str) -> slice:
    return slice(*(int(part) if part else None for part in text.split(":")))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, what, threads in (
        ("make", make_all, "classes", 1),
        ("time", measure, "channels", 2),
    ):
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("methods", nargs="+", choices=METHODS, metavar="METHOD")
        command.add_argument("--network", default="squeezenet1_1")
        command.add_argument("--what", choices=tuple(UNITS), default=what)
        command.add_argument("--units", type=_slice, help="FIRST:BEYOND:STEP")
        command.add_argument("--evaluations", type=int, default=128)
        command.add_argument("--threads", type=int, default=threads)
        command.add_argument("--device", default="cpu")
        command.add_argument("--out", type=Path, required=True)
        command.add_argument(
            "--environments", type=Path, default=Path.home() / ".cache" / "entoptic-peers"
        )
        command.set_defaults(run=run)
    command = commands.add_parser("judge", help=judge.__doc__)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument(
        "--caffe", type=Path, help="folder of bvlc_googlenet; by default in $ENTOPTIC_TEST_DATA"
    )
    command.set_defaults(run=judge)
    command = commands.add_parser("photos", help=photos.__doc__)
    command.add_argument("folder", type=Path)
    command.set_defaults(run=photos)
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
