"""Compiled networks: equal to the plain one, and the user's own is never touched."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.networks import Compiled, Preprocess, compiled
from entoptic.networks.frozen import frozen_copy

CPU = torch.device("cpu")
PLAIN = Preprocess(size=(9, 13), mean=(0, 0, 0), std=(1, 1, 1))


class Residual(nn.Module):
    """Convolutions, statistics, ReLUs in place and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.inner = nn.Conv2d(6, 6, (3, 5), padding=(1, 2))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        x = self.relu(self.drop(self.inner(x)) + x)
        return self.head(x.mean((2, 3)))


@pytest.fixture
def network() -> Residual:
    torch.manual_seed(5)
    network = Residual()
    network.norm.running_mean.normal_()
    network.norm.running_var.uniform_(0.5, 2)
    return network.train()


IMAGE = torch.rand((2, 3, 9, 13), generator=torch.Generator().manual_seed(7))


def run(network: nn.Module, *addresses: str) -> list[Tensor]:
    model = ent.Model.wrap(network, preprocess=PLAIN)
    layers = [ent.Layer.parse(address) for address in addresses]
    found = compiled(model, layers, CPU)(IMAGE)
    return [found[layer] for layer in layers]


def test_the_result_equals_that_of_the_plain_network(network: Residual) -> None:
    plain = copy.deepcopy(network).eval()
    conv = plain.conv(IMAGE)
    first = plain.norm(conv).relu()
    second = (plain.inner(first) + first).relu()
    expected = [conv, first, second, plain(IMAGE)]
    torch.testing.assert_close(run(network, "conv", "relu", "relu#1", "output"), expected)


def test_the_gradient_equals_that_of_the_plain_network(network: Residual) -> None:
    output = ent.Layer("output")
    run = compiled(ent.Model.wrap(network, preprocess=PLAIN), [output], CPU)
    image = IMAGE.clone().requires_grad_()
    (ours,) = torch.autograd.grad(run(image)[output].square().sum(), image)
    (plain,) = torch.autograd.grad(network.eval()(image).square().sum(), image)
    torch.testing.assert_close(ours, plain)


def test_the_users_network_is_left_exactly_as_it_was(network: Residual) -> None:
    network.conv.weight.requires_grad_(False)
    calls: list[int] = []
    network.inner.register_forward_hook(lambda *_: calls.append(1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    strides = {name: value.stride() for name, value in network.state_dict().items()}
    homes = {name: value.data_ptr() for name, value in network.state_dict().items()}
    wanting = {name: weight.requires_grad for name, weight in network.named_parameters()}

    canvas = ent.Pixels(IMAGE)
    list(ent.ascend(ent.Model.wrap(network), ent.energy("relu#1"), canvas, steps=2))

    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {name: value.stride() for name, value in after.items()} == strides
    assert {name: value.data_ptr() for name, value in after.items()} == homes
    assert {name: weight.requires_grad for name, weight in network.named_parameters()} == wanting
    assert all(module.training for module in network.modules())
    assert all(weight.grad is None for weight in network.parameters())
    assert len(network.inner._forward_hooks) == 1
    assert not any(m._forward_hooks for m in network.modules() if m is not network.inner)
    assert not any(m._forward_pre_hooks for m in network.modules())


def test_a_frozen_copy_shares_the_memory_of_all_weights_and_of_nothing_else(
    network: Residual,
) -> None:
    twin = frozen_copy(network)
    for ours, theirs in zip(twin.parameters(), network.parameters(), strict=True):
        assert ours.data_ptr() == theirs.data_ptr()
    for ours, theirs in zip(twin.buffers(), network.buffers(), strict=True):  # type: ignore[assignment]
        assert ours.data_ptr() != theirs.data_ptr()
        torch.testing.assert_close(ours, theirs)
    assert not any(weight.requires_grad for weight in twin.parameters())
    assert not any(module.training for module in twin.modules())
    assert network.conv.weight.requires_grad
    assert network.training


def test_weights_that_two_layers_share_stay_shared() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    twin = frozen_copy(nn.Sequential(first, second))
    assert twin[0].weight is twin[1].weight


def test_matrices_are_not_copied(network: Residual) -> None:
    run = compiled(ent.Model.wrap(network), [ent.Layer("output")], CPU)
    assert isinstance(run, Compiled)
    for each in run.executables():
        heads = [part for part in each.module.modules() if isinstance(part, nn.Linear)]
        assert [head.weight.data_ptr() for head in heads] == [network.head.weight.data_ptr()]


def test_no_gradient_of_a_weight_is_computed(network: Residual) -> None:
    (out,) = run(network, "output")
    assert not out.requires_grad


def test_what_lies_behind_the_deepest_target_is_not_run(network: Residual) -> None:
    class Bomb(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("must not run")

    network.head = Bomb()  # type: ignore[assignment]
    assert [tuple(each.shape) for each in run(network, "conv", "relu#1")] == [(2, 6, 9, 13)] * 2


def test_the_picture_itself_is_given_before_preprocessing_and_without_a_run() -> None:
    class Bomb(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("must not run")

    assert run(Bomb(), "input")[0] is IMAGE


def test_a_frozen_copy_is_made_once_for_the_same_targets_and_let_go_with_its_model(
    network: Residual,
) -> None:
    model = ent.Model.wrap(network)
    a, b = ent.Layer("conv"), ent.Layer("norm")
    run = compiled(model, [a, b], CPU)
    assert run is compiled(model, {b, a}, CPU)
    assert isinstance(run, Compiled)
    modules = [each.module for each in run.executables()]
    assert [type(each) for each in modules[1:]] == [Residual, Residual]
    kept = [weakref.ref(each) for each in modules]
    assert all(each() is not None for each in kept)
    del model, run, modules
    gc.collect()
    assert all(each() is None for each in kept)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_any_precision_takes_a_picture_of_float32(dtype: torch.dtype) -> None:
    (out,) = run(nn.Sequential(nn.Conv2d(3, 2, 3)).to(dtype), "0")
    assert out.dtype == dtype


def test_a_network_without_weights_runs_too() -> None:
    (means,) = run(nn.Sequential(nn.AvgPool2d((9, 13))), "0")
    torch.testing.assert_close(means[:, :, 0, 0], IMAGE.mean((2, 3)))


def test_threads_that_ask_at_the_same_time_get_the_same_network_made_once(
    network: Residual, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    met = []

    def copied(module: nn.Module, *where: torch.device, **how: Any) -> nn.Module:
        try:
            both.wait(0.2)
            met.append(module)
        except threading.BrokenBarrierError:
            pass  # no other thread is making one
        return frozen_copy(module, *where, **how)

    monkeypatch.setattr("entoptic.networks.compile.copies.frozen_copy", copied)
    model = ent.Model.wrap(network, preprocess=PLAIN)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(compiled, model, [ent.Layer("conv")], CPU) for _ in range(4)]
    assert len({id(each.result()) for each in asked}) == 1
    assert met == []
