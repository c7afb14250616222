"""Write the stubs of the public API from the registries: `make api`.

A stub is the one place where a public name is written: it tells type checkers and editors what
there is, and `lazy_loader` attaches the same names when the program runs. What is registered is put
there by this script; a line of anything else stays as it was written by hand.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "src"
sys.path.insert(0, str(SOURCE))

import entoptic  # noqa: E402
from entoptic.ascent.optimizers import optimizers  # noqa: E402
from entoptic.canvas import canvases  # noqa: E402
from entoptic.objectives import vocabulary  # noqa: E402
from entoptic.objectives.terms import stub  # noqa: E402
from entoptic.recipes import functions, recipes  # noqa: E402
from entoptic.registry import Registry  # noqa: E402
from entoptic.transforms import presets, transforms  # noqa: E402

Homes = dict[str, set[str]]
"""Public names by the module, relative to the package, that they are imported from."""


def _ours(registry: Registry[Any]) -> Homes:
    """The functions and classes that entoptic itself registers, by their modules."""
    homes: Homes = {}
    for name in registry:
        told = registry.told(name)
        module = str(getattr(told, "__module__", ""))
        if module.startswith("entoptic."):
            homes.setdefault(module, set()).add(getattr(told, "__name__", name))
    return homes


def objectives() -> Homes:
    """What the package `objectives` gets."""
    return {"named": set().union(*_ours(vocabulary).values()) - {"loudest", "squares"}}


def of_package(package: str, registry: Registry[Any]) -> Homes:
    """What a package gets of the classes that its modules register."""
    start = f"entoptic.{package}."
    return {module.removeprefix(start): names for module, names in _ours(registry).items()}


def all_canvases() -> Homes:
    """What the package `canvas` gets."""
    return of_package("canvas", canvases)


def all_transforms() -> Homes:
    """What the package `transforms` gets."""
    named = {"presets": {name.upper() for name in presets}}
    return of_package("transforms", transforms) | named


def all_recipes() -> Homes:
    """Return what the top gets of the recipes: their classes and their functions."""
    homes: Homes = {"recipes.functions": {*dir(functions)}}
    for name in recipes:
        home = recipes[name].__module__.removeprefix("entoptic.")
        homes.setdefault(home, set()).add(recipes[name].__name__)
    return homes


def top() -> Homes:
    """What `import entoptic` gives."""
    packages = {
        "objectives": objectives(),
        "canvas": all_canvases(),
        "transforms": all_transforms(),
    }
    flat = {package: set().union(*homes.values()) for package, homes in packages.items()}
    return (
        flat
        | {"ascent.optimizers": _ours(optimizers)["entoptic.ascent.optimizers"]}
        | all_recipes()
    )


def written(text: str, registered: Homes) -> str:
    """A stub with what is registered, and with the lines of before of all else.

    Args:
        text: the stub as it is.
        registered: what belongs there by now.
    """
    homes = {home: set(names) for home, names in registered.items()}
    taken = set().union(*homes.values())
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = {each.name for each in node.names if each.asname == each.name} - taken
            homes.setdefault(node.module or "", set()).update(names)
    lines = [f'"""{ast.get_docstring(tree)}"""', ""]
    for home in sorted(home for home, names in homes.items() if names):
        lines.append(f"from .{home} import (")
        lines += [f"    {name} as {name}," for name in sorted(homes[home], key=_order)]
        lines.append(")")
    return "\n".join(lines) + "\n"


def _order(name: str) -> tuple[int, str]:
    """Constants, classes, functions, as the linter wants them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def signatures() -> str:
    """The stub of the registered objectives, which are made by a decorator."""
    head = '''
        """The registered objectives with the arguments that they take."""

        from collections.abc import Iterable, Sequence
        from typing import Any, overload

        from numpy.typing import NDArray
        from torch import Tensor

        from ..images import PictureLike
        from ..layers import Layer
        from ..types import PathLike
        from .terms import Leaf
    '''
    made = [stub(name) for name in vocabulary if name in objectives()["named"]]
    return textwrap.dedent(head).lstrip() + "\n" + "\n".join(made)


def _written(value: object) -> str:
    """Return a default as the formatter writes it."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def of_recipes() -> str:
    """Return the stub of the functions of the recipes, with their signatures and docstrings."""
    made = []
    for name in sorted(dir(functions)):
        function = getattr(functions, name)
        signature = inspect.signature(function)
        lines = [f"def {name}("]
        named = False
        for each in signature.parameters.values():
            if each.kind is each.KEYWORD_ONLY and not named:
                if not any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()):
                    lines.append("    *,")
                named = True
            star = "*" if each.kind is each.VAR_POSITIONAL else ""
            default = "" if each.default is each.empty else f" = {_written(each.default)}"
            lines.append(f"    {star}{each.name}: {each.annotation}{default},")
        lines.append(f") -> {signature.return_annotation}:")
        told = textwrap.indent(inspect.getdoc(function) or "", "    ")
        lines += [f'    r"""{told.strip()}"""', ""]
        made.append("\n".join(lines))
    head = '''
        """The functions of the recipes, made from their declarations by `make api`."""

        from collections.abc import Callable, Iterable, Iterator, Sequence
        from fractions import Fraction
        from typing import Any

        from ..ascent.loop import Step
        from ..ascent.optimizers import Norm, Rule
        from ..ascent.shaping import ShapingLike
        from ..canvas import Canvas
        from ..images import PictureLike
        from ..jobs.evaluation import Evaluation
        from ..jobs.exemplars import FoundExemplars
        from ..jobs.film_making import FilmMade
        from ..jobs.job import Result
        from ..jobs.keys import Keys
        from ..jobs.plan import Plan
        from ..jobs.recipe import Recipe
        from ..jobs.regions import RegionLike
        from ..layers import Layer
        from ..networks import DeviceLike, ModelLike
        from ..networks.gradient_rules.by_name import RulesLike
        from ..objectives import Objective
        from ..transforms import Transform
        from ..types import PathLike
        from ..video.pixels import Bits
    '''
    return textwrap.dedent(head).lstrip() + "\n" + "\n".join(made)


STUBS: Mapping[str, Callable[[str], str]] = {
    "entoptic/__init__.pyi": lambda text: written(text, top()),
    "entoptic/objectives/__init__.pyi": lambda text: written(text, objectives()),
    "entoptic/objectives/named.pyi": lambda text: signatures(),
    "entoptic/canvas/__init__.pyi": lambda text: written(text, all_canvases()),
    "entoptic/recipes/functions.pyi": lambda text: of_recipes(),
    "entoptic/transforms/__init__.pyi": lambda text: written(text, all_transforms()),
}
"""How each stub is made of the text that it has now; a page of recipes would be one more line."""


def main() -> None:
    """Write those stubs that aren't up to date."""
    for name, make in STUBS.items():
        path = SOURCE / name
        before = path.read_text("utf-8") if path.exists() else ""
        if (after := make(before)) != before:
            path.write_text(after, "utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    assert entoptic.__file__ is not None
    assert Path(entoptic.__file__).is_relative_to(SOURCE), entoptic.__file__
    main()
