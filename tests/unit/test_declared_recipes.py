"""What follows from the declaration of a recipe: signatures, docstrings, defaults, order."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting
from entoptic.jobs.functions import default_of
from entoptic.jobs.recipe import settings
from entoptic.recipes import recipes
from entoptic.recipes.dream import Dream

FUNCTIONS = {recipes[name].function: recipes[name] for name in recipes}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_every_setting_of_its_recipe_and_nothing_open(name: str) -> None:
    parameters = inspect.signature(getattr(ent, name)).parameters
    declared = settings(FUNCTIONS[name])
    shown = {each for each, setting in declared.items() if not setting.hidden}
    assert shown == parameters.keys() - {"callback", "progress", "show"}
    kinds = {each.kind for each in parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    for each, parameter in parameters.items():
        assert f"\n    {each}: " in (getattr(ent, name).__doc__ or "")
        assert parameter.annotation is not inspect.Parameter.empty


def test_no_public_function_takes_open_settings() -> None:
    open_ones = {
        name
        for name in dir(ent)
        if inspect.isfunction(getattr(ent, name))
        for each in inspect.signature(getattr(ent, name)).parameters.values()
        if each.kind is each.VAR_KEYWORD
        and name not in ("ensemble", "transform", "optimizer", "shaping")
    }
    # The settings of what they make again, and of `visualize`.
    assert open_ones == {"redo", "run", "catalog"}


def test_the_signature_of_a_dream_names_its_types_and_defaults() -> None:
    signature = inspect.signature(ent.dream)
    assert list(signature.parameters)[:3] == ["model", "photo", "objective"]
    assert signature.parameters["octave_scale"].default == 1.4
    assert signature.parameters["octave_scale"].annotation == "float"
    assert signature.parameters["octaves"].annotation == "int | None"
    assert signature.return_annotation == "Result"
    assert signature.parameters["steps"].kind is inspect.Parameter.KEYWORD_ONLY


def test_defaults_are_told_as_they_are() -> None:
    assert default_of(Dream, "octaves") == "by network; 5 with squeezenet1_1"
    assert default_of(Dream, "step_size") == "by network; 1.3/255 with squeezenet1_1"
    assert default_of(Dream, "jitter") == "32"
    assert default_of(Dream, "size") == "the photo's"
    assert default_of(recipes["visualize"], "method") == "by network; natural with squeezenet1_1"
    assert default_of(recipes["grid"], "steps") == "80"
    assert default_of(recipes["grid"], "weighted") is None


def test_an_old_name_of_a_setting_is_the_new_one_and_says_so() -> None:
    with pytest.warns(DeprecationWarning, match=r"accentuate\(strength=...\) is called weight now"):
        made = ent.accentuate(
            ent.load(), _gray(), "fire2:3", strength=2.0, size=32, steps=0,  # type: ignore[call-arg]
        )  # fmt: skip
    assert made.job.settings["weight"] == 2.0


def _gray() -> torch.Tensor:
    return torch.full((1, 3, 32, 40), 0.5)


def test_a_unit_that_is_left_out_is_told_with_what_comes_first() -> None:
    told = r"visualize\(\) is given no units; it takes model, units"
    with pytest.raises(TypeError, match=told):
        ent.visualize("fire7:3")  # a unit where the model should be
    with pytest.raises(
        TypeError, match=r"accentuate\(\) is given no units; .* model, photo, units"
    ):
        ent.accentuate(ent.load(), _gray())


def test_a_setting_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(BadSetting, match=r"dream has no setting 'octave'; it has model, photo, .*"):
        ent.dream("squeezenet1_1", noise=(32, 32), octave=2)  # type: ignore[call-arg]


@pytest.mark.usefixtures("unchecked")
def test_a_recipe_checks_what_it_is_given_when_it_is_made() -> None:
    with pytest.raises(BadSetting, match="octaves is 0; it must be a whole number from 1 to 100"):
        Dream("squeezenet1_1", octaves=0)
    with pytest.raises(BadSetting, match="size is '12x'; it wants a number, or HEIGHTxWIDTH"):
        Dream("squeezenet1_1", size="12x")  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match=r"noise is 40; it wants \(height, width\)"):
        Dream("squeezenet1_1", noise=40)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", recipes)
def test_each_recipe_has_a_file_of_its_name_and_a_first_sentence_that_fits_the_help(
    name: str,
) -> None:
    recipe = recipes[name]
    file = Path(inspect.getfile(recipe))
    assert file.stem == name
    first = inspect.cleandoc(recipe.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) < 70


def test_declarations_import_no_torch() -> None:
    import subprocess
    import sys

    code = "import entoptic.recipes, entoptic.cli.main, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
