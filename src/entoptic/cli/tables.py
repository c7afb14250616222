"""`entoptic layers`, `entoptic models` and `entoptic identify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from entoptic.checks import extent
from entoptic.cli import options, streams
from entoptic.cli.printing import echo
from entoptic.errors import BadSetting

if TYPE_CHECKING:
    from entoptic.networks import Preprocess
    from entoptic.objectives import Objective

_OPTIONS = "Options"

_JSON = options.option(_OPTIONS, "--json", "as_json", is_flag=True, help="Print as JSON.")


@click.command(
    "layers",
    cls=options.Grouped,
    standards={"size": "the network's"},
    epilog="""\b
Examples:
  entoptic layers
  entoptic layers squeezenet1_1 "fire7*"
  entoptic layers efficientnet_lite0 --size 512x512 --json
""",
)
@click.argument("model", default="squeezenet1_1")
@click.argument("glob", default="*")
@options.option(_OPTIONS, "--size", metavar="HxW", help="Size of the picture.")
@_JSON
def layers_command(model: str, glob: str, size: str | None, as_json: bool) -> None:
    """List the layers of a network, in the order they run.

    Shape is that of the output for one image. Stride is the number of pixels from one position of a
    layer to the next; receptive field the number of pixels that a position depends on, a dash where
    every position depends on the whole image.
    """
    if "*" in model:
        raise click.UsageError(
            f"a pattern comes after the network: entoptic layers squeezenet1_1 {model!r}"
        )
    sides = None if size is None else extent(1_000_000, both=True)("--size", size)

    from entoptic.networks import load
    from entoptic.networks.layer_table.listing import HEADER, cells

    table = load(model).layers(glob, size=sides)
    if as_json:
        rows = [{"layer": str(layer)} | asdict(info) for layer, info in table.items()]
        echo(json.dumps(rows))
        return
    header = [each.replace(" ", "_") for each in HEADER]
    show(header, [(str(layer), *cells(info)) for layer, info in table.items()])


@click.command(
    "models",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic models
  entoptic models efficientnet_lite0
""",
)
@click.argument("model", required=False)
@_JSON
def models_command(model: str | None, as_json: bool) -> None:
    """List the networks, or describe one.

    Of one network: its number of layers, its preprocessing, the default objective of a dream, and
    which of these are guesses.
    """
    from entoptic.networks import load
    from entoptic.networks.sources import summaries

    if model is None:
        found = summaries()
        if as_json:
            echo(json.dumps(found))
        else:
            show(("model", "what it is"), list(found.items()))
        return
    from entoptic.jobs.default_layers import dream_objective

    chosen = load(model)
    facts: dict[str, Any] = {
        "model": chosen.source,
        "parameters": sum(weight.numel() for weight in chosen.module.parameters()),
        "layers": len(chosen.layers()),
        "classes": len(chosen.labels) if chosen.labels else None,
        "preprocess": asdict(chosen.preprocess),
        "dreams_of": _plain(dream_objective(chosen)),
        "notes": list(chosen.notes),
    }
    if as_json:
        echo(json.dumps(facts))
    else:
        shown = facts | {"preprocess": _wish(chosen.preprocess)}
        notes = [("note", note) for note in shown.pop("notes")]
        rows = [(key.replace("_", " "), str(value)) for key, value in shown.items()]
        show(None, [*rows, *notes])


@click.command(
    "identify",
    cls=options.Grouped,
    epilog="""\b
Examples:
  entoptic identify cat.jpg
  entoptic identify cat.jpg --model efficientnet_lite0 --top 10
  entoptic identify cat.jpg --json
""",
)
@click.argument("photo", type=click.Path())
@options.option(_OPTIONS, "--model", "-m", default="squeezenet1_1", metavar="M", help="Network.")
@options.option(_OPTIONS, "--top", type=int, default=5, metavar="N", help="Number of classes.")
@_JSON
def identify_command(photo: str, model: str, top: int, as_json: bool) -> None:
    """Classify a photo.

    Each line has a probability, the label of a class and its number, for the center crop of the
    photo. Objectives take both, "logit('tabby')" or "logit(281)".
    """
    if top < 1:
        raise BadSetting(f"--top is {top}; it must be at least 1")

    from entoptic.analysis.classify import identify
    from entoptic.networks import load

    streams.check_once([photo])
    guesses = identify(load(model), streams.photo_of(photo), top=top)
    if as_json:
        echo(json.dumps([asdict(guess) for guess in guesses]))
    else:
        for guess in guesses:
            echo(f"{guess.probability:6.1%}  {guess.label} ({guess.number})")


def _plain(objective: Objective) -> str:
    """Return an expression without the parentheses around all of it."""
    text = repr(objective)
    return text[1:-1] if text.startswith("(") else text


def _wish(how: Preprocess) -> str:
    """Return in words how a network wants its images."""
    from entoptic.networks.layer_table.listing import times

    sides = f"{times(how.size)}{'' if how.fixed_size else ' or any other size'}"
    return f"{sides}; {how.order}, 0 to {how.scale:g}, minus {how.mean}, divided by {how.std}"


def show(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    """Print columns of text, as wide as they must be: complete, and fit for grep and awk."""
    lines = rows if header is None else [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        echo("  ".join(padded).rstrip())
