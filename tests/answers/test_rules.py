"""Gradient rules: answers worked out by hand, and forward values that never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting, DeadGradient, UnknownLayer
from entoptic.networks import GradientRule, Preprocess
from entoptic.networks.gradient_rules import applied

PLAIN = Preprocess(size=(2, 3), mean=(0, 0, 0), std=(1, 1, 1))


class Shifted(nn.Module):
    """The picture's first channel, times a factor, plus a number."""

    def __init__(self, shift: float, factor: float = 1.0) -> None:
        super().__init__()
        self.shift = shift
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x[:, :1] + self.shift


class Called(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def model(*layers: nn.Module) -> ent.Model:
    return ent.Model.wrap(nn.Sequential(*layers), preprocess=PLAIN)


def pictures(*rows: list[list[float]]) -> Tensor:
    """Pictures of 2 x 3 whose three channels are the same."""
    return torch.tensor(rows)[:, None].expand(-1, 3, -1, -1).clone()


def first_channel(
    network: ent.Model, at: Tensor, of: str, cotangent: Tensor, *rules: GradientRule
) -> Tensor:
    found = ent.gradient(network, of=of, at=at, cotangent=cotangent, rules=rules)
    assert not found[:, 1:].any()
    return found[:, 0]


# The first picture is dead after a shift of -1, except where nothing asks it to change.
ALIVE_AND_DEAD = pictures(
    [[0.25, 0.5, 0.75], [0.0, 0.5, 1.0]],
    [[0.25, 2.0, 0.75], [0.0, 0.5, 1.0]],
)
COTANGENT = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0]]).expand(2, 1, 2, 3)


@pytest.mark.parametrize(
    "relu",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        Called(F.relu),
        Called(torch.relu),
        Called(torch.relu_),
        Called(Tensor.relu),
        Called(lambda x: x.relu_()),
        Called(torch.ops.aten.relu.default),
        Called(lambda x: F.relu(input=x)),
    ],
)
def test_a_redirected_relu_lets_through_what_pushes_up_for_dead_images_only(
    relu: nn.Module,
) -> None:
    network = model(Shifted(-1), relu)
    found = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, ent.redirected_relu())
    dead = [[1.0, 0.0, 3.0], [0.0, 5.0, 6.0]]
    alive = [[0.0, -2.0, 0.0], [0.0, 0.0, 0.0]]
    assert found.tolist() == [dead, alive]


def test_an_image_is_dead_where_its_active_places_are_not_asked_to_change() -> None:
    only_first = torch.zeros(2, 1, 2, 3)
    only_first[:, :, 0, 0] = 2.0  # below zero in both pictures
    network = model(Shifted(-1), nn.ReLU())
    found = first_channel(network, ALIVE_AND_DEAD, "1", only_first, ent.redirected_relu())
    assert found.tolist() == only_first[:, 0].tolist()


@pytest.mark.parametrize(
    "relu6",
    [
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
        Called(F.relu6),
        Called(F.hardtanh),
        Called(lambda x: torch.ops.aten.hardtanh_.default(x, 0.0, 6.0)),
        nn.Hardsigmoid(),
    ],
)
def test_a_redirected_relu6_is_revived_from_above_too(relu6: nn.Module) -> None:
    # -4, 6.5, 7 and 8, -4, 7: outside of each one's slope, the widest being from -3 to 6.
    at = pictures([[0.0, 1.05, 1.1], [1.2, 0.0, 1.1]])
    network = model(Shifted(-4, 10), relu6)
    found = first_channel(network, at, "1", COTANGENT[:1], ent.redirected_relu())
    # 1 and 5 are up from below, -2 and -4 down from above; 3 and 6 go further up.
    assert (found / 10).tolist() == [[[1.0, -2.0, 0.0], [-4.0, 5.0, 0.0]]]


BOUND = torch.tensor(0.25)


@pytest.mark.parametrize(
    "rectifier",
    [
        Called(lambda x: x.clamp(min=0.25)),
        Called(lambda x: x.clamp_(0.25, 9)),
        Called(lambda x: torch.clip(x, min=BOUND)),
        Called(lambda x: torch.clamp_min(x, 0.25)),
        Called(lambda x: torch.ops.aten.clamp.default(x, 0.25)),
        nn.Threshold(0.25, -7),
        nn.Threshold(0.25, 0, inplace=True),
        Called(lambda x: torch.maximum(x, BOUND)),
        Called(lambda x: torch.maximum(BOUND, x)),
        Called(lambda x: x.max(torch.full_like(x, 0.25))),
    ],
)
def test_what_is_flat_below_a_bound_is_revived_as_a_relu(rectifier: nn.Module) -> None:
    network = model(Shifted(-1.5), rectifier)
    found = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, ent.redirected_relu())
    dead = [[1.0, 0.0, 3.0], [0.0, 5.0, 6.0]]
    alive = [[0.0, -2.0, 0.0], [0.0, 0.0, 0.0]]
    assert found.tolist() == [dead, alive]


@pytest.mark.parametrize(
    "limiter",
    [
        Called(lambda x: x.clamp(max=-3)),
        Called(lambda x: torch.clamp_max(x, -3)),
        Called(lambda x: torch.minimum(torch.tensor(-3.0), x)),
    ],
)
def test_what_is_flat_above_a_bound_is_revived_from_above(limiter: nn.Module) -> None:
    found = first_channel(
        model(Shifted(-1), limiter), ALIVE_AND_DEAD, "1", COTANGENT, ent.redirected_relu()
    )
    assert found.tolist() == 2 * [[[0.0, -2.0, 0.0], [-4.0, 0.0, 0.0]]]


@pytest.mark.parametrize("shrink", [nn.Hardshrink(1.5), nn.Softshrink(1.5)])
def test_what_is_flat_around_0_is_revived_in_both_directions(shrink: nn.Module) -> None:
    network = model(Shifted(-1, 1.5), shrink)  # -1 to 2 in the second picture, to 0.5 in the first
    found = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, ent.redirected_relu())
    alive = torch.tensor([[0.0, -2.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(found / 1.5, torch.stack([COTANGENT[0, 0], alive]))


@pytest.mark.parametrize(
    "kind",
    [
        Called(lambda x: torch.maximum(x, -x)),
        Called(lambda x: x.amax(1, keepdim=True) + x.max(1, keepdim=True).values),
        Called(lambda x: torch.maximum(x, torch.arange(3.0, device=x.device))),
    ],
)
def test_a_maximum_of_other_than_a_number_keeps_its_gradient(kind: nn.Module) -> None:
    network = model(Shifted(-3), kind)
    ruled, plain = (
        first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, *rules)
        for rules in ([ent.redirected_relu(), ent.guided()], [])
    )
    assert torch.equal(ruled, plain)


def test_lucid_redirects_in_17_steps() -> None:
    rule = ent.redirected_relu()
    assert [step for step in range(40) if rule.holds(step)] == list(range(17))


@pytest.mark.parametrize(
    "relu", [nn.Threshold(0, 0), Called(lambda x: x.clamp(min=0)), Called(lambda x: x.clamp(0, 6))]
)
def test_guided_back_propagation_knows_a_relu_by_another_name(relu: nn.Module) -> None:
    at = ALIVE_AND_DEAD[1:]
    known, named = (
        first_channel(model(Shifted(-0.6), each), at, "1", COTANGENT[:1], ent.guided())
        for each in (relu, nn.ReLU())
    )
    assert torch.equal(known, named)
    assert named.tolist() == [[[0.0, 0.0, 3.0], [0.0, 0.0, 6.0]]]


@pytest.mark.parametrize(
    ("kind", "lowest"),
    [(nn.GELU(), -1), (nn.SiLU(), -1.5), (nn.Mish(), -1.5), (nn.Hardswish(), -2)],
)
def test_smooth_activations_are_dead_below_their_lowest_point(
    kind: nn.Module, lowest: float
) -> None:
    at = torch.zeros(2, 3, 2, 3)
    at[1, :, 1, 2] = 3.0
    network = model(Shifted(lowest), kind)
    ones = torch.ones(2, 1, 2, 3)
    found = first_channel(network, at, "1", ones, ent.redirected_relu())
    plain = first_channel(network, at, "1", ones)
    assert found[0].tolist() == ones[0, 0].tolist()
    assert torch.equal(found[1], plain[1])
    assert (plain[0] <= 0).all()


def test_an_activation_that_can_not_die_keeps_its_gradient() -> None:
    network = model(Shifted(-3), nn.LeakyReLU(0.25))
    found = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, ent.redirected_relu())
    assert torch.equal(found, 0.25 * COTANGENT[:, 0])


def test_guided_back_propagation_of_three_layers_is_as_by_hand() -> None:
    """y = relu(w2 relu(w1 x)), one pixel, worked through from the output.

    x = (1, 2, 3); w1 x = (6, -2, 3, 1); w2 = ((1, 1, -2, 3), (-1, 1, 1, -1)), so that the second
    layer gives (6 - 6 + 3, -6 + 3 - 1) = (3, -4). The gradient 1, 1 at the output passes the first
    only; back through w2 it is (1, 1, -2, 3): the second was inactive, the third is negative, so
    that (1, 0, 0, 3) remains; back through w1 that's 1 * (1, 1, 1) + 3 * (-2, 0, 1) = (-5, 1, 4).
    """
    first = torch.tensor([[1.0, 1, 1], [0, -1, 0], [0, 0, 1], [-2, 0, 1]])
    second = torch.tensor([[1.0, 1, -2, 3], [-1, 1, 1, -1]])
    layers = nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 2, 1, bias=False)
    layers[0].weight.data, layers[1].weight.data = first[..., None, None], second[..., None, None]
    network = model(layers[0], nn.ReLU(inplace=True), layers[1], nn.ReLU())
    at = torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1)
    guided = ent.gradient(network, of="3", at=at, rules=[ent.guided()])
    plain = ent.gradient(network, of="3", at=at)
    assert guided.flatten().tolist() == [-5.0, 1.0, 4.0]
    # Without the rule the third's -2 * (0, 0, 1) joins.
    assert plain.flatten().tolist() == [-5.0, 1.0, 2.0]


def test_guided_leaves_only_the_positive_side_of_a_leaky_relu() -> None:
    network = model(Shifted(-0.5), nn.LeakyReLU(0.25))
    at = pictures([[1.0, 1.0, 0.0], [0.0, 0.5, 0.75]])
    found = first_channel(network, at, "1", COTANGENT[:1], ent.guided())
    assert found.tolist() == [[[1.0, 0.0, 0.0], [0.0, 0.0, 6.0]]]


POOLED = pictures([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d((1, 2)),
        Called(lambda x: F.max_pool2d(x, (1, 2))),
        Called(lambda x: torch.max_pool2d(x, (1, 2))),
        Called(lambda x: torch.ops.aten.max_pool2d.default(x, [1, 2])),
    ],
)
def test_smooth_max_pooling_gives_what_l2_pooling_does(pool: nn.Module) -> None:
    network = model(Shifted(0), pool)
    found = first_channel(network, POOLED, "1", torch.ones(2, 1, 2, 1), ent.smooth_max_pool(2))
    # The quadratic mean of 3 and 4 is m = sqrt(12.5), with the slopes 3 / 2m and 4 / 2m.
    slopes = [3 / (2 * 12.5**0.5), 4 / (2 * 12.5**0.5), 0.0]
    even = [0.5, 0.5, 0.0]
    torch.testing.assert_close(found, torch.tensor([[slopes, even], [even, even]]))


def test_smooth_max_pooling_of_power_1_is_average_pooling() -> None:
    at = torch.rand((2, 3, 5, 8), generator=torch.Generator().manual_seed(4))
    size, stride, padding = (3, 2), (2, 1), (1, 0)
    pooled = nn.MaxPool2d(size, stride, padding, ceil_mode=True)
    averaged = nn.AvgPool2d(size, stride, padding, ceil_mode=True, count_include_pad=False)
    found = ent.gradient(model(pooled), of="0", at=at, rules=[ent.smooth_max_pool(1)])
    torch.testing.assert_close(found, ent.gradient(model(averaged), of="0", at=at))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_smooth_max_pooling_has_the_gradient_of_a_generalised_mean_at_any_scale(
    scale: float,
) -> None:
    at = torch.rand((2, 3, 5, 8), generator=torch.Generator().manual_seed(4)).double()
    ours = (at * scale).requires_grad_()
    theirs = at.clone().requires_grad_()
    F.avg_pool2d(theirs.pow(4), 3, 2, 1, count_include_pad=False).pow(0.25).sum().backward()
    found = ent.gradient(
        model(nn.MaxPool2d(3, 2, 1)), of="0", at=ours.float(), rules=[ent.smooth_max_pool(4)]
    )
    torch.testing.assert_close(found.double(), theirs.grad, rtol=1e-4, atol=1e-6)


def test_smooth_max_pooling_of_everything_spreads_over_everything() -> None:
    network = model(Shifted(0), nn.AdaptiveMaxPool2d(1))
    found = first_channel(network, POOLED, "1", torch.ones(2, 1, 1, 1), ent.smooth_max_pool())
    mean = (25 / 6) ** 0.5
    expected = torch.tensor([[[3.0, 4, 0], [0, 0, 0]], [[mean] * 3] * 2]) / (6 * mean)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "pool", [nn.MaxPool2d(2, 1, dilation=(1, 2)), Called(lambda x: F.max_pool2d(x, 1, 1, 0, 2))]
)
def test_dilated_pooling_keeps_its_own_gradient(pool: nn.Module) -> None:
    at = torch.rand((2, 3, 4, 5), generator=torch.Generator().manual_seed(4))
    found = ent.gradient(model(pool), of="0", at=at, rules=[ent.smooth_max_pool()])
    assert torch.equal(found, ent.gradient(model(pool), of="0", at=at))


def test_the_gradient_at_a_normalized_layer_has_length_1_for_each_image_or_is_zero() -> None:
    network = model(Shifted(0), nn.ReLU(inplace=True), Shifted(0, 5))
    cotangent = torch.zeros(2, 1, 2, 3)
    cotangent[0, 0, 0, :2] = torch.tensor([3.0, 4.0])
    at = torch.ones(2, 3, 2, 3)
    found = first_channel(network, at, "2", cotangent, ent.normalized_layers("0"))
    torch.testing.assert_close(found, cotangent[:, 0] / 5)


RULES = [
    ent.redirected_relu(),
    ent.guided(),
    ent.smooth_max_pool(),
    ent.normalized_layers("conv", "relu"),
]


class Mixed(nn.Module):
    """A ReLU in place used twice, functions, pooling, and values that are overwritten later."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.inner = nn.Conv2d(4, 4, (3, 5), padding=(1, 2))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        z = F.relu(x)
        x += 0.5  # what the function above was given
        self.relu(x)  # its result is x itself
        y = F.gelu(self.inner(x))
        y += z
        return F.max_pool2d(self.relu(self.pool(F.relu6(y)) - 0.2), 2)


def mixed() -> Mixed:
    torch.manual_seed(3)
    return Mixed()


IMAGES = torch.rand((2, 3, 9, 13), generator=torch.Generator().manual_seed(7))
ADDRESSES = ("conv", "relu", "relu#1", "pool", "output")


@pytest.mark.parametrize("rule", RULES)
def test_every_forward_value_stays_the_same_to_the_last_bit(rule: GradientRule) -> None:
    network = ent.Model.wrap(mixed(), preprocess=PLAIN)
    layers = [network.resolve(ent.Layer.parse(each)) for each in ADDRESSES]
    run = ent.networks.compiled(network, layers, torch.device("cpu"))
    image = IMAGES.clone().requires_grad_()
    plain, ruled = run(image), run(image, [rule.bound(network.resolve)])
    assert all(torch.equal(plain[layer], ruled[layer]) for layer in layers)
    (found,) = torch.autograd.grad(sum(each.sum() for each in ruled.values()), image)  # type: ignore[arg-type]
    (own,) = torch.autograd.grad(sum(each.sum() for each in plain.values()), image)  # type: ignore[arg-type]
    assert found.isfinite().all()
    # No image is dead here.
    assert torch.allclose(found, own) == (rule == ent.redirected_relu())


@pytest.mark.parametrize("rule", RULES)
def test_nothing_of_a_rule_is_left_in_the_users_module_or_after_an_error(
    rule: GradientRule,
) -> None:
    module = mixed()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = ent.Model.wrap(module, preprocess=PLAIN)
    plain = ent.gradient(network, of="output", at=IMAGES)
    ent.gradient(network, of="output", at=IMAGES, rules=[rule])
    run = ent.networks.compiled(network, [ent.Layer("output")], torch.device("cpu"))
    one_pixel = IMAGES[..., :1, :1].clone().requires_grad_()
    with pytest.raises(RuntimeError, match="Output size is too small"):
        run(one_pixel, [rule.bound(network.resolve)])
    steps = ent.ascend(network, ent.mean("output"), ent.Pixels(IMAGES), rules=[rule])
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert torch.equal(ent.gradient(network, of="output", at=IMAGES), plain)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not any(each._forward_hooks for each in module.modules())
    for each in run.executables():
        assert not any(part._forward_hooks for part in each.module.modules())
    assert torch.overrides._get_current_function_mode_stack() == []


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_waits_for_a_number_of_the_device(rule: GradientRule) -> None:
    network = mixed().to("meta")  # where there are no numbers to wait for
    image = torch.empty((2, 3, 9, 13), device="meta", requires_grad=True)
    with applied([rule], dict(network.named_modules())):
        score = network(image)
    score.sum().backward()
    assert image.grad is not None


def test_of_two_rules_for_one_function_the_first_holds() -> None:
    network = model(Shifted(-1), nn.ReLU())
    both = [ent.guided(), ent.redirected_relu()]
    found = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, *both)
    assert not found.any()
    swapped = first_channel(network, ALIVE_AND_DEAD, "1", COTANGENT, *both[::-1])
    assert swapped[0].tolist() == [[1.0, 0.0, 3.0], [0.0, 5.0, 6.0]]


def gray(count: int = 1) -> ent.Pixels:
    return ent.Pixels(torch.full((count, 3, 4, 5), 0.5))


def test_a_dead_channel_climbs_with_the_rule_only() -> None:
    network = model(Shifted(-0.55), nn.ReLU(inplace=True))
    objective, canvas = ent.channel("1", 0), gray()
    with pytest.raises(DeadGradient, match=r"in Python rules=\[redirected_relu\(\)\]"):
        list(ent.ascend(network, objective, canvas, steps=20))
    steps = ent.ascend(
        network,
        objective,
        canvas,
        optimizer=ent.climb(0.03, "max_abs"),
        rules=[ent.redirected_relu()],
        steps=4,
    )
    # 0.5 in the first two steps is 0.5 and 0.53, below 0.55; then the ReLU is on.
    expected = [0.0, 0.0, 0.01, 0.04]
    assert [float(step.scores) for step in steps] == pytest.approx(expected, abs=1e-6)


def test_what_lowers_a_score_is_not_let_through_to_a_dead_unit() -> None:
    network = model(Shifted(-0.55), nn.ReLU())
    with pytest.raises(DeadGradient):
        list(ent.ascend(network, -ent.mean("1"), gray(), rules=[ent.redirected_relu()], steps=9))


def test_a_rule_ends_after_its_steps() -> None:
    network = model(Shifted(-0.55), nn.ReLU())
    canvas, seen = gray(), []
    steps = ent.ascend(
        network,
        ent.mean("1"),
        canvas,
        optimizer=ent.climb(0.01, "max_abs"),
        rules=[ent.redirected_relu(3)],
        steps=6,
    )
    for _ in steps:
        seen.append(round(float(canvas().detach()[0, 0, 0, 0]), 4))
    assert seen == [0.51, 0.52, 0.53, 0.53, 0.53, 0.53]


def test_each_image_of_a_batch_is_revived_as_it_would_be_alone() -> None:
    network = model(Shifted(-0.55), nn.ReLU())
    images = torch.stack([torch.full((3, 4, 5), 0.5), torch.full((3, 4, 5), 0.5)])
    images[1, :, 2:] = 0.9
    canvas = ent.Pixels(images)
    settings: dict[str, Any] = {
        "optimizer": ent.climb(0.01, "max_abs"),
        "rules": [ent.redirected_relu()],
    }
    next(ent.ascend(network, ent.mean("1"), canvas, **settings))
    moved = (canvas().detach() - images)[:, 0].mean(2)
    expected = torch.tensor([[0.01, 0.01, 0.01, 0.01], [0, 0, 0.01, 0.01]])
    torch.testing.assert_close(moved, expected)


def test_dead_classes_of_the_embedded_network_climb_with_the_rule_only() -> None:
    network, dead = ent.load(), torch.full((1, 3, 40, 60), 0.5)
    (maps,) = network.activations(dead, ["relu_conv10"]).values()
    classes = (maps.amax((2, 3))[0] == 0).nonzero().flatten().tolist()[:4]
    assert len(classes) == 4
    objective = ent.per_image([ent.logit(each) for each in classes])
    with pytest.raises(DeadGradient):
        list(ent.ascend(network, objective, ent.Pixels(dead.repeat(4, 1, 1, 1)), steps=9))
    canvas = ent.Pixels(dead.repeat(4, 1, 1, 1))
    steps = list(ent.ascend(network, objective, canvas, rules=[ent.redirected_relu()], steps=20))
    assert not steps[0].scores.any()
    assert (steps[-1].scores > 20).all()


@pytest.mark.parametrize("power", [0.5, 5, float("nan")])
def test_a_power_out_of_range_is_refused(power: float) -> None:
    with pytest.raises(BadSetting, match="it must be at least 1 and at most 4"):
        ent.smooth_max_pool(power)


def test_fewer_than_0_steps_are_refused() -> None:
    with pytest.raises(BadSetting, match="steps is -1; it must be a whole number"):
        ent.redirected_relu(-1)


@pytest.mark.parametrize("layer", ["fire2<in>", "fire2#1", "input"])
def test_only_whole_layers_are_normalized(layer: str) -> None:
    with pytest.raises(BadSetting, match=f"outputs of whole layers, not '{layer}'"):
        ent.normalized_layers(layer)
    with pytest.raises(BadSetting, match="at least one layer"):
        ent.normalized_layers()


def test_a_layer_that_does_not_exist_is_told_before_any_work() -> None:
    rules = [ent.normalized_layers("rleu")]
    network = ent.Model.wrap(mixed(), preprocess=PLAIN)
    with pytest.raises(UnknownLayer, match="did you mean 'relu'"):
        ent.ascend(network, ent.mean("output"), ent.Pixels(IMAGES), rules=rules)
    with pytest.raises(UnknownLayer, match="did you mean 'relu'"):
        ent.gradient(network, of="output", at=IMAGES, rules=rules)
