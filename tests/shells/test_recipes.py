"""The commands of the recipes that climb, end to end and when used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import entoptic as ent
from entoptic.images import read, read_job
from shells.command import entoptic

TINY = ("--size", "48", "--steps", "1")
CAT = {
    "caricature": ("caricature", "cat.png"),
    "invert": ("invert", "cat.png"),
    "accentuate": ("accentuate", "cat.png", "fire3:5"),
    "interpolate": ("interpolate", "fire3:5", "fire3:6"),
    "diversity": ("diversity", "fire3:5"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small = torch.rand((1, 3, 3, 4), generator=torch.Generator().manual_seed(1))
    ent.write(tmp_path / "cat.png", ent.resize(small, 36, 48).clamp(0, 1))
    return tmp_path


@pytest.mark.parametrize("name", CAT)
def test_a_picture_is_named_for_what_it_shows_and_is_made_again_byte_for_byte(
    name: str, folder: Path
) -> None:
    done = entoptic(*CAT[name], *TINY, folder=folder)
    stem = "cat" if "cat.png" in CAT[name] else "fire3-5"
    assert (done.code, done.out) == (0, f"{stem}-{name}.png\n")
    again = entoptic("redo", f"{stem}-{name}.png", "-o", "b.png", folder=folder)
    assert again.code == 0
    assert (folder / f"{stem}-{name}.png").read_bytes() == (folder / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("accentuate", {"units": None}, "a unit is None; it must be a text"),
        ("accentuate", {"units": [["fire3:5"]]}, "a unit is .'fire3:5'.; it must be a text"),
        ("accentuate", {"units": ["__import__('os')"]}, "no objective named '__import__'"),
        ("accentuate", {"reference_layer": {}}, "reference layer is {}; it must be the name of a"),
        ("accentuate", {"transparency": "yes"}, "transparency is 'yes'; it is True or False"),
        (
            "caricature",
            {"layer": {"fire3": 1}},
            "layer is {'fire3': 1}; it must be a layer's name, or a list of them",
        ),
        ("caricature", {"cosine_power": True}, "cosine power is True"),
        ("caricature", {"seed": 1}, "damaged: a caricature has no setting 'seed'"),
        ("diversity", {"unit": 3}, "a unit is 3; it must be a text"),
        ("diversity", {"pictures": 10**9}, "from 2 to 64"),
        ("interpolate", {"first": ["fire3:5"]}, "must be one unit, such as fire7:3"),
        ("interpolate", {"units": "fire3:5"}, "damaged: a interpolate has no setting 'units'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_job_that_was_tampered_with_is_refused_in_one_line(
    name: str, change: dict[str, Any], told: str, folder: Path
) -> None:
    assert entoptic(*CAT[name], *TINY, "-o", "a.png", folder=folder).code == 0
    job = json.loads(read_job(folder / "a.png"))
    job["settings"] |= change
    ent.write(folder / "b.png", read(folder / "a.png").image, job=json.dumps(job))
    result = entoptic("redo", "b.png", folder=folder)
    assert result.code in (1, 2)
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err


def test_a_job_without_its_unit_is_refused(folder: Path) -> None:
    assert entoptic(*CAT["accentuate"], *TINY, "-o", "a.png", folder=folder).code == 0
    job = json.loads(read_job(folder / "a.png"))
    del job["settings"]["units"]
    ent.write(folder / "b.png", read(folder / "a.png").image, job=json.dumps(job))
    assert "damaged: it names no unit" in entoptic("redo", "b.png", folder=folder).err


def test_all_options_arrive(folder: Path) -> None:
    made = entoptic(
        "accentuate", "cat.png", "fire3:5", "fire3:6", "-m", "squeezenet1_1",
        "--reference-layer", "fire2", "--weight", "3", "--transparency",
        *TINY, "-o", "a.png", "--json", folder=folder,
    )  # fmt: skip
    settings = json.loads(made.out)["job"]["settings"]
    assert settings["units"] == ["channel('fire3', 5)", "channel('fire3', 6)"]
    assert (settings["weight"], settings["reference_layer"]) == (3.0, "fire2")
    assert read(folder / "a.png").alpha is not None
    made = entoptic(
        "caricature", "cat.png", "-l", "fire3, fire2", "--cosine-power", "2", *TINY,
        "--json", folder=folder,
    )  # fmt: skip
    settings = json.loads(made.out)["job"]["settings"]
    assert (settings["layer"], settings["cosine_power"]) == (["fire2", "fire3"], 2.0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("caricature", "Missing argument"),
        ("caricature none.png", "none.png"),
        ("caricature cat.png -l fire99", "no layer named 'fire99'"),
        ("caricature cat.png -l fire3,fire3", "twice; give each once"),
        ("caricature cat.png -l fire3 -l fire5", "give it once, with commas between several"),
        ("caricature cat.png --cosine-power -1", "cosine power is -1"),
        ("caricature cat.png -m squeezenet2", "no model named 'squeezenet2'"),
        ("invert cat.png --smoothness nan", "smoothness is nan"),
        ("invert cat.png -o cat.png", "is a file that is read|is there already"),
        ("accentuate cat.png", "Missing argument"),
        ("accentuate cat.png fire3", "isn't understood|is no number and no objective"),
        ("accentuate cat.png fire3:999", "channel 999 of 'fire3' does not exist"),
        ("accentuate cat.png fire3:1 --canvas cppn", "can't begin as a photo"),
        ("accentuate cat.png fire3:1 --weight -2", "weight is -2"),
        ("interpolate fire3:1", "Missing argument"),
        ("interpolate fire3:1 fire3:2-5", "stands for 4 units; name one"),
        ("interpolate fire3:1 fire3:2 --pictures 1", "from 2 to 64"),
        ("diversity fire3:1 --pictures 65", "from 2 to 64"),
        ("diversity fire3:1 --weight inf", "weight is inf"),
        ("diversity fire3:1 --reference-layer fire99", "no layer named 'fire99'"),
    ],
)
def test_what_is_wrong_is_told_on_one_line_and_nothing_is_left(
    arguments: str, told: str, folder: Path
) -> None:
    result = entoptic(*arguments.split(), folder=folder)
    assert result.code == (1 if "none.png" in arguments or "-o cat.png" in arguments else 2)
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert re.search(told, result.err), result.err
    assert [each.name for each in folder.iterdir()] == ["cat.png"]
