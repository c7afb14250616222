"""A table of named things: each registered once, found by name, and described for a page."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from entoptic.errors import BadSetting, EntopticError, NotAllowed, did_you_mean, one_line
from entoptic.paths import is_file, why_missing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

# So many names an error lists, where there are many more.
_LISTED = 10

# Defaults that a signature shows as they are; others, such as a layer, are shown as texts.
_WRITTEN = (bool, int, float, str, tuple, type(None))


@dataclass(frozen=True)
class Row:
    """The documentation of a registered thing.

    Args:
        name: in the registry.
        signature: as it is called in Python; the name alone, where it isn't called.
        summary: the first sentence of its docstring.
        arguments: their meanings by name.
        source: the paper or the program that it comes from; empty where there is none.
    """

    name: str
    signature: str
    summary: str
    arguments: Mapping[str, str]
    source: str


class Registry(Generic[T]):
    """Names to things, in order of registration.

    Args:
        noun: what the things are called in an error ("objective").
        error: what is raised for a name that isn't there.
        group: the entry point group by which installed packages bring more; the entry's name is
            the thing's, and its object registers it when it is imported. None where they can't.
    """

    def __init__(self, noun: str, error: type[EntopticError], group: str | None = None) -> None:
        self.noun = noun
        self.error = error
        self.group = group
        self._things: dict[str, T] = {}
        self._told: dict[str, object] = {}

    def add(
        self, name: str, thing: T, *, told: object | None = None, redefined: bool = False
    ) -> None:
        """Register a thing.

        Args:
            name: to find it by.
            thing: what is found.
            told: the function or class whose docstring describes it, or a docstring; by default the
                thing itself.
            redefined: replace what the same definition registered before, as when a notebook's
                cell runs again.

        Raises:
            ValueError: the name is taken by another thing; nothing is replaced silently.
        """
        told = thing if told is None else told
        same = redefined and _definition(self._told.get(name)) == _definition(told) is not None
        if self._things.get(name, thing) is not thing and not same:
            raise ValueError(f"{self.noun} {name!r} is registered already; choose another name")
        self._things[name] = thing
        self._told[name] = told

    def __getitem__(self, name: str) -> T:
        """Return the thing of a name, registered here or brought by an installed package."""
        if not isinstance(name, str):
            raise self.error(f"a {self.noun} is called {one_line(repr(name))}; give one name")
        if name not in self._things:
            self._import(name)
        if name in self._things:
            return self._things[name]
        raise self.error(f"no {self.noun} named {name!r}{suggestion(name, self.known())}")

    def known(self) -> list[str]:
        """Return all names, those too that installed packages would bring."""
        return [*self._things, *(name for name in self._brought() if name not in self._things)]

    def rows(self) -> list[Row]:
        """Return what a page says of each thing, in order of registration."""
        return [_row(name, self._told.get(name, thing)) for name, thing in self._things.items()]

    def told(self, name: str) -> object:
        """Return the function or class that describes a registered thing, or a docstring."""
        return self._told.get(name, self._things[name])

    def check_stored(self, names: Iterable[str]) -> None:
        """Refuse names of a picture's job for which a package's code would be imported.

        Raises:
            NotAllowed: of the first such name; what the user has imported is allowed.
        """
        for name in names:
            if name not in self._things and (entries := self._brought().get(name)):
                raise NotAllowed(
                    f"the {self.noun} {one_line(repr(name))} is of the package "
                    f"{_package(entries[0])}, whose code a picture's job doesn't run; import the "
                    "package yourself, or name something else"
                )

    def _brought(self) -> Mapping[str, list[EntryPoint]]:
        """The entry points of installed packages, by name; none of them is imported."""
        found: dict[str, list[EntryPoint]] = {}
        for entry in _entry_points(self.group) if self.group else ():
            found.setdefault(entry.name, []).append(entry)
        return found

    def _import(self, name: str) -> None:
        """Import the package whose entry point has the name, so that it registers the thing.

        Raises:
            EntopticError: two packages have it, it can't be imported, or it doesn't register it.
        """
        entries = self._brought().get(name, [])
        if len(entries) > 1:
            packages = ", ".join(map(_package, entries))
            raise self.error(f"the {self.noun} {name!r} comes from {packages}; remove all but one")
        for entry in entries:
            of = f"the {self.noun} {name!r} of the package {_package(entry)}"
            try:
                entry.load()
            except (ImportError, AttributeError, SyntaxError) as error:
                raise self.error(
                    f"{of} can't be imported ({error}); update or remove that package"
                ) from None
            if name not in self._things:
                raise self.error(f"{of} isn't registered by importing it; tell its authors")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)


def word_of(registered: type) -> str:
    """Return the name that a class is registered by: its own in lower case, words apart.

    >>> class ColorShift: ...
    >>> word_of(ColorShift)
    'color_shift'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", registered.__name__).lower()


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return the end of an error for a name that isn't known: the nearest one, or those that are.

    >>> suggestion("x", ["three", "seven"])
    '; there are three, seven'
    """
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED + 4 else ""
    listed = known[:_LISTED] if more else known
    return did_you_mean(name, known) or f"; there are {', '.join(listed)}{more}"


def import_modules(package: str, folder: Iterable[str]) -> None:
    """Import every module of a package, so that it registers what it defines.

    Args:
        package: its full name.
        folder: its `__path__`.
    """
    for module in pkgutil.iter_modules(folder):
        importlib.import_module(f"{package}.{module.name}")


IMPORTED: list[str] = []
"""Files of the user's that were imported, as worker processes must import them too."""


def import_file(path: str | Path) -> None:
    """Run a Python file of the user's, so that it registers what it defines.

    Raises:
        BadSetting: there is no such file, or it fails; with the line.
    """
    file = Path(path)
    name = re.sub(r"\W", "_", file.stem)
    spec = importlib.util.spec_from_file_location(f"entoptic_user_{name}", file)
    if not is_file(file):
        hint = why_missing(file) or "; give one that ends in .py"
        raise BadSetting(f"no Python file {str(path)!r} to import{hint}")
    if spec is None or spec.loader is None:
        raise BadSetting(f"no Python file {str(path)!r} to import; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except EntopticError:
        raise
    # Whatever the user's code raises is the user's to read, in one line as all else.
    except Exception as error:
        del sys.modules[spec.name]
        raise BadSetting(f"{file.name} can't be imported: {_failure(file, error)}") from error
    IMPORTED.append(str(file.resolve()))


def _failure(file: Path, error: Exception) -> str:
    """An error in a user's file, with the last of its lines that it came through."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} (line {error.lineno})"
    lines, trace = [], error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    at = f" (line {lines[-1]})" if lines else ""
    return one_line(f"{type(error).__name__}: {error}", 200) + at


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _definition(thing: object) -> tuple[str, str] | None:
    """Return the module and the name of a function or a class; None of anything else."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    return (module, name) if isinstance(module, str) and isinstance(name, str) else None


def plain_signature(signature: inspect.Signature) -> str:
    """Return the parameters without their annotations, as a user would write them."""
    plain = []
    for each in signature.parameters.values():
        known = each.default is each.empty or isinstance(each.default, _WRITTEN)
        default = each.default if known else str(each.default)
        plain.append(each.replace(annotation=each.empty, default=default))
    return str(inspect.Signature(plain))


def _row(name: str, told: object) -> Row:
    if isinstance(told, str):
        summary, source = _summary(told), _source(told)
        return Row(name, name, summary, {}, source)
    assert callable(told)
    text = inspect.getdoc(told) or ""
    arguments: dict[str, str] = {}
    bases = reversed(told.__mro__) if isinstance(told, type) else [told]
    for each in bases:
        arguments |= _arguments(inspect.cleandoc(each.__doc__ or ""))
    signature = inspect.signature(told)
    meanings = {each: arguments[each] for each in signature.parameters if each in arguments}
    called = getattr(told, "__name__", name) + plain_signature(signature)
    return Row(name, called, _summary(text), meanings, _source(text))


def _entry_points(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group; looked up again only where packages may have changed."""
    from importlib.metadata import entry_points  # which takes a while, and is rarely needed

    folders = [Path(each) for each in sys.path]
    changed = tuple((str(each), each.stat().st_mtime_ns) for each in folders if each.is_dir())
    return _looked_up(entry_points, group, changed)


# Of the groups of all registries; a job of a picture asks several of them for each word.
@functools.lru_cache(maxsize=32)
def _looked_up(
    find: Callable[..., Iterable[EntryPoint]], group: str, changed: tuple[tuple[str, int], ...]
) -> tuple[EntryPoint, ...]:
    return tuple(find(group=group))


def _summary(text: str) -> str:
    """The first sentence of a docstring."""
    first = " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z])", first)[0]


def _source(text: str) -> str:
    found = re.search(
        r"^Source: (.*?)(?=\n\n|\Z)", inspect.cleandoc(text), re.DOTALL | re.MULTILINE
    )
    return " ".join(found[1].split()) if found else ""


def _arguments(text: str) -> dict[str, str]:
    """The meanings of the section Args of a docstring, each on one line."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n(?=    ))+)", text, re.MULTILINE)
    parts = re.split(r"^    (?=\w+: )", section[1] if section else "", flags=re.MULTILINE)
    named = (each.partition(": ") for each in parts if each.strip())
    return {name: " ".join(meaning.split()) for name, _, meaning in named}
