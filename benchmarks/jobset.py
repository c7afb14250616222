"""Whether pictures are what they were: a set of jobs of every recipe, made, kept and made again.

    python -m benchmarks.jobset make FOLDER      make all pictures; before a change
    python -m benchmarks.jobset compare FOLDER   make each again from its own job; after it
    python -m benchmarks.jobset same A B         compare two folders, made by the same commands

`make` also writes the photos and FOLDER/manifest.json: of each picture the arguments of its
command, its recipe, and the sha256 of its pixels. `compare` knows nothing of the commands: it gives
each picture to `entoptic redo`, and so also tells whether old jobs are still understood. `same`
also tells of defaults, which a job states and a command leaves out. Pixels are the same on the same
machine only.

All commands are carried out in this process, on one thread, since sums round otherwise on several.
`--only` names some of the jobs, by a pattern: `--only 'dream-*'`.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import json
import os
import runpy
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pixels import Pixels, difference, digest, pixels

# A network of one channel, which no embedded one is.
_GRAY = '''"""A small network that takes grayscale images."""

import torch


def gray():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 5, padding=2),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(8, 12, 3, padding=1),
            torch.nn.ReLU(),
        )
'''
GRAY = "python:jobset_gray:gray?mean=0.5&std=0.25"

BOTH = "ensemble:a=squeezenet1_1,b=efficientnet_lite0"

DIRECTION = ", ".join(str((7 * i % 11 - 5) / 10) for i in range(64))

# By name, so that `--only` finds them. Steps beyond the 17th run without gradient rules.
DREAMS = {
    "dream-default": "sky.png --steps 3",
    "dream-layer": "sky.png -l fire5 --octaves 3 --octave-scale 1.3 --steps 3",
    "dream-channel": "sky.png --objective fire4:3 --octaves 2 --steps 3",
    "dream-objective": "sky.png --objective \"logit('goldfish') - 2 * total_variation()\""
    " --octaves 1 --steps 3",
    "dream-files": "sky.png --objective \"style('fire2', 'flowers.png') - input_diff('sky.png')\""
    " --octaves 2 --steps 3",
    "dream-guide": "sky.png --guide flowers.png --octaves 2 --steps 3",
    "dream-guide-layer": "sky.png --guide flowers.png -l fire3 --octaves 2 --steps 3",
    "dream-noise": "--noise 48x80 --steps 3 --octaves 2",
    "dream-look": "sky.png --strength 2 --smoothing 0 --jitter 5 --step-size 0.01 --seed 3"
    " --octaves 2 --steps 3",
    "dream-smooth": "sky.png --strength 0.5 --smoothing 4 --octaves 2 --steps 3",
    "dream-size": "sky.png --size 130 --octaves 2 --steps 2",
    "dream-tile": "sky.png -l fire3 --size 180 --tile 96 --octaves 2 --steps 2",
    "dream-tile-apart": "sky.png --objective class:goldfish --size 200 --tile 128 --octaves 1"
    " --steps 2",
    "dream-efficientnet": "sky.png -m efficientnet_lite0 --octaves 2 --steps 3",
    "dream-bf16": "sky.png --precision bf16 --octaves 2 --steps 3",
    "dream-preprocess": "sky.png -m 'squeezenet1_1?mean=120&std=2&order=RGB' --octaves 2 --steps 3",
    "dream-ensemble": f"sky.png -m {BOTH} --octaves 2 --steps 3",
    "dream-gray-network": f"sky.png -m '{GRAY}' -l 4 --octaves 2 --steps 3",
    "dream-gray-photo": "gray16.png --bits 16 --octaves 2 --steps 3",
    "dream-transparent": "clear.png --octaves 2 --steps 3",
    "dream-16-bits": "sky.png --bits 16 --octaves 2 --steps 3",
    "dream-together": "sky.png flowers.png hills.png --batch 3 --octaves 2 --steps 3",
    "dream-every": "sky.png --every 2 --octaves 1 --steps 4",
    "dream-jpg": "sky.jpg --octaves 1 --steps 2",
    "dream-webp": "sky.png --octaves 1 --steps 2",
    "dream-tif": "sky.png --octaves 1 --steps 2",
}

SQUEEZENET = "squeezenet1_1 --size 64"
VISUALIZATIONS = {
    "visualize-default": "squeezenet1_1 fire5:3 --size 64 --steps 20",
    "visualize-sheet": "squeezenet1_1 fire3:2-4,9 pool1:1 --size 48 --steps 4",
    "visualize-neuron": f"{SQUEEZENET} \"neuron('fire4', 7)\" \"neuron('fire4', 7, 1, 2)\""
    " --steps 4",
    "visualize-direction": f"{SQUEEZENET} \"direction('conv1', ({DIRECTION}), cosine_power=2)\""
    f" \"channel_weights('conv1', ({DIRECTION}))\" --steps 4",
    "visualize-class": f"{SQUEEZENET} class:goldfish --steps 4",
    "visualize-penalties": f'{SQUEEZENET} "fire3:5 - 0.1 * total_variation() + 0.2 * blurriness()'
    ' - 0.01 * l2() - 0.05 * boundary_complexity()" --steps 4',
    "visualize-photo-terms": f"{SQUEEZENET} \"caricature('fire3', 'sky.png')\""
    " \"inversion('fire2', 'sky.png')\" \"match('fire3', 'flowers.png')\" --steps 4",
    "visualize-batches": f"{SQUEEZENET} fire3:0-4 --batch 2 --steps 4",
    "visualize-rate": f"{SQUEEZENET} fire3:1 --learning-rate 0.02 --seed 5 --steps 4",
    "visualize-bf16": f"{SQUEEZENET} fire5:3 --precision bf16 --steps 20",
    "visualize-every": f"{SQUEEZENET} fire3:1 --every 2 --steps 4",
    "visualize-16-bits": f"{SQUEEZENET} fire3:1 --bits 16 --steps 4",
    "visualize-efficientnet": "efficientnet_lite0 blocks.2:7 class:volcano --size 64 --steps 20",
    "visualize-preprocess": "'squeezenet1_1?size=96x96' class:goldfish --size 64 --steps 4",
    "visualize-ensemble": f'{BOTH} "a/fire3:3 + 0.5 * b/blocks.2:7" --size 64 --steps 4',
    "visualize-gray-network": f"'{GRAY}' 4:1-2 --size 48 --steps 4",
    "visualize-opacity": f"{SQUEEZENET} \"logit('goldfish') * (1 - opacity())\" --canvas alpha"
    " --steps 4",
    "visualize-spectrum": f"{SQUEEZENET} fire3:2 --canvas maco --spectrum waves.npz --steps 4",
    **{
        f"visualize-canvas-{canvas}": f"{SQUEEZENET} fire3:2 fire3:5 --canvas {canvas} --steps 4"
        for canvas in ("fourier", "pixels", "laplacian", "maco", "cppn", "shared", "alpha")
    },
    **{
        f"visualize-method-{method}": f"{SQUEEZENET} fire5:2 --method {method} --steps 20"
        for method in ("entoptic", "gentle", "strong", "lucid", "cppn", "pixels")
    },
    "visualize-method-maco": f"{SQUEEZENET} fire5:2 --method maco --steps 4",  # many crops a step
    **{
        f"visualize-transforms-{name}": f"{SQUEEZENET} fire3:2 --transforms {name} --steps 4"
        for name in ("robust", "strong", "gentle", "lucid", "maco", "accentuate", "none")
    },
}

OTHERS = {
    "caricature": "caricature sky.png --size 64 --steps 20",
    "caricature-sheet": "caricature sky.png -l fire2 -l fire4 --cosine-power 3 --size 48 --steps 4",
    "invert": "invert sky.png --size 64 --steps 20",
    "invert-sheet": "invert sky.png -l fire2 -l fire3 --smoothness 2 --size 48 --steps 4",
    "invert-efficientnet": "invert flowers.png -m efficientnet_lite0 --size 64 --steps 4",
    "accentuate": "accentuate sky.png fire5:3 --size 64 --steps 20",
    "accentuate-class": "accentuate sky.png \"logit('tiger')\" --transparency --size 64 --steps 4",
    "accentuate-sheet": "accentuate sky.png fire4:1-2 --strength 4 -l fire2 --size 48 --steps 4",
    "interpolate": "interpolate squeezenet1_1 fire5:3 fire5:12 --pictures 3 --size 48 --steps 4",
    "interpolate-efficientnet": "interpolate efficientnet_lite0 blocks.2:3 blocks.2:7 --pictures 2"
    " --strength 0.5 -l blocks.1 --size 48 --steps 4",
    "diversity": "diversity squeezenet1_1 fire5:3 --pictures 3 --size 48 --steps 8",
    "diversity-class": "diversity squeezenet1_1 \"logit('goldfish')\" -l fire3 --pictures 2"
    " --strength 10 --size 48 --steps 8",
    "grid": "grid sky.png --cells 3 --size 32 --steps 4",
    "grid-layer": "grid sky.png -l fire4 --cells 4 --weighted --plain --batch 5 --size 32"
    " --steps 4",
    "grid-efficientnet": "grid sky.png -m efficientnet_lite0 --cells 3 --size 32 --steps 4",
    "groups": "groups sky.png --groups 3 --size 48 --steps 4",
    "groups-layer": "groups flowers.png --groups 2 -l fire4 --size 48 --steps 4",
    "evaluate": "evaluate squeezenet1_1 fire3:1-2 --seeds 2 --size 48 --steps 4",
    "compare-models": "compare class:goldfish -m squeezenet1_1,efficientnet_lite0 --size 64"
    " --steps 4",
    "compare-methods": "compare fire3:3 fire3:9 --method entoptic,lucid,pixels --size 48 --steps 4",
    "compare-canvases": "compare fire3:3 --canvas fourier,pixels --size 48 --steps 4",
    "compare-transforms": "compare fire3:3 --transforms robust,none --size 48 --steps 4",
}

COMMANDS = {
    **{name: f"dream {text}" for name, text in DREAMS.items()},
    **{name: f"visualize {text}" for name, text in VISUALIZATIONS.items()},
    **OTHERS,
}

# What the results are saved as, but PNG; several photos go into a folder.
OUTPUTS = {
    "dream-jpg": "dream-jpg.jpg",
    "dream-webp": "dream-webp.webp",
    "dream-tif": "dream-tif.tif",
    "dream-together": "",
}


class Failed(Exception):
    """A command has ended with an error; its message."""


@dataclass(frozen=True)
class Entry:
    """A picture of the set.

    Args:
        name: of the job; a command may make several pictures.
        picture: its file, below the folder.
        recipe: the command.
        arguments: what was typed after `entoptic`.
        model: a network that `redo` wants to be named again.
        sha256: of the pixels.
    """

    name: str
    picture: str
    recipe: str
    arguments: list[str]
    model: str | None
    sha256: str


def entoptic(*arguments: str) -> None:
    """Carry out `python -m entoptic ARGUMENTS` in this process.

    Raises:
        Failed: it has ended with another exit code than 0.
    """
    told, said = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before = sys.argv
    sys.argv = ["entoptic", *arguments]
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(said):
            runpy.run_module("entoptic", run_name="__main__")
    except SystemExit as end:
        if end.code:
            said.seek(0)
            raise Failed(said.read().strip()) from None
    finally:
        sys.argv = before


def photo(seed: int, height: int = 64, width: int = 96) -> Pixels:
    """Draw disks of many colors over a gradient, with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([y / height, x / width, 1 - y / height], -1) * 0.6 + 0.2
    for _ in range(12):
        row, column, radius = rng.uniform((0, 0, 4), (height, width, 16))
        image[(y - row) ** 2 + (x - column) ** 2 < radius**2] = rng.uniform(0, 1, 3)
    image += rng.normal(0, 0.03, image.shape)
    return np.clip(image * 255, 0, 255).astype(np.uint8)


def write_inputs(folder: Path) -> None:
    """Write the photos, the network and the spectrum that the jobs read."""
    for seed, name in enumerate(("sky", "flowers", "hills")):
        Image.fromarray(photo(seed)).save(folder / f"{name}.png")
    Image.fromarray(photo(0)).save(folder / "sky.jpg", quality=95)
    alpha = photo(3)[..., :1]
    Image.fromarray(np.concatenate([photo(4), alpha], -1)).save(folder / "clear.png")
    gray = photo(5)[..., 0].astype(np.uint16) * 256 + photo(6)[..., 0]
    Image.fromarray(gray).save(folder / "gray16.png")
    (folder / "jobset_gray.py").write_text(_GRAY, "utf-8")
    photos = ("sky.png", "flowers.png", "hills.png")
    entoptic("spectrum", *photos, "--size", "48", "-o", "waves.npz", "-q")


def make(folder: Path, only: str) -> None:
    """Make the pictures and the manifest.

    Raises:
        SystemExit: there is a set already, or a command has failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"{folder} isn't empty; name a new folder")
    entries: list[Entry] = []
    failed: list[str] = []
    with inside(folder):
        write_inputs(folder)
        for name in _chosen(COMMANDS, only):
            started = time.perf_counter()
            try:
                entries += made(folder, name)
            except Failed as error:
                failed.append(f"{name}: {error}")
            print(f"{name:32} {time.perf_counter() - started:6.2f} s", flush=True)
    text = json.dumps([asdict(entry) for entry in entries], indent=1)
    (folder / "manifest.json").write_text(text, "utf-8")
    print(f"{len(entries)} pictures")
    if failed:
        sys.exit("\n".join(failed))


def made(folder: Path, name: str) -> Iterator[Entry]:
    """Make the pictures of one command, in a folder of their own."""
    arguments = shlex.split(COMMANDS[name])
    (folder / name).mkdir()
    output = f"{name}/{OUTPUTS.get(name, f'{name}.png')}"
    option = ["--save", name] if arguments[0] == "evaluate" else ["-o", output]
    entoptic(*arguments, *option, "-q")
    for path in sorted((folder / name).iterdir()):
        yield Entry(
            name,
            path.relative_to(folder).as_posix(),
            arguments[0],
            arguments,
            GRAY if GRAY in arguments else None,
            digest(pixels(path)),
        )


def compare(folder: Path, only: str) -> bool:
    """Make each picture again from its own job, and tell which have the same pixels."""
    entries = _manifest(folder, only)
    equal = 0
    with inside(folder), tempfile.TemporaryDirectory() as fresh:
        for number, entry in enumerate(entries):
            again = Path(fresh, f"{number}{Path(entry.picture).suffix}")
            model = ["--model", entry.model] if entry.model else []
            old = pixels(folder / entry.picture)
            try:
                entoptic("redo", entry.picture, *model, "-o", str(again), "-q")
                verdict = difference(old, pixels(again))
            except Failed as error:
                verdict = f"failed: {error}"
            if digest(old) != entry.sha256:
                verdict = "the stored picture isn't the one of the manifest"
            equal += not verdict
            print(f"{entry.picture:64} {verdict or 'equal'}", flush=True)
    print(f"{equal} of {len(entries)} equal")
    return equal == len(entries)


def same(folder: Path, other: Path, only: str) -> bool:
    """Compare the pictures of two folders that were made by the same commands."""
    there = {entry.picture: entry for entry in _manifest(other, only)}
    entries = _manifest(folder, only)
    equal = 0
    for entry in entries:
        verdict = "isn't there"
        if entry.picture in there:
            old, new = (pixels(each / entry.picture) for each in (folder, other))
            verdict = difference(old, new)
        equal += not verdict
        print(f"{entry.picture:64} {verdict or 'equal'}")
    print(f"{equal} of {len(entries)} equal")
    return equal == len(entries)


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, whose Python files can be imported."""
    with contextlib.chdir(folder):
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            sys.path.remove(str(folder))


def _manifest(folder: Path, only: str) -> list[Entry]:
    told = json.loads((folder / "manifest.json").read_text("utf-8"))
    entries = [Entry(**entry) for entry in told]
    names = _chosen({entry.name: None for entry in entries}, only)
    return [entry for entry in entries if entry.name in names]


def _chosen(names: dict[str, Any], only: str) -> list[str]:
    chosen = fnmatch.filter(names, only)
    if not chosen:
        sys.exit(f"no job is called {only!r}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=["make", "compare", "same"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("other", type=Path, nargs="?", help="of `same`")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    options = parser.parse_args(arguments)
    if (options.task == "same") != (options.other is not None):
        parser.error("`same` takes two folders, `make` and `compare` one")
    if os.environ.get("OMP_NUM_THREADS") != "1":  # is read when numpy and torch are loaded
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, sys.orig_argv)
    folder = options.folder.resolve()
    if options.task == "make":
        make(folder, options.only)
    elif options.task == "compare":
        sys.exit(not compare(folder, options.only))
    else:
        sys.exit(not same(folder, options.other.resolve(), options.only))


if __name__ == "__main__":
    main()
