"""`entoptic catalog site`: the pages of catalogs."""

from __future__ import annotations

import click

from entoptic.cli import options
from entoptic.cli.printing import echo
from entoptic.cli.progress import Teller
from entoptic.errors import BadSetting

_RESULT = "The site"
_WORK = "How to work"


@click.command(
    "catalog site",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic catalog site fires/                    pages of a catalog: fires-site/index.html
  entoptic catalog site fires/ tuned/ -o both/    two catalogs side by side
""",
)
@click.argument("folders", nargs=-1, required=True, type=click.Path(), metavar="DIR...")
@options.option(
    _RESULT,
    "--output",
    "-o",
    type=click.Path(),
    metavar="SITE",
    help="Folder of the site. [default: NAME-site, beside the first catalog]",
)
@options.option(_RESULT, "--force", "-f", is_flag=True, help="Replace the site that is there.")
@options.option(
    _WORK,
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="M",
    help="A catalog's network, by which you allow it, where it is a file or a function of yours; "
    "may be repeated.",
)
@options.option(_WORK, "--quiet", "-q", is_flag=True, help="No progress and no notes.")
def site_command(
    folders: tuple[str, ...],
    output: str | None,
    force: bool,
    models: tuple[str, ...],
    quiet: bool,
) -> None:
    """Make web pages of catalogs.

    They are static, and open from the disk and from any host. Every unit has its page: its picture,
    the photographs that excite it, the units most alike, the weights to the layers before and
    after, and what makes the picture again.
    """
    if output == "":
        raise BadSetting("--output is empty; name a folder")

    from entoptic.catalogs.site.making import catalog_site

    with Teller(quiet) as tell:
        page = catalog_site(
            *folders, output=output, models=models, force=force, note=tell.note, progress=tell
        )
    echo(str(page))
