"""Exemplars: the photographs that excite units most, least, or in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from entoptic.checks import as_given, flag, one_of, path, several, whole
from entoptic.errors import BadSetting
from entoptic.jobs.looking import COMPUTE, Looking
from entoptic.jobs.recipe import recipe, required, setting
from entoptic.jobs.visualization import MANY_UNITS, units_given

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.exemplars import ExemplarsPlan, FoundExemplars
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files
    from entoptic.types import PathLike

WHICH = "Which photographs"


@recipe("exemplars", order=84)
@dataclass(frozen=True)
class Exemplars(Looking):
    """Find the photographs that excite units most.

    The network runs once over all photographs, for all units together. Each is shown to it at the
    network's own size, the middle cut out; a channel's value is its largest activation over all
    positions. The result is a contact sheet with a section for each unit: of each photograph the
    receptive field of the strongest position, with the value. Files that can't be read are named,
    and passed over. In PHOTOS, folders count with the folders inside them.

    >>> import entoptic as ent, torch
    >>> photos = [torch.full((1, 3, 60, 80), level) for level in (0.1, 0.5, 0.9)]
    >>> found = ent.exemplars(ent.load(), "conv1:0", photos=photos, count=2)
    >>> len(found.units[0].exemplars), found.sheet().shape
    (2, torch.Size([1, 3, 168, 260]))
    """

    examples = """
  entoptic exemplars fire7:3 --photos holidays/            makes fire7-3-exemplars.png
  entoptic exemplars fire7:0-31 --photos holidays/ --count 6
  entoptic exemplars class:goldfish --photos holidays/ --whole
  entoptic exemplars fire7:0-511 --photos holidays/ --record fire7.npz --json
"""
    makes_no_job = True
    returns = "FoundExemplars"
    made = "The photographs of each unit, with values, positions and hashes."

    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    photos: Sequence[PictureLike] = required(
        several(as_given, "files, folders and pictures"),
        "Photographs: files and folders.",
        under=WHICH,
        metavar="FILE,FOLDER",
        many=True,
    )
    count: int = setting(
        9, whole(1, 100), "Number of photographs for each unit.", under=WHICH, metavar="N"
    )
    least: bool = setting(False, flag, "Those that excite it least, shown whole.", under=WHICH)
    spread: bool = setting(
        False, flag, "Those spread evenly over all, from most to least.", under=WHICH
    )
    by: str = setting(
        "max",
        one_of("max", "mean"),
        "Value of a channel in a photograph: its max over all positions, or their mean.",
        under=WHICH,
        metavar="V",
    )
    whole: bool = setting(
        False,
        flag,
        "Show whole photographs as the network is shown them, the receptive field outlined.",
    )
    record: PathLike | None = setting(
        None,
        path,
        "Record (.npz) to keep: the same command, run again, continues, and photographs that it "
        "holds aren't looked at again.",
        under=COMPUTE,
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least and self.spread:
            raise BadSetting("least and spread exclude each other; leave one of them out")

    def plan(  # type: ignore[override]
        self, files: Files | None = None
    ) -> ExemplarsPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.exemplars import plan_exemplars

        return plan_exemplars(self)

    def run(self) -> FoundExemplars:  # type: ignore[override]
        """Find the photographs; raises as `plan` does."""
        return self.plan().run()
