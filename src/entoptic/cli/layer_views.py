"""`entoptic caricature` and `entoptic invert`."""

from __future__ import annotations

from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.with_photo import with_photo

_layers = options.option(
    options.SHOWN,
    "--layer",
    "-l",
    multiple=True,
    metavar="L",
    help="A layer; `entoptic layers` lists them. Given several times: a sheet, early to late.",
)


@click.command(
    "caricature",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "model": "squeezenet1_1",
        "layer": "by network; fire6 with squeezenet1_1",
        "cosine_power": "1",
    },
    epilog="""\b
Examples:
  entoptic caricature cat.jpg                          makes cat-caricature.png
  entoptic caricature cat.jpg -l fire3 -l fire5 -l fire7   a sheet of three layers
  entoptic caricature cat.jpg --cosine-power 4         nearer to the photo
  entoptic caricature cat.jpg -m efficientnet_lite0 --size 400 --steps 512
""",
)
@click.argument("photo", type=click.Path())
@options.network
@_layers
@options.option(
    options.SHOWN,
    "--cosine-power",
    type=float,
    metavar="X",
    help="More is nearer to the photo, less is wilder.",
)
@options.climb
@options.result
def caricature_command(photo: str, **given: Any) -> int:
    """Draw what a layer sees in a photo anew, and exaggerate it.

    The picture begins as noise. Each place grows in the direction in which the layer goes for the
    photo there, with no end: what the layer looks for becomes larger than life.
    """
    return with_photo("caricature", photo, given)


@click.command(
    "invert",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "model": "squeezenet1_1",
        "layer": "by network; fire5 with squeezenet1_1",
        "smoothness": "0.5",
    },
    epilog="""\b
Examples:
  entoptic invert cat.jpg                              makes cat-invert.png
  entoptic invert cat.jpg -l fire3 -l fire5 -l fire7   a sheet: what is lost from layer to layer
  entoptic invert cat.jpg -m efficientnet_lite0 --steps 1024
""",
)
@click.argument("photo", type=click.Path())
@options.network
@_layers
@options.option(
    options.SHOWN,
    "--smoothness",
    type=float,
    metavar="X",
    help="How much roughness counts against the picture.",
)
@options.climb
@options.result
def invert_command(photo: str, **given: Any) -> int:
    """Show what a layer keeps of a photo.

    The picture begins as noise, and is changed until the layer sees in it what it sees in the
    photo. What the layer doesn't keep comes out as chance has it.
    """
    return with_photo("invert", photo, given)
