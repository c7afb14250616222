"""Weights between layers: known kernels, by whatever way they lead from one layer to the next."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.networks.circuits import Circuits, Weights


def convolution(kernels: Any, **more: Any) -> nn.Conv2d:
    """Return a convolution of (outputs, inputs, rows, columns)."""
    weight = torch.tensor(kernels, dtype=torch.float32)
    outputs, inputs, rows, columns = weight.shape
    inputs *= more.get("groups", 1)
    made = nn.Conv2d(inputs, outputs, (rows, columns), padding="same", bias=False, **more)
    made.weight.data = weight
    return made


def pointwise(matrix: Any) -> nn.Conv2d:
    """Return a convolution of one position."""
    return convolution(np.array(matrix, np.float32)[:, :, None, None])


def found(net: nn.Module, *layers: str, **more: Any) -> dict[tuple[str, str], Weights]:
    """Return the weights between layers by their names."""
    circuits = Circuits(ent.Model.wrap(net, **more), [Layer(each) for each in layers])
    return {(str(each.source), str(each.target)): each for each in circuits.weights()}


def chain(*named: tuple[str, nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(named))


FIRST = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
SECOND = [[1, -2, 0, 3], [0, 0, 4, -5]]


def test_weights_go_through_what_treats_each_channel_by_itself() -> None:
    net = chain(
        ("a", pointwise(FIRST)), ("relu", nn.ReLU()), ("pool", nn.MaxPool2d(2)),
        ("drop", nn.Dropout()), ("b", pointwise(SECOND)), ("end", nn.ReLU()),
    )  # fmt: skip
    weights = found(net, "a", "end")
    assert [*weights] == [("a", "end")]
    np.testing.assert_array_equal(weights["a", "end"].totals, SECOND)


def test_the_nearest_layer_is_the_one_that_is_read() -> None:
    net = chain(("a", pointwise(FIRST)), ("relu", nn.ReLU()), ("b", pointwise(SECOND)))
    assert {*found(net, "a", "relu", "b")} == {("relu", "b")}


def test_a_batch_norm_multiplies_and_turns_what_excites_to_what_inhibits() -> None:
    norms = []
    for gamma, variance in (([2.0, -1.0, 1.0, 1.0], 4.0), ([1.0, -1.0], 1.0)):
        norm = nn.BatchNorm2d(len(gamma), eps=0)
        norm.weight.data = torch.tensor(gamma)
        assert norm.running_var is not None
        norm.running_var.fill_(variance)
        norms.append(norm)
    net = chain(("a", pointwise(FIRST)), ("n", norms[0]), ("b", pointwise(SECOND)), ("m", norms[1]))
    # Columns by 2/2, -1/2, 1/2, 1/2; the second row is turned.
    np.testing.assert_allclose(
        found(net, "a", "m")["a", "m"].totals, [[1, 1, 0, 1.5], [0, 0, -2, 2.5]]
    )


class Fire(nn.Module):
    """Sets a window of 1 and one of 3 beside each other, by the name given for that."""

    def __init__(self, wide: Any) -> None:
        super().__init__()
        self.a = pointwise([[1, 1, 1], [0, 1, 0]])
        self.one, self.three = pointwise([[2, -3]]), convolution(wide)
        self.read = pointwise([[5, 7, 11]])

    def forward(self, image: Tensor) -> Tensor:
        a = torch.relu(self.a(image))
        both = torch.cat([torch.relu(self.one(a)), torch.relu(self.three(a))], 1)
        return self.read(both)


def test_channels_set_beside_each_other_keep_their_numbers() -> None:
    wide = np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3) - 10
    net = Fire(wide)
    weights = found(net, "a", "one", "three", "read")
    assert {*weights} == {("a", "one"), ("a", "three"), ("one", "read"), ("three", "read")}
    np.testing.assert_array_equal(weights["one", "read"].totals, [[5]])
    np.testing.assert_array_equal(weights["three", "read"].totals, [[7, 11]])
    np.testing.assert_array_equal(weights["a", "three"].kernels, wide)


class Block(nn.Module):
    """What the two windows of a Fire have in common is its own output."""

    def __init__(self, wide: Any) -> None:
        super().__init__()
        self.a = pointwise([[1, 1, 1], [0, 1, 0]])
        self.inside = Both(wide)

    def forward(self, image: Tensor) -> Tensor:
        return self.inside(self.a(image))


class Both(nn.Module):
    def __init__(self, wide: Any) -> None:
        super().__init__()
        self.one, self.three = pointwise([[2, -3]]), convolution(wide)

    def forward(self, a: Tensor) -> Tensor:
        return torch.cat([self.one(a), self.three(a)], 1)


def test_of_windows_of_different_sizes_the_smaller_is_in_the_middle() -> None:
    wide = np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3)
    kernels = found(Block(wide), "a", "inside")["a", "inside"].kernels
    np.testing.assert_array_equal(kernels[1:], wide)
    middle = np.zeros((2, 3, 3), np.float32)
    middle[:, 1, 1] = 2, -3
    np.testing.assert_array_equal(kernels[0], middle)


def test_groups_read_their_own_channels() -> None:
    lone = np.array([[[[1, 2, 3]]], [[[4, 5, 6]]], [[[7, 8, 9]]]], np.float32)
    net = chain(("a", pointwise(FIRST[:3])), ("b", convolution(lone, groups=3)))
    np.testing.assert_array_equal(found(net, "a", "b")["a", "b"].totals, np.diag([6.0, 15.0, 24.0]))


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = pointwise(np.eye(3)), pointwise(np.eye(3))
        self.sum = nn.Identity()
        self.c = pointwise([[1, 2, 3]])

    def forward(self, image: Tensor) -> Tensor:
        a = self.a(image)
        return self.c(self.sum(self.b(a) + a))


def test_a_sum_has_no_weights_of_its_own_and_is_read_like_any_layer() -> None:
    weights = found(Skip(), "a", "b", "sum", "c")
    assert {*weights} == {("a", "b"), ("sum", "c")}
    np.testing.assert_array_equal(weights["sum", "c"].totals, [[1, 2, 3]])


@pytest.mark.parametrize("positions", [1, 2])
def test_a_linear_layer_is_read_only_after_all_positions_are_one(positions: int) -> None:
    linear = nn.Linear(3 * positions**2, 2)
    net = chain(
        ("a", pointwise(FIRST[:3])), ("mean", nn.AdaptiveAvgPool2d(positions)),
        ("flat", nn.Flatten()), ("b", linear),
    )  # fmt: skip
    weights = found(net, "a", "b")
    assert [*weights] == [("a", "b")][: 2 - positions]
    if weights:
        np.testing.assert_array_equal(weights["a", "b"].totals, linear.weight.detach().numpy())


def test_classes_are_the_layers_that_only_pooling_parts_from_the_scores() -> None:
    net = chain(
        ("a", pointwise(FIRST)), ("b", pointwise(SECOND)), ("relu", nn.ReLU()),
        ("mean", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()),
    )  # fmt: skip
    layers = [Layer(each) for each in ("a", "b", "relu", "output")]
    labelled = ent.Model.wrap(net, labels=("red", "blue"))
    assert {str(each) for each in Circuits(labelled, layers).classes()} == {"b", "relu", "output"}
    assert Circuits(ent.Model.wrap(net), layers).classes() == ()
    three = ent.Model.wrap(net, labels=("red", "blue", "green"))
    assert Circuits(three, layers).classes() == ()


class Choosing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = pointwise(FIRST)

    def forward(self, image: Tensor) -> Tensor:
        return self.a(image) if image.sum() > 0 else self.a(-image)


def test_a_network_without_a_graph_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"the forward pass of python can't be traced \(.+\)"):
        Circuits(ent.Model.wrap(Choosing()), [Layer("a")])


def test_several_networks_are_refused() -> None:
    both = ent.ensemble(one=ent.Model.wrap(Skip()), other=ent.Model.wrap(Skip()))
    with pytest.raises(BadSetting, match="is several networks; weights are those of one"):
        Circuits(both, [])
