"""The table of named things."""

from __future__ import annotations

import pytest

from entoptic.errors import UnknownModel
from entoptic.registry import Registry


def numbers() -> Registry[int]:
    registry: Registry[int] = Registry("number", UnknownModel)
    registry.add("three", 3)
    registry.add("seven", 7)
    return registry


def test_things_are_found_by_name_and_listed_in_order_of_registration() -> None:
    registry = numbers()
    assert registry["seven"] == 7
    assert list(registry) == ["three", "seven"]
    assert len(registry) == 2
    assert "three" in registry
    assert "four" not in registry


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=r"^no number named 'sven'; did you mean 'seven'\?$"):
        numbers()["sven"]


def test_a_name_that_is_near_to_none_is_answered_with_all() -> None:
    with pytest.raises(UnknownModel, match="no number named 'x'; there are three, seven"):
        numbers()["x"]


def test_nothing_is_replaced_silently_but_the_same_thing_may_come_again() -> None:
    registry = numbers()
    registry.add("three", 3)
    with pytest.raises(ValueError, match="number 'three' is registered already"):
        registry.add("three", 4)
    assert registry["three"] == 3
