"""Jobs as text: what is written reads back, and damage is told as damage."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

import entoptic as ent
from entoptic.errors import NoJob
from entoptic.images import read_job
from entoptic.jobs.job import FORMAT, Job, Result, Source

JOB = Job(
    recipe="dream",
    model="squeezenet1_1",
    objective="energy('fire7')",
    settings={"octaves": 4, "octave_scale": 1.4, "norm": "mean_abs", "size": None, "noise": [3, 4]},
    photo=Source("Füße/日本.png", "ab" * 32),
    guides=(Source(None, None), Source("guide.png", "cd" * 32)),
    seed=2**63 - 1,
    device="cuda:1",
    stopped_after=17,
    made_with={"entoptic": "0.1.0", "torch": "2.6"},
)

PLAIN = st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
SOURCES = st.tuples(st.none() | st.text(), st.none() | st.text())
JOBS = st.fixed_dictionaries(
    {
        "recipe": st.text(),
        "model": st.text(),
        "objective": st.text(),
        "settings": st.dictionaries(st.text(), PLAIN | st.lists(PLAIN)),
        "photo": st.none() | SOURCES,
        "guides": st.lists(SOURCES, max_size=3),
        "seed": st.integers(),
        "device": st.text(),
        "stopped_after": st.none() | st.integers(0),
        "made_with": st.dictionaries(st.text(), st.text()),
    }
)


def made(parts: dict[str, Any]) -> Job:
    photo = None if parts["photo"] is None else Source(*parts["photo"])
    return Job(**parts | {"photo": photo, "guides": tuple(Source(*g) for g in parts["guides"])})


def test_a_job_comes_back_from_its_text() -> None:
    assert Job.from_json(JOB.to_json()) == JOB


@given(JOBS)
def test_any_job_comes_back_from_its_text(parts: dict[str, Any]) -> None:
    assert Job.from_json(made(parts).to_json()) == made(parts)


def test_the_text_is_json_that_says_its_format() -> None:
    raw = json.loads(JOB.to_json())
    assert raw["entoptic"] == FORMAT == 1
    assert raw["photo"]["name"] == "Füße/日本.png"


def test_a_file_name_that_is_not_utf_8_is_carried() -> None:
    name = b"f\xfcr dich.png".decode(errors="surrogateescape")
    job = Job("dream", "m", "o", {}, Source(name, None))
    job.to_json().encode()
    assert Job.from_json(job.to_json()) == job


RAW = json.loads(JOB.to_json())


def changed(**changes: Any) -> str:
    return json.dumps(RAW | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in RAW.items() if key != name})


DAMAGED = {
    "no text": ("", "the job in the picture is damaged; it can't be made again"),
    "half of the text": (JOB.to_json()[:-9], "is damaged; it can't be made again"),
    "deep nesting": ("[" * 100_000, "is damaged; it can't be made again"),
    "a huge number": ("9" * 5000, "is damaged; it can't be made again"),
    "a list": ("[1]", "something that isn't a job of entoptic"),
    "another program's": ('{"prompt": "a cat"}', "something that isn't a job of entoptic"),
    "a format that is text": (changed(entoptic="1"), "something that isn't a job of entoptic"),
    "a format that is true": (changed(entoptic=True), "something that isn't a job of entoptic"),
    "a newer format": (changed(entoptic=2), "made by a newer entoptic; update it to make it again"),
    "no recipe": (without("recipe"), "the job in the picture is damaged: 'recipe' is None"),
    "no seed": (without("seed"), "damaged: 'seed' is None"),
    "a seed that is true": (changed(seed=True), "damaged: 'seed' is True"),
    "a seed that is broken": (changed(seed=1.5), "damaged: 'seed' is 1.5"),
    "settings in a list": (changed(settings=[1, 2]), r"damaged: 'settings' is \[1, 2\]"),
    "a photo that is text": (changed(photo="a.png"), "damaged: 'photo' is 'a.png'"),
    "a photo with a number": (changed(photo={"name": 3}), "a picture's name isn't text"),
    "a guide that is text": (changed(guides=["a.png"]), "a picture's name is missing"),
    "steps below zero": (changed(stopped_after=-1), "damaged: 'stopped_after' is -1"),
    "versions that are numbers": (changed(made_with={"torch": 2}), "damaged: 'made_with' is"),
    "a very long value": (changed(device=["x"] * 9999), r"damaged: 'device' is \['x', .*\.\.\.$"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_told_on_one_line(case: str) -> None:
    text, told = DAMAGED[case]
    with pytest.raises(NoJob, match=told) as caught:
        Job.from_json(text)
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*RAW, "name"]), JSON, max_size=3))
def test_changed_values_make_a_job_or_are_told(changes: dict[str, Any]) -> None:
    with contextlib.suppress(NoJob):
        assert isinstance(Job.from_json(changed(**changes)), Job)


@given(st.text() | st.integers(0, len(JOB.to_json()) - 2).map(lambda n: JOB.to_json()[:n] + "}"))
def test_any_text_makes_a_job_or_is_told(text: str) -> None:
    with contextlib.suppress(NoJob):
        assert isinstance(Job.from_json(text), Job)


def test_a_result_is_saved_with_its_job(tmp_path: Path) -> None:
    image = torch.rand((1, 3, 5, 7), generator=torch.Generator().manual_seed(1))
    path = Result(image, JOB).save(tmp_path / "picture.png", bits=16)
    assert Job.from_json(read_job(path)) == JOB
    torch.testing.assert_close(ent.read(path).image, image, atol=1e-5, rtol=0)


def test_a_result_is_one_line_without_its_numbers() -> None:
    image = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    alone = "<Result of dream: one picture of 4x6; .image is the tensor>"
    assert repr(Result(image, JOB)) == alone
    several = Result(image, JOB, images=image[..., :5].repeat(3, 1, 1, 1))
    assert repr(several).startswith("<Result of dream: 3 pictures of 4x5; ")


def test_a_result_shows_itself_as_png() -> None:
    assert Result(torch.zeros(1, 3, 2, 3), JOB)._repr_png_().startswith(b"\x89PNG\r\n")
