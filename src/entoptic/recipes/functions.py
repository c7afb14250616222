"""The Python functions of the recipes, made from their declarations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any

from entoptic.jobs.functions import docstring, function_of, order, signature_of
from entoptic.recipes import recipes
from entoptic.recipes.dream import Dream


@functools.cache
def _functions() -> dict[str, Callable[..., Any]]:
    made = {recipes[name].function: function_of(recipes[name]) for name in recipes}
    return made | {"dream_photos": _dream_photos()}


def _dream_photos() -> Callable[..., Any]:
    """Return the function that dreams several photos by the one declaration of a dream."""

    def dream_photos(model: Any, photos: Any, **settings: Any) -> Iterator[Any]:
        from entoptic.jobs.dream_batches import dream_each

        dream = order(Dream, model, **settings)
        assert isinstance(dream, Dream)
        return dream_each(dream, photos)

    signature = signature_of(Dream)
    several = Parameter(
        "photos", Parameter.POSITIONAL_OR_KEYWORD, annotation="Iterable[PictureLike]"
    )
    named = [each for name, each in signature.parameters.items() if name not in ("model", "photo")]
    signature = signature.replace(
        parameters=[signature.parameters["model"], several, *named],
        return_annotation="Iterator[Result]",
    )
    _, _, told = docstring(Dream, progress=False).partition("Args:")
    dream_photos.__doc__ = (
        "Dream several photos; those of one size share each call of the network.\n\n"
        "Each is the dream that it would be alone with the same seed; see `dream`.\n\nArgs:"
        + told.partition("\n\nReturns:")[0].replace(
            "photo: Photo: a picture file.", "photos: Photos, each in any form that `dream` takes."
        )
        + "\n\nReturns:\n    The results in the order of the photos, each as soon as it is there.\n"
        + "\nRaises:\n    EntopticError: all photos are checked before the first is dreamt.\n"
    )
    dream_photos.__signature__ = signature  # type: ignore[attr-defined]
    dream_photos.__module__ = __name__
    dream_photos.__qualname__ = "dream_photos"
    return dream_photos


def __getattr__(name: str) -> Any:
    try:
        return _functions()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return [*_functions()]
