"""Taps: what is captured, when the pass stops, and that nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from entoptic.errors import UnknownLayer
from entoptic.layers import Layer
from entoptic.networks.taps import first_tensor, run, tapped

IMAGE = torch.linspace(-1, 1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.factor


class Network(nn.Module):
    """Doubles twice, with one ReLU in place that runs thrice, then returns a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = Times(2), Times(3), Times(5)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Any:
        x = self.relu(self.first(x))
        x = self.relu(-self.second(x) + 4)
        return {"maps": (self.relu(self.last(x)), x)}


def captured(*wanted: str) -> tuple[Network, dict[Layer, Tensor]]:
    network = Network()
    modules = dict(network.named_modules()) | {"output": network}
    return network, run(network, modules, IMAGE, [Layer.parse(each) for each in wanted])


FIRST = (2 * IMAGE).clamp(0)
SECOND = (4 - 3 * FIRST).clamp(0)


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("first<in>", IMAGE),
        ("first", 2 * IMAGE),
        ("relu<in>", 2 * IMAGE),
        ("relu", FIRST),
        ("second<in>", FIRST),
        ("second", 3 * FIRST),
        ("relu#1<in>", 4 - 3 * FIRST),
        ("relu#1", SECOND),
        ("relu#2", 5 * SECOND),
        ("output<in>", IMAGE),
        ("output", 5 * SECOND),
    ],
)
def test_every_port_of_every_call_gives_its_value(address: str, value: Tensor) -> None:
    _, seen = captured(address)
    torch.testing.assert_close(seen, {Layer.parse(address): value})


def test_what_is_captured_survives_an_operation_in_place_further_on() -> None:
    _, seen = captured("first", "relu#1<in>", "output")
    torch.testing.assert_close(seen[Layer("first")], 2 * IMAGE)
    torch.testing.assert_close(seen[Layer("relu", "input", 1)], 4 - 3 * FIRST)
    torch.testing.assert_close(seen[Layer("output")], 5 * SECOND)


def test_what_lies_in_a_tuple_survives_it_too() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, int]:
            return x + 1, 7

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.last = Pair(), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.pair(x)[0].zero_())

    network = Outer()
    seen = run(network, dict(network.named_modules()), IMAGE, [Layer("pair"), Layer("last")])
    torch.testing.assert_close(seen[Layer("pair")], IMAGE + 1)
    assert not seen[Layer("last")].any()


def test_the_pass_stops_at_the_deepest_target() -> None:
    network, _ = captured("first", "second")
    assert [network.first.calls, network.second.calls, network.last.calls] == [1, 1, 0]
    network, _ = captured("second<in>")
    assert [network.first.calls, network.second.calls, network.last.calls] == [1, 0, 0]


def test_a_network_that_swallows_exceptions_does_not_swallow_the_stop() -> None:
    class Careless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Times(2)

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.inner(x)
            except Exception:  # noqa: BLE001 (such networks exist)
                return x

    network = Careless()
    seen = run(network, dict(network.named_modules()), IMAGE, [Layer("inner")])
    torch.testing.assert_close(seen[Layer("inner")], 2 * IMAGE)


def test_a_gradient_flows_through_what_is_captured() -> None:
    network = Network()
    image = IMAGE.clone().requires_grad_()
    seen = run(network, dict(network.named_modules()), image, [Layer("first"), Layer("second")])
    (wrt_first,) = torch.autograd.grad(
        seen[Layer("second")].sum(), seen[Layer("first")], retain_graph=True
    )
    torch.testing.assert_close(wrt_first, 3.0 * (IMAGE > 0))
    (wrt_image,) = torch.autograd.grad(seen[Layer("second")].sum(), image)
    torch.testing.assert_close(wrt_image, 6.0 * (IMAGE > 0))


def hooks(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def test_no_hook_outlives_a_run_whether_it_stops_ends_or_fails() -> None:
    network, _ = captured("first")
    assert hooks(network) == 0
    network, _ = captured("output")
    assert hooks(network) == 0
    modules = dict(network.named_modules())
    with pytest.raises(IndexError), tapped(modules, [Layer("first")]):
        [][hooks(network)]
    assert hooks(network) == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("relu#3", "'relu#3' was not reached: the network runs 'relu' 3 times; choose another"),
        ("first#1", "'first#1' was not reached: the network runs 'first' once; choose another"),
    ],
)
def test_a_call_that_never_comes_is_named(address: str, told: str) -> None:
    with pytest.raises(UnknownLayer, match=told):
        captured(address)


def test_a_layer_without_a_tensor_is_named_with_what_it_gives() -> None:
    class Nothing(nn.Module):
        def forward(self, x: Tensor) -> str:
            return "nothing"

    network = Nothing()
    with pytest.raises(
        UnknownLayer, match="'output' gives str, not a tensor; choose a layer inside"
    ):
        run(network, {"output": network}, IMAGE, [Layer("output")])


@pytest.mark.parametrize(
    "value", [IMAGE, (IMAGE,), [None, IMAGE, 3], {"a": 1, "b": (IMAGE, 2)}, ((), {"c": [IMAGE]})]
)
def test_the_first_tensor_is_found_wherever_it_is(value: Any) -> None:
    assert first_tensor(value) is IMAGE


def test_where_there_is_no_tensor_none_is_found() -> None:
    assert first_tensor({"a": [1, "b", None]}) is None
