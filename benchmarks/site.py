"""How fast the site of a large catalog is, and the catalog's own status.

    python -m benchmarks.site [--units 100000] [--layers 50] [--keep FOLDER]

Makes the index of a catalog of a network that only has so many channels, without making its
pictures: each unit of a layer is a link to the same one. Then it writes the site and opens that in
a headless Chromium, from the disk. Needs Playwright, and Chromium on the path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import entoptic as ent
from entoptic.catalogs.index import Finished, Index, Order

_ROUNDS = 7
_SOURCE = "python:benchmarks:large"

# Beside each other in every page: the time until what a function draws is on the screen.
_DRAWN = """async (word) => {
    const words = document.getElementById('words');
    const start = performance.now();
    words.value = word;
    words.dispatchEvent(new Event('input'));
    const answered = performance.now() - start;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return [answered, performance.now() - start];
}"""


def network(units: int, layers: int) -> ent.Model:
    """Return a network of layers of so many channels, the last of which are classes."""
    parts: list[nn.Module] = [nn.Conv2d(3, units, 1)]
    parts += [nn.Conv2d(units, units, 1, groups=units) for _ in range(layers - 1)]
    labels = [f"class {number} of many, Classis {number}" for number in range(units)]
    net = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ent.Model.wrap(net, labels=labels, source=_SOURCE, normalize=None)


def synthetic(folder: Path, units: int, layers: int) -> ent.Catalog:
    """Make a catalog of layers of so many units, finished but for its pictures."""
    settings = {"size": 96, "steps": 32, "method": "natural", "device": "cpu"}
    noise = torch.rand(1, 3, 96, 96)
    folder.mkdir(parents=True)
    with Index(folder, create=True) as index, index.changing():
        index.keep({"model": _SOURCE, "settings": settings})
        for layer in map(str, range(layers)):
            files: dict[int | None, str] = {
                number: f"{layer}/{number}.png" for number in range(units)
            }
            (folder / layer).mkdir()
            first = ent.write(folder / files[0], noise)
            for number in range(1, units):
                os.link(first, folder / files[number])
            index.add(layer, layer, [Order("{}", "positive", files)])
        for lease in index.unfinished():
            rows = {at: Finished("0" * 64, float(at % 97), 0.1) for at in lease.wanted}
            index.finish(lease.batch, rows)
    return ent.open_catalog(folder)


def of_status(folder: Path) -> float:
    """Return the seconds that the command takes, start of Python included."""
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        command = [sys.executable, "-m", "entoptic", "catalog", "status", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def in_browser(home: Path) -> dict[str, float]:
    """Return the milliseconds of the first page, of search, of a layer and of a unit."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    found: dict[str, list[float]] = {}
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(_ROUNDS):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            _look(context.new_page(), home.as_uri(), found)
            context.close()
        browser.close()
    return {name: statistics.median(times) for name, times in found.items()}


def _look(page: Any, address: str, found: dict[str, list[float]]) -> None:
    def note(name: str, milliseconds: float) -> None:
        found.setdefault(name, []).append(milliseconds)

    page.goto(address)
    page.wait_for_selector(".row img")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.row img')].slice(0, 8).every(one => one.complete)"
    )
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    page.wait_for_function(f"() => {paint} > 0")
    note("first paint", page.evaluate(paint))
    note("first page with its pictures", page.evaluate("performance.now()"))
    page.keyboard.press("/")
    page.wait_for_function("() => document.getElementById('search').open")
    page.evaluate("entoptic.search.prepare()")
    for word in ("1", "17 40", "classis 19", "class", "0:1999"):
        answered, drawn = page.evaluate(_DRAWN, word)
        note(f"search of {word!r}, answered", answered)
        note(f"search of {word!r}, drawn", drawn)
    page.keyboard.press("Escape")
    catalog = page.evaluate("entoptic.here.catalogs[0].id")
    for name, hash, wanted in (
        ("a layer", f"#{catalog}/0", ".tile img"),
        ("a unit", f"#{catalog}/0/40", ".shot img"),
    ):
        start = time.perf_counter()
        page.evaluate("hash => { location.hash = hash; }", hash)
        page.wait_for_selector(wanted)
        note(f"{name} opened", 1000 * (time.perf_counter() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--layers", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="folder in which catalog and site stay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        catalog, each = folder / "catalog", asked.units // asked.layers
        if not catalog.exists():
            synthetic(catalog, each, asked.layers)
        print(f"{asked.units} units in {asked.layers} layers")
        print(f"entoptic catalog status: {of_status(catalog):.2f} s")
        if not (folder / "site").exists():
            start = time.perf_counter()
            ent.catalog_site(catalog, output=folder / "site", models=[network(each, asked.layers)])
            print(f"site written: {time.perf_counter() - start:.0f} s")
        index = (folder / "site" / "data" / "index.js").stat().st_size
        print(f"index of the site: {index / 1000:.0f} kB")
        for name, milliseconds in in_browser(folder / "site" / "index.html").items():
            print(f"{name}: {milliseconds:.0f} ms")


if __name__ == "__main__":
    main()
