"""Components of the studio's own in Gradio's page; their scripts are in static/*.js."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr


def script(call: str) -> str:
    """Return JavaScript that calls a function of the studio's scripts, which are loaded once."""
    return f"import(new URL('studio/static/studio.js', document.baseURI)).then((it) => it.{call})"


def component(name: str, events: Sequence[str], **more: Any) -> gr.HTML:
    """Return a component of the studio's own; its script is in studio.js.

    Args:
        name: of its function there, and of its element.
        events: that it triggers.
        more: options of the function.
    """
    words = ", ".join(f"'{each}'" for each in events)
    options = ", ".join(f"{key}: {json.dumps(value)}" for key, value in more.items())
    own = f"element, props, trigger, watch, events: [{words}], {options}"
    return gr.HTML(
        {},
        html_template="<div></div>",
        js_on_load=script(f"{name}({{{own}}})"),
        elem_id=f"{name}-{more.get('tab', 'page')}",
        apply_default_css=False,
    )
