"""What the commands about one photo have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entoptic.cli import streams
from entoptic.cli.making import make
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.recipes import Plan


def with_photo(
    recipe: str,
    photo: str,
    given: dict[str, Any],
    own: Callable[[], Mapping[str, Any]] = dict,
) -> int:
    """Make the picture of a recipe that is about a photo.

    Args:
        recipe: its name; also added to the name of the photo.
        photo: as typed.
        given: the options.
        own: makes arguments of the recipe's own, once the files are found to be right.
    """
    if not photo:
        raise BadSetting("the name of the photo is empty; name a file")
    delivery, settings = Delivery.split(given)
    inputs = [Path(photo)]
    streams.check_once([photo])
    check_inputs(inputs)
    (output,) = destinations([photo], delivery, recipe, inputs)

    from entoptic import recipes
    from entoptic.networks import load
    from entoptic.networks.sources import DEFAULT

    asked = {key: value for key, value in settings.items() if value not in (None, ())}
    asked["on"] = asked.pop("device", "auto")
    model = load(asked.pop("model", DEFAULT))
    with made(delivery.folder):
        lay_out = getattr(recipes, f"plan_{recipe}")
        plan: Plan = lay_out(model, streams.photo_of(photo), **own(), **asked)
        return make(plan, output, delivery, inputs)
