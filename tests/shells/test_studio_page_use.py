"""The studio in a browser: results side by side; keyboard, touch and camera."""

from __future__ import annotations

import json

import pytest

from shells.test_studio_page import Page, browser, house, page

__all__ = ["browser", "house", "page"]  # fixtures of this module, too

pytest.importorskip("gradio", reason="needs Gradio: pip install 'entoptic[studio]'")


def test_results_lie_side_by_side_with_what_sets_them_apart(page: Page) -> None:
    page.tab("Units")
    page.set("visualize-size", 64)
    page.set("visualize-steps", 16)
    visualize(page, "fire3:1")
    page.page.click("#visualize-pin")
    assert not page.page.is_visible("#stage-visualize .after")
    visualize(page, "fire3:2")
    says(page, ["channel('fire3', 1)", "channel('fire3', 2)"])
    page.page.click("#visualize-pin")
    page.set("visualize-steps", 17)
    visualize(page, "fire3:2")
    says(page, ["channel('fire3', 1) · steps 16", "channel('fire3', 2) · steps 16",
                "channel('fire3', 2) · steps 17"])  # fmt: skip
    # All three at one height, and of one size.
    boxes = [each.bounding_box() for each in page.page.query_selector_all(SHOWN)]
    assert len({(each["y"], each["width"], each["height"]) for each in boxes if each}) == 1
    page.page.click("#stage-visualize figure >> nth=0 >> .away")
    says(page, ["steps 16", "steps 17"])


SHOWN = "#stage-visualize figure img, #stage-visualize .frame"


def visualize(page: Page, unit: str) -> None:
    """Have a unit visualized, and wait for the end."""
    page.page.fill("#visualize-expression", unit)
    page.page.press("#visualize-expression", "Tab")
    page.page.click("#visualize-begin")
    page.finish("visualize")


def says(page: Page, words: list[str]) -> None:
    """Wait until that is said of the pictures, from the left to the right."""
    page.page.wait_for_function(
        "words => JSON.stringify([...document.querySelectorAll('#stage-visualize .differs')]"
        ".map(it => it.textContent)) === words",
        arg=json.dumps(words, ensure_ascii=False, separators=(",", ":")),
    )
