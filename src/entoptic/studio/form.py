"""The controls of a recipe's settings, made of its declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from entoptic.checks import choices, typed
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.recipe import Setting, recipes, settings
from entoptic.studio.studio import Studio
from entoptic.studio.wishes import defaults_of

# What is shown first; all other settings that have sliders or choices come under "More".
_FIRST = {
    "dream": ("size", "strength", "steps", "octaves"),
    "visualize": ("size", "steps", "method"),
    "zoom": ("size", "seconds", "zoom", "turn", "strength"),
    "film": ("size", "strength", "coherence"),
}
_NOT_SHOWN = ("seed", "precision", "look", "size")
_USUAL_SIZE = {"dream": 768, "zoom": 384, "film": 384, "visualize": 224}


class Form:
    """The controls of a recipe's settings, made of its declaration.

    Args:
        name: of the recipe.
        names: of the settings that are shown first.
    """

    def __init__(self, name: str, studio: Studio) -> None:
        self.name, self.studio = name, studio
        self.recipe = recipes[name]
        self.declared = settings(self.recipe)
        self.controls: dict[str, Any] = {}

    def first(self) -> None:
        """Draw what is shown first."""
        for each in _FIRST[self.name]:
            self._draw(each)

    def more(self) -> None:
        """Draw all other settings."""
        for each in self.declared:
            if each not in self.controls and each not in _NOT_SHOWN and self._is_shown(each):
                self._draw(each)
        self._draw("seed")

    def _is_shown(self, name: str) -> bool:
        said = self.declared[name]
        return not said.hidden and said.role == "own" and _kind(name, said) is not None

    def _draw(self, name: str) -> None:
        said = self.declared[name]
        label = name.replace("_", " ").capitalize()
        usual = self.usual(USUAL)[name]
        # What is shown first speaks for itself; a page of help would hide the picture.
        info = None if name in _FIRST[self.name] else said.help
        more = {"label": label, "info": info, "elem_id": f"{self.name}-{name}", "value": usual}
        kind = "number" if name == "seed" else _kind(name, said)
        if kind == "slider":
            assert said.slider is not None
            least, most, step = said.slider
            if name == "size":
                most = min(most, self.studio.limits.size)
            if name == "seconds":
                most = min(most, self.studio.limits.seconds)
            self.controls[name] = gr.Slider(least, most, step=step, **more)
        elif kind == "choice":
            words = list(choices(said.meaning)) or _words(name)
            if said.usual is None and self.recipe.__dataclass_fields__[name].default is None:
                words, more["value"] = ["none", *words], "none"
            self.controls[name] = gr.Dropdown(words, **more)
        elif kind == "flag":
            self.controls[name] = gr.Checkbox(**more)
        else:
            self.controls[name] = gr.Number(precision=0, minimum=0, **more)

    def usual(self, model: str, look: str | None = None) -> dict[str, Any]:
        """Return the values of all controls where nothing is said."""
        found = defaults_of(self.name, self.studio.networks[model], look)
        known = {name: found.get(name) for name in self.declared}
        known["size"] = min(_USUAL_SIZE[self.name], self.studio.limits.size)
        if "detail" in known and known["detail"] is None:
            known["detail"] = self.declared["detail"].slider[1]  # type: ignore[index]
        return known

    def said(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return what the controls say, as a wish."""
        found = dict(zip(self.controls, values, strict=True))
        if "detail" in found and found["detail"] >= self.declared["detail"].slider[1]:  # type: ignore[index]
            del found["detail"]  # the picture's own
        return {name: value for name, value in found.items() if value != "none"}

    def updates(self, values: Mapping[str, Any]) -> list[Any]:
        """Return what sets the controls."""
        return [
            gr.update(value=values[name]) if values.get(name) is not None else gr.skip()
            for name in self.controls
        ]


def _kind(name: str, said: Setting) -> str | None:
    if said.slider is not None:
        return "slider"
    if choices(said.meaning) or _words(name):
        return "choice"
    return "flag" if typed(said.meaning) is bool else None


def _words(name: str) -> list[str]:
    """Return the names of what a setting chooses from a registry of ours."""
    if name == "method":
        from entoptic.jobs.methods import methods

        return list(methods)
    if name == "canvas":
        from entoptic.canvas import canvases

        return list(canvases)
    return []
