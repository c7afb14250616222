"""`entoptic evaluate`: what pictures of units are worth, as a table or as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options
from entoptic.cli.outputs import Delivery, destinations, made, saved
from entoptic.cli.printing import echo
from entoptic.cli.progress import teller
from entoptic.cli.tables import show
from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.recipes.evaluation import Evaluation

_WITH = "What to compare with"


@click.command(
    "evaluate",
    cls=options.Grouped,
    standards=options.CLIMB | {"judges": "the other embedded networks"},
    epilog="""\b
Examples:
  entoptic evaluate squeezenet1_1 class:goldfish fire7:5 --photos holidays/
  entoptic evaluate squeezenet1_1 fire5:0-7 --seeds 3 --save pictures/
  entoptic evaluate efficientnet_lite0 "logit('volcano')" --judge timm:resnet18.a1_in1k --json
""",
)
@click.argument("model")
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@options.option(
    _WITH,
    "--photos",
    multiple=True,
    metavar="FILE|FOLDER",
    help="Photographs: how many of them score less; can be given several times.",
)
@options.option(
    _WITH,
    "--judge",
    "judges",
    multiple=True,
    metavar="MODEL",
    help="Network that says whether it sees the class too; can be given several times.",
)
@options.option(
    _WITH,
    "--seeds",
    type=int,
    default=1,
    metavar="N",
    help="Pictures of each unit, from different seeds: how diverse they are.",
)
@options.climb
@options.option(
    "The result",
    "--save",
    metavar="FOLDER",
    help="Keep the pictures, a sheet for each seed.",
)
@options.option("The result", "--json", "as_json", is_flag=True, help="Print as JSON.")
@options.option("The result", "--quiet", "-q", is_flag=True, help="No progress and no notes.")
def evaluate_command(
    model: str,
    units: tuple[str, ...],
    photos: tuple[str, ...],
    judges: tuple[str, ...],
    seeds: int,
    save: str | None,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Say in numbers what pictures of units are worth.

    The pictures are made as `entoptic visualize` makes them, and measured: their score, how many
    photographs score less, whether other networks see the class, how diverse pictures of different
    seeds are, seconds, and memory. docs/how-to/evaluate.md tells how to read each number.
    """
    if save == "":
        raise BadSetting("--save is empty; name a folder")
    folder = None if save is None else save.rstrip("/") + "/"
    delivery = Delivery(folder, None, 8, False, as_json, quiet)
    on, seed = given.pop("device"), given.pop("seed")

    from entoptic.networks import load
    from entoptic.recipes.evaluation import plan_evaluate

    plan = plan_evaluate(
        load(model),
        units,
        judges=judges or None,
        photos=photos,
        seeds=seeds,
        on="auto" if on is None else on,
        seed=seed or 0,
        **given,
    )
    names = [f"seed-{each.job.seed}" for each in plan.plans] if folder else []
    outputs = destinations(names, delivery, "evaluate", []) if folder else []
    with made(delivery.folder):
        found = plan.run(teller(quiet))
        for sheet, output in zip(found.sheets, outputs, strict=folder is not None):
            saved(sheet.save, output, delivery.force, quiet)
    _report(found, delivery)


def _report(found: Evaluation, delivery: Delivery) -> None:
    if not delivery.quiet:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
        for note in found.notes:
            echo(f"Note: {note}", err=True)
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
    """What the table is about."""
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
