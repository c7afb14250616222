"""Options that several commands have, and help that shows them in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


class Option(click.Option):
    """An option that stands under a heading of its own in the help.

    Args:
        heading: that.
        many: whether it takes several values with commas between them.
    """

    def __init__(self, *args: Any, heading: str, many: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heading = heading
        self.many = many


def _is_many(option: click.Parameter) -> bool:
    return isinstance(option, Option) and option.many


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
                    f"{'/'.join(each.opts)} is given {given.count(each)} times; give it once"
                    + (", with commas between several values" if _is_many(each) else ""),
                    ctx,
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
        """Return the help's words on an option's default; none for an option without one."""
        standard = self.standards.get(parameter.name or "")
        default = parameter.get_default(ctx)
        # Where click has none, it has a word of its own for that.
        if standard is None and not parameter.is_flag and isinstance(default, str | int | float):
            standard = str(default)
        return "" if standard is None else f" [default: {standard}]"


def _is_negated(text: str) -> bool:
    """Tell whether an argument that looks like options is an expression.

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


_RESULT = "The result"

_output = option(
    _RESULT,
    "--output",
    "-o",
    type=click.Path(),
    metavar="OUT",
    help="File (.png .jpg .webp .tif), or folder (end a new one with /), where each picture "
    "gets a file of its own.",
)
_every = option(
    _RESULT,
    "--every",
    type=int,
    metavar="N",
    help="Also save the picture every N steps, as OUT-stepN.",
)
_file = together(
    option(
        _RESULT,
        "--bits",
        type=click.Choice(["8", "16"]),
        help="Bits per channel of a PNG.",
    ),
    option(_RESULT, "--force", "-f", is_flag=True, help="Replace the result if it exists."),
    option(_RESULT, "--json", "as_json", is_flag=True, help="Print what was made as JSON."),
    option(_RESULT, "--quiet", "-q", is_flag=True, help="No progress bar and no notes."),
)

result = together(_output, _every, _file)
"""Of a picture that is optimised."""

drawn = together(_output, _file)
"""Of a picture that is made in one go."""
