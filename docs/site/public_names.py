"""An extension of griffe, by which mkdocstrings finds the public names.

They are looked up lazily, and some functions are made from declarations, so that a reader of the
source alone doesn't find them all. This puts each of them into the package with the signature and
the docstring that it has at run time.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_origin

import griffe
from docs.site.api import with_fences

import entoptic
from entoptic.objectives import vocabulary
from entoptic.transforms import presets


class PublicNames(griffe.Extension):
    """Puts the public names into the package as they are at run time."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Set each public name of `entoptic` once the package has been read."""
        if pkg.path != "entoptic":
            return
        for name in dir(entoptic):
            value = getattr(entoptic, name)
            if inspect.isclass(value):
                target = f"{value.__module__}.{value.__qualname__}"
                pkg.set_member(name, griffe.Alias(name, target, parent=pkg))
            elif inspect.isfunction(value):
                pkg.set_member(name, _function(name, value, pkg))
            elif name.lower() in presets:
                pkg.set_member(name, _preset(name, value, pkg))
        for each in _documented(pkg):
            each.value = with_fences(each.value)


def _documented(found: griffe.Object) -> Iterator[griffe.Docstring]:
    """The docstrings of a package and of all that is in it, each once."""
    if found.docstring:
        yield found.docstring
    for member in found.members.values():
        if isinstance(member, griffe.Object):
            yield from _documented(member)


def _function(name: str, function: Any, pkg: griffe.Module) -> griffe.Function:
    signature = inspect.signature(function)
    parameters = griffe.Parameters(
        *(
            griffe.Parameter(
                each.name,
                annotation=_expression(each.annotation, pkg),
                kind=griffe.ParameterKind(each.kind.description),
                default=None if each.default is each.empty else _shown(each.default),
            )
            for each in signature.parameters.values()
        )
    )
    # Written as a function of activations, it makes an objective when its user calls it.
    is_objective = signature.return_annotation is signature.empty and name in vocabulary
    returns = "Objective" if is_objective else signature.return_annotation
    made = griffe.Function(
        name,
        parameters=parameters,
        returns=_expression(returns, pkg),
        parent=pkg,
    )
    if text := inspect.getdoc(function):
        made.docstring = griffe.Docstring(text, parent=made, parser="google")
    return made


def _preset(name: str, transforms: Any, pkg: griffe.Module) -> griffe.Attribute:
    made = griffe.Attribute(name, value=repr(transforms), parent=pkg)
    text = inspect.cleandoc(str(presets.told(name.lower())))
    made.docstring = griffe.Docstring(text, parent=made, parser="google")
    return made


def _expression(annotation: Any, pkg: griffe.Module) -> str | griffe.Expr | None:
    if annotation is inspect.Parameter.empty:
        return None
    if get_origin(annotation) is Annotated:
        # What an objective's argument has to fit, which its docstring says in words.
        annotation = annotation.__origin__
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return griffe.get_annotation(ast.parse(text, mode="eval").body, parent=pkg)


def _shown(default: Any) -> str:
    if inspect.isfunction(default):
        return default.__name__
    if isinstance(default, entoptic.Layer):
        return repr(str(default))
    return repr(default)
