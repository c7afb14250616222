"""The stage of a tab: what is begun there, how far it is, and what came of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import gradio as gr

from entoptic.errors import EntopticError
from entoptic.jobs.looks import USUAL_LOOK
from entoptic.jobs.recipe import recipes, settings
from entoptic.jobs.written import flag
from entoptic.studio.components import component, script
from entoptic.studio.engine import Run, View, told
from entoptic.studio.form import TOGETHER, Form
from entoptic.studio.studio import Studio
from entoptic.studio.wishes import defaults_of

# The page asks so often how far a run is.
_LOOK_S = 0.2
# Points of the curve of scores; a screen shows no more.
_POINTS = 120

# What the page's own components say beside settings: a picture to go on with, or to read, and
# settings of a picture for which there is no control.
_NOT_ASKED = ("result", "source", "shelf", "kept")

# Settings that the page's own components say.
_OF_COMPONENTS = ("model", "objective", "units", "layer", "photo", "film", "mask", "guide", "noise")

# What runs in the browser before Python is told: the state of the tab's own components goes along.
_ALONG = "(...given) => " + script("along('{tab}', given)")


class Stage:
    """The stage of a tab, and what it asks for.

    Args:
        studio: that it belongs to.
        tab: its name.
        forms: of its recipes, by their names; the first is the tab's own.
    """

    def __init__(self, studio: Studio, tab: str, forms: Mapping[str, Form]) -> None:
        self.studio, self.tab, self.forms = studio, tab, forms
        self.with_look = False

    def draw(self, **options: Any) -> None:
        """Draw it."""
        events = ("begin", "preview", "stop", "goon", "changed", "settings")
        self.stage = component("stage", events, tab=self.tab, **options)

    def connect(self, network: Any, look: Any, texts: Any) -> None:
        """Connect it with its controls."""
        drawn = [each for form in self.forms.values() for each in form.controls.values()]
        controls = [network, *([look] if look is not None else []), *drawn]
        self.with_look = look is not None
        given: dict[str, Any] = {
            "inputs": [*controls, self.stage],
            "js": _ALONG.format(tab=self.tab),
            "show_progress": "hidden",
            "api_visibility": "private",
            # Else what is pressed while the answer before it ends would be dropped.
            "trigger_mode": "multiple",
        }
        at_once: dict[str, Any] = given | {"queue": False}
        run = given | {"outputs": [self.stage], "concurrency_limit": None}
        self.stage.begin(self._begin, **run)
        self.stage.preview(self._preview, **run)
        self.stage.goon(self._go_on, **run)
        self.stage.stop(self._stop, **at_once)
        self.stage.settings(self._settings, **at_once | {"outputs": [self.stage, *controls]})
        told = at_once | {"outputs": [texts], "trigger_mode": "always_last"}
        self.stage.changed(self._texts, **told)
        gr.on([each.change for each in controls], self._texts, **told)

    def _asked(self, given: Sequence[Any]) -> dict[str, Any]:
        *controls, state = given
        network, *controls = controls
        asked: dict[str, Any] = {"model": network}
        if self.with_look:
            look, *controls = controls
            asked["look"] = None if look == USUAL_LOOK else look
        for form in self.forms.values():
            asked |= form.said(controls[: len(form.controls)])
            controls = controls[len(form.controls) :]
        mine = state if isinstance(state, dict) else {}
        kept = mine.get("kept")
        asked |= kept if isinstance(kept, dict) else {}
        own = {name: value for name, value in mine.items() if name not in _NOT_ASKED}
        return asked | {name: value for name, value in own.items() if value is not None}

    def _recipe(self, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the recipe that is meant: a tab for films has one for films and one for photos."""
        name = asked.pop("recipe", None)
        if not isinstance(name, str) or name not in TOGETHER.get(self.tab, ()):
            return self.tab, asked
        declared = settings(recipes[name])
        others = {each for form in self.forms.values() for each in form.declared} - {*declared}
        return name, {each: asked[each] for each in asked if each not in others}

    async def _begin(self, request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        async for each in self._started(given, owner_of(request), preview=False):
            yield each

    async def _preview(self, request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        async for each in self._started(given, owner_of(request), preview=True):
            yield each

    async def _started(
        self, given: Sequence[Any], owner: str, *, preview: bool
    ) -> AsyncIterator[Any]:
        try:
            asked = self._asked(given)
            recipe, asked = self._recipe(asked)
            run = await asyncio.to_thread(self.studio.start, owner, recipe, asked, preview=preview)
        except EntopticError as error:
            yield {"kind": "error", "error": told(error)}
            return
        async for each in watched(self.studio, run):
            yield each

    async def _go_on(self, request: gr.Request, *given: Any) -> AsyncIterator[Any]:
        state = given[-1] if isinstance(given[-1], dict) else {}
        try:
            run = await asyncio.to_thread(self.studio.go_on, owner_of(request), state.get("result"))
        except EntopticError as error:
            yield {"kind": "error", "error": told(error)}
            return
        async for each in watched(self.studio, run):
            yield each

    def _settings(self, request: gr.Request, *given: Any) -> list[Any]:
        """Set the controls as the job of a picture says."""
        return self.brought_back(owner_of(request), given[-1])

    def brought_back(self, owner: str, state: Any) -> list[Any]:
        """Return what is said to the stage of a picture's settings, and what sets the controls."""
        state = state if isinstance(state, dict) else {}
        controls = sum(len(form.controls) for form in self.forms.values())
        nothing = [gr.skip()] * (controls + 1 + self.with_look)
        try:
            job = self.studio.job_of(
                owner, str(state.get("source")), state.get("shelf") == "history"
            )
            found = self.studio.settings_of(owner, job)
        except EntopticError as error:
            return [{"kind": "settings", "error": told(error)}, *nothing]
        model = found["model"]
        updates = []
        for form in self.forms.values():
            # Of the picture's own recipe: another one of the tab may have other defaults.
            holds = defaults_of(found["recipe"], self.studio.networks[model]) | found
            shown = {name: value for name, value in holds.items() if form.shows(name, value)}
            updates += form.updates(form.usual(model) | shown)
        head = [gr.update(value=model), *([gr.update(value=USUAL_LOOK)] if self.with_look else [])]
        said = {"kind": "settings", "kept": self._kept(found)} | found
        return [said, *head, *updates]

    def _kept(self, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return those settings of a picture that no control can show, each with its option."""
        return [
            {"name": name, "value": value, "option": flag(name, value)}
            for name, value in found.items()
            if name not in _OF_COMPONENTS
            and any(name in form.declared for form in self.forms.values())
            and not any(form.shows(name, value) for form in self.forms.values())
        ]

    def _stop(self, request: gr.Request, *given: Any) -> None:
        self.studio.engine.stop(owner_of(request))

    def _texts(self, request: gr.Request, *given: Any) -> Any:
        try:
            asked = self._asked(given)
            recipe, asked = self._recipe(asked)
            return self.studio.texts(owner_of(request), recipe, asked)
        except EntopticError as error:
            return {"error": told(error)}


def owner_of(request: gr.Request) -> str:
    """Return whose page asks."""
    return str(request.session_hash or "")


async def watched(studio: Studio, run: Run) -> AsyncIterator[dict[str, Any]]:
    """Yield how far a run is, whenever that has changed, until it has ended."""
    before: tuple[Any, ...] = ()
    version = 0
    while True:
        view = studio.engine.view(run)
        now = (view.state, view.ahead, view.version, view.shown and view.shown.done)
        if now != before or view.ended:
            picture = run.picture if view.version != version else None
            yield message(view, picture)
            before, version = now, view.version
        if view.ended:
            return
        await asyncio.sleep(_LOOK_S)


def message(view: View, picture: bytes | None) -> dict[str, Any]:
    """Return a view as the page's script reads it."""
    shown, made = view.shown, view.made
    every = max(1, len(view.scores) // _POINTS)
    return {
        "kind": "run",
        "number": view.number,
        "state": view.state,
        "ahead": view.ahead,
        "done": shown.done if shown else 0,
        "count": shown.count if shown else 0,
        "share": shown.share if shown else 0,
        "stage": shown.stage if shown else "",
        "scores": view.scores[::every],
        "left": view.left,
        "took": view.took,
        "picture": None
        if picture is None
        else f"data:image/{_kind(picture)};base64,{base64.b64encode(picture).decode()}",
        "result": made.name if made else None,
        "notes": made.notes if made else [],
        "again": made.again if made else {},
        "error": view.error,
        "goes_on": view.goes_on,
    }


def _kind(picture: bytes) -> str:
    return "webp" if picture.startswith(b"RIFF") else "jpeg"
