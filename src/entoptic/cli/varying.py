"""`entoptic interpolate` and `entoptic diversity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options
from entoptic.cli.making import make
from entoptic.cli.outputs import Delivery, destinations, made
from entoptic.cli.visualizing import name_of

if TYPE_CHECKING:
    from entoptic.recipes import Plan


_pictures = options.option(
    options.SHOWN, "--pictures", type=int, metavar="N", help="How many, 2 to 64."
)


@click.command(
    "interpolate",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "canvas": "shared",
        "pictures": "5",
        "strength": "0.1",
        "layer": "by network; fire5 with squeezenet1_1",
    },
    epilog="""\b
Examples:
  entoptic interpolate squeezenet1_1 fire7:3 fire7:12  makes fire7-3-interpolate.png
  entoptic interpolate squeezenet1_1 fire7:3 fire7:12 --pictures 9 --size 160
  entoptic interpolate squeezenet1_1 "logit('goldfish')" "logit('volcano')"
""",
)
@click.argument("model")
@click.argument("first", metavar="UNIT")
@click.argument("second", metavar="UNIT")
@_pictures
@options.option(
    options.SHOWN,
    "--strength",
    type=float,
    metavar="X",
    help="How much it counts that neighbours look alike.",
)
@options.option(
    options.SHOWN, "--layer", "-l", metavar="L", help="In whose eyes neighbours look alike."
)
@options.climb
@options.result
def interpolate_command(model: str, first: str, second: str, **given: Any) -> int:
    """Show a row of pictures from what one unit wants to what another wants.

    A unit is a channel, LAYER:CHANNEL, or an expression as for `entoptic dream`. All pictures climb
    together, with their large shapes in common.
    """
    return _of_units("interpolate", model, [first, second], given)


@click.command(
    "diversity",
    cls=options.Grouped,
    standards=options.GENTLE
    | {
        "pictures": "6",
        "strength": "3",
        "layer": "the unit's, if it has places",
    },
    epilog="""\b
Examples:
  entoptic diversity squeezenet1_1 fire7:12            makes fire7-12-diversity.png
  entoptic diversity squeezenet1_1 fire7:12 --pictures 9 --strength 20
  entoptic diversity squeezenet1_1 "logit('goldfish')" --layer fire5
""",
)
@click.argument("model")
@click.argument("unit")
@_pictures
@options.option(
    options.SHOWN,
    "--strength",
    type=float,
    metavar="X",
    help="How much their difference counts; 0 leaves it to chance.",
)
@options.option(
    options.SHOWN,
    "--layer",
    "-l",
    metavar="L",
    help="Whose textures are to differ.",
)
@options.climb
@options.result
def diversity_command(model: str, unit: str, **given: Any) -> int:
    """Show several pictures that a unit wants, as different as they may be.

    A unit is a channel, LAYER:CHANNEL, or an expression as for `entoptic dream`. One picture shows
    one of the things that a unit responds to; these show more of them.
    """
    return _of_units("diversity", model, unit, given)


def _of_units(recipe: str, model: str, units: str | list[str], given: dict[str, Any]) -> int:
    """Make the picture of a recipe that is about units.

    Args:
        recipe: its name; also added to the name of the first unit.
        model: as typed.
        units: one or several, as typed.
        given: the options.
    """
    delivery, settings = Delivery.split(given)
    first = units if isinstance(units, str) else units[0]
    (output,) = destinations([name_of(first)], delivery, recipe, [])

    from entoptic import recipes
    from entoptic.networks import load

    asked = {key: value for key, value in settings.items() if value is not None}
    asked["on"] = asked.pop("device", "auto")
    with made(delivery.folder):
        plan: Plan = getattr(recipes, f"plan_{recipe}")(load(model), units, **asked)
        return make(plan, output, delivery, [])
