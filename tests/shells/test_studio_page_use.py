"""The studio in a browser: results side by side; keyboard, touch and camera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from entoptic.images import read, read_job
from shells.command import picture
from shells.test_catalog_site import CHROMIUM
from shells.test_studio_page import House, Page, browser, house, page

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


def test_the_cameras_picture_is_taken_and_dreamt(filmed: Page) -> None:
    filmed.page.click("#stage-dream >> text=Camera")
    filmed.page.click("#stage-dream .camera >> text=Take the photo")
    filmed.page.wait_for_selector("#stage-dream .frame.filled")
    assert filmed.page.locator(".camera").count() == 0
    filmed.page.wait_for_function("document.querySelector('#stage-dream .before').naturalWidth > 0")
    filmed.set("dream-steps", 2)
    filmed.set("dream-octaves", 2)
    filmed.set("dream-size", 192)
    filmed.page.click("#dream-begin")
    file = filmed.finish()
    assert (file.name.startswith("camera"), read(file).width) == (True, 192)


def test_the_camera_is_put_away_by_escape(filmed: Page) -> None:
    filmed.page.focus("#stage-dream >> text=Camera")
    filmed.page.keyboard.press("Enter")
    filmed.page.wait_for_function("document.activeElement.textContent === 'Take the photo'")
    filmed.page.keyboard.press("Escape")
    filmed.page.wait_for_selector(".camera", state="detached")
    filmed.page.wait_for_function("document.activeElement.textContent === 'Camera'")


def test_without_a_camera_that_is_said(page: Page) -> None:
    page.page.click("#stage-dream >> text=Camera")
    page.page.wait_for_selector("#stage-dream .wrong:not([hidden])")
    told = page.page.inner_text("#stage-dream .wrong")
    assert told in (
        "There is no camera; choose a photo instead.",
        "The browser may not use the camera; allow it, beside the address, then press Camera "
        "again.",
    )


def test_a_mask_is_painted_with_a_finger(browser: Any, house: House) -> None:
    phone = Page(
        browser, house, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone.choose(house.folder / "sky.png")
    phone.page.tap("#dream-mask")
    for each in phone.page.query_selector_all(".brushes > *"):
        found = each.bounding_box()
        assert 0 <= found["x"] < found["x"] + found["width"] <= 390
    phone.page.evaluate("scrollTo(0, 0)")
    box = phone.page.locator("#stage-dream .paint").bounding_box()
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
    scrolled = phone.page.evaluate("scrollY")
    fingers = phone.context.new_cdp_session(phone.page)
    for kind, y in (("touchStart", down), ("touchMove", down + 30), ("touchMove", down + 60)):
        fingers.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": across, "y": y}]}
        )
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for_mask(phone)
    assert phone.page.evaluate("scrollY") == scrolled
    painted = mask(phone)
    rows, columns = np.nonzero(painted)
    # From a quarter of the height 60 pixels down, with a brush as wide as the page says.
    scale = painted.shape[0] / box["height"]
    middle = painted.shape[0] / 4
    assert middle - 30 <= rows.min() < middle
    assert middle + 60 * scale < rows.max() <= middle + 60 * scale + 30
    assert abs(columns.mean() - painted.shape[1] / 2) < 2
    phone.context.close()
    assert (phone.said, phone.outside) == ([], [])


def test_a_mask_is_set_and_undone_by_keys_and_held(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    press(page, "#dream-mask")
    press(page, ".brushes >> text=Top half")
    wait_for_mask(page)
    assert shares(mask(page)) == (1, 0)
    press(page, ".brushes >> text=Invert")
    assert shares(mask(page)) == (0, 1)
    page.page.keyboard.press("Control+z")
    assert shares(mask(page)) == (1, 0)
    press(page, ".brushes >> text=All")
    assert shares(mask(page)) == (1, 1)
    press(page, ".brushes >> text=Erase")
    press(page, ".brushes >> text=Bottom half")
    assert shares(mask(page)) == (1, 0)
    press(page, "#dream-begin")
    after = (read(page.finish()).image[0].permute(1, 2, 0).numpy() * 255).round().astype(int)
    before = np.asarray(picture(height=144, width=192)).astype(int)
    changed = (before != after).any((1, 2))
    assert changed[:70].all()
    assert not changed[73:].any()


@pytest.fixture
def filmed(browser: Any, house: House) -> Iterator[Page]:
    """The studio in a browser that has a camera, and may use it."""
    other = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox", "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
        ],
    )  # fmt: skip
    found = Page(other, house, viewport={"width": 1280, "height": 900})
    yield found
    other.close()
    assert (found.said, found.outside) == ([], [])


def press(page: Page, control: str) -> None:
    """Focus a control, and press Enter."""
    page.page.focus(f"#stage-dream {control}")
    page.page.keyboard.press("Enter")


def wait_for_mask(page: Page) -> None:
    page.page.wait_for_selector("#stage-dream .frame.masked")


def mask(page: Page) -> NDArray[np.uint8]:
    """Return what is painted: how much of each pixel."""
    size, values = page.page.evaluate(
        "() => { const it = document.querySelector('#stage-dream .paint'); return [[it.height, "
        "it.width], [...it.getContext('2d').getImageData(0, 0, it.width, it.height).data]"
        ".filter((_, at) => at % 4 === 3)]; }"
    )
    return np.array(values, np.uint8).reshape(size)


def shares(painted: NDArray[np.uint8]) -> tuple[int, int]:
    """Return whether the upper and the lower half are painted; 2 for in parts."""
    half = len(painted) // 2
    values = [{*np.unique(each).tolist()} for each in (painted[:half], painted[half:])]
    upper, lower = ({(255,): 1, (0,): 0}.get(tuple(each), 2) for each in values)
    return upper, lower


@pytest.mark.parametrize("tab", ["Dream", "Units", "See", "Film", "History"])
def test_every_control_has_a_name_and_can_be_reached_and_seen_by_keys(
    page: Page, house: House, tab: str
) -> None:
    prepare(page, house, tab)
    assert page.page.evaluate(NAMELESS) == []
    assert tabbed(page) == []
    assert page.page.evaluate(MISSED) == []


def test_units_are_walked_by_arrows_and_chosen_and_enter_begins(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    page.page.focus("#picker-dream .layer[tabindex='0']")
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.page.keyboard.press(key)
    page.page.focus("#picker-dream .unit[tabindex='0']")
    # Five units in a row: from 0 to 1, to 6, and to the last of the first 40 and back.
    for key, number in (("ArrowRight", 1), ("ArrowDown", 6), ("End", 39), ("ArrowLeft", 38)):
        page.page.keyboard.press(key)
        assert page.page.evaluate("document.activeElement.dataset.name") == f"fire3:{number}"
    page.page.keyboard.press("Space")
    assert page.page.inner_text("#picker-dream .chip b") == "fire3:38"
    page.page.focus("#dream-steps input[type=number]")
    page.page.keyboard.press("Enter")
    assert "fire3" in read_job(page.finish())


def test_passing_by_the_network_and_the_look_changes_nothing(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    page.set("dream-steps", 7)
    page.page.focus("#dream-model input")
    for _ in range(3):
        page.page.keyboard.press("Tab")
        page.page.wait_for_timeout(300)  # an answer would come now
    assert page.page.input_value("#dream-steps input[type=number]") == "7"
    page.page.click("#dream-look input")
    page.page.click("[role=option]:has-text('fur')")
    page.page.wait_for_function(
        "document.querySelector('#dream-steps input[type=number]').value !== '7'"
    )


def test_escape_puts_away_what_lies_over_a_picture(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    press(page, "#dream-mask")
    page.page.wait_for_selector("#stage-dream .painting")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("#stage-dream .painting", state="detached")
    page.page.click("#dream-begin")
    name = page.finish().name
    press(page, "#dream-compare")
    page.page.wait_for_selector("#stage-dream .comparing")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("#stage-dream .comparing", state="detached")
    page.tab("History")
    page.page.focus(f".kept[data-name='{name}']")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector(".large-view:not([hidden])")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector(".large-view", state="hidden")
    assert page.page.evaluate("document.activeElement.dataset.name") == name


# What can be pressed or filled and is in sight, and has no name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll(
  'button, a[href], input, select, textarea, video, canvas, [tabindex="0"], [role=slider], img')]
  .filter(it => it.checkVisibility({visibilityProperty: true}) && it.type !== 'file')
  .filter(it => !(it.tagName === 'IMG' && it.hasAttribute('alt')))
  .filter(it => !((it.getAttribute('aria-label') || it.innerText || '').trim()
    || (it.labels && [...it.labels].some(one => one.innerText.trim()))
    || (it.getAttribute('aria-labelledby') || '').split(' ').some(
      id => id && document.getElementById(id)?.innerText.trim())))
  .map(it => it.outerHTML.slice(0, 160))"""

# What the Tab key stops at and is in sight, and wasn't reached.
MISSED = """() => [...document.querySelectorAll(
  'button, a[href], input, select, textarea, [tabindex]')]
  .filter(it => it.checkVisibility({visibilityProperty: true}) && it.tabIndex >= 0 && !it.disabled)
  .filter(it => it.type !== 'file' && !('reached' in it.dataset))
  .map(it => it.outerHTML.slice(0, 160))"""

# Where the focus is, whether it was there before, and whether that can be seen.
FOCUSED = """() => {
  const it = document.activeElement, again = 'reached' in it.dataset;
  it.dataset.reached = '';
  let at = it, seen = false;
  for (let n = 0; n < 4 && at; n++, at = at.parentElement) {
    const how = getComputedStyle(at);
    seen ||= how.outlineStyle !== 'none' && parseFloat(how.outlineWidth) > 0;
  }
  return [it.outerHTML.slice(0, 160), again || it === document.body, seen];
}"""


def tabbed(page: Page) -> list[str]:
    """Press Tab from the begin of the page to its end; return what doesn't show the focus."""
    page.page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    unseen: list[str] = []
    for _ in range(200):
        page.page.keyboard.press("Tab")
        name, ended, seen = page.page.evaluate(FOCUSED)
        if ended:
            break
        if not seen:
            unseen.append(name)
    return unseen


PICKERS = {"Units": "visualize", "Film": "zoom"}


def prepare(page: Page, house: House, tab: str) -> None:
    """Open a tab, with a photo and all that it brings."""
    page.tab(tab)
    if tab in ("Units", "Film"):
        page.page.wait_for_selector(f"#picker-{PICKERS[tab]} .layer[tabindex='0']")
    if tab == "Dream":
        page.choose(house.folder / "sky.png")
        page.page.click("#picker-dream [data-layer=fire3].layer")
        page.page.click("#dream-mask")
    if tab == "See":
        page.page.set_input_files("#see-see input[type=file]", house.folder / "sky.png")
        page.page.click("#see-lesson")
        page.page.wait_for_selector(".want")
    if tab == "History":  # which has come: results, or that there are none
        page.page.wait_for_selector(".gallery > [tabindex='0'], .gallery > p")
    if tab == "Film":
        page.page.set_input_files("#stage-zoom input[type=file]", house.folder / "sky.png")
        page.page.wait_for_selector("#stage-zoom .frame.filled")
