"""`entoptic accentuate`."""

from __future__ import annotations

from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.with_photo import with_photo


@click.command(
    "accentuate",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "model": "squeezenet1_1",
        "strength": "by network; 15 with squeezenet1_1",
        "layer": "by network; fire3 with squeezenet1_1",
        "steps": "100",
    },
    epilog="""\b
Examples:
  entoptic accentuate cat.jpg "logit('tiger')"         makes cat-accentuate.png
  entoptic accentuate cat.jpg fire7:3 fire7:5          a sheet of two channels
  entoptic accentuate cat.jpg "logit('tiger')" --strength 30     nearer to the photo
  entoptic accentuate cat.jpg "logit('tiger')" --transparency    only what has mattered
""",
)
@click.argument("photo", type=click.Path())
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@options.network
@options.option(
    options.SHOWN, "--strength", type=float, metavar="X", help="How much the photo is kept."
)
@options.option(
    options.SHOWN,
    "--layer",
    "-l",
    metavar="L",
    help="In whose eyes the photo is kept. `entoptic layers` lists them.",
)
@options.option(
    options.SHOWN,
    "--transparency",
    is_flag=True,
    default=None,
    help="Only what has mattered is opaque; for PNG, WebP and TIFF.",
)
@options.climb
@options.result
def accentuate_command(photo: str, **given: Any) -> int:
    """Bring out in a photo what a unit of a network responds to.

    The photo itself is changed so that the unit responds more, while an early layer is to see the
    same photo still. A unit is a channel, LAYER:CHANNEL; a range of channels, LAYER:3-9; or an
    expression as for `entoptic dream`. Several units make a sheet.
    """
    return with_photo("accentuate", photo, given)
