"""All looks of a network on one photo, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from entoptic.checks import text
from entoptic.jobs.recipe import recipe, setting
from entoptic.recipes.dream import Dream
from entoptic.recipes.sweep import SweepOfDreams, several_of

if TYPE_CHECKING:
    from entoptic.images import Picture
    from entoptic.jobs.sweeps import SweepPlan


@recipe("looks", order=11)
@dataclass(frozen=True)
class Looks(SweepOfDreams):
    """Show a photo in all looks of a network, with the command of each.

    >>> import entoptic as ent
    >>> photo = ent.Pixels.noise(40, 60, seed=0)()
    >>> ent.looks(ent.load(), photo, look=["eyes", "fur"], size=48).labels
    ('--look eyes', '--look fur')
    """

    examples: ClassVar[str] = """
  entoptic looks sky.jpg                    all looks on one sheet
  entoptic looks sky.jpg -o looks/          each in a file of its own
  entoptic dream sky.jpg --look eyes        then one of them, large
"""

    look: str | Sequence[str] | None = setting(
        None, several_of(text), "Looks.", metavar="NAME", many=True, told="all of the network"
    )

    def plan(self, read_guide: Callable[[str], Picture] | None = None) -> SweepPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.looks import looks_of
        from entoptic.jobs.sweeps import plan_sweep

        model = self.network()
        known = looks_of(model)
        names = tuple(known) if self.look is None else tuple(self.look)
        plan = plan_sweep(replace(self, model=model, look=names), {"look": names}, Dream)
        told = (f"{name}: {known[name].words}" for name in names)
        return replace(plan, notes=(*plan.notes, *told))
