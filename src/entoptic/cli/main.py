"""The command `entoptic` and what becomes of errors."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence

import click

from entoptic.cli import options, signals
from entoptic.cli.arguments import one_line
from entoptic.cli.catalog import CATALOG_COMMANDS
from entoptic.cli.dream import dream_command
from entoptic.cli.evaluate import evaluate_command
from entoptic.cli.exemplars import exemplars_command
from entoptic.cli.film import film_command
from entoptic.cli.grow import grow_command
from entoptic.cli.networks import convert_command, gradient_command
from entoptic.cli.printing import echo
from entoptic.cli.recipes import command_of
from entoptic.cli.redo import redo_command
from entoptic.cli.spectra import spectrum_command
from entoptic.cli.studio import studio_command
from entoptic.cli.tables import identify_command, layers_command, models_command
from entoptic.errors import (
    BadExpression,
    BadSetting,
    ChannelOutOfRange,
    EntopticError,
    MissingExtra,
    UnknownLabel,
    UnknownLayer,
    UnknownModel,
)
from entoptic.paths import names_picture
from entoptic.recipes import recipes
from entoptic.recipes.film import Film
from entoptic.recipes.zoom import Zoom

# Objects that Python makes before it looks for garbage among them. Imports make half a million and
# no garbage, and steps leave none: with Python's own 700, looking takes a tenth of a small command.
_LOOKED_THROUGH = 10_000

# What the user typed was wrong: exit code 2, like click's own usage errors. Anything else is 1.
_USAGE = (
    BadExpression,
    BadSetting,
    ChannelOutOfRange,
    MissingExtra,
    UnknownLabel,
    UnknownLayer,
    UnknownModel,
)


class _Ordered(click.Group):
    """Commands in the order of their use, not of the alphabet."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; `compare` of a photo, not of units, is a sweep of its dream."""
        if args[:1] == ["compare"] and args[1:] and names_picture(args[1]):
            args = ["sweep", *args[1:]]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Ordered,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  entoptic dream sky.jpg                        a DeepDream: sky-dream.png
  entoptic dream sky.jpg --layer fire5          an earlier layer: finer patterns
  entoptic dream sky.jpg --guide flowers.jpg    features of another picture
  entoptic dream --noise 512x768                from noise, without a photo
  entoptic visualize fire7:3 class:goldfish     a channel and a class
  entoptic redo sky-dream.png --steps 30        the same picture, with changes
  entoptic layers                               the layers of the default network
  entoptic identify cat.jpg                     the most probable classes of a photo

\b
`entoptic COMMAND --help` shows all options with their defaults.

\b
Exit codes: 0 done; 1 a file or the machine is at fault; 2 a wrong option or
argument; 130 ended by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal
(SIGHUP), with the picture saved as it was then.
""",
)
@click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="FILE",
    help="Python file that registers objectives, transforms, canvases or optimizers; it is run.",
)
@click.version_option(package_name="entoptic", prog_name="entoptic")
@click.pass_context
def main(ctx: click.Context, imports: tuple[str, ...]) -> None:
    """See what a neural network sees.

    entoptic optimises a picture until a layer, channel, neuron or class of a network responds
    strongly: DeepDream of a photo, feature visualization from noise. Two networks come with it.
    """
    if imports:
        from entoptic.registry import import_file

        for each in imports:
            import_file(each)
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


@click.command("completion", cls=options.Grouped)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  entoptic completion bash >> ~/.bashrc
    zsh:   entoptic completion zsh >> ~/.zshrc
    fish:  entoptic completion fish > ~/.config/fish/completions/entoptic.fish
    """
    from click.shell_completion import get_completion_class

    chosen = get_completion_class(shell)
    assert chosen is not None  # the argument is one of click's own shells
    echo(chosen(main, {}, "entoptic", "_ENTOPTIC_COMPLETE").source())


# Those that do more than make one picture.
_OWN_COMMANDS = {
    "dream": dream_command,
    "evaluate": evaluate_command,
    "exemplars": exemplars_command,
    "film": film_command(Film),
    "grow": grow_command,
    "zoom": film_command(Zoom),
}

for _name in sorted(recipes, key=lambda name: recipes[name].order):
    main.add_command(_OWN_COMMANDS.get(_name) or command_of(recipes[_name]))
for _command in (
    studio_command,
    *CATALOG_COMMANDS,
    redo_command,
    layers_command,
    models_command,
    identify_command,
    gradient_command,
    spectrum_command,
    convert_command,
    completion_command,
):
    main.add_command(_command)


def run() -> None:
    """Run the command; whatever goes wrong becomes one line and an exit code."""
    gc.set_threshold(_LOOKED_THROUGH)
    with signals.raised():
        sys.exit(outcome())


def outcome(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: what was typed after `entoptic`; by default what really was.
    """
    try:
        code = main.main(arguments, prog_name="entoptic", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        echo("Interrupted.", err=True)
        return signals.exit_code(signal.SIGINT)
    except signals.Ended as ended:
        echo(str(ended), err=True)
        return signals.exit_code(ended.number)
    except click.ClickException as error:
        return _failed(_told(error), error.exit_code)
    except EntopticError as error:
        return _failed(str(error), 2 if isinstance(error, _USAGE) else 1)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        return _failed(f"the system refuses: {error}", 1)
    except (MemoryError, RuntimeError) as error:
        from entoptic.networks.memory import out_of_memory

        if not out_of_memory(error):
            raise
        return _failed(
            "there isn't enough memory for a picture of this size; try a smaller --size", 1
        )
    return code if isinstance(code, int) else 0


def _failed(message: str, code: int) -> int:
    echo(f"Error: {one_line(message)}", err=True)
    return code


def _told(error: click.ClickException) -> str:
    """Return click's message on one line, with the help to read."""
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message}; see `{context.command_path} --help`" if context else message


def _drop_output() -> None:
    """Discard output that can't be printed any more, of which Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
