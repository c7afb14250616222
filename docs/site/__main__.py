"""Builds the site into out/site, and checks every link of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from docs.site import layout

OUT = layout.ROOT / "out"

# A tag with where it leads, which may have spaces in it where it is quoted.
_LINK = r'<(\w+)\b[^>]*?\b(?:href|src)=(?:"([^"]+)"|([^"\s>]+))'

# With it search works from files, without a server. Zensical would fetch it from the net.
SHIM = "https://unpkg.com/iframe-worker/shim"


def build() -> None:
    """Lay out the pages, let zensical make the site of them, and put in what it would fetch."""
    layout.write(OUT / "pages")
    (OUT / "zensical.toml").write_text(layout.config(OUT), "utf-8")
    shutil.rmtree(OUT / "site", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    path = os.pathsep.join([str(layout.ROOT), *sys.path])
    done = subprocess.run(
        [*command, "--config-file", "zensical.toml"],
        cwd=OUT,
        env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"},
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    shim = Path("assets") / "javascripts" / "iframe-worker.js"
    shutil.copyfile(layout.ROOT / "docs" / "site" / "iframe-worker.js", OUT / "site" / shim)
    for page in (OUT / "site").rglob("*.html"):
        up = os.path.relpath(OUT / "site" / shim, page.parent)
        page.write_text(page.read_text("utf-8").replace(SHIM, up), "utf-8")


def faults(site: Path) -> Iterator[str]:
    """What is wrong with a built site: links without a target, and what would come from the net."""
    pages = {page.resolve(): page.read_text("utf-8") for page in site.rglob("*.html")}
    ids = {page: set(re.findall(r'\bid="?([^"\s>]+)', text)) for page, text in pages.items()}
    for page, text in pages.items():
        shown = page.relative_to(site.resolve())
        for tag, quoted, bare in re.findall(_LINK, text):
            target = unescape(quoted or bare)
            if re.match(r"(https?:)?//", target):
                if tag in {"script", "link", "img"} and "canonical" not in text:
                    yield f"{shown}: {tag} comes from the net: {target}"
                continue
            if re.match(r"(mailto|data|javascript):", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / unquote(name)).resolve() if name else page
            if shown.name != "404.html" and not file.exists():
                yield f"{shown}: no file {target}"
            elif anchor and file in ids and unquote(anchor) not in ids[file]:
                yield f"{shown}: no anchor {target}"


if __name__ == "__main__":
    build()
    found = list(faults(OUT / "site"))
    print("\n".join(found) or f"The site is in {OUT / 'site' / 'index.html'}")
    sys.exit(bool(found))
