"""Transforms, canvases and optimizers by name: ours, and a user's own."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.optimizers import NamedRule, nadam, optimizer, optimizer_of, optimizers
from entoptic.canvas import CanvasKind, canvas, canvas_kind, canvases
from entoptic.checks import whole
from entoptic.errors import BadSetting
from entoptic.objectives import vocabulary
from entoptic.registry import Registry
from entoptic.transforms import (
    LucidMoves,
    presets,
    transform,
    transforms,
    transforms_of,
    transforms_text,
)

REGISTRIES: list[Registry[Any]] = [transforms, canvases, optimizers]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is taken out of the registries again."""
    before = [dict(each._things) for each in REGISTRIES]
    yield
    for each, things in zip(REGISTRIES, before, strict=True):
        each._things.clear()
        each._things.update(things)


# Transforms.


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("jitter(8)", (ent.Jitter(8),)),
        ("rotate(-5, 5)", (ent.Rotate((-5, 5)),)),
        ("rotate((-5, 5))", (ent.Rotate((-5, 5)),)),
        ("robust + jitter(pixels=2)", (*ent.ROBUST, ent.Jitter(2))),
        ("lucid", (LucidMoves(shared=True),)),
        ("scale(0.9, 1.1, border='constant')", (ent.Scale(0.9, 1.1, border="constant"),)),
        ("color_shift(0.1), flip", (ent.ColorShift(0.1), ent.Flip())),
        ("random_crops(4, size=(8, 9))", (ent.RandomCrops(4, size=(8, 9)),)),
        ("none", ()),
    ],
)
def test_transforms_are_read_and_written_again(text: str, meant: object) -> None:
    assert transforms_of(text) == meant
    assert transforms_of(transforms_text(transforms_of(text))) == meant


def test_transforms_are_objects_texts_or_lists_of_either() -> None:
    one = ent.Jitter(3)
    assert transforms_of(one) == (one,)
    assert transforms_of([one, "gentle", [one]]) == (one, *ent.GENTLE, one)


@pytest.mark.parametrize("name", list(presets))
def test_a_set_of_transforms_is_written_by_its_name(name: str) -> None:
    assert transforms_text(presets[name]) == name


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("jiter(8)", "no transforms named 'jiter'; did you mean 'jitter'"),
        ("robst", "no transforms named 'robst'; did you mean 'robust'"),
        ("xyzzy", "no transforms named 'xyzzy'; there are robust, gentle, .* and [0-9]+ more"),
        ("jitter(-1)", "jitter: pixels is -1; it must be a whole number of at least 0"),
        ("jitter(True)", "jitter: pixels is True; it must be a whole number"),
        ("jitter", r"jitter\(pixels\): missing a required argument: 'pixels'"),
        ("scale(2, 1)", "scale: a scale from 2 to 1; low before high"),
        ("robust(3)", "robust is a set of transforms, which takes no arguments"),
        (ent.Jitter, "transforms is <class .*Jitter'>; it must be a list of transforms, such"),
        (3, "transforms is 3; it must be a list of transforms"),
        (["jitter(1)", None], "transforms is None; it must be a list of transforms"),
    ],
)
def test_transforms_that_cannot_be_are_told(unchecked: None, given: Any, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        transforms_of(given)


def test_a_transform_of_ones_own_is_read_by_name_and_stands_in_the_job() -> None:
    @transform(by=whole(1, 9))
    @dataclass(frozen=True)
    class PushRight:
        by: int = 1

        def __call__(self, image: Tensor, rng: torch.Generator) -> Tensor:
            return image.roll(self.by, 3)

    @transform
    def upside_down(image: Tensor, rng: torch.Generator) -> Tensor:
        return image.flip(2)

    assert transforms_of("push_right(2) + upside_down") == (PushRight(2), upside_down)
    assert transforms_text((PushRight(2), upside_down)) == "push_right(2) + upside_down"
    with pytest.raises(BadSetting, match="push_right: by is 10; it must be a whole number from 1"):
        transforms_of("push_right(10)")
    model = ent.load()
    by_name = ent.visualize(model, "fire2:3", size=24, steps=2, transforms="push_right(2)")
    by_object = ent.visualize(model, "fire2:3", size=24, steps=2, transforms=[PushRight(2)])
    assert torch.equal(by_name.image, by_object.image)
    assert by_object.job.settings["transforms"] == "push_right(2)"
    other = ent.visualize(model, "fire2:3", size=24, steps=2, transforms="none")
    assert not torch.equal(by_name.image, other.image)


def test_a_transform_that_a_job_cannot_keep_is_refused() -> None:
    def shy(image: Tensor, rng: torch.Generator) -> Tensor:
        return image

    with pytest.raises(BadSetting, match="no transforms named 'shy'"):
        ent.visualize(ent.load(), "fire2:3", size=24, steps=0, transforms=shy)


@pytest.mark.parametrize("register", [transform, optimizer])
def test_a_function_without_a_name_is_not_registered(unchecked: None, register: Any) -> None:
    with pytest.raises(ValueError, match=r"registered by its name; define .* with def"):
        register(lambda *args: None)
    with pytest.raises(BadSetting, match="what is registered is 3; it must be a function or a cl"):
        register(3)


# Canvases.


class Plain(ent.Canvas):
    """Pixels around middle grey.

    Args:
        height: in pixels.
        width: in pixels.
        batch: how many images.
        seed: of nothing.
    """

    def __init__(self, height: int, width: int, *, batch: int = 1, seed: int = 0) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.full((batch, 3, height, width), 0.5))

    def forward(self) -> Tensor:
        return self.pixels.clamp(0, 1)

    def resized(self, height: int, width: int) -> Plain:
        return Plain(height, width, batch=len(self.pixels))


def test_a_canvas_is_known_by_name_by_class_and_as_a_kind() -> None:
    assert canvas_kind("fourier") is canvas_kind(ent.Fourier) is canvases["fourier"]
    assert canvas_kind(canvases["maco"]).natural
    assert canvas_kind("alpha") is canvas_kind(ent.Transparent)
    assert canvas_kind("alpha").transparent
    kind = canvas_kind(Plain)
    assert (kind.name, kind.of, kind.planes, kind.natural) == ("plain", None, None, False)


def test_a_canvas_of_ones_own_is_made_by_name() -> None:
    canvas(Plain)
    assert canvas_kind("plain") == canvas_kind(Plain) == CanvasKind("plain", Plain)
    model = ent.load()
    made = ent.visualize(model, "fire2:3", size=24, steps=2, canvas="plain")
    again = ent.visualize(model, "fire2:3", size=24, steps=2, canvas=Plain)
    assert torch.equal(made.image, again.image)
    assert again.job.settings["canvas"] == "plain"


def test_a_canvas_that_cannot_be_is_told(unchecked: None) -> None:
    with pytest.raises(BadSetting, match="no canvas named 'forier'; did you mean 'fourier'"):
        canvas_kind("forier")
    with pytest.raises(BadSetting, match="canvas is 3; it must be the name of a canvas, or a cl"):
        canvas_kind(3)  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match=r"canvas masked can't be made by \(height, width, batch"):
        canvas_kind(ent.Masked)


def test_only_canvases_that_can_begin_as_a_photo_say_so() -> None:
    able = {name for name in canvases if canvases[name].of is not None}
    assert able == {"fourier", "natural", "pixels", "laplacian", "maco", "shared"}
    image = torch.full((2, 3, 5, 7), 0.25)
    for name in able:
        of = canvases[name].of
        assert of is not None
        torch.testing.assert_close(of(image)().detach(), image, atol=3e-3, rtol=0)


# Optimizers.


def test_an_optimizer_is_read_with_its_settings_or_with_a_rate() -> None:
    assert repr(optimizer_of("adam")) == "adam()"
    assert optimizer_of("adam", 0.1) == optimizer_of("adam(0.1)") == ent.adam(0.1)
    assert optimizer_of("adam(0.1)") != ent.adam(0.2)
    assert optimizer_of("climb(norm='l2')") == ent.climb(norm="l2")
    rule = functools.partial(torch.optim.SGD, lr=0.1)
    assert optimizer_of(rule) is rule
    assert isinstance(nadam(0.5), NamedRule)


@pytest.mark.parametrize(
    ("given", "rate", "told"),
    [
        ("adm", None, "no optimizer named 'adm'; did you mean 'adam'"),
        ("adam(-1)", None, "adam: learning rate is -1; it must be above 0"),
        ("adam + climb", None, r"optimizer is 'adam [+] climb'; give one"),
        ("adam(0.1)", 0.2, "'adam\\(0.1\\)' has a rate of its own; leave the other one out"),
        (ent.adam(0.1), 0.2, "has a rate of its own"),
        (0.05, None, r"optimizer is 0.05; it must be a rule, such as adam\(0.05\), or the name"),
    ],
)
def test_an_optimizer_that_cannot_be_is_told(
    unchecked: None, given: Any, rate: float | None, told: str
) -> None:
    with pytest.raises(BadSetting, match=told):
        optimizer_of(given, rate)


def test_an_optimizer_of_ones_own_makes_the_steps() -> None:
    @optimizer
    def plain(rate: float = 1.0) -> Any:
        return functools.partial(torch.optim.SGD, lr=rate)

    # The gradient of the mean of two pixels of three channels is 1/6 in each.
    pixels = ent.Pixels(torch.full((1, 3, 1, 2), 0.25))
    model = ent.Model.wrap(nn.Sequential(nn.Identity()), preprocess=PLAIN)
    (step,) = ent.ascend(
        model, ent.mean("0"), pixels, optimizer=optimizer_of("plain(1.5)"), steps=1
    )
    assert step.scores.tolist() == [0.25]
    torch.testing.assert_close(pixels().detach(), torch.full((1, 3, 1, 2), 0.5))


PLAIN = replace(ent.load().preprocess, size=(1, 2), mean=(0.0,) * 3, std=(1.0,) * 3, scale=1)


def test_a_climb_takes_names_of_transforms_and_of_an_optimizer() -> None:
    model = ent.load()
    made = [ent.Fourier(24, 32) for _ in range(2)]
    by_name = ent.ascend(
        model, "fire2:3", made[0], transforms="jitter(3) + flip", optimizer="adam(0.1)", steps=2
    )
    as_objects = ent.ascend(
        model,
        "fire2:3",
        made[1],
        transforms=[ent.Jitter(3), ent.Flip()],
        optimizer=ent.adam(0.1),
        steps=2,
    )
    assert len(list(by_name)) == len(list(as_objects)) == 2
    assert torch.equal(made[0](), made[1]())


# What a page is told.


@pytest.mark.parametrize("registry", [vocabulary, transforms, presets, canvases, optimizers])
def test_everything_registered_has_a_sentence_and_meanings_for_its_arguments(
    registry: Registry[Any],
) -> None:
    rows = [row for row in registry.rows() if row.name not in ("loudest", "squares")]
    assert len(rows) > 2
    for row in rows:
        assert row.summary.endswith("."), row
        assert len(row.summary) <= 110, row
        named = row.signature.partition("(")[2]
        assert all(f"{each}" in named for each in row.arguments)
        words = [each.partition("=")[0].strip(" *)") for each in named.split(", ") if each]
        missing = {each for each in words if each.isidentifier()} - row.arguments.keys()
        assert not missing, (row.name, missing)
