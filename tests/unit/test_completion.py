"""What an editor offers inside a call, asked of jedi, which many editors and IPython ask."""

from __future__ import annotations

import jedi
import pytest


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ent.dream('squeezenet1_1', ", {"photo=", "steps=", "octaves=", "layer=", "mask="}),
        ("ent.visualize(model, 'fire7:3', ", {"steps=", "size=", "method=", "callback="}),
        ("ent.grid(model, photo, ", {"cells=", "weighted=", "layer=", "seed="}),
    ],
)
def test_an_editor_offers_the_settings_inside_a_call(typed: str, offered: set[str]) -> None:
    script = jedi.Script(f"import entoptic as ent\n{typed}")
    found = {each.name for each in script.complete(2, len(typed))}
    assert offered <= found


def test_an_editor_knows_what_a_call_gives() -> None:
    code = "import entoptic as ent\nmade = ent.visualize('squeezenet1_1', 'fire7:3')\nmade."
    found = {each.name for each in jedi.Script(code).complete(3, 5)}
    assert {"image", "images", "labels", "sheet", "save", "numpy"} <= found
