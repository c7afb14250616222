"""A stand-in for a notebook: what a cell displays is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@dataclass
class Notebook:
    """IPython's shell with a kernel, as far as drawing needs it.

    Args:
        shown: what was displayed, and by what it was replaced, in order.
        waiting: what is told when the cell ends.
    """

    shown: list[Any] = field(default_factory=list)
    waiting: list[Callable[[Any], object]] = field(default_factory=list)
    kernel: object = "a kernel"

    @property
    def events(self) -> Any:
        """The events of the shell, of which there is one."""
        return SimpleNamespace(
            register=lambda _, function: self.waiting.append(function),
            unregister=lambda _, function: self.waiting.remove(function),
        )

    def display(self, data: Any, *, raw: bool, display_id: bool) -> Any:
        """Display something that can be replaced later."""
        assert raw
        assert display_id
        self.shown.append(data)
        return SimpleNamespace(update=lambda data, raw=False: self.shown.append(data))

    def end_cell(self, value: Any) -> None:
        """End a cell whose last line has a value."""
        for function in [*self.waiting]:
            function(SimpleNamespace(result=value))


def begin_notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Begin a notebook, which lasts until the test ends."""
    shell = Notebook()
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display.display = shell.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shell
