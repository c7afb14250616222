"""`entoptic visualize`."""

from __future__ import annotations

import re
from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.making import make
from entoptic.cli.outputs import Delivery, destinations, made


@click.command(
    "visualize",
    cls=options.Grouped,
    standards=options.CLIMB,
    epilog="""\b
Examples:
  entoptic visualize squeezenet1_1 fire7:3                 makes fire7-3-visualize.png
  entoptic visualize squeezenet1_1 fire5:0-15 -o sheet.png sixteen channels on a sheet
  entoptic visualize squeezenet1_1 class:goldfish          a class
  entoptic visualize efficientnet_lite0 blocks.3:7 --steps 512 --size 400
""",
)
@click.argument("model")
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@options.climb
@options.result
def visualize_command(model: str, units: tuple[str, ...], **given: Any) -> int:
    """Show what units of a network want to see most.

    A unit is a channel, LAYER:CHANNEL; a range of channels, LAYER:3-9; a class, class:NAME; or an
    expression as for `entoptic dream`. Several units make a sheet of pictures with their names.
    `entoptic layers MODEL` lists the layers.
    """
    delivery, settings = Delivery.split(given)
    (output,) = destinations([name_of(units[0])], delivery, "visualize", [])

    from entoptic.networks import load
    from entoptic.recipes import plan_visualize

    on = settings.pop("device")
    seed = settings.pop("seed")
    on = "auto" if on is None else on
    plan = plan_visualize(load(model), units, on=on, seed=seed or 0, **settings)
    with made(delivery.folder):
        return make(plan, output, delivery, [])


def name_of(unit: str) -> str:
    """What a picture of a unit is called.

    >>> name_of("logit('goldfish')")
    'logit-goldfish'
    """
    return re.sub(r"\W+", "-", unit).strip("-")[:60] or "unit"
