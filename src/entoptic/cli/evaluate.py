"""`entoptic evaluate`: pictures of units, measured, as a table or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entoptic.cli import options
from entoptic.cli.outputs import Delivery, destinations, made, saved
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller
from entoptic.cli.recipes import arguments, check_units, declared_command
from entoptic.cli.tables import show
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import USUAL
from entoptic.recipes.evaluate import Evaluate

if TYPE_CHECKING:
    from entoptic.jobs.evaluation import Evaluation

_RESULT = "The result"


@options.option(
    _RESULT, "--save", metavar="FOLDER", help="Keep the pictures, a sheet for each seed."
)
@options.option(_RESULT, "--json", "as_json", is_flag=True, help="Print as JSON.")
@options.option(_RESULT, "--quiet", "-q", is_flag=True, help="No progress and no notes.")
def _evaluate(save: str | None, as_json: bool, quiet: bool, **given: Any) -> None:
    """Measure pictures of units, and print a table."""
    if save == "":
        raise BadSetting("--save is empty; name a folder")
    folder = None if save is None else save.rstrip("/") + "/"
    delivery = Delivery(folder, None, 8, False, as_json, quiet)
    asked = arguments(Evaluate, given)
    check_units(asked["units"])
    plan = Evaluate(**{"model": USUAL} | asked).plan()
    names = [f"seed-{each.job.seed}" for each in plan.plans] if folder else []
    outputs = destinations(names, delivery, "evaluate", []) if folder else []
    with made(delivery.folder), Teller(quiet) as tell:
        found = plan.run(tell)
        for sheet, output in zip(found.sheets, outputs, strict=folder is not None):
            saved(sheet.save, output, delivery.force, quiet)
    for note in found.notes:
        tell.note(note)
    _report(found, delivery)


evaluate_command = declared_command(Evaluate, _evaluate)


def _report(found: Evaluation, delivery: Delivery) -> None:
    if delivery.as_json:
        echo(found.to_json())
        return
    header = (
        "unit", "score", "percentile", "of best", "top-1", "probability", "diversity", "s/picture"
    )  # fmt: skip
    rows = [(row.unit, f"{row.score:.4g}", *_cells(vars(row))) for row in found.rows]
    if len(rows) > 1:
        rows.append(("mean", "-", *_cells(found.means)))
    show(header, rows)
    for line in _below(found):
        echo(line)


def _cells(values: dict[str, Any]) -> tuple[str, ...]:
    forms = {
        "percentile": "{:.1f}",
        "of_best": "{:.2f}x",
        "top1": "{:.0%}",
        "probability": "{:.1%}",
        "diversity": "{:.3f}",
        "seconds": "{:.2f}",
    }
    return tuple(
        "-" if values[name] is None else form.format(values[name]) for name, form in forms.items()
    )


def _below(found: Evaluation) -> list[str]:
    """Return the lines above the table."""
    memory = found.peak_memory_mib
    lines = [
        f"{found.seeds} picture{'s' * (found.seeds > 1)} of each unit"
        + ("" if memory is None else f"; peak memory {memory:,.0f} MiB")
    ]
    if found.crops:
        lines.append(f"percentile among {found.crops} squares of {found.photos} photographs")
    if any(row.verdicts for row in found.rows):
        lines.append(f"classes judged by {', '.join(found.judges)}")
    return lines
