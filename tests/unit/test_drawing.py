"""Pictures drawn in a notebook as they grow."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.images.preview import preview
from entoptic.jobs import drawing as drawing_module
from notebook import Notebook, begin_notebook
from planning import plan_dream

PHOTO = torch.linspace(0, 1, 56).expand(1, 3, 40, 56)
HOW: dict[str, Any] = {"photo": PHOTO, "octaves": 2, "steps": 3, "layer": "fire2", "strength": 5.0}


@pytest.fixture(scope="module")
def model() -> ent.Model:
    return ent.load("squeezenet1_1")


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return begin_notebook(monkeypatch)


def drawn(html: str) -> Image.Image:
    """The picture in what is displayed."""
    found = re.search(r'src="data:image/\w+;base64,([^"]+)"', html)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_each_step_is_drawn_as_it_is_then(
    model: ent.Model, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_module, "_INTERVAL_S", 0.0)
    monkeypatch.setattr(drawing_module, "_SHARE", float("inf"))
    steps: list[Image.Image] = []
    ent.dream(model, **HOW, show=True, callback=lambda step: steps.append(preview(step.image())))
    begun, *between, _ = notebook.shown
    assert begun["text/plain"] == "dream: beginning"
    assert len(between) == len(steps) == 6
    for each, step in zip(between, steps, strict=True):
        assert drawn(each["text/html"]).size == (56, 40)
        assert mean_difference(drawn(each["text/html"]), step) < 4  # of 255: it is a JPEG
    assert mean_difference(steps[0], steps[-1]) > 6
    first, last = between[0]["text/plain"], between[-1]["text/plain"]
    assert re.fullmatch(r"dream: octave 1/2, score [\d.,]+, \d+ s left", first)
    assert re.fullmatch(r"dream: octave 2/2, score [\d.,]+, 0 s left", last)
    # Three times 29 x 40 pixels, and three times 40 x 56.
    assert 'max="10200" value="1160"' in between[0]["text/html"]
    assert 'max="10200" value="10200"' in between[-1]["text/html"]


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    a, b = (torch.frombuffer(bytearray(each.tobytes()), dtype=torch.uint8) for each in (one, other))
    return float((a.float() - b.float()).abs().mean())


def test_what_isnt_drawn_isnt_rendered(
    model: ent.Model, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_module, "_INTERVAL_S", 1e9)
    plan = plan_dream(model, **HOW)
    drawing = drawing_module.Drawing(plan, bar=True)
    (first, second, *_) = plan.steps()

    def rendered() -> Any:
        raise AssertionError("it was rendered")

    drawing.advance(first)
    drawing.advance(replace(second, image=rendered))
    assert len(notebook.shown) == 2


def test_the_picture_is_shown_once_where_it_is_the_value_of_the_cell(
    model: ent.Model, notebook: Notebook
) -> None:
    made = ent.dream(model, **HOW, show=True)
    notebook.end_cell(made)
    assert notebook.shown[-2] is made
    assert notebook.shown[-1] == {"text/html": "", "text/plain": ""}
    assert not notebook.waiting


def test_the_picture_stays_where_the_cell_has_another_value(
    model: ent.Model, notebook: Notebook
) -> None:
    made = ent.dream(model, **HOW, show=True)
    notebook.end_cell(None)
    assert notebook.shown[-1] is made
    assert not notebook.waiting


def test_an_interrupt_keeps_the_picture_as_it_is(model: ent.Model, notebook: Notebook) -> None:
    def interrupt(step: ent.Step) -> None:
        if step.octave == 1:
            raise KeyboardInterrupt

    made = ent.dream(model, **HOW, show=True, callback=interrupt)
    assert made.job.stopped_after == 4
    assert notebook.shown[-1] is made


def test_nothing_stays_of_what_fails(model: ent.Model, notebook: Notebook) -> None:
    def fail(step: ent.Step) -> None:
        raise RuntimeError("a failure")

    with pytest.raises(RuntimeError, match="a failure"):
        ent.dream(model, **HOW, show=True, callback=fail)
    assert notebook.shown[-1] == {"text/html": "", "text/plain": ""}


def test_without_progress_there_is_only_the_picture(model: ent.Model, notebook: Notebook) -> None:
    ent.dream(model, **HOW, show=True, progress=False)
    assert not any("<progress" in each["text/html"] for each in notebook.shown[:-1])
    assert drawn(notebook.shown[1]["text/html"]).size == (56, 40)


def test_a_transparent_picture_is_drawn_with_its_transparency(
    model: ent.Model, notebook: Notebook
) -> None:
    ent.visualize(model, "fire2:0", canvas="alpha", size=32, steps=1, show=True)
    assert drawn(notebook.shown[1]["text/html"]).mode == "RGBA"


def test_large_pictures_are_drawn_small_and_shown_at_their_size(notebook: Notebook) -> None:
    image = torch.rand(1, 3, 900, 1200)
    assert preview(image).size == (512, 384)
    assert preview(image, torch.ones(1, 1, 900, 1200)).mode == "RGBA"


@pytest.mark.usefixtures("unchecked")
def test_show_outside_of_a_notebook_says_what_to_do(
    model: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadSetting, match="show draws in a notebook, and this is none; leave it"):
        ent.dream(model, **HOW, show=True)
    begin_notebook(monkeypatch).kernel = None  # IPython in a terminal
    with pytest.raises(BadSetting, match="show draws in a notebook"):
        ent.dream(model, **HOW, show=True)
    with pytest.raises(BadSetting, match="show is 1; it is True or False"):
        ent.dream(model, **HOW, show=1)  # type: ignore[arg-type]
