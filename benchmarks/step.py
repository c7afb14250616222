"""How fast one dream step is, against the loop that the well-known tutorials write.

    python -m benchmarks.step [--all] [--only NAME] [--size 512] [--rounds 7] [--memory] [--json]

The plain loop is PyTorch as it comes: fp32, channels first, weights left trainable, the whole
network run and the layer caught by a hook. All climb the same objective from the same picture,
in turn, so that a machine whose speed drifts slows all; the ratio of each round is what counts.
The share is that of the machine's own rate at products of matrices, measured in the same turns, in
the precision that is compared with it. With --all also networks that come without weights here
(torchvision, timm), with random ones: their speed is the same. Peaks of memory are those of a
process of its own beyond what it had before the loop began, at 1024x1024.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import entoptic as ent
from entoptic.models import Model, prepare


@dataclass(frozen=True)
class Case:
    """A network, and the layer that is climbed."""

    spec: str
    layer: str
    size: int | None = None


EMBEDDED = (Case("squeezenet1_1", "fire7"), Case("efficientnet_lite0", "blocks.4"))
OTHERS = (
    Case("torchvision:vgg16?weights=random", "features.22"),  # relu4_3
    Case("torchvision:vgg16?weights=random", "features.29"),  # relu5_3
    Case("torchvision:googlenet?weights=random", "inception4c"),
    Case("torchvision:resnet50?weights=random", "layer3"),
    Case("timm:convnext_tiny?weights=random", "stages.2"),
    Case("timm:vit_base_patch16_224?weights=random", "blocks.8", 224),
)
LOOPS = ("plain", "fp32", "bf16")
PEAK_SIZE = 1024

STEPS = 3
STEP_SIZE = 1.5 / 255
JITTER = 32


def plain_loop(model: Model, layer: str, image: Tensor) -> Iterator[None]:
    """The tutorials' loop."""
    module = copy.deepcopy(model.module).requires_grad_(True)
    caught: list[Tensor] = []
    model.modules_by_address(module)[layer].register_forward_hook(
        lambda _module, _inputs, output: caught.append(output)
    )
    picture = image.clone().requires_grad_(True)
    while True:
        down, across = torch.randint(-JITTER, JITTER + 1, (2,)).tolist()
        caught.clear()
        module(model.preprocess(torch.roll(picture, (down, across), (2, 3))))
        caught[0].square().mean().backward()
        with torch.no_grad():
            picture += STEP_SIZE * picture.grad / picture.grad.abs().mean()
            picture.clamp_(0, 1)
        picture.grad = None
        for weight in module.parameters():
            weight.grad = None
        yield


def ours(model: Model, layer: str, image: Tensor, precision: str) -> Iterator[None]:
    """Ours, in a precision."""
    steps = ent.ascend(
        model,
        ent.energy(layer),
        ent.Pixels(image),
        transforms=[ent.Jitter(JITTER)],
        optimizer=ent.climb(STEP_SIZE),
        steps=1_000_000,
        precision=precision,
    )
    for _ in steps:
        yield


def seconds_per_step(loop: Iterator[None]) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        next(loop)
    return (time.perf_counter() - started) / STEPS


def loop(name: str, model: Model, layer: str, size: int) -> Iterator[None]:
    image = torch.rand((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    return plain_loop(model, layer, image) if name == "plain" else ours(model, layer, image, name)


def products(dtype: torch.dtype, side: int = 2048) -> float:
    """Floating point operations per second of a product of matrices."""
    one, other = (torch.rand((side, side)).to(dtype) for _ in range(2))
    started = time.perf_counter()
    one @ other
    return 2 * side**3 / (time.perf_counter() - started)


def operations(model: Model, layer: str, size: int) -> int:
    """Of a step that goes as far as the layer, there and back to the picture."""
    target = model.resolve(layer)
    image = torch.rand((1, 3, size, size)).requires_grad_()
    with FlopCounterMode(display=False) as counted:
        run = prepare(model, [target], image.device, exact=True)
        run(image)[target].square().mean().backward()
    return counted.get_total_flops()


def compare(case: Case, size: int, rounds: int) -> dict[str, object]:
    """All loops in turn; medians, and the ratio round by round."""
    model = ent.load(case.spec)
    size = case.size or size
    loops = {name: loop(name, model, case.layer, size) for name in LOOPS}
    for each in loops.values():
        seconds_per_step(each)  # warm-up
    times: dict[str, list[float]] = {name: [] for name in LOOPS}
    rates: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for _ in range(rounds):
        for name, each in loops.items():
            times[name].append(seconds_per_step(each))
        rates["fp32"].append(products(torch.float32))
        rates["bf16"].append(products(torch.bfloat16))
    work = operations(model, case.layer, size)
    run = prepare(model, [model.resolve(case.layer)], torch.device("cpu"), precision="auto")
    row: dict[str, object] = {
        "model": case.spec,
        "layer": case.layer,
        "size": size,
        "auto": run.precision,
        "plain_s": statistics.median(times["plain"]),
    }
    for name in ("fp32", "bf16"):
        ratios = [plain / own for plain, own in zip(times["plain"], times[name], strict=True)]
        seconds = statistics.median(times[name])
        row[f"{name}_s"] = seconds
        row[f"{name}_ratio"] = statistics.median(ratios)
        row[f"{name}_ratio_range"] = (min(ratios), max(ratios))
        row[f"{name}_share"] = work / seconds / statistics.median(rates[name])
    return row


def peak_of(name: str, case: Case) -> int:
    """Bytes that a loop of two steps takes at most, beyond what there was before it."""
    model = ent.load(case.spec)
    # What is imported once isn't counted. Nothing of ours runs yet, which would keep freed memory.
    assert callable(ent.ascend)
    torch.optim.SGD([torch.zeros(1)])
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before = _resident("VmHWM")
    steps = loop(name, model, case.layer, case.size or PEAK_SIZE)
    next(steps)
    next(steps)
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """Bytes, from what Linux says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    return int(line.split()[1]) * 1024


def peaks(case: Case) -> dict[str, int]:
    """Of each loop, in a process of its own."""
    found = {}
    for name in LOOPS:
        command = [sys.executable, "-m", "benchmarks.step", "--peak", name, case.spec, case.layer]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[f"{name}_peak"] = int(done.stdout)
    return found


def overhead() -> float:
    """Seconds per step where there is next to nothing to compute: one convolution, 8x8 pixels."""
    model = Model.wrap(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()))
    steps = loop("fp32", model, "1", 8)
    seconds_per_step(steps)
    return statistics.median(seconds_per_step(steps) for _ in range(100))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak", nargs=3, metavar=("LOOP", "MODEL", "LAYER"))
    options = parser.parse_args()
    if options.peak:
        name, spec, layer = options.peak
        (case,) = [c for c in EMBEDDED + OTHERS if (c.spec, c.layer) == (spec, layer)]
        print(peak_of(name, case))
        return
    cases = EMBEDDED + OTHERS if options.all else EMBEDDED
    cases = tuple(case for case in cases if options.only in f"{case.spec} {case.layer}")
    rows = []
    for case in cases:
        row = compare(case, options.size, options.rounds)
        rows.append(row | (peaks(case) if options.memory else {}))
    if options.json:
        report = {"threads": torch.get_num_threads(), "overhead_s": overhead(), "rows": rows}
        print(json.dumps(report))
        return
    print(f"One dream step, {torch.get_num_threads()} threads; {overhead() * 1e3:.2f} ms of them")
    print("are our own (one convolution of 8x8 pixels)")
    print(
        "| network | layer | size | plain, s | fp32, s | faster | bf16, s | faster | share | auto |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(_line(row))
    for row in rows if options.memory else []:
        sizes = ", ".join(f"{name} {row[f'{name}_peak'] / 2**20:.0f} MiB" for name in LOOPS)
        print(f"{row['model']} {row['layer']}, peak of a step at {PEAK_SIZE}x{PEAK_SIZE}: {sizes}")


def _line(row: dict[str, object]) -> str:
    faster = [
        "{:.2f}x ({:.2f}-{:.2f})".format(row[f"{name}_ratio"], *row[f"{name}_ratio_range"])
        for name in ("fp32", "bf16")
    ]
    return (
        f"| {row['model']} | {row['layer']} | {row['size']} | {row['plain_s']:.3f} "
        f"| {row['fp32_s']:.3f} | {faster[0]} | {row['bf16_s']:.3f} | {faster[1]} "
        f"| {row['bf16_share']:.0%} | {row['auto']} |"
    )


if __name__ == "__main__":
    main()
