"""The page of a studio: one tab for each thing to do, made of the recipes' declarations."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from entoptic.jobs.looks import USUAL_LOOK, looks_of
from entoptic.studio.components import component
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
    stage = Stage(studio, "dream", {"dream": form})
    with gr.Row(elem_classes="room"):
        with gr.Column(elem_classes="light"):
            stage.draw(photo=True, mask=True, verb="Dream")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "dream")
            looks = list(looks_of(studio.networks[studio.networks.names[0]]))
            look = gr.Dropdown(looks, value=USUAL_LOOK, label="Look", elem_id="dream-look")
            component("picker", ("picked",), tab="dream", blend=True)
            form.first()
            with gr.Accordion("More", open=False):
                component("guide", (), tab="dream")
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = component("texts", (), tab="dream")
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
            component("see", (), tab="see")
        with gr.Column(elem_classes="desk"):
            network = _network(studio, "see")
            component("seen", (), tab="see")
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
            component("picker", ("picked",), tab="zoom", blend=True)
            form.first()
            with gr.Accordion("More", open=False):
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = component("texts", (), tab="zoom")
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
            component("picker", ("picked",), tab="visualize", blend=False)
            form.first()
            with gr.Accordion("More", open=False):
                form.more()
            with gr.Accordion("Command and Python", open=False):
                texts = component("texts", (), tab="visualize")
    stage.connect(network, None, texts)
    network.change(
        lambda name: form.updates(form.usual(name)),
        [network],
        list(form.controls.values()),
        js="(name) => { Studio.network('visualize', name); return name }",
        show_progress="hidden",
        api_visibility="private",
    )
