"""The caller's modes of torch, inference mode and autocast, change nothing in what is made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor

import entoptic as ent
from entoptic.ascent.tiling import tiled_gradient

IMAGE = torch.rand((1, 3, 40, 48), generator=torch.Generator().manual_seed(1))


def photo() -> Tensor:
    """Made where it is asked for, so in inference mode a tensor of inference mode."""
    return IMAGE * 1


def climbed(canvas: ent.Canvas) -> Tensor:
    steps = ent.ascend(ent.load(), ent.energy("fire3"), canvas, steps=2)
    return [step.image() for step in steps][-1]


MAKING: dict[str, Callable[[], Tensor]] = {
    "dream": lambda: ent.dream(ent.load(), photo(), octaves=1, steps=1, layer="fire3").image,
    "in tiles": lambda: (
        ent.dream(ent.load(), photo(), octaves=1, steps=1, layer="fire2", tile=32).image
    ),
    "visualize": lambda: ent.visualize(ent.load(), "fire3:3", steps=1, size=40).image,
    "diversity": lambda: ent.diversity_of(ent.load(), "fire2:3", steps=1, size=40).image,
    "gradient": lambda: ent.gradient(ent.load(), of="fire3", at=photo()),
    "jacobian": lambda: ent.jacobian(ent.load(), of="mean('fire2')", at=photo()),
    "tiled gradient": lambda: tiled_gradient(ent.load(), of="fire2:1", at=photo(), tile=32)[0],
    "activations": lambda: ent.load().activations(photo(), ["fire3"])[ent.Layer("fire3")],
    "pixels": lambda: climbed(ent.Pixels(photo())),
    "fourier": lambda: climbed(ent.Fourier(40, 40)),
}


MODES: tuple[Callable[[], AbstractContextManager[object]], ...] = (
    torch.inference_mode,
    torch.no_grad,
    lambda: torch.autocast("cpu", torch.bfloat16),
)


@pytest.mark.parametrize("make", MAKING.values(), ids=MAKING)
def test_what_is_made_is_the_same_inside_a_mode(make: Callable[[], Tensor]) -> None:
    expected = make()
    for mode in MODES:
        with mode():
            found = make()
        assert torch.equal(found, expected)


def test_between_two_steps_the_callers_mode_holds() -> None:
    with torch.inference_mode():
        for _ in ent.ascend(ent.load(), ent.energy("fire2"), ent.Pixels(photo()), steps=2):
            assert torch.is_inference_mode_enabled()
        ent.gradient(ent.load(), of="fire2", at=photo())
        assert torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
