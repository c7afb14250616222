"""All measurements in one run: tables in Markdown, and what they were made of as JSON.

    python -m benchmarks [PART...] [--out out/benchmarks] [--device cpu] [--threads N] [--quick]

The parts are `step`, `batch` (steps of 16 pictures with VGG16, on CUDA only), `units`, `cold`,
`overhead` and `quality`; see the modules of their names. Each is a process of its own and leaves
PART.md and PART.json in the folder, and `benchmarks.md` there holds all tables. `--quick` only
shows that everything works.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.machine import chosen

Arguments = list[str]

PEERS = ("lucent", "dreamlens", "torch-dreams", "horama")

# Of quality: the network, what is drawn, which units, and the evaluations for each.
DRAWN = (
    ("squeezenet1_1", "classes", "0:1000:20", "128"),
    ("efficientnet_lite0", "classes", "0:1000:20", "64"),
    ("squeezenet1_1", "channels", "0:32", "128"),
)


def step(options: argparse.Namespace) -> None:
    sizes = ["--size", "96", "--rounds", "2"] if options.quick else ["--all", "--memory"]
    _table("step", "step", [*sizes, *_machine(options)], options)


def batch(options: argparse.Namespace) -> None:
    """Many pictures at once; on a CPU they would take minutes, and tell nothing new."""
    if not options.device.startswith("cuda"):
        return
    sizes = ["--batch", "2", "--rounds", "2"] if options.quick else ["--batch", "16"]
    case = ["--all", "--only", "vgg16", "--size", "224"]
    _table("batch", "step", [*case, *sizes, *_machine(options)], options)


def units(options: argparse.Namespace) -> None:
    few = ["--units", "2", "--peer-units", "2", "--batch", "2"]
    sizes = [*few, "--evaluations", "24", "--rounds", "2"] if options.quick else []
    _table("units", "units", [*sizes, *_machine(options), *_environments(options)], options)


def cold(options: argparse.Namespace) -> None:
    rounds = ["--rounds", "2"] if options.quick else []
    _table("cold", "cold", [*rounds, *_machine(options)], options)


def overhead(options: argparse.Namespace) -> None:
    _table("overhead", "overhead", [], options)


def quality(options: argparse.Namespace) -> None:
    folder = options.out / "quality"
    for network, what, some, evaluations in DRAWN[:1] if options.quick else DRAWN:
        sizes = ["--units", some, "--evaluations", evaluations]
        if options.quick:
            sizes = ["--units", "0:2", "--evaluations", "6"]
        task = ["--network", network, "--what", what, *_machine(options)]
        command = ["make", "entoptic", *PEERS, *task, *sizes, "--out", str(folder)]
        _run("quality", [*command, *_environments(options)])
    _run("quality", ["judge", "--out", str(folder)])
    for name in ("quality.md", "quality.json"):
        shutil.copyfile(folder / name, options.out / name)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    part.__name__: part for part in (step, batch, units, cold, overhead, quality)
}
"""In the order in which they run."""


def _table(name: str, module: str, arguments: Arguments, options: argparse.Namespace) -> None:
    """Run a module that prints a table, and keep what it prints and tells."""
    told = _run(module, [*arguments, "--json", str(options.out / f"{name}.json")])
    (options.out / f"{name}.md").write_text(told, "utf-8")


def _run(module: str, arguments: Arguments) -> str:
    """What a module of ours prints.

    Raises:
        SystemExit: it has failed, and what it said stands above.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    print(" ".join(command[1:]), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} failed; what it said stands above")
    return done.stdout


def _machine(options: argparse.Namespace) -> Arguments:
    return ["--device", options.device, "--threads", str(options.threads)]


def _environments(options: argparse.Namespace) -> Arguments:
    return [] if options.environments is None else ["--environments", str(options.environments)]


def page(out: Path) -> Iterator[str]:
    """All tables that there are."""
    for name in PARTS:
        table = out / f"{name}.md"
        if table.exists():
            yield f"# {name}"
            yield ""
            yield table.read_text("utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all, unless some are named")
    parser.add_argument("--out", type=Path, default=Path("out", "benchmarks"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--environments", type=Path, help="folder of the peers' environments")
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    chosen(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.parts or PARTS:
        PARTS[part](options)
        (options.out / "benchmarks.md").write_text("\n".join(page(options.out)), "utf-8")
    print(options.out / "benchmarks.md")


if __name__ == "__main__":
    main()
