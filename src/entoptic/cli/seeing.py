"""`entoptic grid` and `entoptic groups`: what a network sees in a photo, place by place."""

from __future__ import annotations

from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.with_photo import with_photo

_WHAT = "What to look at"

_what = options.together(
    options.option(
        _WHAT, "--model", "-m", metavar="M", help="The network; `entoptic models` lists them."
    ),
    options.option(
        _WHAT,
        "--layer",
        "-l",
        metavar="L",
        help="The layer; `entoptic layers` lists them.",
    ),
)


@click.command(
    "grid",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "model": "squeezenet1_1",
        "layer": "by network; fire8 with squeezenet1_1",
        "size": "64",
        "steps": "80",
        "batch": "32",
    },
    epilog="""\b
Examples:
  entoptic grid cat.jpg                        makes cat-grid.png
  entoptic grid cat.jpg --cells 12 --size 96   more and larger pictures
  entoptic grid cat.jpg --layer fire5          simpler things, of smaller places
""",
)
@click.argument("photo", type=click.Path())
@_what
@options.option(
    _WHAT, "--cells", type=int, default=8, metavar="N", help="Pictures along the long side."
)
@options.option(
    _WHAT, "--weighted", is_flag=True, help="Pictures fade to grey where the layer holds little."
)
@options.option(
    _WHAT, "--plain", is_flag=True, help="Show also what all places of the photo have in common."
)
@options.climb
@options.result
def grid_command(
    photo: str, layer: str | None, cells: int, weighted: bool, plain: bool, **given: Any
) -> int:
    """Show what a network sees at each place of a photo.

    The result is PHOTO-grid.png, a mosaic of small pictures. Each shows what a layer holds at that
    place of the photo: what it takes the place for.
    """

    def own() -> dict[str, Any]:
        from entoptic.recipes import GridSettings

        return {"shown": GridSettings(layer, cells, weighted, plain)}

    return with_photo("grid", photo, given, own)


@click.command(
    "groups",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "model": "squeezenet1_1",
        "layer": "by network; fire8 with squeezenet1_1",
        "steps": "96",
    },
    epilog="""\b
Examples:
  entoptic groups cat.jpg                      makes cat-groups.png
  entoptic groups cat.jpg --groups 4 --layer fire7
""",
)
@click.argument("photo", type=click.Path())
@_what
@options.option(_WHAT, "--groups", type=int, default=6, metavar="N", help="How many.")
@options.climb
@options.result
def groups_command(photo: str, layer: str | None, groups: int, **given: Any) -> int:
    """Show the few things that a network tells apart in a photo, and where they are.

    Channels of a layer that are active together are a group. The result is the sheet
    PHOTO-groups.png: above, all groups in their colours over the photo, then each alone with its
    share; below, the photo and the picture that each group wants most.
    """

    def own() -> dict[str, Any]:
        from entoptic.recipes import GroupSettings

        return {"shown": GroupSettings(layer, groups)}

    return with_photo("groups", photo, given, own)
