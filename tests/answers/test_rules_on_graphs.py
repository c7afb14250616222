"""Gradient rules on rewritten graphs: what they give by hooks on the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import entoptic as ent
from entoptic.networks import GradientRule, Preprocess, compiled
from entoptic.networks.compile.compiled import Compiled, CompiledEnsemble

CPU = torch.device("cpu")
RULES = [ent.redirected_relu(), ent.guided(), ent.smooth_max_pool()]
NAMES = ["redirected", "guided", "smooth"]


def gradient(
    run: Compiled | CompiledEnsemble,
    of: str,
    image: Tensor,
    rules: Sequence[GradientRule],
    cotangent: Tensor,
) -> Tensor:
    image = image.clone().requires_grad_()
    value = run(image, rules)[ent.Layer.parse(of)]
    (found,) = torch.autograd.grad(value, image, cotangent)
    return found


def both(model: ent.Model, of: str) -> tuple[Compiled, Compiled]:
    """Run as a graph, and as the network itself."""
    layers = [ent.Layer.parse(of)]
    fast, exact = (compiled(model, layers, CPU, exact=each) for each in (False, True))
    assert isinstance(fast, Compiled)
    assert isinstance(exact, Compiled)
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
        self.left, self.right = (
            nn.Conv2d(8, 8, 3, padding=1),
            nn.Conv2d(8, 8, (1, 3), padding="same"),
        )
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
    pools = "blocks" not in of
    seen = pools or rule != ent.smooth_max_pool()
    assert (differs_by(ours, plain) > 0.1) == seen


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_classes_that_are_dead_in_a_gray_picture_only_are_revived_there(rule: GradientRule) -> None:
    model = ent.load()
    fast, exact = both(model, "relu_conv10")
    images = torch.cat([torch.full((1, 3, 64, 96), 0.5), photo(1, 64, 96)])
    value = exact(images)[ent.Layer("relu_conv10")]
    dead = value[0].amax((1, 2)) == 0
    one = int((value[1].mean((1, 2)) * dead).argmax())
    cotangent = torch.zeros_like(value)
    cotangent[:, one] = 1
    assert value[1, one].any()
    ours, theirs = (
        gradient(each, "relu_conv10", images, [rule], cotangent) for each in (fast, exact)
    )
    assert ours[0].any() == (rule == ent.redirected_relu())
    assert ours[1].any()
    assert differs_by(ours[1], theirs[1]) < 1e-3
    assert differs_by(ours, theirs) < 1e-3


@pytest.mark.parametrize(
    ("kind", "lowest"),
    [
        (nn.GELU(), -0.7518),
        (nn.GELU("tanh"), -0.7518),
        (nn.SiLU(inplace=True), -1.2785),
        (nn.Mish(), -1.1924),
        (nn.Hardswish(inplace=True), -1.5),
        (nn.Hardtanh(-0.5, 2.0), -0.5),
        (nn.LeakyReLU(0.1, inplace=True), None),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("rule", [ent.redirected_relu(), ent.guided()], ids=NAMES[:2])
def test_other_activations_are_seen_too(
    kind: nn.Module, lowest: float | None, rule: GradientRule
) -> None:
    torch.manual_seed(3)
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), kind, nn.Conv2d(8, 6, (3, 5), 2), kind
    for conv in (layers[0], layers[3]):
        conv.weight.data.mul_(6)
    model = wrapped(nn.Sequential(*layers))
    fast, exact = both(model, "output")
    images = photo(2, 48, 64)
    (before,) = model.activations(images, ["3"]).values()
    cotangent = torch.ones_like(before)
    if lowest is not None:
        cotangent[0] = (before[0] <= lowest).float()
        assert cotangent[0].any()
    ours, theirs = (gradient(each, "output", images, [rule], cotangent) for each in (fast, exact))
    assert differs_by(ours, theirs) < 1e-3
    plain = gradient(fast, "output", images, [], cotangent)
    seen = rule == ent.guided() or lowest is not None
    assert (differs_by(ours, plain) > 0.1) == seen


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("convnext_atto", "stages.1.blocks.0.mlp.act"),
        ("efficientnet_b0", "blocks.2.0.bn1"),
        ("mobilenetv3_small_050", "blocks.2"),
    ],
)
@pytest.mark.parametrize("rule", [ent.redirected_relu(), ent.guided()], ids=NAMES[:2])
def test_networks_of_timm_give_what_they_do_by_hooks(
    name: str, of: str, rule: GradientRule
) -> None:
    model = ent.load(f"timm:{name}?weights=random")
    fast, exact = both(model, of)
    images = photo(2, 64, 96)
    cotangent = torch.ones_like(exact(images)[ent.Layer(of)])
    ours, theirs = (gradient(each, of, images, [rule], cotangent) for each in (fast, exact))
    assert theirs.any()
    assert differs_by(ours, theirs) < 1e-3


def test_forward_values_are_the_same_to_the_last_bit() -> None:
    model = ent.load()
    layers = [ent.Layer("fire3"), ent.Layer("relu_conv10")]
    images = photo(2, 64, 96).requires_grad_()
    for precision in ("fp32", "bf16"):
        run = compiled(model, layers, CPU, precision=precision)
        plain, ruled = run(images), run(images, RULES)
        assert run.precision == precision
        assert all(torch.equal(plain[layer], ruled[layer]) for layer in layers)


def test_the_members_of_an_ensemble_are_run_as_graphs_and_those_without_one_by_hooks() -> None:
    class Sized(Functional):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.shape[2] > 10 else 2 * x)

    ensemble = ent.ensemble(a=wrapped(Functional()), b=wrapped(Sized()), c=wrapped(Functional()))
    layers = [ent.Layer("a/output"), ent.Layer("b/output")]
    fast, exact = (compiled(ensemble, layers, CPU, exact=each) for each in (False, True))
    assert isinstance(fast, CompiledEnsemble)
    assert fast.members["a"].graph is not None
    assert fast.members["b"].graph is None
    images = photo(2, 48, 64)
    cotangent = torch.ones_like(exact(images)[layers[0]])
    for rule in RULES:
        theirs = gradient(exact, "a/output", images, [rule], cotangent)
        for of in ("a/output", "b/output"):  # the two have the same weights
            assert differs_by(gradient(fast, of, images, [rule], cotangent), theirs) < 1e-3


def test_a_rule_for_modules_runs_the_network_itself() -> None:
    model = ent.load()
    fast, exact = both(model, "fire3")
    images = photo(1, 48, 64)
    rules = [ent.normalized_layers("fire2").bound(model.resolve), ent.redirected_relu()]
    cotangent = torch.ones_like(exact(images)[ent.Layer("fire3")])
    ours, theirs = (gradient(each, "fire3", images, rules, cotangent) for each in (fast, exact))
    assert differs_by(ours, theirs) < 1e-3
    assert differs_by(ours, gradient(fast, "fire3", images, rules[1:], cotangent)) > 0.1


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_ruled_steps_are_in_the_precision_that_is_asked(rule: GradientRule) -> None:
    model = ent.load()
    layer = ent.Layer("fire7")
    images = photo(2, 64, 96)
    plain, reduced = (compiled(model, [layer], CPU, precision=each) for each in ("fp32", "bf16"))
    cotangent = torch.ones_like(plain(images)[layer])
    theirs, ours = (gradient(each, "fire7", images, [rule], cotangent) for each in (plain, reduced))
    assert 1e-4 < differs_by(ours, theirs) < 0.2  # 8 bits of a number are kept


def test_sixteen_ruled_steps_reach_the_same_score_in_bf16() -> None:
    reached = []
    for precision in ("fp32", "bf16"):
        # Many pictures and small steps, since a climb is chaotic: docs/performance.md, "Precision".
        canvas = ent.Pixels(F.avg_pool2d(photo(16, 64, 96), 5, 1, 2, count_include_pad=False))
        steps = ent.ascend(
            ent.load(),
            ent.channel("fire7", 3),
            canvas,
            optimizer=ent.climb(0.1 / 255),
            rules=[ent.redirected_relu(16)],
            precision=precision,
            steps=17,
        )
        reached.append([step.scores.clone() for step in steps])
    plain, reduced = reached
    assert plain[-1].mean() > 4 * plain[0].mean()
    assert float(reduced[-1].mean()) == pytest.approx(float(plain[-1].mean()), rel=0.04)
