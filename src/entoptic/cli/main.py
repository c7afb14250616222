"""The command `entoptic` and what becomes of errors."""

from __future__ import annotations

import os
import sys

import click

from entoptic.cli.dreaming import dream_command, redo_command
from entoptic.cli.networks import convert_command, gradient_command
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


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  entoptic dream sky.jpg                        a dream of a photo: sky-dream.png
  entoptic dream sky.jpg --layer fire5          of another layer: finer patterns
  entoptic dream sky.jpg --guide flowers.jpg    of what another picture shows
  entoptic dream --noise 512x768                of nothing at all
  entoptic layers                               what there is to dream of
  entoptic identify cat.jpg                     what the network takes a photo for
  entoptic redo sky-dream.png --steps 30        a picture again, with changes
""",
)
@click.version_option(package_name="entoptic", prog_name="entoptic")
def main() -> None:
    """See what a neural network sees.

    entoptic changes a picture so that whatever you choose inside a network grows: the DeepDream of
    a photo, offline and in seconds.
    """


@click.command("completion")
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
    click.echo(chosen(main, {}, "entoptic", "_ENTOPTIC_COMPLETE").source())


for _command in (
    dream_command,
    redo_command,
    layers_command,
    models_command,
    identify_command,
    gradient_command,
    convert_command,
    completion_command,
):
    main.add_command(_command)


def run() -> None:
    """Run the command; every error that we know becomes one line and an exit code."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = main.main(prog_name="entoptic", standalone_mode=False)
    except click.exceptions.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EntopticError as error:
        click.echo(f"Error: {error}", err=True)
        return 2 if isinstance(error, _USAGE) else 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        click.echo(
            "Error: there isn't enough memory for a picture of this size; try a smaller --size",
            err=True,
        )
        return 1
    return code if isinstance(code, int) else 0


def _out_of_memory(error: BaseException) -> bool:
    # torch's allocator on the CPU has no error class of its own.
    return (
        isinstance(error, MemoryError)
        or "out of memory" in str(error)
        or ("not enough memory" in str(error) or "can't allocate memory" in str(error))
    )


def _interrupted() -> int:
    click.echo("Interrupted.", err=True)
    return 130
