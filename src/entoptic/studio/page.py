"""The page of a studio: one tab for each thing to do, made of the recipes' declarations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from entoptic.jobs.looks import USUAL_LOOK, looks_of
from entoptic.jobs.recipe import settings
from entoptic.recipes.dream import Dream
from entoptic.studio.components import component, script
from entoptic.studio.form import Form
from entoptic.studio.stage import Stage, owner_of
from entoptic.studio.studio import Studio


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


def page_of(studio: Studio) -> gr.Blocks:
    """Return the page of a studio."""
    with gr.Blocks(
        title="entoptic studio", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)
    ) as page:
        hello = component("top", (), tab="page")
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
                component("history", (), tab="page")
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
    with gr.Row(elem_classes="room"):
        stage = _stage(form, "Dream", photo=True, mask=True)
        _desk(form, stage, guide=True)


def _film(studio: Studio) -> None:
    form = Form("zoom", studio)
    of_film = Form("film", studio, beside=form)
    with gr.Row(elem_classes="room"):
        options = {"photo": True, "mask": False, "preview": True}
        stage = _stage(form, "Make the film", of_film, **options)
        _desk(form, stage, guide=True)


def _units(studio: Studio) -> None:
    form = Form("visualize", studio)
    with gr.Row(elem_classes="room"):
        stage = _stage(form, "Visualize", photo=False, mask=False)
        _desk(form, stage)


def _stage(form: Form, verb: str, *others: Form, **options: Any) -> Stage:
    """Draw the stage of a tab."""
    stage = Stage(form.studio, form.name, {each.name: each for each in (form, *others)})
    with gr.Column(elem_classes="light"):
        stage.draw(verb=verb, **options)
    return stage


def _desk(form: Form, stage: Stage, *, guide: bool = False) -> None:
    """Draw the controls beside a stage, and connect them with it."""
    studio, tab = form.studio, form.name
    look = None
    with gr.Column(elem_classes="desk"):
        network = _network(studio, tab)
        if "look" in form.declared:
            looks = list(looks_of(studio.networks[studio.networks.names[0]]))
            look = gr.Dropdown(looks, value=USUAL_LOOK, label="Look", elem_id=f"{tab}-look")
        component("picker", ("picked",), tab=tab, blend=look is not None)
        _each(stage, "first")
        component("kept", (), tab=tab)
        with gr.Accordion("More", open=False):
            if guide:
                component("guide", (), tab=tab)
            _each(stage, "more")
        with gr.Accordion("Advanced", open=False):
            _each(stage, "advanced")
        with gr.Accordion("Command and Python", open=False):
            texts = component("texts", (), tab=tab)
    stage.connect(network, look, texts)
    looked = [] if look is None else [look]
    # Only where the visitor chooses: a picture that brings a network brings all settings.
    network.input(
        partial(_other_network, form, looked),
        [network],
        [*looked, *form.controls.values()],
        js=_told_to(tab),
        show_progress="hidden",
        api_visibility="private",
    )
    if look is not None:
        look.input(
            partial(other_look, form),
            [network, look],
            list(form.controls.values()),
            js=f"(network, look) => {script(f'look({tab!r}, network, look, {USUAL_LOOK!r})')}",
            show_progress="hidden",
            api_visibility="private",
        )


def _each(stage: Stage, part: str) -> None:
    """Draw a part of all forms of a tab."""
    for form in stage.forms.values():
        getattr(form, part)()


def _told_to(tab: str) -> str:
    """Return JavaScript that tells a tab's own components of another network.

    It returns the name, or null where it is the one that was there: Gradio says "input" as well
    where a control only loses the focus.
    """
    return "(name) => " + script(f"network('{tab}', name)")


def _other_network(form: Form, looked: Sequence[gr.Dropdown], name: str | None) -> list[Any]:
    if name is None:
        return [gr.skip()] * (len(looked) + len(form.controls))
    looks = list(looks_of(form.studio.networks[name]))
    head = [gr.update(choices=looks, value=USUAL_LOOK) for _ in looked]
    return [*head, *form.updates(form.usual(name))]


def other_look(form: Form, name: str, chosen: str | None) -> list[Any]:
    """Return what sets those controls on which a look has a say: how a dream is made.

    Args:
        form: whose controls they are.
        name: of the network.
        chosen: the look; None where it is the one that was there.
    """
    if chosen is None:
        return [gr.skip()] * len(form.controls)
    of_dreams = settings(Dream).keys() - {"size"}
    usual = form.usual(name, chosen)
    return form.updates({each: usual[each] for each in usual.keys() & of_dreams})


def _see(studio: Studio) -> None:
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            component("see", (), tab="see")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "see")
            component("lesson", (), tab="see")
            component("seen", (), tab="see")
    network.change(None, [network], None, js=_told_to("see") + ".then(() => [])")
