"""`entoptic studio`: the page on one's own machine."""

from __future__ import annotations

from pathlib import Path

import click

from entoptic.cli import options
from entoptic.cli.printing import echo
from entoptic.lists import split_values

_OPTIONS = "Options"


@click.command(
    "studio",
    cls=options.Grouped,
    standards={"port": "the first that is free from 7860 on"},
    epilog="""\b
Examples:
  entoptic studio --open                      the page, in the browser
  entoptic studio --folder dreams/            keeps photos and pictures there
  entoptic studio -m timm:resnet50            with another network beside the embedded ones
  entoptic studio --host 0.0.0.0 --port 8000  for others in your network, who need the token shown
""",
)
@options.option(_OPTIONS, "--port", type=click.IntRange(1, 65535), metavar="N", help="Port.")
@options.option(
    _OPTIONS,
    "--host",
    default="127.0.0.1",
    metavar="H",
    help="Address to listen on; any but this machine's own needs a token, which is shown.",
)
@options.option(_OPTIONS, "--open", "opens", is_flag=True, help="Open the page in the browser.")
@options.option(
    _OPTIONS,
    "--folder",
    type=click.Path(),
    default="entoptic-studio",
    metavar="DIR",
    help="Folder of photos and pictures; made where it isn't there.",
)
@options.option(
    _OPTIONS,
    "--model",
    "-m",
    metavar="M",
    many=True,
    help="More networks to choose from; several with commas between them.",
)
@options.option(
    _OPTIONS,
    "--catalog",
    type=click.Path(),
    metavar="DIR",
    many=True,
    help="Catalogs whose pictures of units are shown; several with commas between them.",
)
def studio_command(
    port: int | None,
    host: str,
    opens: bool,
    folder: str,
    model: str | None,
    catalog: str | None,
) -> None:
    """Open the studio: a page on this machine to dream photos and look into networks.

    Photo, network, layer or unit are chosen by looking at them; the picture is shown as it grows,
    and can be stopped and continued. Every result is kept in the folder with the job that made
    it. Nothing is loaded from elsewhere. Ctrl-C ends it.
    """
    import os

    from entoptic.studio.guard import is_loopback
    from entoptic.studio.limits import Limits
    from entoptic.studio.server import address_of, application, listening, serve
    from entoptic.studio.studio import Studio, new_token

    limits = Limits.of(os.environ)
    found = listening(host, port)
    with found:
        token = None if is_loopback(host) else new_token()
        studio = Studio(
            Path(folder),
            limits,
            [] if model is None else split_values(model),
            [] if catalog is None else [Path(each) for each in split_values(catalog)],
        )
        app = application(studio, token=token, local=token is None)
        address = address_of(found, token)
        echo(f"The studio is at {address}\nPictures are kept in {studio.folder}. Ctrl-C ends it.")
        if opens:
            import webbrowser

            webbrowser.open(address)
        serve(app, found)
