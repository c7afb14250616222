"""Whatever is typed and whatever a file holds: a dream, or one line and nothing left."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shells.command import QUICK, entoptic, picture

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    # The folder is cleaned by `dreams_or_tells` itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PLAN_ONLY = ("--octaves", "1", "--steps", "0")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one photo."""
    folder = tmp_path_factory.mktemp("any")
    picture(1).save(folder / "sky.png")
    yield folder
    assert [each.name for each in folder.iterdir()] == ["sky.png"]


def dreams_or_tells(folder: Path, *arguments: str) -> bool:
    """Run a command and check what must hold for all; whether it dreamt."""
    before = set(folder.rglob("*"))
    done = entoptic(*arguments, folder=folder)
    new = sorted(set(folder.rglob("*")) - before)
    if done.code == 0:
        assert [folder / done.out.removesuffix("\n")] == new
        assert all(re.fullmatch("Note: .+", line) for line in done.err.splitlines())
        for each in new:
            each.unlink()
        return True
    assert done.code in (1, 2)
    assert (done.out, new) == ("", [])
    assert re.fullmatch(r"Error: [^\n]{5,700}\n", done.err), done.err
    return False


@settings(EXAMPLES, max_examples=25)
@given(
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 3), st.integers(1, 500)),
        st.tuples(st.integers(200, 500), st.integers(1, 30)),
    ),
    st.sampled_from(["", "fire2", "fire9"]),
)
def test_a_photo_of_any_size_dreams_or_is_told_to_be_too_small(
    place: Path, size: tuple[int, int], layer: str
) -> None:
    picture(1, *size).save(place / "any.png")
    try:
        dreamt = dreams_or_tells(
            place, "dream", "any.png", *QUICK, *(["--layer", layer] if layer else [])
        )
    finally:
        (place / "any.png").unlink()
    assert dreamt or min(size) < 33


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    picture(1, 9, 13).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
@EXAMPLES
@given(data=st.data())
def test_a_damaged_file_of_any_kind_is_read_or_told(
    place: Path, kind: str, data: st.DataObject
) -> None:
    whole = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(0, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(whole)) | st.just(len(whole)))
    (place / "any.bin").write_bytes(whole[:end] + data.draw(st.binary(max_size=20)))
    try:
        dreams_or_tells(place, "dream", "any.bin", "--layer", "input", *PLAN_ONLY)
        dreams_or_tells(place, "redo", "any.bin")
    finally:
        (place / "any.bin").unlink()


# Arguments of a process hold neither zero bytes nor, here, lone surrogates.
anything = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
numbers = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "nan", "-inf", "1e999", "-0", "0x1", "1_0", "+3", " 2 ", "٣", "1" * 5000]),
    anything,
)


@pytest.mark.parametrize(
    "option",
    [
        *("--octaves", "--octave-scale", "--step-size", "--strength", "--jitter", "--seed"),
        *("--size", "--every", "--bits", "--noise", "--device"),
    ],
)
@settings(EXAMPLES, max_examples=15)
@given(value=numbers)
def test_any_value_of_an_option_is_taken_or_told(place: Path, option: str, value: str) -> None:
    # Sizes that are right but large would only take long.
    if option == "--size" and value.strip().lstrip("+").isdigit() and len(value) < 6:
        value = "7"
    dreams_or_tells(place, "dream", "sky.png", "--steps", "0", f"{option}={value}")


NAMES = ("energy", "channel", "neuron", "logit", "match", "per_image", "total_variation", "lambda")
VALUES = ("fire7", "'fire7'", "'fire2'", "'input'", "'sky.png'", "'no.png'", "fire7:3", "'tabby'")
SIGNS = (*"()[]{},+-*/.:=#\\\n@~'\"流", "**", "==", "0", "1", "-1", "1e999", "1.5", "None", "True")
TOKENS = (*NAMES, *VALUES, *SIGNS)


@settings(EXAMPLES, max_examples=150)
@given(st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join) | anything)
def test_any_expression_is_climbed_or_told(place: Path, expression: str) -> None:
    dreams_or_tells(place, "dream", "sky.png", *PLAN_ONLY, f"--objective={expression}")


CALLS = st.recursive(
    st.sampled_from(
        [
            *("energy('fire7')", "fire2", "channel('fire3', 5)", "channel('fire3', 5000)"),
            *("logit('tabby')", "logit(3)", "total_variation()", "l2()", "2", "-1.5", "0"),
            *("neuron('fire3', 1)", "match('fire3', 'sky.png')", "mean('nothing')"),
        ]
    ),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from("+-*/"), part).map(" ".join).map("({})".format),
        st.lists(part, max_size=3).map(lambda parts: f"per_image([{', '.join(parts)}])"),
        part.map("-{}".format),
    ),
    max_leaves=6,
)


@settings(EXAMPLES, max_examples=80)
@given(CALLS)
def test_any_sum_of_terms_is_climbed_or_told(place: Path, expression: str) -> None:
    dreams_or_tells(place, "dream", "sky.png", "--jitter=0", *QUICK, f"--objective={expression}")


@EXAMPLES
@given(anything)
def test_any_layer_network_or_photo_is_found_or_told(place: Path, name: str) -> None:
    dreams_or_tells(place, "dream", "sky.png", *PLAN_ONLY, f"--layer={name}")
    dreams_or_tells(place, "dream", "sky.png", *PLAN_ONLY, f"--model={name}")
    dreams_or_tells(place, "dream", *PLAN_ONLY, "--", name)


@EXAMPLES
@given(anything.map(lambda name: name.replace("/", "")), st.sampled_from(["", ".png", ".jpg"]))
def test_any_output_is_written_or_told(place: Path, name: str, suffix: str) -> None:
    dreams_or_tells(place, "dream", "sky.png", *PLAN_ONLY, f"--output={name}{suffix}")
