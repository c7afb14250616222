"""What a page asks for, as a recipe: checked, and with nothing in it that a stranger may not say.

A page is data. It names photos of the studio's folder, networks that the owner allows and settings
within their bounds. It names no file, no function and no address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from entoptic.checks import choices, typed
from entoptic.errors import BadSetting, EntopticError, NotAllowed
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.jobs.keys import Keys
from entoptic.jobs.recipe import Recipe, Setting, recipes, settings
from entoptic.jobs.stored import check_stored
from entoptic.jobs.written import flag
from entoptic.networks import Model
from entoptic.objectives import parse
from entoptic.studio.limits import Limits
from entoptic.studio.networks import Networks
from entoptic.studio.shelf import PHOTOS, Shelf

# Texts that are read by parsers of our own and can name no file.
_TEXTS = ("look", "shaping", "rules", "transforms", "optimizer", "method", "canvas", "norm")
# Numbers that may be texts: pairs, or numbers over the time of a film.
_NUMBERS = ("noise", "size", "seconds", "step_size", "down", "across", "center")
_LONGEST_TEXT = 2000
# Settings of jobs that say how a picture was computed, not what it is.
_OF_THE_MACHINE = ("tile", "memory", "together", "batch")


class NoFiles:
    """Refuses all files that an objective names: on a page, what it names are photos."""

    def guide(self, name: str) -> Picture:
        raise _no_file(name)

    def arrays(self, name: str) -> Arrays:
        raise _no_file(name)

    def autoencoder(self, name: str) -> SparseEncoder:
        raise _no_file(name)


def _no_file(name: str) -> NotAllowed:
    return NotAllowed(
        "an objective on this page can't name a file; drop a guide picture instead, or use the "
        "command line"
    )


@dataclass(frozen=True)
class Wish:
    """A recipe that a page asks for.

    Args:
        recipe: with its network and its photo.
        given: the settings that aren't the defaults, as the command has them.
        stem: for the name of the result.
    """

    recipe: Recipe
    given: Mapping[str, Any]
    stem: str


@dataclass(frozen=True)
class Wishes:
    """Makes recipes of what pages ask for.

    Args:
        shelf: has the photos.
        networks: those that are allowed.
        limits: of sizes and steps.
    """

    shelf: Shelf
    networks: Networks
    limits: Limits

    def read(self, name: str, asked: Mapping[str, Any]) -> Wish:
        """Return the recipe that is asked for.

        Args:
            name: of the recipe.
            asked: by the names of settings, as they come from a page.

        Raises:
            BadSetting: there is no such setting, it can't be that, or one is lacking.
            PictureNotFound: a photo isn't there.
        """
        recipe = recipes[name]
        declared = settings(recipe)
        model = self.networks[_a_text("model", asked.get("model"))]
        found: dict[str, Any] = {"model": model}
        given: dict[str, Any] = {"model": model.source}
        for each, value in asked.items():
            if each == "model" or value is None or value is False or value in ("", []):
                continue  # 0 is a value
            if each not in declared or not _is_allowed(each, declared[each]):
                raise BadSetting(f"{each!r} is no setting of a {name} on this page")
            found[each], given[each] = self._meant(each, declared[each], value)
        usual = defaults_of(name, model, found.get("look"))
        for each in [*given]:
            if each in usual and _is_same(usual[each], given[each]):
                del found[each], given[each]
        self._check_sizes(given)
        for each in _needed(recipe).keys() - found.keys():
            wanted = "a unit" if declared[each].role == "units" else f"a {each}"
            raise BadSetting(f"choose {wanted} first")
        # What a package would have to be imported for is the owner's to import, not a page's.
        check_stored("", {each: given[each] for each in given if each in _TEXTS}, {})
        made = recipe(**found)
        return Wish(made, given, self._stem(given, name))

    def allowed(self, name: str, stored: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return those of a job's settings that a page may say, and the others as options.

        Raises:
            BadSetting: the network isn't allowed.
        """
        declared = settings(recipes[name])
        usual = defaults_of(name, self.networks[_a_text("model", stored.get("model"))])
        usual |= _of_method(stored.get("method"))
        found, left_out = {}, []
        for each, value in stored.items():
            if value in (None, (), [], False) or (each in usual and usual[each] == value):
                continue
            if each == "model" or (each in declared and _is_allowed(each, declared[each])):
                found[each] = value
            elif each not in _OF_THE_MACHINE:
                left_out.append(flag(each, value))
        return found, left_out

    def _meant(self, name: str, setting: Setting, value: Any) -> tuple[Any, Any]:
        """Return a setting as the recipe has it, and as the command has it."""
        if name == "film":
            return self.shelf.photo_file(_a_text(name, value)), f"{PHOTOS}/{value}"
        if setting.role in ("photo", "guide") or name == "mask":
            picture = self.shelf.photo(_a_text(name, value))
            return picture, f"{PHOTOS}/{value}"
        if name == "region":
            return self._regions(setting, value)
        if setting.role in ("objective", "unit", "units") or name == "layer":
            value = [value] if setting.role == "units" and isinstance(value, str) else value
            for each in value if isinstance(value, list) else [value]:
                _a_text(name, each)
                parse(each) if name != "layer" else None
        elif typed(setting.meaning) is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # as sliders have it
        elif name == "size" and isinstance(value, float):
            value = int(value)
        elif isinstance(value, str) or name in _TEXTS:
            _a_text(name, value)
        meant = setting.meaning(name, value)
        # Over the time of a film: as it is typed.
        return meant, value if isinstance(meant, Keys) else meant

    def _regions(self, setting: Setting, value: Any) -> tuple[Any, Any]:
        """Return regions, whose masks are photos of the studio's, and as the command has them."""
        found, given = [], []
        for mask, wanted in setting.meaning("region", value):
            parse(_a_text("the region's objective", wanted))
            found.append((self.shelf.photo(_a_text("the region's mask", mask)), wanted))
            given.append(f"{PHOTOS}/{mask}={wanted}")
        return tuple(found), tuple(given)

    def _check_sizes(self, given: Mapping[str, Any]) -> None:
        """Refuse sizes beyond the limits before anything is laid out for them."""
        for name in {"size", "noise"} & given.keys():
            sides = given[name]
            self.limits.check(max(sides) if isinstance(sides, tuple) else sides, 0)

    def _stem(self, given: Mapping[str, Any], name: str) -> str:
        """Return the begin of the name of a result."""
        photo = given.get("photo", given.get("film"))
        if photo is not None:
            return str(photo).removeprefix(f"{PHOTOS}/").rpartition("-")[0]
        units = given.get("units")
        if units:
            from entoptic.paths import name_for

            return name_for(units[0])
        return "noise"


def defaults_of(name: str, model: Model, look: str | None = None) -> dict[str, Any]:
    """Return what settings are where nothing is said, by the network and the look."""
    recipe = recipes[name]
    fields = recipe.__dataclass_fields__
    own = {
        each: fields[each].default
        for each in settings(recipe)
        if fields[each].default is not MISSING and fields[each].default is not None
    }
    usual = {each: said.usual for each, said in settings(recipe).items() if said.usual}
    if look is not None and "look" in settings(recipe):
        from entoptic.jobs.looks import look_settings

        return usual | own | look_settings(model, look)
    by_network = recipe(model, **_needed(recipe)).defaults(model)
    return usual | own | dict(by_network)


def _of_method(name: Any) -> dict[str, Any]:
    """Return what a method of feature visualization is made of; nothing for another name."""
    from entoptic.jobs.methods import methods

    if not isinstance(name, str) or name not in methods:
        return {}
    found = methods[name]
    made_of = ("canvas", "transforms", "learning_rate")
    return {each: getattr(found, each) for each in made_of}


def _is_same(usual: Any, given: Any) -> bool:
    """Tell whether two settings are the same; expressions may be written in several ways."""
    if isinstance(usual, str) and isinstance(given, str) and usual != given:
        try:
            return bool(parse(usual) == parse(given))
        except EntopticError:
            return False
    return bool(usual == given)


def _needed(recipe: type[Recipe]) -> dict[str, Any]:
    """Return something for the settings that have no default, to ask for the others'."""
    fields = recipe.__dataclass_fields__
    return {
        name: ["output:0"] if said.role == "units" else "photo.png"
        for name, said in settings(recipe).items()
        if fields[name].default is MISSING and name != "model"
    }


def _is_allowed(name: str, setting: Setting) -> bool:
    """Tell whether a page may say a setting."""
    if setting.hidden or setting.role in ("device", "model"):
        return False
    if setting.role != "own" or name in ("layer", "mask", "region", *_TEXTS):
        return True
    return (
        bool(setting.slider or choices(setting.meaning) or typed(setting.meaning) is not str)
        or name in _NUMBERS
    )


def _a_text(name: str, value: Any) -> str:
    """Return a short text.

    Raises:
        BadSetting: it is none.
    """
    if not isinstance(value, str) or not value or len(value) > _LONGEST_TEXT:
        raise BadSetting(f"{name} must be a text of at most {_LONGEST_TEXT} characters")
    return value
