"""Components of the studio's own in Gradio's page; their scripts are in static/studio.js."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr


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
        js_on_load=f"Studio.{name}({{{own}}})",
        elem_id=f"{name}-{more.get('tab', 'page')}",
        # Here, and not in the page's head: so it is there before the component is.
        head='<script src="studio/static/studio.js"></script>',
        apply_default_css=False,
    )
