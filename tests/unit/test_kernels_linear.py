"""Frozen linear layers give what PyTorch's own give, and so does their way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.networks import Preprocess, compiled
from entoptic.networks.compile.compiled import Compiled
from entoptic.networks.compile.kernels.linear import FrozenLinear


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def layer(bias: bool = True) -> nn.Linear:
    made = nn.Linear(24, 40, bias)
    made.weight.data = drawn(40, 24, seed=1)
    if bias:
        made.bias.data = drawn(40, seed=2)
    return made.requires_grad_(False)


@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (8, 24), (3, 50, 24), (2, 5, 7, 24), (0, 24)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_those_of_the_layer(
    shape: tuple[int, ...], bias: bool, dtype: torch.dtype
) -> None:
    plain = layer(bias).to(dtype)
    frozen = FrozenLinear.of(plain)
    x = drawn(*shape, seed=3).to(dtype).requires_grad_()
    ours, theirs = frozen(x), plain(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)
    weights = drawn(*theirs.shape, seed=4).to(dtype)
    back, expected = (torch.autograd.grad((weights * y).sum(), x)[0] for y in (ours, theirs))
    torch.testing.assert_close(back, expected, rtol=1e-5, atol=1e-4)


def test_weights_and_input_may_lie_in_memory_as_they_like() -> None:
    plain = layer()
    plain.weight = nn.Parameter(drawn(24, 40, seed=1).t(), requires_grad=False)
    x = drawn(24, 60, seed=3).t().requires_grad_()
    ours, theirs = FrozenLinear.of(plain)(x), plain(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)
    gradient = drawn(40, 60, seed=4).t()
    back, expected = (torch.autograd.grad(y, x, gradient)[0] for y in (ours, theirs))
    torch.testing.assert_close(back, expected, rtol=1e-5, atol=1e-4)


class Mixer(nn.Module):
    """A network of one layer that stands in two places, which can be traced or not."""

    def __init__(self, traceable: bool) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 24, 4, 4)
        self.mix = nn.Linear(24, 24)
        self.again = self.mix
        self.head = nn.Linear(24, 10)
        self.traceable = traceable

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        if not self.traceable and tokens.sum() == 0:
            return tokens
        return self.head(self.again(self.mix(tokens).relu()))


@pytest.mark.parametrize("traceable", [True, False])
def test_networks_run_with_frozen_layers_and_stay_as_they_are(traceable: bool) -> None:
    torch.manual_seed(0)
    module = Mixer(traceable)
    how = Preprocess(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    model = ent.Model.wrap(module, preprocess=how)
    target = model.resolve("head")
    run = compiled(model, [target], torch.device("cpu"))
    assert isinstance(run, Compiled)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = run(image)[target]
    assert (run.graph is not None) == traceable
    parts = next(run.executables()).module.modules()
    assert sum(isinstance(each, FrozenLinear) for each in parts) >= 2
    assert type(module.mix) is nn.Linear
    plain = module.eval()(model.preprocess(image))
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-4)
    back, expected = (torch.autograd.grad(y.square().sum(), image)[0] for y in (found, plain))
    torch.testing.assert_close(back, expected, rtol=1e-3, atol=1e-4)
