"""`entoptic exemplars`: photographs that excite units, as a contact sheet or as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from entoptic.cli import options
from entoptic.cli.outputs import Delivery, check_output, destinations, made, saved
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller
from entoptic.cli.recipes import arguments, check_units, declared_command
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import USUAL
from entoptic.paths import name_for
from entoptic.recipes.exemplars import Exemplars

_RESULT = "The result"


@options.option(
    _RESULT,
    "--output",
    "-o",
    type=click.Path(),
    metavar="OUT",
    help="File (.png .jpg .webp .tif), or folder (end a new one with /).",
)
@options.option(_RESULT, "--force", "-f", is_flag=True, help="Replace the result if it exists.")
@options.option(
    _RESULT, "--json", "as_json", is_flag=True, help="Print as JSON; without -o, make no picture."
)
@options.option(_RESULT, "--quiet", "-q", is_flag=True, help="No progress and no notes.")
def _exemplars(output: str | None, force: bool, as_json: bool, quiet: bool, **given: Any) -> None:
    """Find exemplars, and make a sheet or print JSON."""
    delivery = Delivery(output, None, None, force, as_json and output != "-", quiet)
    asked = arguments(Exemplars, given)
    check_units(asked["units"])
    if "photos" not in asked:
        raise BadSetting("no photographs to look at; name files or folders: --photos FOLDER")
    draws = output is not None or not as_json
    path = None
    if draws:
        first = asked["units"][0]
        (path,) = destinations([name_for(first)], delivery, "exemplars", [])

    plan = Exemplars(**{"model": USUAL} | asked).plan()
    inputs = [each for each in plan.photos.values() if isinstance(each, Path)]
    if path is not None:
        from entoptic.jobs.inputs import check_pixels

        check_pixels(*plan.shape)
        check_output(path, delivery, inputs if os.path.lexists(path) else (), plan.shape)
    with made(delivery.folder), Teller(quiet) as tell:
        found = plan.run(tell)
        if path is not None:
            path = saved(found.save, path, force, quiet)
    for note in found.notes:
        tell.note(note)
    if as_json:
        echo(found.to_json())
    elif path is not None and not delivery.streamed:
        # As bytes: a name needn't be text that the terminal's encoding knows.
        click.echo(os.fsencode(path))


exemplars_command = declared_command(Exemplars, _exemplars)
