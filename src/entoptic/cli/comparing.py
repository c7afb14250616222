"""`entoptic compare`."""

from __future__ import annotations

import re
from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.making import make
from entoptic.cli.outputs import Delivery, destinations, made

_WHAT = "What to compare"


@click.command(
    "compare",
    cls=options.Grouped,
    standards=options.CLIMB
    | {
        "models": "squeezenet1_1",
        "methods": "by network; entoptic with squeezenet1_1",
        "canvases": "the method's",
    },
    epilog="""\b
Examples:
  entoptic compare "logit('goldfish')" --models squeezenet1_1,efficientnet_lite0
  entoptic compare fire7:3 fire7:9 --methods entoptic,lucid,maco
  entoptic compare fire7:3 --canvases fourier,pixels --steps 512
""",
)
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@options.option(_WHAT, "--models", "-m", metavar="A,B", help="Networks.")
@options.option(
    _WHAT,
    "--methods",
    metavar="A,B",
    help="Methods: entoptic, strong, gentle, lucid, maco, cppn, pixels.",
)
@options.option(
    _WHAT,
    "--canvases",
    metavar="A,B",
    help="Canvases: fourier, pixels, laplacian, maco, cppn, shared, alpha.",
)
@options.option(
    _WHAT,
    "--transforms",
    metavar="A,B",
    help="Sets of transforms: robust, strong, gentle, lucid, maco, accentuate, none.",
)
@options.climb_but_names
@options.result
def compare_command(units: tuple[str, ...], **given: Any) -> int:
    """Show what the same units want in several networks, or by several methods.

    Give several names with commas between them to one of --models, --methods, --canvases and
    --transforms; each makes a column, and each unit a row. Units are as for `entoptic visualize`.
    """
    delivery, settings = Delivery.split(given)
    name = re.sub(r"\W+", "-", units[0]).strip("-")[:60] or "unit"
    (output,) = destinations([name], delivery, "compare", [])

    from entoptic.networks import load
    from entoptic.networks.sources import DEFAULT
    from entoptic.recipes import plan_compare

    on, seed, models = (settings.pop(each) for each in ("device", "seed", "models"))
    plan = plan_compare(
        [load(each) for each in _names(models) or [DEFAULT]],
        units,
        seed=seed or 0,
        on="auto" if on is None else on,
        methods=_names(settings.pop("methods")),
        canvases=_names(settings.pop("canvases")),
        transforms=_names(settings.pop("transforms")),
        **settings,
    )
    with made(delivery.folder):
        return make(plan, output, delivery, [])


def _names(text: str | None) -> list[str]:
    """Names as they are typed, with commas between them."""
    return [] if text is None else [each.strip() for each in text.split(",")]
