"""`entoptic catalog`: every unit of a network, in a folder; its status; its check."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from entoptic.catalogs.exemplars import EXEMPLARS
from entoptic.checks import whole
from entoptic.cli import options
from entoptic.cli.catalog_site import site_command
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller
from entoptic.cli.recipes import arguments, defaults, parameters
from entoptic.cli.tables import show
from entoptic.errors import BadSetting
from entoptic.recipes.visualize import Visualize

if TYPE_CHECKING:
    from entoptic.catalogs.catalog import Catalog

_UNITS = "Which units"
_LAYERS = "Pictures of layers"
_PHOTOS = "Photographs"
_WORK = "How to work"
_OPTIONS = "Options"

_WORKERS = options.together(
    options.option(
        _WORK, "--on", default="local", metavar="WHERE",
        help="Where to work: local; ray on this machine; ray:auto, the cluster of this node; "
        "ray://HOST:PORT. With ray?gpus=0.5 two workers share a GPU.",
    ),
    options.option(_WORK, "--workers", type=int, metavar="N", help="Number of workers."),
)  # fmt: skip
_QUIET = options.option(_WORK, "--quiet", "-q", is_flag=True, help="No progress and no notes.")
# Words for what click doesn't know.
_STANDARDS = {
    "workers": "a few on a CPU, else one a device; on Ray all there is room for",
    "photo": "clouds",
}

_TAKEN = options.together(
    click.argument("network", metavar="MODEL"),
    click.argument("layers", nargs=-1, metavar="[LAYER]..."),
    options.option(
        _UNITS, "--output", "-o", type=click.Path(), metavar="DIR", required=True,
        help="Folder of the catalog; where it is one already, the work goes on.",
    ),
    options.option(
        _UNITS, "--every", type=int, default=1, metavar="N", help="Only each N-th unit."
    ),
    options.option(
        _UNITS, "--units", metavar="LIST", help="Only these units of each layer: 0-15,40."
    ),
    options.option(
        _UNITS, "--preview", is_flag=True,
        help="Small pictures of few steps, for a whole network in minutes.",
    ),
    options.option(
        _UNITS, "--negative", is_flag=True,
        help="Also the picture that minimizes each unit, of layers with activations below 0.",
    ),
    options.option(
        _LAYERS, "--photo", type=click.Path(), metavar="FILE",
        help="Photo of which each layer's DeepDream and caricature are made.",
    ),
    options.option(
        _LAYERS, "--units-only", is_flag=True, help="No DeepDream and no caricature of layers.",
    ),
    options.option(
        _PHOTOS, "--photos", type=click.Path(), metavar="DIR",
        help="Folder of photographs, of which those are found that excite each unit most.",
    ),
    options.option(
        _PHOTOS, "--exemplars", type=int, default=EXEMPLARS, metavar="N",
        help="Number of these for each unit, and half as many that excite it least.",
    ),
    options.option(
        _UNITS, "--verify", is_flag=True,
        help="First check every picture; make anew what is broken or has failed.",
    ),
    _WORKERS,
    _QUIET,
    *parameters(Visualize, without=("model", "units")),
)  # fmt: skip


class _Catalog(options.Grouped):
    """The command, whose first word may be that of another: its status, its check, its site."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **more: Any,
    ) -> click.Context:
        """Read what was typed; see `click.Command.make_context`."""
        for other in (status_command, verify_command, site_command):
            if [info_name, *args[:1]] == (other.name or "").split():
                return other.make_context(other.name, args[1:], parent, **more)
        return super().make_context(info_name, args, parent, **more)


@click.command(
    "catalog",
    cls=_Catalog,
    standards=defaults(Visualize) | _STANDARDS,
    epilog="""\b
Examples:
  entoptic catalog squeezenet1_1 --preview -o preview/      the whole network, in minutes
  entoptic catalog squeezenet1_1 fire5 fire6 -o fires/      two layers
  entoptic catalog squeezenet1_1 fire5 --units 0-15 -o a/   sixteen units
  entoptic catalog status fires/                            its progress
  entoptic catalog verify fires/                            check and repair it
  entoptic catalog site fires/                              pages to look through it
""",
)
@_TAKEN
def catalog_command(
    network: str,
    layers: tuple[str, ...],
    output: str,
    every: int,
    units: str | None,
    preview: bool,
    negative: bool,
    photo: str | None,
    units_only: bool,
    photos: str | None,
    exemplars: int,
    verify: bool,
    on: str,
    workers: int | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Make the picture of every unit of layers, in a folder.

    Pictures are DIR/LAYER/NUMBER.png, beside the index catalog.sqlite, and in DIR/layers/ what
    each layer makes of one photo; each can be made again by `entoptic redo`. The work can be
    stopped at any moment, by a power cut too: run the same command again, and it continues.
    Several commands may work on one catalog at the same time.
    """
    if not output:
        raise BadSetting("--output is empty; name a folder")
    asked = arguments(Visualize, given)

    from entoptic.catalogs.making import catalog

    with Teller(quiet) as tell:
        made = catalog(
            network,
            *layers,
            output=output,
            every=whole(1)("--every", every),
            units=units,
            preview=preview,
            negative=negative,
            photo=photo,
            units_only=units_only,
            photos=photos,
            exemplars=whole(1, 100)("--exemplars", exemplars),
            verify=verify,
            on=on,
            workers=workers if workers is None else whole(1, 1024)("--workers", workers),
            note=tell.note,
            progress=tell,
            **asked,
        )
    _report(made)


@click.command(
    "catalog verify",
    cls=options.Grouped,
    standards=_STANDARDS,
    epilog="""\b
Examples:
  entoptic catalog verify fires/
  entoptic catalog verify mine/ --model python:nets:mine
""",
)
@click.argument("folder", type=click.Path(), metavar="DIR")
@options.option(
    _WORK, "--model", "-m", metavar="M",
    help="The catalog's network, by which you allow it, where it is a file or a function of yours.",
)  # fmt: skip
@options.option(
    _WORK,
    "--photos",
    type=click.Path(),
    metavar="DIR",
    help="The folder of the catalog's photographs, where what is made of them is broken.",
)
@_WORKERS
@_QUIET
def verify_command(
    folder: str,
    model: str | None,
    photos: str | None,
    on: str,
    workers: int | None,
    quiet: bool,
) -> None:
    """Check a catalog, and repair it.

    Every picture is compared with its hash; what is missing, broken or has failed is made again.
    """
    from entoptic.catalogs.making import verify_catalog

    with Teller(quiet) as tell:
        made = verify_catalog(
            folder,
            model=model,
            photos=photos,
            on=on,
            workers=workers if workers is None else whole(1, 1024)("--workers", workers),
            note=tell.note,
            progress=tell,
        )
    _report(made)


@click.command(
    "catalog status",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic catalog status fires/
  entoptic catalog status fires/ --json
""",
)
@click.argument("folder", type=click.Path(), metavar="DIR")
@options.option(_OPTIONS, "--json", "as_json", is_flag=True, help="Print as JSON.")
def status_command(folder: str, as_json: bool) -> None:
    """Show the progress of a catalog.

    For each layer: units done and failed, seconds per unit, time left.
    """
    from entoptic.catalogs.catalog import open_catalog

    found = open_catalog(folder)
    if as_json:
        rows = [asdict(each) for each in found.status()]
        failed = [asdict(each) for each in found.failures()]
        echo(json.dumps({"model": found.model, "layers": rows, "failed": failed}))
        return
    _report(found)


CATALOG_COMMANDS = (catalog_command, status_command, verify_command, site_command)


def _report(catalog: Catalog) -> None:
    """Print the table of the layers, and why units failed."""
    from entoptic.jobs.progress import duration

    rows = [
        (
            each.layer,
            str(each.units),
            str(each.done),
            str(each.failed),
            "-" if each.seconds is None else f"{each.seconds:.2f}",
            "-" if each.left is None else duration(each.left),
        )
        for each in catalog.status()
    ]
    show(("layer", "units", "done", "failed", "s/unit", "left"), rows)
    for each in catalog.failures():
        echo(f"{each.name} failed: {each.reason}")
