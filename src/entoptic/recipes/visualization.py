"""Feature visualization: the picture that a unit wants most, or a sheet of many units' pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from entoptic import images
from entoptic.checks import seed as a_seed, taking
from entoptic.errors import BadSetting
from entoptic.images import Picture
from entoptic.jobs.defaults import best_method
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import MOST_UNITS, label_of, read_units
from entoptic.networks import DeviceLike, ModelLike, model_of
from entoptic.objectives import Objective, per_image


def visualize(
    model: ModelLike,
    *units: str | Objective,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """The picture that a unit wants most, or a sheet of many units' pictures.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        units: `layer:channel`, ranges `layer:3-9`, objectives, or expressions of them.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...; several with commas between share the pictures.
        settings: those of `ClimbSettings`.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.visualize(ent.load(), "fire5:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 48, 48])
    """
    return plan_visualize(model, units, seed=seed, on=device, **settings).run()


@taking(seed=a_seed)
def plan_visualize(
    model: ModelLike,
    units: Sequence[str | Objective],
    *,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> SheetPlan:
    """Check a visualization and lay it out; arguments as for `visualize`."""
    model = model_of(model)
    how = climb_settings("visualize", settings, {"method": best_method(model)})
    wanted = [each for unit in units for each in read_units(unit)]
    if not wanted:
        raise BadSetting("nothing to visualize; name a unit, such as fire7:3")
    if len(wanted) > MOST_UNITS:
        raise BadSetting(f"{len(wanted)} units are too many for one sheet; {MOST_UNITS} at most")
    return plan_sheet(
        "visualize",
        model,
        per_image(wanted),
        len(wanted),
        how,
        layout=Layout([label_of(each) for each in wanted]),
        seed=seed,
        on=on,
        read_guide=read_guide,
    )
