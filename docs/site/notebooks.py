"""Tutorials: notebooks that are kept with their output, run anew, and shown as pages.

python -m docs.site.notebooks                 # run all notebooks of examples/, keep the output
python -m docs.site.notebooks examples/a.ipynb
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Of JPEG, and the longest side of a picture that is kept.
QUALITY, LONGEST = 70, 900


def all_of(folder: Path) -> list[Path]:
    """The notebooks of a folder, by name."""
    return sorted(folder.glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells of a notebook."""
    found: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return found


def code(notebook: Path) -> list[str]:
    """What the cells of a notebook run, one after the other."""
    return ["".join(each["source"]) for each in cells(notebook) if each["cell_type"] == "code"]


def page(notebook: Path, folder: Path) -> str:
    """A notebook as a page in Markdown.

    Args:
        notebook: a file.
        folder: where the pictures of its output are written.
    """
    made = [f"*This page is a notebook: [{notebook.name}]({notebook.name}).*\n"]
    count = 0
    for cell in cells(notebook):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            made.append(f"{source}\n")
            continue
        made.append(f"```python\n{source}\n```\n")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/jpeg" in data:
                count += 1
                name = f"{notebook.stem}-{count}.jpg"
                (folder / name).write_bytes(base64.b64decode("".join(data["image/jpeg"])))
                made.append(f"![What the code above shows]({name})\n")
            elif text := "".join(output.get("text", data.get("text/plain", []))):
                made.append(f"```text\n{text.rstrip()}\n```\n")
    (folder / notebook.name).write_bytes(notebook.read_bytes())
    # The title first, then that it is a notebook.
    title = next(at for at, each in enumerate(made) if each.startswith("# "))
    heading, _, rest = made.pop(title).partition("\n")
    return "\n".join([f"{heading}\n", made[0], rest, *made[1:]])


def run(notebook: Path) -> None:
    """Run a notebook and keep its output, with pictures as small JPEG files."""
    import nbformat
    from nbclient import NotebookClient

    read = nbformat.read(notebook, as_version=4)
    # What a notebook saves goes nowhere; what lies beside it can be imported.
    paths = os.pathsep.join([str(notebook.parent.resolve()), *sys.path])
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(read, timeout=600, resources={"metadata": {"path": folder}})
        client.execute(env={**os.environ, "PYTHONPATH": paths})
    for cell in read.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for each in cell.outputs if (kept := _small(each)) is not None]
    nbformat.write(read, notebook)


def _small(output: Any) -> Any:
    """An output without progress bars and what was cleared, whose picture is a small JPEG."""
    from PIL import Image

    if output.output_type == "stream" and output.name == "stderr":
        return None
    if output.output_type == "execute_result":
        output.execution_count = None
    data = output.get("data", {})
    if png := data.pop("image/png", None):
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
        picture.thumbnail((LONGEST, LONGEST))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=QUALITY)
        data["image/jpeg"] = base64.b64encode(stream.getvalue()).decode()
    data.pop("text/html", None)
    return output if output.output_type == "stream" or any(data.values()) else None


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or all_of(ROOT / "examples")):
        run(path)
        print(path)
