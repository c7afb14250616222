"""Every objective's gradient with respect to the picture, against finite differences in float64."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.layers import CANVAS, Layer
from entoptic.networks import Preprocess, compiled
from entoptic.objectives import Reference, kinds, vocabulary

HEIGHT, WIDTH = 9, 13


def model() -> ent.Model:
    torch.manual_seed(11)
    module = nn.Sequential(
        nn.Conv2d(3, 5, (3, 2)),
        nn.Tanh(),
        nn.Conv2d(5, 4, 3, stride=(2, 1)),
        nn.Softplus(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).double()
    how = Preprocess((HEIGHT, WIDTH), (100, 110, 120), (60, 50, 40), scale=255, order="BGR")
    return ent.Model.wrap(module, preprocess=how, labels=["cat", "dog", "sky"])


GUIDE = ent.Picture.of(
    torch.rand((1, 3, 7, 8), generator=torch.Generator().manual_seed(4)).double()
)

# For layer 2: 4 channels, 3 rows of its 3, 8 columns of its 10.
BLOCK = torch.randn((4, 3, 8), generator=torch.Generator().manual_seed(2))
SQUARE = torch.randn((4, 4), generator=torch.Generator().manual_seed(5))

OBJECTIVES = {
    "energy": ent.energy("1"),
    "mean": ent.mean("2"),
    "total": ent.total("3"),
    "positive": ent.positive("0"),
    "channel": ent.channel("2", 3),
    "channels": ent.channels("2", (3, 0)),
    "channel_weights": ent.channel_weights("2", (0.5, -2, 0, 1)),
    "direction": ent.direction("0", (1, -0.5, 0.2, 0.4, 1), 2.5),
    "cosine": ent.cosine("0", (1, -0.5, 0.2, 0.4, 1)),
    "direction by the dot product": ent.direction("6", (1, -0.5, 0.2)),
    "neuron": ent.neuron("0", 4, 2, 9),
    "neuron_weights": ent.neuron_weights("2", (0.5, -2, 0, 1), 1, 3),
    "neuron_direction": ent.neuron_direction("2", (0.5, -0.2, 1, 1), 1, None, 2),
    "tensor_direction": ent.tensor_direction("2", BLOCK, 1.5),
    "tensor_direction by the dot product": ent.tensor_direction("2", BLOCK),
    "angled_direction": ent.angled_direction("2", (0.5, -0.2, 1, 1), SQUARE),
    "angled_neuron_direction": ent.angled_neuron_direction("2", (1, 0.5, 1, 1), SQUARE, 1, None, 2),
    "cell": ent.cell("2", 1, 3),
    "logit": ent.logit("dog"),
    "log_odds": ent.log_odds("dog"),
    "logits": ent.logits(("dog", 0)),
    "match": ent.match("1", GUIDE),
    "caricature": ent.caricature("1", GUIDE, 2),
    "inversion": ent.inversion("2", GUIDE),
    "style": ent.style("1", GUIDE),
    "input_diff": ent.input_diff(GUIDE),
    "total_variation": ent.total_variation(),
    "blurriness": ent.blurriness("input", 1.5),
    "boundary_complexity": ent.boundary_complexity("canvas", 2, 0.4),
    "l1": ent.l1("0", 0.1),
    "l2": ent.l2("1", 0.2),
    "linf": ent.linf("2", 0.3),
    "channel_interpolate": ent.channel_interpolate("0", 4, "2", 1),
    "alignment": ent.alignment("1", 3),
    "diversity": ent.diversity("1"),
    "sum": ent.energy("1") + ent.mean("3"),
    "difference": ent.logit(0) - 0.5 * ent.total_variation("2"),
    "product": ent.mean("3") * ent.energy("0"),
    "quotient": 2 / (1 + ent.energy("3")),
    "negative": -ent.channel("1<in>", 2),
}


# Words about transparency, which no picture that a network sees has.
OF_ALPHA = {"opacity": ent.opacity(), "alpha_blurriness": ent.alpha_blurriness(sigma=1.5)}


# What stands for an argument that has no default, by its kind; layer 2 has 4 channels.
EXAMPLES: dict[Any, Any] = {
    **dict.fromkeys((Layer, kinds.Map, kinds.Positions), "2"),
    **dict.fromkeys((kinds.Guide, kinds.Matched, kinds.Overlay), GUIDE),
    **dict.fromkeys((kinds.Label, kinds.LabelOrPattern), "dog"),
    **dict.fromkeys((kinds.Channel, kinds.Row, kinds.Column, int), 1),
    **dict.fromkeys((kinds.Blur, kinds.Positive, kinds.Power, float), 1.5),
    kinds.Channels: (3, 0),
    kinds.Labels: ("dog", 0),
    kinds.Vector: (1, 0.5, -1, 1),
    kinds.Matrix: SQUARE,
    kinds.Block: BLOCK,
}


def objective(name: str) -> ent.Objective:
    """That of the table; for a name that isn't there, one made by the kinds of its arguments."""
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    make = vocabulary[name]
    parameters = inspect.signature(make).parameters.values()
    return make(*(EXAMPLES[each.annotation] for each in parameters if each.default is each.empty))


def names() -> list[str]:
    """All that entoptic registers, and what the table joins of it."""
    ours = [name for name in vocabulary if vocabulary[name].__module__.startswith("entoptic.")]
    # Where a code is 0, its gradient isn't that of the score; it has tests of its own.
    others = {*OBJECTIVES, *OF_ALPHA, "code", "loudest", "squares"}
    return [*OBJECTIVES, *({*ours} - others)]


@pytest.mark.parametrize("name", sorted(names()))
def test_the_gradient_equals_finite_differences(name: str) -> None:
    network = model()
    bound = bind(objective(name), network, (HEIGHT, WIDTH))
    run = compiled(network, bound.layers(), torch.device("cpu"))
    guides = {
        reference: network.activations(GUIDE.image.double(), [reference.layer])[reference.layer]
        for reference in bound.references()
    }
    assert all(isinstance(reference, Reference) for reference in guides)

    def score(image: torch.Tensor) -> torch.Tensor:
        return bound({**run(image), **guides})  # type: ignore[dict-item]

    rng = torch.Generator().manual_seed(7)
    image = torch.rand((2, 3, HEIGHT, WIDTH), generator=rng, dtype=torch.float64)
    image.requires_grad_()
    (gradient,) = torch.autograd.grad(score(image).sum(), image)
    step = 1e-5
    for _ in range(6):
        direction = torch.randn(image.shape, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            ahead, behind = score(image + step * direction), score(image - step * direction)
        numeric = float((ahead - behind).sum()) / (2 * step)
        exact = float((gradient * direction).sum())
        assert exact == pytest.approx(numeric, rel=1e-5)


@pytest.mark.parametrize("name", OF_ALPHA)
def test_the_gradient_by_transparency_equals_finite_differences(name: str) -> None:
    rng = torch.Generator().manual_seed(9)
    planes = torch.rand((2, 4, 5, 6), generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: OF_ALPHA[name]({CANVAS: given}), planes)


def test_a_picture_on_disk_guides_as_the_same_picture_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "guide.png"
    ent.write(file, torch.rand((1, 3, 7, 8), generator=torch.Generator().manual_seed(4)))
    network = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 3)))
    canvases = [ent.Pixels(torch.full((1, 3, 9, 9), 0.4)) for _ in range(2)]
    for canvas, guide in zip(canvases, [str(file), ent.read(file)], strict=True):
        for _ in ent.ascend(network, ent.match("0", guide), canvas, steps=2):  # type: ignore[arg-type]
            pass
    assert torch.equal(canvases[0](), canvases[1]())
