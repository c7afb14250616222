"""The studio's page beside the command: steps per second, waits, and memory after many runs.

    python -m benchmarks.studio [--size 512] [--rounds 5] [--runs 200]

A studio runs in a process of its own, its page in a headless Chromium of the same machine, which
shows the previews. A round dreams the example by the page and by the same plan in a process that
has none, in turns that change places from round to round. Told are the medians of their ratios: on
the clock; of what the dreaming thread computes, which other work on the machine changes least and
which bounds the steps per second where a core is free; and what the other threads of the studio
compute beside it. All run with one thread of torch's, so that the dreaming thread is the whole of
the work. And told is how long previews and stops take. Then `--runs` small dreams are made by one
engine, and the memory of the process is told meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

import entoptic as ent
from entoptic.recipes.dream import Dream
from entoptic.studio.engine import Engine
from entoptic.studio.server import address_of, listening
from entoptic.studio.studio import EXAMPLE, Studio

_WAIT_MS = 300_000
_TOOK = "import('./studio/static/studio.js').then((it) => it.last('dream').took)"


def work_of_steps(model: ent.Model, size: int) -> tuple[float, float]:
    """Return the seconds of a dream of the example without a page: on the clock, and computed.

    In a thread of its own, as in the studio: on a busy machine torch's threads cost more in the
    first one.
    """

    def work() -> tuple[float, float]:
        torch.set_num_threads(1)  # of this thread
        computed, began = time.thread_time(), time.perf_counter()
        plan = Dream(model, photo=EXAMPLE, size=size).plan()
        with tempfile.TemporaryDirectory() as folder:
            plan.run(progress=False).save(f"{folder}/dream.png")
        return time.perf_counter() - began, time.thread_time() - computed

    with ThreadPoolExecutor(1) as worker:
        return worker.submit(work).result()


def computed(process: int) -> dict[str, float]:
    """Return the seconds that each thread of a process has computed, on Linux."""
    found = {}
    for each in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one that has just ended
            found[each.name] = int((each / "schedstat").read_text().split()[0]) / 1e9
    return found


class Page:
    """The studio's page, with the example chosen."""

    def __init__(self, browser: Any, address: str, size: int) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(_WAIT_MS)
        self.page.goto(address)
        self.page.wait_for_selector("#picker-dream .layer")
        # Until all pictures of layers are there, the engine has other work.
        self.page.wait_for_selector("#picker-dream img:not([src])", state="detached")
        self.page.click("#stage-dream >> text=Example")
        self.page.fill("#dream-size input[type=number]", str(size))
        self.page.press("#dream-size input[type=number]", "Tab")

    def begin(self) -> float:
        """Press Dream; return the seconds until the first preview."""
        self.page.evaluate("document.querySelector('#stage-dream .frame').className = 'frame'")
        began = time.perf_counter()
        self.page.click("#dream-begin")
        self.page.wait_for_selector("#stage-dream .frame.grown")
        return time.perf_counter() - began

    def finish(self) -> None:
        """Wait for the end."""
        self.page.wait_for_selector("#dream-begin:not([hidden])")

    def stop(self) -> float:
        """Press Stop; return the seconds until the picture is kept."""
        began = time.perf_counter()
        self.page.click("#dream-stop")
        self.finish()
        return time.perf_counter() - began


def rounds_of(size: int, rounds: int) -> None:
    """Tell the page's rate beside the command's, and how long a visitor waits."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("needs a Chromium on the path")
    with tempfile.TemporaryDirectory() as folder:
        with listening("127.0.0.1", None) as free:
            address = address_of(free, None)
        port = address.rstrip("/").rpartition(":")[2]
        words = ["-m", "entoptic", "studio", "--port", port, "--folder", folder]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        studio = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            assert studio.stdout is not None
            studio.stdout.readline()
            with sync_playwright() as started:
                browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = Page(browser, address, size)
                page.begin()
                page.finish()  # the network is warm now
                _rounds(page, studio.pid, size, rounds)
                browser.close()
        finally:
            studio.send_signal(signal.SIGINT)
            studio.wait(30)


def _rounds(page: Page, process: int, size: int, rounds: int) -> None:
    model = ent.load()
    work_of_steps(model, size)
    previews: list[float] = []
    clocks, threads, others, stops = [], [], [], []
    for number in range(rounds):
        if number % 2:
            live = _live(page, process, previews)
            alone = work_of_steps(model, size)
        else:
            alone = work_of_steps(model, size)
            live = _live(page, process, previews)
        clocks.append(live[0] / alone[0])
        threads.append(live[1] / alone[1])
        others.append(live[2] / alone[1])
        previews.append(page.begin())
        stops.append(page.stop())
        print(
            f"on the clock {live[0]:.2f} with a page and {alone[0]:.2f} s without; the dreaming "
            f"thread {live[1]:.2f} and {alone[1]:.2f} s; the studio's others {live[2]:.2f} s"
        )
    for name, found in (
        ("ratio on the clock", clocks),
        ("ratio of what the dreaming thread computes", threads),
        ("what the other threads compute, of it", others),
        (
            "ratio of what all threads compute",
            [sum(each) for each in zip(threads, others, strict=True)],
        ),
        ("first preview, s", previews),
        ("stop, s", stops),
    ):
        print(f"{name}: median {statistics.median(found):.3f}, most {max(found):.3f}")


def _live(page: Page, process: int, previews: list[float]) -> tuple[float, float, float]:
    """Return the seconds of a dream by the page: on the clock, of its thread, and of the others."""
    before = computed(process)
    previews.append(page.begin())
    page.finish()
    spent = sorted(now - before.get(each, 0.0) for each, now in computed(process).items())
    return page.page.evaluate(_TOOK), spent[-1], sum(spent[:-1])


def memory_of(runs: int) -> None:
    """Tell the memory of a process after small dreams, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        engine: Engine = studio.engine
        asked = {"model": "squeezenet1_1", "photo": studio.example, "size": 128, "steps": 2}
        for number in range(1, runs + 1):
            run = studio.start("", "dream", asked | {"seed": number})
            assert engine.wait(run, 300).state == "done"
            if number % max(1, runs // 10) == 0:
                print(f"{number} runs: {_resident():.0f} MiB")
        studio.close()


def _resident() -> float:
    """Memory of this process, in MiB; where the system doesn't tell it, the most it ever had."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    rounds_of(given.size, given.rounds)
    memory_of(given.runs)
