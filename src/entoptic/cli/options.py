"""Options that several commands have, and help that shows them in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


class Option(click.Option):
    """An option that stands under a heading of its own in the help."""

    def __init__(self, *args: Any, heading: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heading = heading


class Grouped(click.Command):
    """A command whose help shows its options under their headings, each with its true default.

    An option that may come once is refused where it comes twice, since one of the two would be
    dropped.

    Args:
        standards: what holds where an option isn't given and click knows of no default, by the
            option's name; words, where it depends on something.
    """

    def __init__(
        self, *args: Any, standards: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.standards = standards or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed; see `click.Command.parse_args`."""
        # An expression may begin with a minus; behind a space it is no option.
        args = [f" {each}" if _is_negated(each) else each for each in args]
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for each in given:
            once = isinstance(each, click.Option) and not (each.multiple or each.is_eager)
            if once and given.count(each) > 1 and not ctx.resilient_parsing:
                raise click.UsageError(
                    f"{'/'.join(each.opts)} is given {given.count(each)} times; give it once", ctx
                )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        last = "The result"
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                assert isinstance(parameter, click.Option)
                record = record[0], record[1] + self._default(parameter, ctx)
                last = parameter.heading if isinstance(parameter, Option) else last
                groups.setdefault(last, []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def _default(self, parameter: click.Option, ctx: click.Context) -> str:
        """What the help says of an option's default; nothing of what is simply left out."""
        standard = self.standards.get(parameter.name or "")
        default = parameter.get_default(ctx)
        # Where click has none, it has a word of its own for that.
        if standard is None and not parameter.is_flag and isinstance(default, str | int | float):
            standard = str(default)
        return "" if standard is None else f" [default: {standard}]"


def _is_negated(text: str) -> bool:
    """Whether an argument that looks like options is an expression.

    >>> [_is_negated(each) for each in ("-fire7:3", "-2 * fire7:3", "-o", "--steps", "-mcaffe:a")]
    [True, True, False, False, False]
    """
    if not text.startswith("-") or text.startswith("--") or not {":", "("} & {*text}:
        return False
    from entoptic.errors import BadExpression
    from entoptic.objectives import parse

    try:
        parse(text)
    except BadExpression:
        return False
    return True


def option(heading: str, *names: str, **attributes: Any) -> Decorator:
    """Like `click.option`, under a heading."""
    return click.option(*names, cls=Option, heading=heading, **attributes)


def together(*options: Decorator) -> Decorator:
    """Several options, shown in the order in which they are given here."""

    def add(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return add


def number_or_word(text: str) -> int | str:
    """A whole number, or a word that the recipe knows."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _precision(heading: str) -> Decorator:
    return option(
        heading,
        "--precision",
        metavar="P",
        help="What the network computes in: fp32, bf16, fp16; auto tries what is faster.",
    )


def _device(heading: str) -> Decorator:
    return option(
        heading,
        "--device",
        metavar="D",
        help="Where to compute: auto, cpu, cuda, mps; several share the work: cuda:0,cuda:1.",
    )


_WHAT, _HOW, _RESULT = "What to dream of", "How to dream", "The result"

what = together(
    option(_WHAT, "--model", "-m", metavar="M", help="The network; `entoptic models` lists them."),
    option(
        _WHAT,
        "--layer",
        "-l",
        metavar="L",
        help="What this layer sees is to grow; `entoptic layers` lists them. "
        "Early layers draw textures, late ones things.",
    ),
    option(
        _WHAT,
        "--objective",
        metavar="EXPR",
        help="What is to grow, as an expression: fire7:3 (a channel), \"logit('goldfish')\", "
        "\"energy('fire5') - 2 * total_variation()\".",
    ),
    option(
        _WHAT,
        "--guide",
        type=click.Path(),
        metavar="IMAGE",
        help="Another picture, whose shapes are to appear; also with --layer.",
    ),
)

how = together(
    option(_HOW, "--size", type=int, metavar="PIXELS", help="Long side of the result."),
    option(
        _HOW,
        "--octaves",
        type=int,
        metavar="N",
        help="How many sizes to dream at, small to large; more give larger shapes.",
    ),
    option(_HOW, "--octave-scale", type=float, metavar="S", help="From one size to the next."),
    option(
        _HOW, "--steps", type=int, metavar="N", help="Steps at each size; more give more dream."
    ),
    option(
        _HOW,
        "--strength",
        type=float,
        metavar="X",
        help="Factor for each step: 0.5 is subtle, 2 wild.",
    ),
    option(
        _HOW,
        "--step-size",
        type=float,
        metavar="X",
        help="Mean change of a pixel in a step; 1 is from black to white.",
    ),
    option(
        _HOW,
        "--smoothing",
        type=float,
        metavar="X",
        help="Of the gradient, pixels: large shapes gain on fine grain; 0 is off.",
    ),
    option(
        _HOW, "--jitter", type=int, metavar="N", help="Largest random shift before a step, pixels."
    ),
    option(
        _HOW,
        "--tile",
        type=number_or_word,
        metavar="N",
        help="Show the network so many pixels at once in height and width; or auto, off.",
    ),
    option(
        _HOW, "--memory", metavar="SIZE", help="What the dream may use, as 4GiB; makes tiles fit."
    ),
    option(_HOW, "--seed", type=int, metavar="N", help="Of all chance; another one varies."),
    _precision(_HOW),
    _device(_HOW),
)

_ANYWHERE = {"seed": "0", "precision": "fp32", "device": "auto", "bits": "8"}

DREAM = _ANYWHERE | {
    "model": "squeezenet1_1",
    "objective": "by network; energy('fire7') + energy('fire8') with squeezenet1_1",
    "size": "the photo's",
    "octaves": "by network; 5 with squeezenet1_1",
    "octave_scale": "1.4",
    "steps": "by network; 12 with squeezenet1_1",
    "strength": "1",
    "step_size": "by network; 1/255 with squeezenet1_1",
    "smoothing": "by network; 1.5 with squeezenet1_1",
    "jitter": "32",
    "tile": "auto",
    "memory": "half of what is free",
}
"""Defaults of `dream`; what varies by network says so, and what holds with the usual one."""

CLIMB = _ANYWHERE | {
    "size": "224",
    "steps": "256",
    "method": "by network; entoptic with squeezenet1_1",
    "canvas": "the method's",
    "transforms": "the method's",
    "learning_rate": "the method's",
    "batch": "auto",
}
"""Defaults of the commands that make pictures of units, where a command has none of its own."""

GENTLE = CLIMB | {"method": "gentle"}
"""Those of all but `visualize`, `compare` and `evaluate`."""

SHOWN = "What to show"

network = option(
    SHOWN, "--model", "-m", metavar="M", help="The network; `entoptic models` lists them."
)

_CLIMB = "How to climb"

_size_and_steps = together(
    option(
        _CLIMB,
        "--size",
        type=int,
        metavar="PIXELS",
        help="Side of each picture; long side, where there is a photo.",
    ),
    option(_CLIMB, "--steps", type=int, metavar="N", help="Steps of the climb."),
)

_rate_and_batch = together(
    option(_CLIMB, "--learning-rate", type=float, metavar="X", help="Of the method's step rule."),
    option(
        _CLIMB,
        "--batch",
        type=number_or_word,
        metavar="N",
        help="How many pictures climb together; auto is as many as memory has room for.",
    ),
)

_chance_and_place = together(
    option(_CLIMB, "--seed", type=int, metavar="N", help="Of all chance; another one varies."),
    _precision(_CLIMB),
    _device(_CLIMB),
)

# What `dream` hasn't.
climb_only = together(
    option(
        _CLIMB,
        "--method",
        metavar="M",
        help="A canvas, transforms and a rate that belong together: entoptic, strong, gentle, "
        "lucid, maco, cppn, pixels.",
    ),
    option(
        _CLIMB,
        "--canvas",
        metavar="C",
        help="What is changed: fourier, pixels, laplacian, maco, cppn, shared, alpha (with "
        "transparency).",
    ),
    option(
        _CLIMB,
        "--transforms",
        metavar="T",
        help="Random changes before each step: robust, strong, gentle, lucid, maco, accentuate, "
        "none.",
    ),
    _rate_and_batch,
    option(
        _CLIMB,
        "--spectrum",
        type=click.Path(),
        metavar="FILE",
        help="For the canvas maco: waves as in your photographs; see `entoptic spectrum`.",
    ),
)

climb = together(_size_and_steps, climb_only, _chance_and_place)

# Where the names are several, a command has options of its own for them.
climb_but_names = together(_size_and_steps, _rate_and_batch, _chance_and_place)

result = together(
    option(
        _RESULT,
        "--output",
        "-o",
        type=click.Path(),
        metavar="OUT",
        help="File (.png .jpg .webp .tif), or folder (end a new one with /).",
    ),
    option(
        _RESULT,
        "--every",
        type=int,
        metavar="N",
        help="Also save the picture every N steps, as OUT-stepN.",
    ),
    option(
        _RESULT,
        "--bits",
        type=click.Choice(["8", "16"]),
        help="Of each channel of a PNG.",
    ),
    option(_RESULT, "--force", "-f", is_flag=True, help="Replace the result if it is there."),
    option(_RESULT, "--json", "as_json", is_flag=True, help="Print what was made as JSON."),
    option(_RESULT, "--quiet", "-q", is_flag=True, help="No progress bar and no notes."),
)
