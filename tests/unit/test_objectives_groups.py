"""Positive parts and groups of channels: what they score, how they read, what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import BadExpression, ChannelOutOfRange
from entoptic.layers import Layer

A = Layer("a")
# Two images of 3 channels with 1 x 2 places.
MAPS = torch.tensor(
    [[[[1.0, -2.0]], [[3.0, 5.0]], [[-1.0, -4.0]]], [[[0.0, 0.0]], [[-1.0, 2.0]], [[7.0, 9.0]]]]
)


def test_positive_sums_what_is_above_zero() -> None:
    assert ent.positive("a")({A: MAPS}).tolist() == [9, 18]


def test_nothing_below_zero_pulls_on_positive() -> None:
    maps = MAPS.clone().requires_grad_()
    ent.positive("a")({A: maps}).sum().backward()
    assert torch.equal(maps.grad, (MAPS > 0).float())  # type: ignore[arg-type]


def test_channels_is_the_mean_of_the_single_channels() -> None:
    assert ent.channels("a", [2, 1])({A: MAPS}).tolist() == [0.75, 4.25]
    assert ent.channels("a", (0,))({A: MAPS}).tolist() == ent.channel("a", 0)({A: MAPS}).tolist()


def test_a_group_of_features_needs_no_places() -> None:
    flat = torch.tensor([[1.0, -3.0, 4.0], [2.0, 0.5, 0.0]])
    assert ent.channels("a", (0, 2))({A: flat}).tolist() == [2.5, 1]


@pytest.mark.parametrize("text", ["channels('a', (3,))", "channels('a', (3, 5, 9))"])
def test_a_group_prints_as_what_makes_it_again(text: str) -> None:
    assert repr(ent.parse(text)) == text
    assert ent.parse(text.replace("(3", "[3").replace("))", "])")) == ent.parse(text)


@pytest.mark.parametrize(
    "group",
    [[], 3, "", "1,,2", "5-3", "1,1", "-1", "0-1048576", "x", [1, 1], [0, -1], [1.0], [True]],
)
def test_what_is_no_group_is_refused(group: Any) -> None:
    with pytest.raises(BadExpression, match="channels wants different channel numbers"):
        ent.channels("a", group)


def test_a_group_may_be_given_as_ranges() -> None:
    assert ent.channels("a", "3-5, 12,0") == ent.channels("a", (3, 4, 5, 12, 0))
    assert repr(ent.parse("channels('a', '2-3')")) == "channels('a', (2, 3))"


def test_a_channel_that_the_layer_lacks_is_named() -> None:
    model = ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 5, 1)))
    with pytest.raises(ChannelOutOfRange, match=r"channel 7 of '0' does not exist; .*\(0\.\.4\)"):
        bind(ent.channels("0", (2, 7, 1)), model, (8, 9))
