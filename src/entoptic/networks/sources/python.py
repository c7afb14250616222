"""A network that a function of the user's own makes: the one source that runs code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from entoptic.errors import UnknownModel
from entoptic.networks.model import Model
from entoptic.networks.sources.spec import Spec

FORM = "python:MODULE:FUNCTION"


def python(spec: Spec) -> Model:
    """Load what a function of the user's own returns: a module of torch, or a Model.

    The module is imported and the function called without arguments. Modules in the working
    directory are found too.

    Args:
        spec: `python:package.module:function`.

    Raises:
        UnknownModel: there is no such module or function, or it returns something else.
    """
    spec.only()
    name, _, function = spec.rest.partition(":")
    if not name or not function.isidentifier():
        raise UnknownModel(f"{spec.text!r} names no function; write {FORM}")
    made = _function(name, function)()
    if isinstance(made, Model):
        return replace(made, source=spec.text, _tables={})
    if isinstance(made, nn.Module):
        return Model.wrap(made, source=spec.text)
    raise UnknownModel(
        f"{function} of {name} returns {type(made).__name__}; it must return a torch.nn.Module or "
        "an entoptic Model"
    )


def _function(name: str, function: str) -> Callable[[], Any]:
    with _working_directory_importable():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = error.name or name
            if name == missing or name.startswith(f"{missing}."):
                raise UnknownModel(
                    f"there is no module {missing!r} to import; check its name, or run where it is"
                ) from None
            raise UnknownModel(f"{name} needs the module {missing!r}; install it") from None
    made: Callable[[], Any] | None = getattr(module, function, None)
    if not callable(made):
        raise UnknownModel(f"{name} has no function {function!r}; write {FORM}")
    return made


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Make the working directory importable, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
