"""`entoptic catalog site`, and its pages in a browser, opened from the disk."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cataloged import LABELS, LAST, MODEL, importable, make, photo
from entoptic.images import read, read_job
from shells.command import entoptic

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a catalog, the same again, and the site of both."""
    folder = tmp_path_factory.mktemp("catalogs")
    with importable(folder):
        make(folder / "before", units_only=True)
        shutil.copytree(folder / "before", folder / "after")
        ended = entoptic(
            "catalog", "site", "before", "after", "-o", "both", "-m", MODEL, folder=folder
        )
        assert (ended.code, ended.out, ended.err) == (0, "both/index.html\n", "")
        yield folder


def test_the_command_writes_beside_the_catalog_and_says_where_and_what_is_left_out(
    home: Path,
) -> None:
    ended = entoptic("catalog", "site", "before", folder=home)
    assert ended.code == 0, ended.err
    assert ended.out == f"{home / 'before-site' / 'index.html'}\n"
    assert ended.err.startswith("Note: hand: weights between layers and classes are left out: ")
    again = entoptic("catalog", "site", "before", "-q", folder=home)
    assert again.code == 1
    assert again.err.startswith(f"Error: the site {str(home / 'before-site')!r} is there; to ")
    replaced = entoptic("catalog", "site", "before", "-q", "--force", folder=home)
    assert (replaced.code, replaced.err) == (0, "")


def test_bad_input_is_one_line_and_a_code(home: Path) -> None:
    for arguments, code, told in (
        ((), 2, "Error: Missing argument 'DIR...'"),
        (("nowhere",), 1, "Error: 'nowhere' is no catalog"),
        (("before", "-o", ""), 2, "Error: --output is empty; name a folder"),
        (("before", "-o", "before"), 2, "Error: the site can't be 'before', which holds a catalog"),
        (("before", "-m", "squeezenet9"), 2, "Error: "),
    ):
        ended = entoptic("catalog", "site", *arguments, folder=home)
        assert (ended.code, ended.err[: len(told)]) == (code, told)
        assert ended.err.count("\n") == 1


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on the path")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason='needs Playwright: pip install "entoptic[browser]"'
    )
    with playwright.sync_playwright() as started:
        # Without a sandbox of its own it also runs as root.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Pages:
    """A page of the site, and whatever the browser has said of it."""

    def __init__(self, browser: Any, home: Path, **how: Any) -> None:
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._asked)
        self.file = (home / "both" / "index.html").as_uri()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.file.rpartition("/")[0], "data:")):
            self.outside.append(request.url)

    def open(self, address: str = "") -> Any:
        """Go to an address; return the page."""
        self.page.goto(f"{self.file}{address}")
        self.page.wait_for_selector("h1")
        return self.page

    def title(self, text: str) -> None:
        """Wait until the page's title is this one."""
        self.page.wait_for_function(
            "text => document.querySelector('h1').innerText === text", arg=text
        )


@pytest.fixture
def pages(browser: Any, home: Path) -> Iterator[Pages]:
    """The site on a desk."""
    found = Pages(browser, home, viewport={"width": 1200, "height": 800})
    yield found
    found.context.close()
    assert (found.said, found.outside) == ([], [])


def test_search_finds_layers_numbers_and_classes(pages: Pages) -> None:
    page = pages.open()
    page.keyboard.press("/")
    page.keyboard.type("crims")
    page.wait_for_selector(".hit")
    assert page.locator(".hit .what").all_inner_texts() == [LABELS[0]] * 2
    page.fill("#words", "first 3")
    assert page.locator(".hit .what").all_inner_texts() == ["first:3"] * 2
    page.fill("#words", "1")
    assert page.locator(".hit .what").all_inner_texts() == ["first:1", f"{LAST}:1"] * 2
    page.fill("#words", "nothing like it")
    assert page.inner_text("#told") == "Nothing of that name or number."
    page.fill("#words", "first:2")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    pages.title("first : 2")
    assert page.evaluate("location.hash") == "#after/first/2"


def test_more_results_than_are_drawn_at_first_are_there_when_one_of_them_is_chosen(
    pages: Pages,
) -> None:
    page = pages.open()
    page.evaluate("""() => {
        const { layers } = entoptic.here.catalogs[0];
        for (let more = 0; more < 20; more++) layers.push(layers[0]);
    }""")
    page.keyboard.press("/")
    page.wait_for_function("() => document.getElementById('search').open")
    drawn, chosen = page.evaluate("""() => {
        const words = document.getElementById("words"), list = document.getElementById("found");
        words.value = "first";
        words.dispatchEvent(new Event("input"));
        const drawn = list.children.length;
        words.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
        return [drawn, list.querySelector("[aria-selected=true]").id];
    }""")
    assert (drawn, chosen) == (12, "hit21")
    page.fill("#words", "firs")
    page.wait_for_function("() => document.getElementById('found').children.length === 22")
    ids = page.evaluate("() => [...document.querySelectorAll('.hit')].map((one) => one.id)")
    assert ids == [f"hit{number}" for number in range(22)]


def test_a_unit_is_opened_its_circuit_followed_and_names_stay_text(pages: Pages) -> None:
    page = pages.open("#before/first/3")
    assert page.locator(".excites .name").all_inner_texts() == [LABELS[0]]
    assert page.locator(".excites .value").all_inner_texts() == ["3"]
    assert page.locator(".inhibits .value").all_inner_texts() == ["-5"]
    page = pages.open("#before/first/0")
    page.wait_for_selector(f"text={photo(15)}")
    assert page.locator("main i").count() == 0
    page = pages.open("#before/first/3")
    assert pages.open(f"#before/{quote(LAST)}/0").locator(".excites .name").all_inner_texts() == [
        "3",
        "0",
    ]
    page = pages.open("#before/first/3")
    page.click(".inhibits a")
    pages.title(LABELS[1])
    assert page.locator("h1 *, .facts :not(li, span)").count() == 0
    assert f"{LAST}:1" in page.inner_text(".facts")
    assert page.evaluate("decodeURIComponent(location.hash)") == f"#before/{LAST}/1"
    assert page.locator(".shot img").get_attribute("alt") == (
        f"What excites {LABELS[1]}, {LAST}:1 of before most"
    )
    page.click("text=most inhibits")
    assert page.locator(".shot img").get_attribute("src").endswith("/1-negative.png")
    assert page.locator(".files a").get_attribute("href").endswith("/1-negative.png")
    assert page.evaluate(
        "[...document.images].every(each => each.alt || each.closest('[aria-hidden]'))"
    )
    page.reload()
    pages.title(LABELS[1])


def test_what_a_page_tells_makes_the_picture_again(pages: Pages, home: Path) -> None:
    page = pages.open("#before/first/2")
    again, command, python = page.locator("pre").all_inner_texts()
    shutil.copyfile(home / "before" / "first" / "2.png", home / "first-2.png")
    for each in (again, command.replace("first-2.png", "alone.png")):
        ended = entoptic(*shlex.split(each)[1:], "--force", folder=home)
        assert ended.code == 0 or MODEL in ended.err
    assert "alone" not in again
    assert read(home / "alone.png").width == 16
    assert "channel('first', 2)" in read_job(home / "alone.png")
    assert python.startswith(
        f'import entoptic as ent\n\nent.visualize("{MODEL}", "first:2", size=16'
    )


def test_the_keyboard_goes_everywhere(pages: Pages) -> None:
    page = pages.open("#before/first")
    page.wait_for_selector(".tile")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.innerText.trim()") == "1"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.innerText.trim()") == "3"
    page.keyboard.press("Enter")
    pages.title("first : 3")
    page.keyboard.press("ArrowLeft")
    pages.title("first : 2")
    page.keyboard.press("ArrowRight")
    pages.title("first : 3")
    page.keyboard.press("Escape")
    pages.title("first")
    page.wait_for_function("() => document.activeElement.innerText.trim() === '3'")
    page.keyboard.press("Escape")
    pages.title("before")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    pages.title("before")
    page.keyboard.press("Escape")
    pages.title("Catalogs")


def test_a_unit_stands_beside_that_of_another_catalog(pages: Pages) -> None:
    page = pages.open("#before/first")
    page.select_option("#beside", label="after · first")
    page.wait_for_selector(".tile img:nth-child(2)")
    sources = (
        page.locator(".tile").nth(2).locator("img").evaluate_all("some => some.map(one => one.src)")
    )
    assert [each.rpartition("/small/")[2] for each in sources] == [
        "before/first/2.webp", "after/first/2.webp",
    ]  # fmt: skip
    page.locator(".tile").nth(2).click()
    page.wait_for_selector(".two .unit:nth-child(2)")
    assert page.locator(".shot img").count() == 2
    assert "responses correlate 1.00 with after's" in page.inner_text(".two .unit")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.hash === '#before/first/3?with=after%2Ffirst'")


def test_the_order_is_that_of_the_scores(pages: Pages) -> None:
    page = pages.open("#before/first")
    page.select_option("#order", "high")
    scores = page.evaluate(
        "entoptic.grid(entoptic.here.catalogs[0].layers[0]).then(one => one.scores)"
    )
    wanted = sorted(range(4), key=lambda number: -scores[number])
    assert page.locator(".tile b").all_inner_texts() == [str(each) for each in wanted]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    browser: Any, home: Path, scheme: str
) -> None:
    phone = Pages(
        browser, home, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True
    )
    for address in (
        "",
        "#before",
        "#before/first",
        "#before/first/1",
        "#before/first/1?with=after/first",
    ):
        page = phone.open(address)
        page.reload()
        page.wait_for_selector("main img")
        assert page.evaluate("document.documentElement.scrollWidth") == 360, address
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, color[4:-1].split(", "))) < 64) == (scheme == "dark")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != color
    phone.context.close()
    assert (phone.said, phone.outside) == ([], [])


def test_nothing_moves_while_a_page_comes(pages: Pages) -> None:
    for address in ("#before", "#before/first", "#before/first/1"):
        page = pages.open(address)
        page.reload()
        page.wait_for_function("() => [...document.images].every(one => one.complete)")
        moved = page.evaluate(_MOVED)
        assert moved == 0, address


_MOVED = """() => new Promise((done) => {
    const found = [];
    new PerformanceObserver((list) => found.push(...list.getEntries()))
        .observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(found.reduce((sum, one) => sum + one.value, 0)), 100);
})"""


def test_an_address_of_nothing_says_so(pages: Pages) -> None:
    page = pages.open("#before/first/99")
    pages.title("Nothing here")
    assert "There is no before/first/99 in this site." in page.inner_text("main")
