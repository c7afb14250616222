"""How fast one dream step is, against the loop that the well-known tutorials write.

    python -m benchmarks.step [--size 512] [--rounds 7] [--json]

The plain loop is PyTorch as it comes: fp32, channels first, weights left trainable, the whole
network run and the layer caught by a hook. Both climb the same objective from the same picture,
in turn, so that a machine whose speed drifts slows both; the ratio of each round is what counts.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import entoptic as ent
from entoptic.models import Model

STEPS = 5
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


def prepared(model: Model, layer: str, image: Tensor) -> Iterator[None]:
    """Ours."""
    steps = ent.ascend(
        model,
        ent.energy(layer),
        ent.Pixels(image),
        transforms=[ent.Jitter(JITTER)],
        optimizer=ent.climb(STEP_SIZE),
        steps=1_000_000,
    )
    for _ in steps:
        yield


def seconds_per_step(loop: Iterator[None]) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        next(loop)
    return (time.perf_counter() - started) / STEPS


def compare(spec: str, layer: str, size: int, rounds: int) -> dict[str, object]:
    """Both loops in turn; medians, and the ratio round by round."""
    model = ent.load(spec)
    image = torch.rand((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    makers: tuple[Callable[[Model, str, Tensor], Iterator[None]], ...] = (plain_loop, prepared)
    loops = [make(model, layer, image) for make in makers]
    for loop in loops:
        seconds_per_step(loop)  # warm-up
    times = [[seconds_per_step(loop) for loop in loops] for _ in range(rounds)]
    ratios = [plain / ours for plain, ours in times]
    return {
        "model": spec,
        "layer": layer,
        "size": size,
        "plain_s": statistics.median(plain for plain, _ in times),
        "ours_s": statistics.median(ours for _, ours in times),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cases = [("squeezenet1_1", "fire7"), ("efficientnet_lite0", "blocks.4")]
    rows = [compare(spec, layer, options.size, options.rounds) for spec, layer in cases]
    if options.json:
        print(json.dumps({"threads": torch.get_num_threads(), "rows": rows}))
        return
    print(
        f"One dream step at {options.size}x{options.size}, {torch.get_num_threads()} threads, fp32"
    )
    print("| network | layer | plain loop, s | entoptic, s | faster (min-max) |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['model']} | {row['layer']} | {row['plain_s']:.3f} | {row['ours_s']:.3f} "
            f"| {row['ratio']:.2f}x ({row['ratio_min']:.2f}-{row['ratio_max']:.2f}) |"
        )


if __name__ == "__main__":
    main()
