"""How fast one dream step is, against the loop that the well-known tutorials write.

    python -m benchmarks.step [--all] [--only NAME] [--size 512] [--batch 1] [--rounds 7]
        [--device cpu] [--memory] [--json FILE]

The plain loop is PyTorch as it comes: fp32, channels first, weights left trainable, the whole
network run and the layer caught by a hook. All climb the same objective from the same pictures,
in turn, so that a machine whose speed drifts slows all; the ratio of each round is what counts.
The share is that of the machine's own rate at products of matrices, measured in the same turns, in
the precision that is compared with it; on CUDA products of fp32 don't use TF32, which convolutions
do. The floor is what a step takes at least, where nothing but convolutions and products of matrices
costs: their operations at that rate, or their reading and writing at the rate of copies.
With --all also networks that come without weights here (torchvision, timm), with random ones: their
speed is the same. Peaks of memory are those of a process of its own beyond what it had before the
loop began, at 1024x1024.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

import entoptic as ent
from benchmarks.machine import Peak, chosen, copies, named, products, synchronise
from entoptic.networks import Model, compiled


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
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# No CPU that we know is faster in fp16 than in bf16.
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}
PEAK_SIZE = 1024

STEPS = 3
STEP_SIZE = 1.5 / 255
JITTER = 32


def plain_loop(model: Model, layer: str, image: Tensor) -> Iterator[None]:
    """The tutorials' loop."""
    module = copy.deepcopy(model.module).requires_grad_(True).to(image.device)
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
        gradient = picture.grad
        assert gradient is not None
        with torch.no_grad():
            picture += STEP_SIZE * gradient / gradient.abs().mean()
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


def seconds_per_step(loop: Iterator[None], device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        next(loop)
    synchronise(device)
    return (time.perf_counter() - started) / STEPS


def pictures(shape: Sequence[int], device: torch.device) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)


def loop(name: str, model: Model, layer: str, image: Tensor) -> Iterator[None]:
    return plain_loop(model, layer, image) if name == "plain" else ours(model, layer, image, name)


class Traffic(TorchDispatchMode):
    """Counts the numbers that convolutions and products of matrices must read and write.

    The way back to a convolution's input reads its output's gradient and its weights only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            back = func._overloadpacket is torch.ops.aten.convolution_backward
            read = (args[0], args[2]) if back else args
            moved = (each for each in tree_leaves((read, result)) if isinstance(each, Tensor))
            self.numbers += sum(each.numel() for each in moved)
        return result


def work(model: Model, layer: str, image: Tensor) -> tuple[int, int]:
    """Floating point operations, and numbers read and written, of a step as far as the layer."""
    target = model.resolve(layer)
    run = compiled(model, [target], image.device, exact=True)
    run(image.clone().requires_grad_())  # what is tried once is tried here
    with Traffic() as moved, FlopCounterMode(display=False) as counted:
        score = run(image.clone().requires_grad_())[target].square().mean()
        score.backward()
    return int(counted.get_total_flops()), moved.numbers


def compare(case: Case, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """All loops in turn; medians, and the ratio round by round."""
    model = ent.load(case.spec)
    size = case.size or options.size
    image = pictures((options.batch, 3, size, size), device)
    precisions = PRECISIONS[device.type]
    loops = {name: loop(name, model, case.layer, image) for name in ("plain", *precisions)}
    for each in loops.values():
        seconds_per_step(each, device)  # warm-up
    times: dict[str, list[float]] = {name: [] for name in loops}
    rates: dict[str, list[float]] = {name: [] for name in precisions}
    copied: list[float] = []
    for _ in range(options.rounds):
        for name, each in loops.items():
            times[name].append(seconds_per_step(each, device))
        for name in precisions:
            rates[name].append(products(DTYPES[name], device))
        copied.append(copies(device))
    operations, numbers = work(model, case.layer, image)
    run = compiled(model, [model.resolve(case.layer)], device, precision="auto")
    row: dict[str, Any] = {
        "model": case.spec,
        "layer": case.layer,
        "size": size,
        "batch": options.batch,
        "auto": run.precision,
        "operations": operations,
        "copied_per_s": statistics.median(copied),
        "plain_s": statistics.median(times["plain"]),
    }
    for name in precisions:
        ratios = [plain / own for plain, own in zip(times["plain"], times[name], strict=True)]
        seconds, rate = statistics.median(times[name]), statistics.median(rates[name])
        row[f"{name}_s"] = seconds
        row[f"{name}_ratio"] = statistics.median(ratios)
        row[f"{name}_ratio_range"] = (min(ratios), max(ratios))
        row[f"{name}_products_per_s"] = rate
        row[f"{name}_share"] = operations / seconds / rate
        moving = numbers * DTYPES[name].itemsize / row["copied_per_s"]
        row[f"{name}_floor_s"] = max(operations / rate, moving)
    return row


def peak_of(name: str, case: Case, device: torch.device) -> int:
    """Bytes that a loop of two steps takes at most, beyond what there was before it."""
    model = ent.load(case.spec)
    size = case.size or PEAK_SIZE
    # What is imported once isn't counted. Nothing of ours runs yet, which would keep freed memory.
    assert callable(ent.ascend)
    torch.optim.SGD([torch.zeros(1)])
    peak = Peak(device)
    steps = loop(name, model, case.layer, pictures((1, 3, size, size), device))
    next(steps)
    next(steps)
    return peak.bytes()


def peaks(case: Case, device: torch.device) -> dict[str, int]:
    """Of each loop, in a process of its own."""
    found = {}
    for name in ("plain", *PRECISIONS[device.type]):
        command = [sys.executable, "-m", "benchmarks.step", "--peak", name, case.spec, case.layer]
        command += ["--device", str(device)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[f"{name}_peak"] = int(done.stdout)
    return found


def table(told: Mapping[str, Any]) -> Iterator[str]:
    """The report in Markdown."""
    names = told["precisions"]
    yield f"One dream step on {told['device']}, {told['threads']} threads; medians, and the range"
    yield "of how much faster than the plain loop ours is, round by round."
    yield ""
    heads = "".join(f" {name}, s | faster | share | x floor |" for name in names)
    yield f"| network | layer | pictures | plain, s |{heads} auto |"
    yield f"|---|---|---:|---:|{'---:|---:|---:|---:|' * len(names)}---|"
    for row in told["rows"]:
        cells = "".join(_cells(row, name) for name in names)
        yield (
            f"| {row['model']} | {row['layer']} | {row['batch']} of {row['size']} "
            f"| {row['plain_s']:.4f} |{cells} {row['auto']} |"
        )
    peaked = [row for row in told["rows"] if "plain_peak" in row]
    if not peaked:
        return
    yield ""
    yield f"Peaks of memory of a step at {PEAK_SIZE}x{PEAK_SIZE}, MiB."
    yield ""
    yield f"| network | layer | plain | {' | '.join(names)} |"
    yield f"|---|---|---:|{'---:|' * len(names)}"
    for row in peaked:
        sizes = " | ".join(f"{row[f'{name}_peak'] / 2**20:.0f}" for name in ("plain", *names))
        yield f"| {row['model']} | {row['layer']} | {sizes} |"


def _cells(row: Mapping[str, Any], name: str) -> str:
    least, most = row[f"{name}_ratio_range"]
    seconds = row[f"{name}_s"]
    return (
        f" {seconds:.4f} | {row[f'{name}_ratio']:.2f}x ({least:.2f}-{most:.2f}) "
        f"| {row[f'{name}_share']:.0%} | {seconds / row[f'{name}_floor_s']:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", nargs=3, metavar=("LOOP", "MODEL", "LAYER"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = chosen(options.device)
    if options.peak:
        name, spec, layer = options.peak
        (case,) = [c for c in EMBEDDED + OTHERS if (c.spec, c.layer) == (spec, layer)]
        print(peak_of(name, case, device))
        return
    cases = (*EMBEDDED, *(OTHERS if options.all else ()))
    rows = []
    for case in cases:
        if options.only in f"{case.spec} {case.layer}":
            row = compare(case, options, device)
            rows.append(row | (peaks(case, device) if options.memory else {}))
    told = {
        "device": named(device),
        "threads": options.threads,
        "precisions": PRECISIONS[device.type],
        "rows": rows,
    }
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), "utf-8")
    print("\n".join(table(told)))


if __name__ == "__main__":
    main()
