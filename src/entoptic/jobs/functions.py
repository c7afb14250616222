"""The Python function of each recipe, with the signature and the docstring of its declaration."""

from __future__ import annotations

import inspect
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from inspect import Parameter, Signature
from typing import Any

from entoptic import checks
from entoptic.errors import BadSetting
from entoptic.jobs.progress import notebook
from entoptic.jobs.recipe import Recipe, settings

_PROGRESS = (
    "    callback: Function that is given each step.",
    "    progress: Show a bar; by default in a notebook and at a prompt, where an interrupt also",
    "        ends the work with the picture as it is.",
    "    show: Draw the picture as it grows; in a notebook only.",
)


def function_of(recipe: type[Recipe]) -> Callable[..., Any]:
    """Return the function that makes a recipe's picture.

    Its signature is that of the declaration, but for several units, which are given one by one.
    """

    def function(
        *args: Any,
        callback: Any = None,
        progress: bool | None = None,
        show: bool = False,
        **kwargs: Any,
    ) -> Any:
        if recipe.makes_no_job:
            return order(recipe, *args, **kwargs).run()
        if callback is not None:
            checks.function("callback", callback)
        if progress is not None:
            checks.flag("progress", progress)
        if checks.flag("show", show):
            notebook()
        plan = order(recipe, *args, **kwargs).plan()
        if not recipe.optimizes:
            return plan.run(progress=False)
        return plan.run(callback=callback, progress=progress, show=show)

    function.__name__ = function.__qualname__ = recipe.function
    function.__module__ = recipe.__module__
    function.__doc__ = docstring(recipe)
    signature = _with_progress(recipe)
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__annotations__ = {
        name: each.annotation for name, each in signature.parameters.items()
    } | {"return": signature.return_annotation}
    return function


def _with_progress(recipe: type[Recipe]) -> Signature:
    """Return the signature of a recipe's function with what is about its run."""
    signature = signature_of(recipe)
    if recipe.makes_no_job or not recipe.optimizes:
        return signature
    more = [
        Parameter(
            "callback",
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation="Callable[[Step], object] | None",
        ),
        Parameter("progress", Parameter.KEYWORD_ONLY, default=None, annotation="bool | None"),
        Parameter("show", Parameter.KEYWORD_ONLY, default=False, annotation="bool"),
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *more])


def order(recipe: type[Recipe], /, *args: Any, **kwargs: Any) -> Recipe:
    """Return a recipe from the arguments of its function.

    Raises:
        BadSetting: there is no such setting.
        TypeError: an argument is missing, or given twice.
    """
    given = signature_of(recipe).bind(*args, **known(recipe, kwargs)).arguments
    fields = recipe.__dataclass_fields__
    needed = [name for name in settings(recipe) if fields[name].default is MISSING]
    for name in needed:
        if name not in given:  # units, of which a signature can't say that there must be one
            raise TypeError(f"{recipe.function}() is given no {name}; it takes {', '.join(needed)}")
    return recipe(**given)


def known(recipe: type[Recipe], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their names of today.

    Raises:
        BadSetting: there is no such setting.
    """
    found = dict(given)
    fields = recipe.__dataclass_fields__
    for old, new in recipe.renamed.items():
        if old in found and old not in fields:
            warnings.warn(
                f"{recipe.function}({old}=...) is called {new} now; the old name goes with the "
                "next release",
                DeprecationWarning,
                stacklevel=4,
            )
            found[new] = found.pop(old)
    if unknown := sorted(found.keys() - fields.keys()):
        names = ", ".join(signature_of(recipe).parameters)
        raise BadSetting(f"{recipe.name} has no setting {unknown[0]!r}; it has {names}")
    return found


def signature_of(recipe: type[Recipe]) -> Signature:
    """Return the signature of a recipe's function."""
    parameters = []
    for name, setting in settings(recipe).items():
        if setting.hidden:
            continue
        each = recipe.__dataclass_fields__[name]
        annotation = str(each.type)
        default = Parameter.empty if each.default is MISSING else each.default
        if setting.role == "units":
            annotation = annotation.removeprefix("Sequence[").removesuffix("]")
            parameters.append(Parameter(name, Parameter.VAR_POSITIONAL, annotation=annotation))
            continue
        kind = Parameter.KEYWORD_ONLY if each.kw_only else Parameter.POSITIONAL_OR_KEYWORD
        parameters.append(Parameter(name, kind, default=default, annotation=annotation))
    return Signature(parameters, return_annotation=recipe.returns)


def docstring(recipe: type[Recipe], *, progress: bool = True) -> str:
    """Return the docstring of a recipe's function: the declaration's, with all arguments.

    Args:
        recipe: the declaration.
        progress: whether the function takes a callback and shows a bar.
    """
    text = inspect.cleandoc(recipe.__doc__ or "")
    before, mark, after = text.partition("\nSource:")
    declared = settings(recipe)
    lines = []
    for name in signature_of(recipe).parameters:
        default = default_of(recipe, name)
        told = f"{name}: {declared[name].help}"
        told += "" if default is None else f" [default: {default}]"
        lines += textwrap.wrap(told, 92, initial_indent="    ", subsequent_indent="        ")
    if progress and recipe.optimizes and not recipe.makes_no_job:
        lines += _PROGRESS
    arguments = "\n".join(["Args:", *lines])
    raised = "Raises:\n    EntopticError: whatever is wrong is said before any work."
    made = f"Returns:\n    {recipe.made}"
    return f"{before.rstrip()}\n\n{arguments}\n\n{made}\n\n{raised}\n{mark}{after}".rstrip() + "\n"


def default_of(recipe: type[Recipe], name: str) -> str | None:
    """Return what holds where a setting isn't given, in words; None where that is nothing.

    >>> from entoptic.recipes.dream import Dream
    >>> default_of(Dream, "octaves"), default_of(Dream, "jitter"), default_of(Dream, "layer")
    ('by network; 5 with squeezenet1_1', '32', None)
    """
    from entoptic.jobs.defaults import NETWORKS, OTHERS, USUAL

    each, setting = recipe.__dataclass_fields__[name], settings(recipe)[name]
    tuned = recipe.defaults_as or recipe.name
    by_network = [own.get(tuned, {}) for own in (*NETWORKS.values(), OTHERS)]
    values = [own.get(name, setting.usual) for own in by_network]
    if each.default is None and any(value != values[0] for value in values):
        usual = NETWORKS[USUAL].get(tuned, {}).get(name, setting.usual)
        return f"by network; {_told(usual)} with {USUAL}"
    if each.default is None:
        return setting.told if values[0] is None else _told(values[0])
    nothing = each.default is MISSING or each.default is False or each.default == ()
    return None if nothing else _told(each.default)


def _told(value: Any) -> str:
    """Return a value as it would be typed; what is a fraction of 255 as that.

    >>> _told(1 / 255), _told(1.5 / 255), _told(0.5), _told((60, 80)), _told(15.0)
    ('1/255', '1.5/255', '0.5', '60x80', '15')
    >>> _told((0.5, 0.5))
    '0.5,0.5'
    """
    if isinstance(value, tuple):
        whole = all(isinstance(each, int) for each in value)
        return ("x" if whole else ",").join(map(str, value))
    if not isinstance(value, float):
        return str(value)
    levels = value * 255
    if 0 < value < 0.05 and abs(levels - round(levels, 1)) < 1e-9:
        return f"{levels:g}/255"
    return f"{value:g}"
