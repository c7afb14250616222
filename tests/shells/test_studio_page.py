"""The studio's page in a browser: what a visitor sees, presses and keeps."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entoptic.images import read, read_job
from entoptic.studio.server import address_of, listening
from shells.command import SOURCE, entoptic, picture, process
from shells.test_catalog_site import browser

__all__ = ["browser"]  # a fixture of this module, too

pytest.importorskip("gradio", reason="needs Gradio: pip install 'entoptic[studio]'")

ROOT = Path(__file__).parents[2]
DONE = "#{0}-begin:not([hidden])"
SECONDS = 40_000


class House:
    """A studio that runs in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with listening("127.0.0.1", 0) as free:
            self.address = address_of(free, None)
        self.start()

    def start(self) -> None:
        port = self.address.rstrip("/").rpartition(":")[2]
        words = ("studio", "--port", port, "--folder", "kept")
        self.process = process(*words, folder=self.folder)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"The studio is at {self.address}\n"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        _, said = self.process.communicate()
        assert "Traceback" not in said

    @property
    def kept(self) -> Path:
        return self.folder / "kept"


@pytest.fixture(scope="module")
def house(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A studio, and a photo beside it."""
    folder = tmp_path_factory.mktemp("house")
    picture(height=144, width=192).save(folder / "sky.png")
    found = House(folder)
    yield found
    found.stop()


class Page:
    """A page of the studio, and whatever the browser has said of it."""

    def __init__(self, browser: Any, house: House, **how: Any) -> None:
        self.house = house
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(SECONDS)
        self.said: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._asked)
        self.open()

    def open(self) -> None:
        self.page.goto(self.house.address)
        self.page.wait_for_selector("#picker-dream .layer")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.house.address, "data:", "blob:")):
            self.outside.append(request.url)

    def see(self, file: Path) -> None:
        """Choose a photo on the page that says what a network sees in it."""
        self.tab("See")
        self.page.set_input_files("#see-see input[type=file]", file)
        self.page.wait_for_selector(".class")

    def choose(self, file: Path) -> None:
        """Choose a photo, and make dreams of it small."""
        self.page.set_input_files("#stage-dream input[type=file]", file)
        self.page.wait_for_selector("#stage-dream .frame.filled")
        self.set("dream-steps", 2)
        self.set("dream-octaves", 2)
        self.set("dream-size", 192)

    def set(self, control: str, value: float) -> None:
        self.page.fill(f"#{control} input[type=number]", str(value))
        self.page.press(f"#{control} input[type=number]", "Tab")

    def status(self, tab: str = "dream") -> str:
        return str(self.page.inner_text(f"#stage-{tab} .status"))

    def finish(self, tab: str = "dream") -> Path:
        """Wait for the end of a run; return the file of its picture."""
        self.page.wait_for_function(
            "tab => /kept as/.test(document.querySelector(`#stage-${tab} .status`).innerText)",
            arg=tab,
        )
        return self.house.kept / self.status(tab).rpartition("kept as ")[2]

    def tab(self, name: str) -> None:
        self.page.click(f"role=tab[name={name}]")

    def command(self) -> list[str]:
        """Return the words of the command that the page shows."""
        if not self.page.locator("#texts-dream pre").first.is_visible():
            self.page.click("text=Command and Python")
        self.page.wait_for_selector("#texts-dream pre")
        return shlex.split(self.page.locator("#texts-dream pre").first.inner_text())


@pytest.fixture
def page(browser: Any, house: House) -> Iterator[Page]:
    """The studio on a desk."""
    found = Page(browser, house, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()
    assert (found.said, found.outside) == ([], [])


def wait_for_text(page: Page, part: str) -> None:
    """Wait until the shown command has a part."""
    page.command()
    page.page.wait_for_function(
        "part => document.querySelector('#texts-dream pre')?.innerText.includes(part)", arg=part
    )


def test_a_photo_is_dreamt_and_the_command_shown_makes_the_same_bytes(
    page: Page, house: House, tmp_path: Path
) -> None:
    page.choose(house.folder / "sky.png")
    page.page.click("#dream-begin")
    file = page.finish()
    assert read(file).width == 192
    wait_for_text(page, f"-o {file.name}")
    cd, folder, name, *words = page.command()
    assert (cd, folder, name, words[-2:]) == ("cd", str(house.kept), "entoptic", ["-o", file.name])
    ended = entoptic(*words[:-1], tmp_path / "again.png", folder=house.kept)
    assert ended.code == 0, ended.err
    assert (tmp_path / "again.png").read_bytes() == file.read_bytes()


def test_a_unit_is_chosen_by_its_picture_and_dreamt_where_it_is_painted(
    page: Page, house: House
) -> None:
    page.choose(house.folder / "sky.png")
    page.page.click("[data-layer=fire3].layer")
    page.page.wait_for_selector("[data-name='fire3:1'] img[src]")
    page.page.click("[data-name='fire3:1']")
    page.page.click("#dream-mask")
    box = page.page.locator("#stage-dream .paint").bounding_box()
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(across, down)
    page.page.mouse.down()
    page.page.mouse.move(across + 40, down)
    page.page.mouse.up()
    wait_for_text(page, "--mask photos/mask-")
    assert "fire3:1" in page.command()
    page.page.click("#dream-begin")
    file = page.finish()
    before = np.asarray(picture(height=144, width=192)).astype(int)
    after = (read(file).image[0].permute(1, 2, 0).numpy() * 255).round().astype(int)
    changed = (before != after).any(-1)
    rows, columns = np.nonzero(changed)
    # A brush of 22 pixels, drawn from the middle ten pixels to the right.
    assert changed.sum() > 100
    assert 58 <= rows.min() < 72 < rows.max() <= 85
    assert 83 <= columns.min() < 96 < columns.max() <= 119
    assert "channel('fire3', 1)" in read_job(file) or "fire3:1" in read_job(file)


def test_the_preview_comes_before_the_end_and_a_stopped_dream_goes_on(
    page: Page, house: House
) -> None:
    page.choose(house.folder / "sky.png")
    page.set("dream-steps", 60)
    page.set("dream-octaves", 5)
    page.set("dream-size", 256)
    page.page.click("#dream-begin")
    page.page.wait_for_selector("#stage-dream .frame.grown")
    assert page.page.locator("#dream-stop").is_visible()
    page.page.click("#dream-stop")
    stopped = page.finish()
    assert page.status().startswith("Stopped after ")
    done = int(page.status().split()[2])
    assert 0 < done < 300
    assert f'"stopped_after": {done}' in read_job(stopped)
    page.page.click("#dream-goon")
    page.page.wait_for_function(
        "document.querySelector('#stage-dream .status').innerText.startsWith('Done')"
    )
    finished = page.finish()
    assert '"stopped_after": null' in read_job(finished)
    # As if it had never been stopped.
    again = entoptic("redo", stopped, "--finish", "-o", "whole.png", folder=house.folder)
    assert again.code == 0, again.err
    assert (house.folder / "whole.png").read_bytes() == finished.read_bytes()


def test_a_dropped_picture_of_the_command_line_brings_back_its_settings(
    page: Page, house: House
) -> None:
    options = ("--strength", "1.7", "--steps", "3", "--octaves", "1", "--layer", "fire4")
    made = entoptic("dream", "sky.png", *options, "-fo", "made.png", folder=house.folder)
    assert made.code == 0, made.err
    page.choose(house.folder / "made.png")
    page.page.click("#dream-settings")
    page.page.wait_for_function(
        "document.querySelector('#dream-strength input[type=number]').value === '1.7'"
    )
    assert page.page.input_value("#dream-steps input[type=number]") == "3"
    assert page.page.input_value("#dream-expression") == "energy('fire4')"


def test_settings_that_have_no_control_are_kept_as_chips_until_they_are_left_out(
    page: Page, house: House
) -> None:
    options = ("--size", "96x128", "--steps", "2", "--octaves", "1", "--layer", "fire4")
    more = ("--norm", "l2", "--shaping", "chroma(0.5)", "--step-size", "0.02")
    made = entoptic("dream", "sky.png", *options, *more, "-fo", "kept.png", folder=house.folder)
    assert made.code == 0, made.err
    # The photo that it was made of is found by its bytes.
    page.choose(house.folder / "sky.png")
    page.choose(house.folder / "kept.png")
    page.page.click("#dream-settings")
    page.page.wait_for_selector("#kept-dream .chip[data-name=size]")
    chips = page.page.locator("#kept-dream .chip b").all_inner_texts()
    assert sorted(chips) == ["--size 96x128", "--step-size 0.02"]
    assert not page.page.locator("#dream-size").is_visible()
    wait_for_text(page, "--step-size 0.02")
    page.page.click("#dream-begin")
    file = page.finish()
    # Jobs differ by the photo's name.
    assert (read(file).image == read(house.folder / "kept.png").image).all()
    page.page.click("#kept-dream .chip[data-name=size] button")
    page.page.wait_for_selector("#dream-size:visible")
    page.page.wait_for_function(
        "!document.querySelector('#texts-dream pre').innerText.includes('96x128')"
    )
    assert {"--norm", "--shaping"} < {*page.command()}


def test_the_history_is_there_after_a_restart(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    page.page.click("#dream-begin")
    name = page.finish().name
    page.tab("History")
    page.page.click(f".kept[data-name='{name}']")
    page.page.click("#history-star")
    page.page.wait_for_selector(f".kept[data-name='{name}'] .starred")
    house.stop()
    house.start()
    page.open()
    # What the browser says of the time without a server is no fault of the page.
    page.said.clear()
    page.tab("History")
    page.page.wait_for_selector(f".kept[data-name='{name}'] .starred")
    page.page.click(f".kept[data-name='{name}']")
    page.page.wait_for_function("document.querySelector('.pair img')?.naturalWidth > 0")
    page.page.click("text=Delete")
    page.page.wait_for_selector(f".kept[data-name='{name}']", state="detached")
    page.page.click(f"text=Take back {name}")
    page.page.wait_for_selector(f".kept[data-name='{name}']")


def test_two_results_of_a_long_history_are_compared(page: Page, house: House) -> None:
    old = [house.kept / f"old-{number:02}.png" for number in range(70)]
    try:
        for file in old:
            shutil.copy(house.folder / "sky.png", file)
            os.utime(file, (0, 0))
        for strength in ("1", "3"):
            name = house.kept / f"sky-{strength}.png"
            options = ("--strength", strength, "--steps", "1", "--octaves", "1")
            made = entoptic("dream", "sky.png", *options, "-fo", name, folder=house.folder)
            assert made.code == 0, made.err
        page.tab("History")
        page.page.wait_for_selector(".kept[data-name='sky-3.png']")
        assert page.page.locator(".kept").count() == 60
        page.page.click("#history-more")
        page.page.wait_for_selector(".kept[data-name='old-00.png']")
        page.page.click(".kept[data-name='sky-1.png']")
        page.page.click(".large-view >> text=Compare")
        page.page.click(".kept[data-name='sky-3.png']")
        page.page.wait_for_selector("figure[data-name='sky-3.png'] small")
        differs = page.page.locator(".large-view small").all_inner_texts()
        assert differs == ["strength 1.0", "strength 3.0"]
    finally:
        for file in old:
            file.unlink(missing_ok=True)


def test_what_is_wrong_is_a_sentence_in_the_page(page: Page, house: House) -> None:
    page.page.click("#dream-begin")
    assert page.page.inner_text("#stage-dream .wrong") == "Choose a photo first."
    page.choose(house.folder / "sky.png")
    page.page.fill("#dream-expression", "style('fire3', '/etc/passwd')")
    page.page.press("#dream-expression", "Tab")
    page.page.click("#dream-begin")
    page.page.wait_for_selector("#stage-dream .wrong:not([hidden])")
    assert "can't name a file" in page.page.inner_text("#stage-dream .wrong")
    page.page.wait_for_selector(DONE.format("dream"))
    (house.folder / "no.png").write_text("no picture")
    page.page.set_input_files("#stage-dream input[type=file]", house.folder / "no.png")
    page.page.wait_for_function(
        "document.querySelector('#stage-dream .wrong').innerText.includes(\"'no.png'\")"
    )
    page.said[:] = [each for each in page.said if "400 (Bad Request)" not in each]


def test_a_unit_is_visualized(page: Page) -> None:
    page.tab("Units")
    page.page.fill("#visualize-expression", "fire3:2")
    page.page.press("#visualize-expression", "Tab")
    page.set("visualize-steps", 16)
    page.set("visualize-size", 64)
    page.page.click("#visualize-begin")
    assert read(page.finish("visualize")).width == 64


def test_a_position_is_clicked_and_its_unit_seen_and_dreamt(page: Page, house: House) -> None:
    page.see(house.folder / "sky.png")
    page.page.click("#seen-see [data-layer=fire3].layer")
    page.page.click("#see-see .frame")
    page.page.wait_for_selector(".channel")
    number = page.page.locator(".channel").first.get_attribute("data-number")
    page.page.click(".channel >> nth=0 >> text=Map")
    page.page.wait_for_function(
        "number => document.querySelector('#see-see .shown').innerText.endsWith(`fire3:${number}`)",
        arg=number,
    )
    page.page.wait_for_selector("#see-see .after[src^=blob]")
    where = "[...document.querySelectorAll('.seen > .caption')].at(-1).innerText"
    before = page.page.evaluate(where)
    page.page.focus("#see-see .frame")
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function(f"before => {where} !== before", arg=before)
    page.page.click(".class >> nth=0")
    page.page.wait_for_selector("#see-see .frame.looked")
    chosen = page.page.locator(".channel").first.get_attribute("data-number")
    page.page.click(".channel >> nth=0 >> text=Dream it")
    assert page.page.inner_text("#picker-dream .chip b") == f"fire3:{chosen}"
    assert page.page.locator("#stage-dream .frame.filled").is_visible()


def test_a_zoom_is_previewed_and_made(page: Page, house: House) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install 'entoptic[film]'")
    page.tab("Film")
    page.page.set_input_files("#stage-zoom input[type=file]", house.folder / "sky.png")
    page.page.wait_for_selector("#stage-zoom .frame.filled")
    page.set("zoom-size", 128)
    page.set("zoom-seconds", 1)
    page.page.click("#zoom-preview")
    page.page.wait_for_function(
        "document.querySelector('#stage-zoom .status').innerText.startsWith('Done')"
    )
    assert "kept" not in page.status("zoom")
    page.page.wait_for_selector("#stage-zoom .after[src^='data:image/webp']")
    assert page.page.locator("#zoom-seconds").is_visible()
    assert not page.page.locator("#film-coherence").is_visible()
    page.page.click("#zoom-begin")
    file = page.finish("zoom")
    assert (file.name, file.is_file()) == ("sky-zoom.mp4", True)
    page.page.wait_for_selector("#stage-zoom video:not([hidden])")
    # The settings of a film come back; and as a film it has others than a photo has.
    page.set("zoom-seconds", 2)
    page.tab("History")
    page.page.click(f".kept[data-name='{file.name}']")
    page.page.click("#history-settings")
    page.page.wait_for_function(
        "document.querySelector('#zoom-seconds input[type=number]').value === '1'"
    )
    page.page.set_input_files("#stage-zoom input[type=file]", file)
    page.page.wait_for_selector("#film-coherence:visible")
    assert not page.page.locator("#zoom-seconds").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    browser: Any, house: House, scheme: str
) -> None:
    phone = Page(
        browser,
        house,
        viewport={"width": 360, "height": 740},
        color_scheme=scheme,
        has_touch=True,
        is_mobile=True,
    )
    for name in ("Dream", "Units", "See", "Film", "History"):
        phone.tab(name)
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 360, name
    color = phone.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, color[4:-1].split(", "))) < 64) == (scheme == "dark")
    phone.page.click("#theme")
    phone.page.wait_for_function(
        "color => getComputedStyle(document.body).backgroundColor !== color", arg=color
    )
    phone.context.close()
    assert (phone.said, phone.outside) == ([], [])


def test_the_keyboard_dreams(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    page.page.focus("#dream-begin")
    page.page.keyboard.press("Enter")
    page.finish()
    page.page.focus("#dream-compare")
    page.page.keyboard.press("Enter")
    page.page.focus("#stage-dream .wipe")
    for _ in range(10):
        page.page.keyboard.press("ArrowRight")
    at = page.page.evaluate(
        "document.querySelector('#stage-dream .frame').style.getPropertyValue('--at')"
    )
    assert at == "60%"


def test_a_closed_tab_ends_its_dream_and_keeps_it(browser: Any, house: House) -> None:
    before = {*house.kept.glob("*.png")}
    page = Page(browser, house)
    page.choose(house.folder / "sky.png")
    page.set("dream-steps", 60)
    page.set("dream-octaves", 10)
    page.page.click("#dream-begin")
    page.page.wait_for_selector("#stage-dream .frame.grown")
    page.context.close()
    other = Page(browser, house)
    other.choose(house.folder / "sky.png")
    other.page.click("#dream-begin")
    other.finish()  # which waits until the worker is free
    other.context.close()
    jobs = [read_job(each) for each in {*house.kept.glob("*.png")} - before]
    assert sum('"stopped_after": null' not in each for each in jobs) == 1
    assert len(jobs) == 2


def test_a_hundred_quick_clicks_make_one_picture(page: Page, house: House) -> None:
    page.choose(house.folder / "sky.png")
    before = len([*house.kept.glob("*.png")])
    page.page.evaluate(
        "for (let n = 0; n < 100; n++) document.querySelector('#dream-begin').click()"
    )
    page.finish()
    page.page.click("#dream-begin")  # after whatever was waiting
    page.page.wait_for_selector("#dream-stop:not([hidden])")
    page.page.wait_for_selector(DONE.format("dream"))
    assert len([*house.kept.glob("*.png")]) - before == 2


@pytest.mark.slow
def test_ten_at_once_wait_for_each_other_and_all_get_their_pictures(
    browser: Any, house: House
) -> None:
    before = {*house.kept.glob("*.png")}
    pages = [Page(browser, house) for _ in range(10)]
    for each in pages:
        each.choose(house.folder / "sky.png")
        each.set("dream-steps", 20)
    for each in pages:
        each.page.evaluate("document.querySelector('#dream-begin').click()")
    pages[-1].page.wait_for_function(
        "/ before you/.test(document.querySelector('#stage-dream .status').innerText)"
    )
    files = {each.finish() for each in pages}
    assert len(files) == 10
    assert {*house.kept.glob("*.png")} - before == files
    assert len({each.read_bytes() for each in files}) == 1
    for each in pages:
        each.context.close()
        assert (each.said, each.outside) == ([], [])


@pytest.mark.slow
def test_the_hosted_demo_has_limits_and_keeps_nothing(
    browser: Any, tmp_path: Path, house: House
) -> None:
    with listening("0.0.0.0", 0) as free:
        port = str(free.getsockname()[1])
    environment = os.environ | {"PORT": port, "ENTOPTIC_STUDIO_STEPS": "5"}
    hosted = subprocess.Popen(
        [sys.executable, ROOT / "app.py"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert hosted.stdout is not None
        assert hosted.stdout.readline() == f"The studio is at port {port}.\n"
        there = House.__new__(House)
        there.folder, there.address = tmp_path, f"http://127.0.0.1:{port}/"
        page = Page(browser, there)
        page.choose(house.folder / "sky.png")
        page.set("dream-steps", 3)
        page.page.click("#dream-begin")
        page.page.wait_for_selector("#stage-dream .wrong:not([hidden])")
        told = "that is 6 steps in all, and this studio makes at most 5"
        assert told in page.page.inner_text("#stage-dream .wrong")
        page.set("dream-steps", 2)
        page.page.click("#dream-begin")
        page.finish()
        other = Page(browser, there)
        other.tab("History")
        other.page.wait_for_selector(".gallery .soft")
        page.tab("History")
        page.page.wait_for_selector(".kept")
        assert page.page.locator(".kept").count() == 1
        page.context.close()
        other.context.close()
        assert not [*(tmp_path / "entoptic-studio").glob("*.png")]
    finally:
        hosted.send_signal(signal.SIGINT)
        hosted.communicate(timeout=30)
