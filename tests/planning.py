"""Recipes laid out and not carried out, for tests of their plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entoptic.jobs.functions import known
from entoptic.recipes import recipes


def _planner(name: str) -> Callable[..., Any]:
    recipe = recipes[name]

    def plan(*args: Any, on: Any = "auto", files: Any = None, **settings: Any) -> Any:
        given = {key: value for key, value in settings.items() if value is not None}
        return recipe(*args, device=on, **known(recipe, given)).plan(files)

    return plan


plan_dream = _planner("dream")
plan_visualize = _planner("visualize")
plan_compare = _planner("compare")
plan_accentuate = _planner("accentuate")
plan_caricature = _planner("caricature")
plan_invert = _planner("invert")
plan_diversity = _planner("diversity")
plan_looks = _planner("looks")
plan_sweep = _planner("sweep")
plan_evaluate = _planner("evaluate")
plan_filters = _planner("filters")
plan_maps = _planner("maps")


def plan_interpolate(model: Any, units: Sequence[Any], **settings: Any) -> Any:
    """Lay out a row from one unit to another."""
    return _planner("interpolate")(model, *units, **settings)


def plan_grid(model: Any, photo: Any, shown: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Lay out a grid, whose own settings may be given together."""
    return _planner("grid")(model, photo, **(shown or {}), **more)


def plan_groups(model: Any, photo: Any, shown: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Lay out groups, whose own settings may be given together."""
    return _planner("groups")(model, photo, **(shown or {}), **more)


def grid_settings(layer: str | None = None, cells: int = 8, **more: Any) -> dict[str, Any]:
    """Return settings of a grid."""
    return {"layer": layer, "cells": cells} | more


def group_settings(layer: str | None = None, groups: int = 6) -> dict[str, Any]:
    """Return settings of groups."""
    return {"layer": layer, "groups": groups}
