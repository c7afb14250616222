"""Gradient rules on rewritten graphs: what they give by hooks on the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import entoptic as ent
from entoptic.models import GradientRule, Preprocess, prepare
from entoptic.models.prepare import Prepared

CPU = torch.device("cpu")
RULES = [ent.redirected_relu(), ent.guided(), ent.smooth_max_pool()]
NAMES = ["redirected", "guided", "smooth"]


def gradient(
    prepared: Prepared, of: str, image: Tensor, rules: Sequence[GradientRule], cotangent: Tensor
) -> Tensor:
    image = image.clone().requires_grad_()
    value = prepared(image, rules)[ent.Layer.parse(of)]
    (found,) = torch.autograd.grad(value, image, cotangent)
    return found


def both(model: ent.Model, of: str) -> tuple[Prepared, Prepared]:
    """Run as a graph, and as the network itself."""
    layers = [ent.Layer.parse(of)]
    fast, exact = prepare(model, layers, CPU), prepare(model, layers, CPU, exact=True)
    assert fast.graph is not None
    assert exact.graph is None
    return fast, exact


def photo(count: int, rows: int, columns: int) -> Tensor:
    rng = torch.Generator().manual_seed(7)
    coarse = torch.rand((count, 3, rows // 8, columns // 8), generator=rng)
    return F.interpolate(coarse, (rows, columns), mode="bicubic").clamp(0, 1)


def differs_by(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


class Functional(nn.Module):
    """A residual block in functions, with pooling in it and ReLUs of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem, self.norm = nn.Conv2d(3, 8, 5, 2, 2, bias=False), nn.BatchNorm2d(8)
        self.left, self.right = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, (1, 3), padding="same")
        self.last = nn.Conv2d(8, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        y = F.max_pool2d(self.left(x), 3, 1, 1)
        x = F.relu6(4 * torch.relu(self.right(x) + y))
        return F.relu(self.last(F.max_pool2d(x, kernel_size=2, ceil_mode=True)))


def wrapped(network: nn.Module) -> ent.Model:
    plain = Preprocess(size=(48, 64), mean=(0.4, 0.4, 0.4), std=(0.3, 0.3, 0.3))
    return ent.Model.wrap(network, preprocess=plain)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
@pytest.mark.parametrize(
    ("load", "of"),
    [
        (ent.load, "fire7"),
        (ent.load, "fire7/relu_expand3x3"),
        (lambda: ent.load("efficientnet_lite0"), "blocks.2.0.act1"),
        (lambda: wrapped(Functional()), "output"),
    ],
    ids=["fire7", "relu", "relu6", "functional"],
)
def test_the_gradient_is_that_of_the_network_itself_if_one_image_is_dead_and_another_is_not(
    load: Callable[[], ent.Model], of: str, rule: GradientRule
) -> None:
    model = load()
    fast, exact = both(model, of)
    images = photo(2, 48, 64)
    value = exact(images)[ent.Layer.parse(of)]
    cotangent = torch.ones_like(value)
    cotangent[0] = (value[0] <= 0).float()  # only places that are off are asked to change
    assert cotangent[0].any()
    ours, theirs = (gradient(each, of, images, [rule], cotangent) for each in (fast, exact))
    plain = gradient(exact, of, images, [], cotangent)
    assert not plain[0].any()
    assert ours[0].any() == theirs[0].any() == (rule == ent.redirected_relu())
    assert differs_by(ours, theirs) < 1e-3
    # None gives what there is without it.
    assert differs_by(ours, plain) > 0.1


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_classes_that_are_dead_in_a_grey_picture_only_are_revived_there(rule: GradientRule) -> None:
    model = ent.load()
    fast, exact = both(model, "relu_conv10")
    images = torch.cat([torch.full((1, 3, 64, 96), 0.5), photo(1, 64, 96)])
    value = exact(images)[ent.Layer("relu_conv10")]
    dead = value[0].amax((1, 2)) == 0
    one = int((value[1].mean((1, 2)) * dead).argmax())
    cotangent = torch.zeros_like(value)
    cotangent[:, one] = 1
    assert value[1, one].any()
    ours, theirs = (gradient(each, "relu_conv10", images, [rule], cotangent) for each in (fast, exact))
    assert ours[0].any() == (rule == ent.redirected_relu())
    assert ours[1].any()
    assert differs_by(ours[1], theirs[1]) < 1e-3
    assert differs_by(ours, theirs) < 1e-3


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("convnext_atto", "stages.1.blocks.0.mlp.act"),
        ("efficientnet_b0", "blocks.2.0.bn1"),
        ("mobilenetv3_small_050", "blocks.2"),
    ],
)
def test_smooth_activations_too(name: str, of: str) -> None:
    torch.manual_seed(1)
    model = ent.load(f"timm:{name}?weights=random")
    fast, exact = both(model, of)
    images = photo(2, 64, 64)
    value = exact(images)[ent.Layer(of)]
    cotangent = torch.ones_like(value)
    cotangent[0] = 0
    for rules in ([ent.redirected_relu()], [ent.guided(), ent.redirected_relu()]):
        ours, theirs = (gradient(each, of, images, rules, cotangent) for each in (fast, exact))
        assert differs_by(ours, theirs) < 1e-3
        assert not ours[0].any()
