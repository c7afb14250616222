"""`entoptic spectrum`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from entoptic.cli import options
from entoptic.cli.outputs import check_free, saved
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller

_OPTIONS = "Options"


@click.command(
    "spectrum",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic spectrum holidays/ -o holidays.npz
  entoptic visualize "logit('goldfish')" --method maco --spectrum holidays.npz
""",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@options.option(
    _OPTIONS, "-o", "--output", required=True, metavar="OUT", help="File, ending in .npz."
)
@options.option(
    _OPTIONS,
    "--size",
    type=int,
    default=224,
    metavar="PIXELS",
    help="Side of the square crops that are measured.",
)
@options.option(_OPTIONS, "--force", "-f", is_flag=True, help="Replace the output if it exists.")
@options.option(_OPTIONS, "--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@options.option(_OPTIONS, "--quiet", "-q", is_flag=True, help="No progress and no notes.")
def spectrum_command(
    photos: tuple[str, ...], output: str, size: int, force: bool, as_json: bool, quiet: bool
) -> None:
    """Measure the Fourier spectrum of photographs.

    The canvas `maco` takes it, by --method maco --spectrum FILE. PHOTO is a picture or a folder of
    pictures.
    """
    from entoptic.analysis.photographs import photo_files
    from entoptic.analysis.spectrum import check_spectrum_file, spectrum

    path = Path(output)
    files = photo_files(photos)
    check_spectrum_file(path)
    check_free(path, force, files)
    with Teller(quiet) as tell:
        found = spectrum(files, size=size, tell=tell)
    path = saved(found.save, path, force, quiet)
    for note in found.notes:
        tell.note(note)
    if as_json:
        told = {"output": str(path), "photos": found.photos, "shape": list(found.magnitude.shape)}
        echo(json.dumps(told))
    else:
        # As bytes: a name needn't be text that the terminal's encoding knows.
        click.echo(os.fsencode(path))
