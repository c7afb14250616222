"""The controls of a recipe's settings, made of its declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from entoptic.checks import bounds, refused, typed
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.recipe import recipes, settings
from entoptic.studio.studio import Studio
from entoptic.studio.wishes import defaults_of
from entoptic.studio.words import Words, parts_of, words_of

# What is shown first; all other settings that have controls come under "More" and "Advanced".
_FIRST = {
    "dream": ("size", "strength", "steps", "octaves"),
    "visualize": ("size", "steps", "method"),
    "zoom": ("size", "seconds", "zoom", "turn", "strength"),
    "film": ("coherence", "start", "end"),
}
TOGETHER = {"zoom": ("zoom", "film")}
"""Recipes that share the controls of a tab, by its name."""

# What speaks for itself: a page of help would hide the picture.
_PLAIN = {each for name in ("dream", "visualize", "zoom") for each in _FIRST[name]}
# `strength` is what a step's size is set by, `preview` a button.
_NOT_SHOWN = ("seed", "look", "step_size", "preview")
# Beside what is chosen by a registered name: how exactly steps are made, and numbers kept.
_ADVANCED: tuple[str, ...] = ("norm", "rules", "shaping", "transforms", "optimizer", "canvas")
_ADVANCED += ("learning_rate", "precision", "every", "codec")
_USUAL_SIZE = {"dream": 768, "zoom": 384, "film": 384, "visualize": 224}
# The choice of what holds where nothing is said.
_USUAL_WORD = ""
_LONGEST_NUMBER = 20
# Of a slider's step: by which a number isn't at one of its places.
_OFF_STEP = 1e-6


def _unbounded(control: Any) -> Any:
    """Return a control of numbers that are bounded by the declaration alone.

    Gradio's own refusal of a number beyond a slider's end, which may be typed, reaches no page;
    and a slider's ends are those of what is sensible, not of what is allowed.
    """

    def preprocess(given: float | None) -> float | None:
        return None if given is None else gr.Number.round_to_precision(given, control.precision)

    control.preprocess = preprocess
    return control


class Form:
    """The controls of a recipe's settings, made of its declaration.

    Args:
        name: of the recipe.
        beside: another form whose controls it shares: only what that one hasn't is drawn.
    """

    def __init__(self, name: str, studio: Studio, beside: Form | None = None) -> None:
        self.name, self.studio, self._beside = name, studio, beside
        self.recipe = recipes[name]
        self.declared = settings(self.recipe)
        self.controls: dict[str, Any] = {}
        self._usual = self.usual(USUAL)

    def first(self) -> None:
        """Draw what is shown first."""
        for each in _FIRST[self.name]:
            self._draw(each)

    def more(self) -> None:
        """Draw all other settings but the advanced ones."""
        for each in self._others():
            if each not in _ADVANCED:
                self._draw(each)
        if self._beside is None:
            self._draw("seed")

    def advanced(self) -> None:
        """Draw how exactly steps are made."""
        for each in self._others():
            if each in _ADVANCED:
                self._draw(each)

    def _others(self) -> list[str]:
        shared = self._beside.declared if self._beside else {}
        return [
            each
            for each, said in self.declared.items()
            if each not in (*self.controls, *_NOT_SHOWN, *shared)
            and not said.hidden
            and said.role == "own"
            and self._kind(each) is not None
        ]

    def _kind(self, name: str) -> str | None:
        """Return the kind of a setting's control; None where there can't be one."""
        said = self.declared[name]
        # A slider always says something; what may be left out is a number.
        if said.slider is not None and self._usual[name] is not None:
            return "slider"
        if words_of(name, said) is not None:
            return "choice"
        kinds = {bool: "flag", int: "number", float: "number"}
        kind = kinds.get(typed(said.meaning))
        # Gradio's numbers can't be empty.
        return "open" if kind == "number" and self._usual[name] is None else kind

    def _draw(self, name: str) -> None:
        said = self.declared[name]
        more = {
            "label": name.replace("_", " ").capitalize(),
            "info": self._info(name) if name not in _PLAIN else None,
            "elem_id": f"{self.name}-{name}",
            "elem_classes": [f"only-{self.name}"] if self._is_alone(name) else [],
            "value": self._usual[name],
        }
        kind = self._kind(name)
        if kind == "slider":
            least, most, step = self._slider(name)
            self.controls[name] = _unbounded(gr.Slider(least, most, step=step, **more))
        elif kind == "choice":
            self.controls[name] = gr.Dropdown(**more | self._choice(name, more["value"]))
        elif kind == "flag":
            self.controls[name] = gr.Checkbox(**more)
        elif kind == "open":
            more |= {"value": _text(more["value"]), "placeholder": said.told, "max_lines": 1}
            self.controls[name] = gr.Textbox(max_length=_LONGEST_NUMBER, **more)
        else:
            least = max(bounds(said.meaning)[0], 0)
            digits = {"precision": 0} if typed(said.meaning) is int else {"step": 0.1}
            self.controls[name] = _unbounded(gr.Number(minimum=least, **digits, **more))

    def _info(self, name: str) -> str:
        said = self.declared[name]
        words = words_of(name, said)
        # A list of names without any of them says nothing of what then holds.
        usual = f" Without: {said.told}." if words and words.several and said.told else ""
        return said.help + usual

    def _is_alone(self, name: str) -> bool:
        """Tell whether no other recipe of the tab has a setting."""
        group = next((each for each in TOGETHER.values() if self.name in each), ())
        return bool(group) and sum(name in settings(recipes[each]) for each in group) == 1

    def _slider(self, name: str) -> tuple[float, float, float]:
        """Return where a slider begins and ends, and its step."""
        slider = self.declared[name].slider
        assert slider is not None
        least, most, step = slider
        limits = {"size": self.studio.limits.size, "seconds": self.studio.limits.seconds}
        return least, min(most, limits.get(name, most)), step

    def _choice(self, name: str, value: Any) -> dict[str, Any]:
        """Return the choices of a setting, and what of them is chosen."""
        said = self.declared[name]
        words = words_of(name, said)
        assert words is not None
        chosen = _chosen(name, words, value)
        choices: list[Any] = words.with_own(chosen)
        if words.several:
            return {"choices": choices, "value": chosen, "multiselect": True}
        if self._may_be_unsaid(name):
            choices = [(said.told or "none", _USUAL_WORD), *choices]
        return {"choices": choices, "value": chosen[0] if chosen else _USUAL_WORD}

    def _may_be_unsaid(self, name: str) -> bool:
        said = self.declared[name]
        return said.usual is None and self.recipe.__dataclass_fields__[name].default is None

    def usual(self, model: str, look: str | None = None) -> dict[str, Any]:
        """Return the values of all controls where nothing is said."""
        found = defaults_of(self.name, self.studio.networks[model], look)
        known = {name: found.get(name) for name in self.declared}
        known["size"] = min(_USUAL_SIZE[self.name], self.studio.limits.size)
        if "detail" in known and known["detail"] is None:
            known["detail"] = self._slider("detail")[1]
        return known

    def said(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return what the controls say, as a wish."""
        found = dict(zip(self.controls, values, strict=True))
        if "detail" in found and found["detail"] >= self._slider("detail")[1]:
            del found["detail"]  # the picture's own
        return {name: self._meant(name, each) for name, each in found.items()}

    def _meant(self, name: str, value: Any) -> Any:
        """Return what a control says; names that are joined as the text of them."""
        if self._kind(name) == "open":
            return _number(name, str(value).strip())
        if not isinstance(value, list):
            return None if value == _USUAL_WORD else value
        # Nothing of what has a usual value is "none", and not what is usual.
        nothing = None if self._may_be_unsaid(name) else "none"
        return " + ".join(map(str, value)) or nothing

    def updates(self, values: Mapping[str, Any]) -> list[Any]:
        """Return what sets the controls; those without a value are left as they are."""
        found = []
        for name in self.controls:
            value = values.get(name)
            if name in values and self._kind(name) == "choice":
                found.append(gr.update(**self._choice(name, value)))
            elif name in values and self._kind(name) == "open":
                found.append(gr.update(value=_text(value)))
            else:
                found.append(gr.skip() if value is None else gr.update(value=value))
        return found

    def shows(self, name: str, value: Any) -> bool:
        """Tell whether there is a control of a setting, and it can show a value."""
        if name not in self.controls:
            return False
        kind = self._kind(name)
        if kind == "choice":
            return isinstance(value, str)
        if kind == "flag":
            return isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if kind == "slider":
            least, most, step = self._slider(name)
            steps = (value - least) / step
            return least <= value <= most and abs(steps - round(steps)) < _OFF_STEP
        return True


def _chosen(name: str, words: Words, value: Any) -> list[str]:
    """Return what is chosen, by a setting as it is kept: a text of names, or None."""
    if value is None:
        return []
    if not words.several:
        return [str(value)]
    nothing = value == "none" and "none" not in words.names
    return [] if nothing else parts_of(str(value), name)


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.10g}"


def _number(name: str, text: str) -> float | None:
    """Return a number that is typed; None of an empty text."""
    try:
        return float(text) if text else None
    except ValueError:
        raise refused(name, text, "must be a number, or empty") from None
