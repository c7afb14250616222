"""The page of a studio: one tab for each thing to do, made of the recipes' declarations."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from entoptic.checks import choices, typed
from entoptic.errors import EntopticError
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.looks import USUAL_LOOK, looks_of
from entoptic.jobs.recipe import Setting, recipes, settings
from entoptic.studio.engine import Run, View, told
from entoptic.studio.studio import Studio
from entoptic.studio.wishes import defaults_of

STATIC = Path(__file__).parent / "static"

# The page asks so often how far a run is.
_LOOK_S = 0.2
# Points of the curve of scores; a screen shows no more.
_POINTS = 120

# What is shown first; all other settings that have sliders or choices come under "More".
_FIRST = {
    "dream": ("size", "strength", "steps", "octaves"),
    "visualize": ("size", "steps", "method"),
    "zoom": ("size", "seconds", "zoom", "turn", "strength"),
    "film": ("size", "strength", "coherence"),
}
_NOT_SHOWN = ("seed", "precision", "look", "size")
_USUAL_SIZE = {"dream": 768, "zoom": 384, "film": 384, "visualize": 224}


def look_of() -> dict[str, Any]:
    """Return the theme, the styles and the scripts, all of which are the studio's own."""
    sans = [
        "Inter",
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "Helvetica Neue",
        "Arial",
        "sans-serif",
    ]
    mono = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "Noto Sans Mono", "monospace"]
    theme = gr.themes.Base(font=sans, font_mono=mono, radius_size="md", spacing_size="md")
    return {
        "theme": theme,
        "head": '<link rel="stylesheet" href="studio/static/studio.css">'
        '<meta name="color-scheme" content="light dark">',
    }


def _component(name: str, events: Sequence[str], **more: Any) -> gr.HTML:
    """Return a component of the studio's own; its script is in studio.js.

    Args:
        name: of its function there, and of its element.
        events: that it triggers.
        more: options of the function.
    """
    words = ", ".join(f"'{each}'" for each in events)
    options = ", ".join(f"{key}: {_js(value)}" for key, value in more.items())
    own = f"element, props, trigger, watch, events: [{words}], {options}"
    return gr.HTML(
        {},
        html_template="<div></div>",
        js_on_load=f"Studio.{name}({{{own}}})",
        elem_id=f"{name}-{more.get('tab', 'page')}",
        # Here, and not in the page's head: so it is there before the component is.
        head='<script src="studio/static/studio.js"></script>',
        apply_default_css=False,
    )


def _js(value: Any) -> str:
    import json

    return json.dumps(value)


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
    return []


# Recipes that share the controls of a tab.
_TOGETHER = {"zoom": ("zoom", "film")}

# What the page's own components say beside settings: a picture to go on with, or to read.
_NOT_ASKED = ("result", "source", "shelf")

# What runs in the browser before Python is told: the state of the tab's own components goes along.
_ALONG = "(...given) => Studio.along('{tab}', given)"


class Stage:
    """The stage of a tab, and what it asks for.

    Args:
        studio: that it belongs to.
        tab: its name.
        form: of the recipe.
        network: the control of the network.
        look: the control of the look, where there is one.
    """

    def __init__(self, studio: Studio, tab: str, forms: Mapping[str, Form]) -> None:
        self.studio, self.tab, self.forms = studio, tab, forms

    def draw(self, **options: Any) -> None:
        """Draw it."""
        events = ("begin", "preview", "stop", "goon", "changed", "settings")
        self.stage = _component("stage", events, tab=self.tab, **options)

    def connect(self, network: Any, look: Any, texts: Any) -> None:
        """Connect it with its controls."""
        form = self.forms[self.tab]
        controls = [network, *([look] if look is not None else []), *form.controls.values()]
        self._with_look = look is not None
        given: dict[str, Any] = {
            "inputs": [*controls, self.stage],
            "js": _ALONG.format(tab=self.tab),
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        at_once: dict[str, Any] = given | {"queue": False}
        run = given | {"outputs": [self.stage], "concurrency_limit": None}
        self.stage.begin(self._begin, **run)
        self.stage.preview(self._preview, **run)
        self.stage.goon(self._go_on, **run)
        self.stage.stop(self._stop, **at_once)
        self.stage.settings(self._settings, **at_once | {"outputs": [self.stage, *controls]})
        told = at_once | {"outputs": [texts]}
        self.stage.changed(self._texts, **told)
        gr.on([each.change for each in controls], self._texts, **told)

    def _asked(self, given: Sequence[Any]) -> dict[str, Any]:
        *controls, state = given
        network, *controls = controls
        asked: dict[str, Any] = {"model": network}
        if self._with_look:
            look, *controls = controls
            asked["look"] = None if look == USUAL_LOOK else look
        asked |= self.forms[self.tab].said(controls)
        mine = state if isinstance(state, dict) else {}
        own = {name: value for name, value in mine.items() if name not in _NOT_ASKED}
        return asked | {name: value for name, value in own.items() if value is not None}

    def _recipe(self, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the recipe that is meant: a tab for films has one for films and one for photos."""
        name = asked.pop("recipe", None)
        if not isinstance(name, str) or name not in _TOGETHER.get(self.tab, ()):
            return self.tab, asked
        declared = settings(recipes[name])
        both = {each for each in asked if each in declared or each not in self.form.declared}
        return name, {each: asked[each] for each in both}

    @property
    def form(self) -> Form:
        return self.forms[self.tab]

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
        state = given[-1] if isinstance(given[-1], dict) else {}
        owner = owner_of(request)
        form = self.forms[self.tab]
        nothing = [gr.skip()] * (len(form.controls) + 1 + self._with_look)
        try:
            job = self.studio.job_of(
                owner, str(state.get("source")), state.get("shelf") == "history"
            )
            found = self.studio.settings_of(owner, job)
        except EntopticError as error:
            return [{"kind": "settings", "error": told(error)}, *nothing]
        model = found["model"]
        values = form.usual(model) | found
        head = [gr.update(value=model), *([gr.update(value=USUAL_LOOK)] if self._with_look else [])]
        return [{"kind": "settings"} | found, *head, *form.updates(values)]

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
        else "data:image/jpeg;base64," + base64.b64encode(picture).decode(),
        "result": made.name if made else None,
        "notes": made.notes if made else [],
        "again": made.again if made else {},
        "error": view.error,
        "goes_on": view.goes_on,
    }


def page_of(studio: Studio) -> gr.Blocks:
    """Return the page of a studio."""
    with gr.Blocks(
        title="entoptic studio", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)
    ) as page:
        hello = _component("top", (), tab="page")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Dream", id="dream"):
                _dream(studio)
            with gr.Tab("Units", id="units"):
                _units(studio)
            with gr.Tab("See", id="see"):
                _see(studio)
            with gr.Tab("Film", id="zoom"):
                _film(studio)
            with gr.Tab("History", id="history"):
                _component("history", (), tab="page")
        _visits(studio, page, hello)
    # The engine has a queue of its own, which tells its length.
    page.queue(max_size=200, default_concurrency_limit=None, api_open=False)
    found: gr.Blocks = page
    return found


def _visits(studio: Studio, page: gr.Blocks, hello: gr.HTML) -> None:
    """Let visitors in, and forget them when their page is closed."""

    def enter(request: gr.Request) -> dict[str, Any]:
        owner = owner_of(request)
        studio.enter(owner)
        return {"kind": "hello", "visit": owner, "example": studio.example}

    def leave(request: gr.Request) -> None:
        studio.leave(owner_of(request))

    page.load(enter, outputs=[hello], show_progress="hidden", api_visibility="private")
    page.unload(leave)


def _network(studio: Studio, tab: str) -> gr.Dropdown:
    return gr.Dropdown(
        list(studio.networks.names),
        value=studio.networks.names[0],
        label="Network",
        elem_id=f"{tab}-model",
    )


def _dream(studio: Studio) -> None:
    form = Form("dream", studio)
    stage = Stage(studio, "dream", {"dream": form})
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            stage.draw(photo=True, mask=True, verb="Dream")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "dream")
            looks = list(looks_of(studio.networks[studio.networks.names[0]]))
            look = gr.Dropdown(looks, value=USUAL_LOOK, label="Look", elem_id="dream-look")
            _component("picker", ("picked",), tab="dream", blend=True)
            form.first()
            with gr.Accordion("More", open=False):
                _component("guide", (), tab="dream")
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = _component("texts", (), tab="dream")
    stage.connect(network, look, texts)
    network.change(
        partial(_other_network, form),
        [network],
        [look, *form.controls.values()],
        js="(name) => { Studio.network('dream', name); return name }",
        show_progress="hidden",
        api_visibility="private",
    )
    look.change(
        lambda name, chosen: form.updates(form.usual(name, chosen) | {"size": None}),
        [network, look],
        list(form.controls.values()),
        show_progress="hidden",
        api_visibility="private",
    )


def _see(studio: Studio) -> None:
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            _component("see", (), tab="see")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "see")
            _component("seen", (), tab="see")
    network.change(None, [network], None, js="(name) => { Studio.network('see', name) }")


def _film(studio: Studio) -> None:
    form = Form("zoom", studio)
    stage = Stage(studio, "zoom", {"zoom": form})
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            stage.draw(photo=True, mask=False, verb="Make the film", preview=True)
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "zoom")
            looks = list(looks_of(studio.networks[studio.networks.names[0]]))
            look = gr.Dropdown(looks, value=USUAL_LOOK, label="Look", elem_id="zoom-look")
            _component("picker", ("picked",), tab="zoom", blend=True)
            form.first()
            with gr.Accordion("More", open=False):
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = _component("texts", (), tab="zoom")
    stage.connect(network, look, texts)
    network.change(
        partial(_other_network, form),
        [network],
        [look, *form.controls.values()],
        js="(name) => { Studio.network('zoom', name); return name }",
        show_progress="hidden",
        api_visibility="private",
    )


def _other_network(form: Form, name: str) -> list[Any]:
    looks = list(looks_of(form.studio.networks[name]))
    return [gr.update(choices=looks, value=USUAL_LOOK), *form.updates(form.usual(name))]


def _units(studio: Studio) -> None:
    form = Form("visualize", studio)
    stage = Stage(studio, "visualize", {"visualize": form})
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            stage.draw(photo=False, mask=False, verb="Visualize")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "visualize")
            _component("picker", ("picked",), tab="visualize", blend=False)
            form.first()
            with gr.Accordion("More", open=False):
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = _component("texts", (), tab="visualize")
    stage.connect(network, None, texts)
    network.change(
        lambda name: form.updates(form.usual(name)),
        [network],
        list(form.controls.values()),
        js="(name) => { Studio.network('visualize', name); return name }",
        show_progress="hidden",
        api_visibility="private",
    )
