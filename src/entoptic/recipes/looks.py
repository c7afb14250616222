"""All looks of a network on one photo, as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.jobs.recipe import recipe, with_default
from entoptic.recipes.sweep import Sweep

if TYPE_CHECKING:
    from entoptic.jobs.sweeps import SweepPlan
    from entoptic.objectives.files import Files


@recipe("looks", order=11)
@dataclass(frozen=True)
class Looks(Sweep):
    """Show a photo in all looks of a network.

    Below each is the option that makes it. Other settings hold for all of them.

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

    _: KW_ONLY
    look: str | Sequence[str] | None = with_default(Sweep, "look", None, told="all of the network")

    def plan(self, files: Files | None = None) -> SweepPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.looks import looks_of

        model = self.network()
        known = looks_of(model)
        names = tuple(known) if self.look is None else tuple(self.look)
        changes: dict[str, Any] = {"model": model, "look": names}
        how: Sweep = replace(self, **changes)
        plan: SweepPlan = Sweep.plan(how, files)
        told = (f"{name}: {known[name].words}" for name in names)
        return replace(plan, notes=(*plan.notes, *told))
