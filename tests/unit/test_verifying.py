"""What is run instead of a network has its gradient, whatever its forward pass does with gradients.

The right gradient of each is what plain torch gives for the module itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

import entoptic as ent
from entoptic.ascent.tiling import tiled_gradient
from entoptic.errors import BadSetting, NonFiniteGradient, NoPath
from entoptic.networks import Compiled, Preprocess, compiled
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.copies import FrozenCopies
from entoptic.networks.compile.kernels.rectifier import Rectifier
from entoptic.networks.compile.passes import PASSES
from entoptic.networks.compile.verify import Reference
from entoptic.networks.gradient_rules import GradientRule

CPU = torch.device("cpu")
PLAIN = Preprocess(size=(9, 13), mean=(0, 0, 0), std=(1, 1, 1))
IMAGE = torch.rand((2, 3, 9, 13), generator=torch.Generator().manual_seed(7))
WEIGHTS = torch.rand((2, 4, 9, 13), generator=torch.Generator().manual_seed(8))
OUTPUT = ent.Layer("output")


class Two(nn.Module):
    """Two ways from the picture to the output, of which the first is special."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.relu = nn.ReLU()

    def way(self, x: Tensor) -> Tensor:
        return self.relu(self.first(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.way(x) * self.second(x)


class UnderNoGrad(Two):
    def way(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().way(x)


class ScaledUnderNoGrad(Two):
    """Its scale, computed without gradient, is a small part of what the gradient would be."""

    def way(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            scale = x.std((1, 2, 3), keepdim=True)
        return super().way(x) / scale


class Decorated(Two):
    @torch.no_grad()
    def way(self, x: Tensor) -> Tensor:
        return super().way(x)


class InInference(Two):
    """What it makes in inference mode is copied, or torch could not go on with it."""

    def way(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            value = super().way(x)
        return value.clone()


class SwitchedOff(Two):
    def way(self, x: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        value = super().way(x)
        torch.set_grad_enabled(True)
        return value


class Detached(Two):
    def way(self, x: Tensor) -> Tensor:
        return super().way(x).detach()


class ByData(Two):
    def way(self, x: Tensor) -> Tensor:
        return super().way(x).data


class InAutocast(Two):
    def way(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().way(x).float()


class Reversed(torch.autograd.Function):
    """The same number, whose gradient is turned round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return -2 * gradient


class OwnFunction(Two):
    def way(self, x: Tensor) -> Tensor:
        value = Reversed.apply(super().way(x))
        assert isinstance(value, Tensor)
        return value


class TensorHook(Two):
    def way(self, x: Tensor) -> Tensor:
        value = super().way(x)
        if value.requires_grad:
            value.register_hook(lambda gradient: -2 * gradient)
        return value


class AlwaysHooked(Two):
    """Tracing comes by this one, too."""

    def way(self, x: Tensor) -> Tensor:
        value = super().way(x)
        if torch.is_grad_enabled():
            value.register_hook(lambda gradient: -2 * gradient)
        return value


class Checkpointed(Two):
    def way(self, x: Tensor) -> Tensor:
        value = checkpoint(super().way, x, use_reentrant=False)
        assert isinstance(value, Tensor)
        return value


class CheckpointedOldWay(Two):
    def way(self, x: Tensor) -> Tensor:
        value = checkpoint(super().way, x, use_reentrant=True)
        assert isinstance(value, Tensor)
        return value


class Deciding(Two):
    def way(self, x: Tensor) -> Tensor:
        return super().way(x) if float(x.detach().mean()) > 0.4 else -super().way(x)


class DecidingByGradient(Two):
    def way(self, x: Tensor) -> Tensor:
        return super().way(x) if torch.is_grad_enabled() else x.new_ones((1, 4, 1, 1))


class InTraining(Two):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Dropout2d(0.5))  # type: ignore[assignment]
        self.train()


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight.tanh()


def parametrized() -> nn.Module:
    network = Two()
    parametrize.register_parametrization(network.first, "weight", Doubled())
    return network


def normalized() -> nn.Module:
    network = Two()
    parametrizations.weight_norm(network.first)
    parametrizations.spectral_norm(network.second)
    return network


def with_forward_hook() -> nn.Module:
    network = Two()
    network.relu.register_forward_hook(lambda _, __, output: output.square())
    return network


def with_pre_hook() -> nn.Module:
    network = Two()
    network.register_forward_pre_hook(lambda _, args: (args[0].square(),))
    return network


def with_backward_hook() -> nn.Module:
    network = nn.Sequential(Two(), nn.Identity())
    network[0].register_full_backward_hook(lambda _, given, __: (-2 * given[0],))
    return network


def with_backward_pre_hook() -> nn.Module:
    network = Two()
    network.relu.register_full_backward_pre_hook(lambda _, gradient: (-2 * gradient[0],))
    return network


def with_a_forward_of_its_own() -> nn.Module:
    network = Two()
    forward = network.forward
    network.forward = lambda x: forward(x) + x[:, :1].square()  # type: ignore[method-assign]
    return network


# Whether a graph can be run instead.
NETWORKS: dict[Callable[[], nn.Module], bool] = {
    Two: True,
    UnderNoGrad: False,
    ScaledUnderNoGrad: False,
    Decorated: False,
    InInference: False,
    SwitchedOff: False,
    Detached: True,
    ByData: True,
    InAutocast: False,
    OwnFunction: False,
    TensorHook: False,
    AlwaysHooked: False,
    Checkpointed: False,
    Deciding: False,
    DecidingByGradient: True,
    InTraining: True,
    parametrized: True,
    normalized: True,
    with_forward_hook: False,
    with_pre_hook: False,
    with_backward_hook: False,
    with_backward_pre_hook: False,
    with_a_forward_of_its_own: False,
}


def named(value: Any) -> str:
    return getattr(value, "__name__", str(value))


def gradient_of(forward: Callable[[Tensor], Tensor]) -> Tensor:
    image = IMAGE.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((forward(image) * WEIGHTS).sum(), image)
    return gradient


def compiled_for_output(network: nn.Module, **how: Any) -> Compiled:
    found = compiled(ent.Model.wrap(network, preprocess=PLAIN), [OUTPUT], CPU, **how)
    assert isinstance(found, Compiled)
    return found


@pytest.mark.filterwarnings("ignore:.*non-full backward hook|None of the inputs have")
@pytest.mark.parametrize(("make", "has_graph"), NETWORKS.items(), ids=named)
def test_the_gradient_is_the_networks_own(make: Callable[[], nn.Module], has_graph: bool) -> None:
    network = make()
    expected = gradient_of(copy.deepcopy(network).eval())
    run = compiled_for_output(network)
    torch.testing.assert_close(
        gradient_of(lambda image: run(image)[OUTPUT]), expected, rtol=1e-4, atol=1e-5
    )
    assert (run.graph is not None) == has_graph
    exact = compiled_for_output(network, exact=True)
    torch.testing.assert_close(gradient_of(lambda image: exact(image)[OUTPUT]), expected)


def output_of(run: Callable[[Tensor], Mapping[ent.Layer, Tensor]]) -> Callable[[Tensor], Tensor]:
    return lambda image: run(image)[OUTPUT]


def losing_a_gradient(module: fx.GraphModule, context: Context) -> None:
    """A pass after which values are right, but one of the two ways has no gradient."""
    end = module.graph.output_node()
    product = next(node for node in end.all_input_nodes[0].all_input_nodes)
    with module.graph.inserting_after(product):
        lost = module.graph.call_function(torch.detach, (product,))
    product.replace_all_uses_with(lost, lambda user: user is not lost)


def losing_copy(copies: FrozenCopies, dtype: torch.dtype) -> nn.Module:
    """What has the weights of `Two`, and not its gradient."""
    return UnderNoGrad().eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("graph_is_wrong", "copy_is_wrong", "left"),
    [(False, False, 3), (True, False, 2), (False, True, 2), (True, True, 1)],
)
def test_each_executable_that_loses_a_gradient_is_refused_by_itself(
    graph_is_wrong: bool, copy_is_wrong: bool, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if graph_is_wrong:
        monkeypatch.setattr("entoptic.networks.compile.graph.PASSES", (*PASSES, losing_a_gradient))
    if copy_is_wrong:
        monkeypatch.setattr(FrozenCopies, "fast", losing_copy)
    expected = gradient_of(Two())
    run = compiled_for_output(Two())
    found = gradient_of(lambda image: run(image)[OUTPUT])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    # A rule for parts of the network, which does nothing here, can't hold on a graph.
    found = gradient_of(lambda image: run(image, [OfParts()])[OUTPUT])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert len(list(run.executables())) == left
    for each in run.executables():
        found = gradient_of(output_of(each.run))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


class OfParts(GradientRule):
    """Does nothing, but says that it may concern the parts of a network."""

    def applied(self, modules: Mapping[str, nn.Module]) -> AbstractContextManager[Any]:
        return nullcontext()


def test_a_graph_whose_calls_for_rules_lose_a_gradient_is_refused_once_rules_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rectifier, "__call__", lambda _, x: x.detach().relu())
    run = compiled_for_output(Two())
    expected = gradient_of(Two())
    found = gradient_of(lambda image: run(image)[OUTPUT])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert run.graph is not None
    rules = [ent.smooth_max_pool()]  # there is none
    found = gradient_of(lambda image: run(image, rules)[OUTPUT])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert run.graph is None


@pytest.mark.filterwarnings("ignore:None of the inputs have")
def test_a_gradient_that_torch_refuses_is_told_in_its_words() -> None:
    model = ent.Model.wrap(CheckpointedOldWay(), preprocess=PLAIN)
    told = (
        r"torch gives no gradient of 'output': When use_reentrant=True, torch.utils.checkpoint is"
    )
    with pytest.raises(NoPath, match=told):
        ent.gradient(model, of="output", at=IMAGE)
    with pytest.raises(NoPath, match=told):
        list(ent.ascend(model, ent.energy("output"), ent.Pixels(IMAGE), steps=2))


@pytest.mark.parametrize("make", [Two, UnderNoGrad, Detached, OwnFunction, with_backward_hook])
def test_the_gradient_is_the_networks_own_in_reduced_precision(
    make: Callable[[], nn.Module],
) -> None:
    expected = gradient_of(copy.deepcopy(make()).eval())
    run = compiled_for_output(make(), precision="bf16")
    found = gradient_of(lambda image: run(image)[OUTPUT])
    assert run.precision == "bf16"
    assert float((found - expected).norm() / expected.norm()) < 0.05


def test_the_gradient_is_verified_once_for_each_set_of_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bool] = []

    def reference(*args: Any, differentiated: bool) -> Reference:
        made.append(differentiated)
        return Reference(*args, differentiated=differentiated)

    monkeypatch.setattr("entoptic.networks.compile.compiled.Reference", reference)
    model = ent.Model.wrap(Two(), preprocess=PLAIN)
    for layer in (OUTPUT, ent.Layer("relu")):
        run = compiled(model, [layer], CPU)
        run(IMAGE)
        for _ in range(3):
            run(IMAGE.clone().requires_grad_())
            run(IMAGE)
    assert made == [False, True, False, True]


class Nothing(Two):
    """Without any gradient."""

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


def test_where_no_gradient_leads_all_say_the_same() -> None:
    model = ent.Model.wrap(Nothing(), preprocess=replace(PLAIN, size=(32, 32)))
    photo = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    mean = ent.mean("relu")
    tried: list[Callable[[], object]] = [
        lambda: ent.gradient(model, of=mean, at=photo),
        lambda: tiled_gradient(model, of=mean, at=photo, tile=32),
        lambda: ent.jacobian(model, of=mean, at=photo),
        lambda: list(ent.ascend(model, mean, ent.Pixels(photo))),
        lambda: ent.dream(model, photo, objective=mean),
        lambda: ent.dream(model, photo, objective=mean, tile=32),
        lambda: list(ent.dream_photos(model, [photo, photo], objective=mean)),
        lambda: ent.visualize(model, mean, size=32),
    ]
    told = set()
    for each in tried:
        with pytest.raises(NoPath) as raised:
            each()
        told.add(str(raised.value))
    assert told == {
        "no gradient leads from mean('relu') back to 'input': the one doesn't depend on the other, "
        "or only by way of torch.no_grad, detach or rounding; take something between or before"
    }


def test_a_part_that_loses_no_grad_is_not_cut_out() -> None:
    model = ent.Model.wrap(UnderNoGrad(), preprocess=PLAIN)
    with pytest.raises(BadSetting, match=r"a part of it runs under torch\.no_grad or autocast"):
        model.between("first", "output")


class Spoiling(Two):
    """Values and gradients are finite, but for one value of a map that the score sees."""

    def forward(self, x: Tensor) -> Tensor:
        value = super().forward(x)
        corner = torch.zeros_like(value[..., :1, :1])
        return torch.cat([value[..., 1:], (corner / corner).expand_as(value[..., :1])], -1)


def test_a_score_that_is_not_finite_stops_every_climb() -> None:
    model = ent.Model.wrap(Spoiling(), preprocess=replace(PLAIN, size=(32, 32)))
    photo = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    mean = ent.mean("output")
    tried: list[Callable[[], object]] = [
        lambda: list(ent.ascend(model, mean, ent.Pixels(photo), optimizer=ent.adam())),
        lambda: ent.dream(model, photo, objective=mean),
        lambda: ent.dream(model, photo, objective=mean, tile=32),
        lambda: list(ent.dream_photos(model, [photo, photo], objective=mean)),
        lambda: ent.visualize(model, mean, size=32),
        lambda: ent.visualize(model, "output:0", "output:1", size=32),
    ]
    for each in tried:
        with pytest.raises(NonFiniteGradient, match=r"the score.* isn't finite in step 1"):
            each()
