"""The studio's lesson in a browser: layers early to late, with a photo."""

from __future__ import annotations

import pytest

from shells.test_studio_page import House, Page, browser, house, page

__all__ = ["browser", "house", "page"]  # fixtures of this module, too

pytest.importorskip("gradio", reason="needs Gradio: pip install 'entoptic[studio]'")


def test_a_lesson_is_walked_by_buttons_slider_and_arrow_keys(page: Page, house: House) -> None:
    page.tab("See")
    page.page.click("#see-lesson")
    assert page.page.inner_text(".lesson h2") == "Choose a photo first."
    page.page.set_input_files("#see-see input[type=file]", house.folder / "sky.png")
    opened(page, 1)
    assert page.page.inner_text(".lesson h2").startswith("conv1")
    assert page.page.is_disabled("#lesson-earlier")
    assert not page.page.is_visible("#seen-see")
    page.page.wait_for_selector(".field")
    page.page.click("#lesson-later")
    opened(page, 2)
    page.page.keyboard.press("ArrowRight")
    opened(page, 3)
    page.page.focus("#see-see .frame")
    page.page.keyboard.press("ArrowLeft")
    opened(page, 2)
    page.page.focus(".lesson input[type=range]")
    page.page.keyboard.press("End")
    opened(page, 6)
    assert page.page.is_disabled("#lesson-later")
    # All maps are there, and all pictures of units come.
    page.page.wait_for_function("[...document.querySelectorAll('.want img')].every((it) => it.src)")
    page.page.wait_for_function(
        "[...document.querySelectorAll('.want img')].every((it) => it.naturalWidth > 0)"
    )
    page.page.click("#see-positions")
    assert page.page.is_visible("#seen-see")
    assert not page.page.is_visible(".field")


def test_a_channel_of_a_lesson_is_shown_over_the_photo_and_dreamt(page: Page, house: House) -> None:
    page.see(house.folder / "sky.png")
    page.page.click("#see-lesson")
    page.page.click("#lesson-later")
    opened(page, 2)
    number = page.page.locator(".want").nth(1).get_attribute("data-number")
    shown = "number => document.querySelector('#see-see .shown').innerText.includes(number)"
    page.page.click(".want >> nth=1 >> .unit >> nth=1")
    page.page.wait_for_selector("#see-see .after[src^=blob]")
    page.page.wait_for_function(shown, arg=f"Where fire3:{number} responds")
    page.page.click(".want >> nth=1 >> .unit >> nth=0")
    page.page.wait_for_function(shown, arg=f"fire3:{number} responds most to")
    assert not page.page.is_visible("#see-see .after")
    page.page.click(".want >> nth=1 >> text=Dream it")
    assert page.page.inner_text("#picker-dream .chip b") == f"fire3:{number}"


def opened(page: Page, number: int) -> None:
    """Wait until a layer is there, with its channels."""
    page.page.wait_for_selector(f".lesson h2:has-text('layer {number} of 6')")
    page.page.wait_for_selector(".want")
