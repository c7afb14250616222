"""Comparisons: the same units in several networks, or by several methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from entoptic.checks import several, text
from entoptic.errors import BadSetting, EntopticError
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.recipe import recipe, required, setting, with_default
from entoptic.jobs.visualization import MANY_UNITS, Visualization, names_given, units_given

if TYPE_CHECKING:
    from entoptic.jobs.columns import ColumnsPlan
    from entoptic.jobs.sheets import SheetPlan
    from entoptic.networks import Model, ModelLike
    from entoptic.objectives import Objective
    from entoptic.objectives.files import Files

# What held where no method was named, before jobs said so: by the network.
_FIRST_METHODS = {"efficientnet_lite0": "strong"}


@recipe("compare", order=30)
@dataclass(frozen=True)
class Compare(Visualization):
    """Compare units in several networks, or by several methods.

    Each unit makes a row, and each model, method, canvas or set of transforms a column. Give
    several values, with commas between them, to exactly one of these options.

    >>> import entoptic as ent
    >>> by = {"method": ["lucid", "maco"], "size": 48, "steps": 1}
    >>> ent.compare(ent.load(), "fire5:3", **by).image.shape
    torch.Size([1, 3, 88, 100])
    """

    examples = """
  entoptic compare class:goldfish -m squeezenet1_1,efficientnet_lite0
  entoptic compare fire7:3 fire7:9 --method natural,lucid,maco
  entoptic compare fire7:3 --canvas fourier,pixels --steps 512
"""
    objective_is = "units"
    unit_field = "units"
    renamed: ClassVar[Mapping[str, str]] = {
        "models": "model",
        "methods": "method",
        "canvases": "canvas",
    }

    # Several of what other recipes have one of.
    model: ModelLike | Sequence[ModelLike] = with_default(  # type: ignore[assignment]
        Visualization, "model", many=True
    )
    units: Sequence[str | Objective] = required(
        units_given, MANY_UNITS, role="units", metavar="UNIT", positional=True, many=True
    )
    _: KW_ONLY
    method: str | Sequence[str] | None = with_default(  # type: ignore[assignment]
        Visualization, "method", None, usual="natural", meaning=names_given, many=True
    )
    canvas: str | Sequence[str] | None = with_default(  # type: ignore[assignment]
        Visualization, "canvas", None, meaning=names_given, many=True
    )
    transforms: str | Sequence[str] | None = with_default(  # type: ignore[assignment]
        Visualization, "transforms", None, meaning=names_given, many=True
    )
    column_methods: Sequence[str] | None = setting(
        None,
        several(text, "names"),
        "Method of each column where none is named, so that another default changes no picture "
        "that is made again.",
        hidden=True,
    )

    @classmethod
    def upgraded(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """See `Recipe.upgraded`; the names of several networks stay by themselves."""
        found = super().upgraded(stored)
        if "model" in found:
            found["models"] = found.pop("model")
        if "column_methods" not in found and not found.get("method"):
            count = max(len(listed(found.get(name))) for name in ("models", "canvas", "transforms"))
            networks = listed(found.get("models")) or [USUAL]
            found["column_methods"] = [
                _FIRST_METHODS.get(str(_of_column(networks, number)).partition("?")[0], "entoptic")
                for number in range(count)
            ]
        return found

    @classmethod
    def left_out(
        cls, stored: Mapping[str, Any], changes: Mapping[str, Any], same_network: bool
    ) -> set[str]:
        """See `Recipe.left_out`; what is compared stays, but for what is changed."""
        others = {"method", "canvas", "transforms"} & changes.keys()
        return {"column_methods"} if others or not same_network else set()

    def plan(self, files: Files | None = None) -> ColumnsPlan:
        """See `Recipe.plan`."""
        from entoptic.jobs.columns import ColumnsPlan, notes_of
        from entoptic.jobs.inputs import check_pixels
        from entoptic.jobs.units import MOST_UNITS, label_of, read_all
        from entoptic.networks import models_of

        networks = models_of(listed(self.model), "models")
        named = {
            "models": [model.source for model in networks],
            "methods": listed(self.method),
            "canvases": listed(self.canvas),
            "transforms": listed(self.transforms),
        }
        titles = named[_compared(named)]
        wanted = read_all(self.units)
        if not 0 < len(wanted) * len(titles) <= MOST_UNITS:
            raise BadSetting(
                f"{len(wanted)} units in {len(titles)} columns; a sheet has 1 to {MOST_UNITS} "
                "pictures"
            )
        if self.column_methods is not None and len(self.column_methods) != len(titles):
            raise BadSetting(
                f"{len(self.column_methods)} column_methods for {len(titles)} columns; leave them "
                "out, or give as many"
            )
        columns = []
        for number, title in enumerate(titles):
            try:
                columns.append(self._column(number, networks, wanted, files))
            except EntopticError as error:
                raise type(error)(f"in the column {title!r}: {error}") from None
        # One for all columns: of what `auto` has found for each network, what all have room for.
        batch = min(column.batch for column in columns)
        columns = [column.with_batch(batch) for column in columns]
        first = columns[0]
        precisions = {column.settings.precision for column in columns}
        precision = precisions.pop() if len(precisions) == 1 else self.precision
        settings = self.kept() | {
            "models": named["models"],
            "method": named["methods"],
            "canvas": named["canvases"],
            "transforms": named["transforms"],
            "column_methods": [column.settings.method for column in columns],
            "batch": batch,
            "spectrum": first.settings.spectrum,
            "precision": precision,
        }
        plan = ColumnsPlan(
            model=first.model,
            objective=first.objective,
            device=first.device,
            job=replace(first.job, settings=settings),
            notes=notes_of(columns),
            columns=tuple(columns),
            titles=tuple(titles),
            labels=tuple(map(label_of, wanted)),
        )
        check_pixels(*plan.shape)
        return plan

    def _column(
        self,
        number: int,
        networks: Sequence[Model],
        wanted: Sequence[Objective],
        files: Files | None,
    ) -> SheetPlan:
        from entoptic.jobs.plan_sheet import plan_sheet
        from entoptic.jobs.sheets import Layout
        from entoptic.objectives import per_image

        model = _of_column(networks, number)
        alone = replace(
            self,
            model=model,
            method=_of_column(listed(self.method) or listed(self.column_methods), number),
            canvas=_of_column(listed(self.canvas), number),
            transforms=_of_column(listed(self.transforms), number),
        )
        return plan_sheet(
            alone.resolved(model),
            model,
            per_image(wanted),
            len(wanted),
            layout=Layout(columns=1, gap=0),
            files=files,
        )


def listed(given: Any) -> list[Any]:
    """Return several values as a list; one alone as a list of it, None as an empty one."""
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _compared(named: Mapping[str, Sequence[str]]) -> str:
    """Return of what there are several.

    Raises:
        BadSetting: of nothing, of more than one thing, of no network, or one twice.
    """
    several = [name for name, each in named.items() if len(each) > 1]
    if len(several) != 1 or not named["models"]:
        given = ", ".join(f"{len(each)} of {name}" for name, each in named.items() if each)
        raise BadSetting(
            "a comparison is of several models, methods, canvases or transforms, such as "
            f"method=lucid,maco, and of one of these kinds alone; given are {given or 'none'}"
        )
    names = named[several[0]]
    if len(set(names)) < len(names):
        raise BadSetting(f"{several[0]} to compare must differ; given are {', '.join(names)}")
    return several[0]


def _of_column(several: Sequence[Any], number: int) -> Any:
    """Return what a column has of something: its own, the one of all columns, or None."""
    return several[number] if len(several) > 1 else next(iter(several), None)
