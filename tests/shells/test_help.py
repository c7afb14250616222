"""The help: complete, true, and with examples that work; `test_docs.py` is about its pages."""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

import entoptic as ent
import planning
from entoptic.canvas import canvases
from entoptic.cli.main import main
from entoptic.jobs.defaults import OTHERS
from entoptic.jobs.dreams import DreamPlan
from entoptic.jobs.methods import methods
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import SheetPlan
from entoptic.networks import Model, load
from entoptic.objectives import parse
from entoptic.transforms import presets
from shells.command import entoptic


def examples() -> set[str]:
    """All lines of the help that could be typed, without what is said of them."""
    text = "\n".join(command.epilog or "" for command in (main, *main.commands.values()))
    typed = (re.split(r"\s{2,}|\s[#>]", line.strip())[0] for line in text.splitlines())
    return {line for line in typed if re.match("entoptic [a-z]", line)}


def test_there_are_examples() -> None:
    assert len(examples()) > 25
    assert "entoptic redo sky-dream.png --seed 2" in examples()


@pytest.mark.parametrize("example", sorted(examples()))
def test_every_example_is_understood(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    if "--help" in arguments:
        return  # it ends there
    parent = main.make_context("entoptic", [name])
    context = main.commands[name].make_context(name, arguments, parent=parent)
    if context.params.get("objective") is not None:
        parse(context.params["objective"])


@pytest.mark.parametrize("name", main.commands)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(name: str, flag: str, tmp_path: Path) -> None:
    done = entoptic(name, flag, folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: entoptic {name} ")
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help
            assert max(parameter.opts, key=len) in done.out


def test_nothing_typed_shows_the_help_with_all_commands(tmp_path: Path) -> None:
    done = entoptic(folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out == entoptic("--help", folder=tmp_path).out
    for name in main.commands:
        assert f"\n  {name} " in done.out
    assert "entoptic dream sky.jpg" in done.out
    assert "130 ended by Ctrl-C" in done.out


def test_the_version_is_told(tmp_path: Path) -> None:
    done = entoptic("--version", folder=tmp_path)
    assert re.fullmatch(r"entoptic, version \d+\.\d+\.\d+\S*\n", done.out)


# What isn't in a plan's settings under its own name, or is there made into a number.
ELSEWHERE = {"model", "models", "device", "memory", "judges", "seed", "bits"}


def shown_defaults(name: str) -> dict[str, str]:
    """What the help of a command says in brackets, by the name of the parameter."""
    command = main.commands[name]
    text = " ".join(command.get_help(click.Context(command, info_name=name)).split())
    found = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            record = parameter.get_help_record(click.Context(command))
            assert record is not None
            rest = text.partition(" ".join(" ".join(record).split()))[2]
            if default := re.match(r" \[default: (.*?)\]", rest):
                found[str(parameter.name)] = default[1]
    return found


def plans(name: str, model: Model, photo: Path) -> Plan:
    """What a command would do where no option is given."""
    units = ["fire5:0"] if model.source != "efficientnet_lite0" else ["blocks.2:0"]
    match name:
        case "dream":
            return planning.plan_dream(model, photo)
        case "visualize":
            return planning.plan_visualize(model, units)
        case "compare":
            return planning.plan_compare([model], units, transforms=["none", "lucid"]).columns[0]
        case "interpolate":
            return planning.plan_interpolate(model, units * 2)
        case "diversity":
            return planning.plan_diversity(model, units[0])
        case "accentuate":
            return planning.plan_accentuate(model, photo, units)
        case _:
            made: Plan = getattr(planning, f"plan_{name}")(model, photo)
            return made


def true_defaults(plan: Plan) -> dict[str, Any]:
    """The settings of a plan of which nothing was said, as the help names them."""
    found = dict(plan.job.settings) | {"objective": plan.job.objective}
    if isinstance(plan, SheetPlan):
        method = methods[str(plan.settings.method)]
        for each in ("canvas", "transforms", "learning_rate"):
            if found[each] == getattr(method, each):
                found[each] = "the method's"
        found["batch"] = "auto" if plan.settings.batch == ROOM else plan.settings.batch
        if plan.job.recipe in ("accentuate", "caricature", "invert"):
            assert found["size"] == max(plan.size)
            found["size"] = "the photo's, at most 768"
        if isinstance(found.get("layer"), list):
            (found["layer"],) = found["layer"]
    elif isinstance(plan, DreamPlan) and found["size"] is None:
        found |= {"size": "the photo's", "batch": "auto"}
        how = plan.settings
        assert (how.transforms, how.optimizer, how.rules, how.look, how.detail) == (None,) * 5
        assert how.mix == 0
        found |= {"transforms": "the jitter", "optimizer": "normalized steps"}
        found |= {"look": "natural", "rules": "the exact gradient", "detail": "the picture's own"}
        found |= {"mix": 0}
    return found


ROOM = 7
"""As many pictures as memory is said to have room for."""


@pytest.fixture(scope="module")
def networks() -> list[Model]:
    """The usual network, another that is known, and one that isn't."""
    usual = load("squeezenet1_1")
    return [usual, load("efficientnet_lite0"), replace(usual, source="onnx:unknown.onnx")]


@pytest.mark.parametrize(
    "name",
    [
        "dream",
        "visualize",
        "compare",
        "grid",
        "groups",
        "interpolate",
        "diversity",
        "accentuate",
        "caricature",
        "invert",
    ],
)
def test_the_defaults_in_the_help_are_the_true_ones(
    name: str, networks: list[Model], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entoptic.jobs.plan_sheet.roomy_batch", lambda *_: ROOM)
    true = [true_defaults(plans(name, each, folder / "sky.png")) for each in networks]
    shown = shown_defaults(name)
    assert shown.keys() >= {"size", "steps", "seed", "precision", "device"}
    for option, words in shown.items():
        if option in ELSEWHERE or (name, option) in {
            ("compare", "transforms"),  # of which there must be several of something
            ("diversity", "reference_layer"),  # which the unit says
        }:
            continue
        values = [each[option] for each in true]
        said = re.fullmatch(r"by network; (.*) with squeezenet1_1", words)
        other = OTHERS.get(name, {}).get(option, values[0])
        differs = any(each != values[0] for each in (*values, other))
        assert (said is not None) == differs, (option, values)
        usual = said[1] if said else words
        if isinstance(values[0], int | float):
            above, _, below = usual.partition("/")
            assert float(above) / float(below or 1) == pytest.approx(values[0]), option
        else:
            assert usual == str(values[0]).removeprefix("(").removesuffix(")"), option


def test_the_other_defaults_in_the_help_are_the_true_ones() -> None:
    assert inspect.signature(ent.visualize).parameters["device"].default == "auto"
    assert inspect.signature(load).parameters["spec"].default == "squeezenet1_1"
    for name in main.commands:
        shown = shown_defaults(name)
        for option, words in (
            ("seed", "0"),
            ("device", "auto"),
            ("bits", "8"),
            ("model", "squeezenet1_1"),
            ("memory", "half of what is free"),
        ):
            if name != "redo":
                assert shown.get(option, words) == words, (name, option)
    assert shown_defaults("redo") == {"bits": "the picture's"}
    assert shown_defaults("identify")["top"] == "5"
    assert shown_defaults("gradient") == {
        "wrt": "input", "model": "squeezenet1_1", "size": "the photo's"
    }  # fmt: skip
    assert shown_defaults("spectrum") == {"size": "224"}
    # The dream of each frame has a dream's defaults, but for those that a zoom has of its own.
    dream, film, zoom = map(shown_defaults, ("dream", "film", "zoom"))
    tuned = {*OTHERS["dream"]} | {"objective"}
    assert {each: film[each] for each in tuned} == {each: dream[each] for each in tuned}
    own = {each: zoom[each] for each in tuned if zoom[each] != dream[each]}
    assert own == {"steps": "4"}
    assert zoom["center"] == "0.5,0.5"
    assert film["size"] == "the film's"
    climb = shown_defaults("visualize")
    evaluate = shown_defaults("evaluate")
    shared = climb.keys() - {"bits", "seamless"}
    assert {each: evaluate[each] for each in shared} == {each: climb[each] for each in shared}


@pytest.mark.parametrize("name", ["visualize", "compare", "redo", "grid"])
def test_the_help_names_all_that_can_be_chosen(name: str) -> None:
    for parameter in main.commands[name].params:
        assert isinstance(parameter, click.Option | click.Argument)
        known = {
            "method": methods,
            "canvas": canvases,
            "transforms": presets,
        }.get(str(parameter.name))
        if known is not None:
            assert isinstance(parameter, click.Option)
            words = re.findall(r"\w+", (parameter.help or "").partition(":")[2])
            assert {*known} <= {*words}, parameter.name  # type: ignore[misc]


def once() -> list[tuple[str, click.Option]]:
    """Every option of every command that may come once."""
    return [
        (name, each)
        for name, command in main.commands.items()
        for each in command.params
        if isinstance(each, click.Option) and not each.multiple and not each.hidden
    ]


@pytest.mark.parametrize(
    ("name", "option"), once(), ids=lambda each: str(getattr(each, "name", each))
)
def test_an_option_that_comes_twice_is_refused(
    name: str, option: click.Option, tmp_path: Path
) -> None:
    value = [] if option.is_flag else ["8"]
    given = [typed for each in (option.opts[0], option.opts[-1]) for typed in (each, *value)]
    done = entoptic(name, "a", "b", "c", *given, folder=tmp_path)
    assert done.code == 2
    assert f"{'/'.join(option.opts)} is given 2 times; give it once" in done.err


def test_several_values_of_an_option_have_commas_between_them(folder: Path) -> None:
    done = entoptic("caricature", "nothing.png", "-l", "fire2, fire3", folder=folder)
    assert "no picture 'nothing.png'" in done.err
    done = entoptic("caricature", "sky.png", "-l", "fire2", "-l", "fire3", folder=folder)
    assert "-l is given 2 times; give it once, with commas between several values" in done.err
