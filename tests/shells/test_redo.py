"""`entoptic redo`: the same picture again, and the same picture with changes."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entoptic.images import png, read, read_job
from shells.command import QUICK, entoptic, picture, quick


def job(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_job(path))
    return found


@pytest.fixture
def dreamt(folder: Path) -> Path:
    """The folder with sky-dream.png, made from sky.png."""
    assert entoptic("dream", "sky.png", *QUICK, folder=folder).code == 0
    return folder


def test_redo_makes_the_same_bytes(dreamt: Path) -> None:
    done = entoptic("redo", "sky-dream.png", "--quiet", folder=dreamt)
    assert (done.code, done.out, done.err) == (0, "sky-dream-redo.png\n", "")
    assert (dreamt / "sky-dream-redo.png").read_bytes() == (dreamt / "sky-dream.png").read_bytes()


def test_a_job_is_told_before_it_runs(dreamt: Path) -> None:
    done = entoptic("redo", "sky-dream.png", "--steps", "3", "--layer", "fire3", folder=dreamt)
    assert done.err == (
        "Job: dream with squeezenet1_1: energy('fire3')\n"
        "Reads: sky.png\n"
        "Makes: 36x48 (height x width) in 3 steps on cpu, 0.00518 megapixels in all\n"
    )


def test_a_redone_picture_can_be_redone(dreamt: Path) -> None:
    entoptic("redo", "sky-dream.png", folder=dreamt)
    entoptic("redo", "sky-dream-redo.png", folder=dreamt)
    again = dreamt / "sky-dream-redo-redo.png"
    assert again.read_bytes() == (dreamt / "sky-dream.png").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        ["--octaves", "2"],
        ["--octaves", "2", "--octave-scale", "1.2"],
        ["--steps", "2"],
        ["--step-size", "0.1"],
        ["--jitter", "0"],
        ["--strength", "3"],
        ["--size", "64"],
        ["--seed", "5"],
        ["--layer", "fire3"],
        ["--objective", "energy('fire4')"],
        ["--guide", "sea.png"],
        ["--photo", "sea.png"],
        ["--model", "efficientnet_lite0", "--layer", "blocks.1"],
    ],
)
def test_a_change_gives_what_dreaming_so_would_have_given(dreamt: Path, changes: list[str]) -> None:
    done = entoptic("redo", "sky-dream.png", *changes, "-q", "-o", "changed.png", folder=dreamt)
    assert (done.code, done.err) == (0, "")
    photo = "sea.png" if "--photo" in changes else "sky.png"
    options = [each for each in changes if each not in ("--photo", photo)]
    fresh = entoptic("dream", photo, *quick(*options), "-o", "fresh.png", folder=dreamt)
    assert fresh.code == 0
    if "--model" in changes:  # what isn't said is the other network's, and here the old job's
        assert job(dreamt / "changed.png")["objective"] == job(dreamt / "fresh.png")["objective"]
        return
    assert (dreamt / "changed.png").read_bytes() == (dreamt / "fresh.png").read_bytes()
    assert (dreamt / "changed.png").read_bytes() != (dreamt / "sky-dream.png").read_bytes()


def test_the_device_can_be_changed(dreamt: Path) -> None:
    assert entoptic("redo", "sky-dream.png", "--device", "cpu", folder=dreamt).code == 0
    assert (dreamt / "sky-dream-redo.png").read_bytes() == (dreamt / "sky-dream.png").read_bytes()


def test_noise_is_made_again(folder: Path) -> None:
    entoptic("dream", "--noise", "36x48", "--seed", "3", *QUICK, folder=folder)
    assert entoptic("redo", "noise-dream.png", folder=folder).code == 0
    again = folder / "noise-dream-redo.png"
    assert again.read_bytes() == (folder / "noise-dream.png").read_bytes()


def test_all_that_redo_writes_is_as_dream_would(dreamt: Path) -> None:
    options = ["--bits=16", "--every=1", "--steps=3", "--json", "-o", "out/"]
    done = entoptic("redo", "sky-dream.png", *options, folder=dreamt)
    assert json.loads(done.out)["picture"] == "out/sky-dream-redo.png"
    made = sorted(each.name for each in (dreamt / "out").iterdir())
    steps = [f"sky-dream-redo-step{number}.png" for number in (1, 2)]
    assert made == [*steps, "sky-dream-redo.png"]
    assert png.header((dreamt / "out" / made[-1]).read_bytes()).depth == 16


def test_the_photo_is_found_from_another_folder(dreamt: Path) -> None:
    (dreamt / "elsewhere").mkdir()
    done = entoptic("redo", "../sky-dream.png", folder=dreamt / "elsewhere")
    assert (done.code, done.out) == (0, "../sky-dream-redo.png\n")
    assert (dreamt / "sky-dream-redo.png").read_bytes() == (dreamt / "sky-dream.png").read_bytes()


def test_the_photo_is_found_where_both_have_moved(dreamt: Path) -> None:
    moved = dreamt / "moved"
    moved.mkdir()
    for name in ("sky.png", "sky-dream.png"):
        shutil.move(dreamt / name, moved / name)
    assert entoptic("redo", "moved/sky-dream.png", folder=dreamt).code == 0


def test_a_photo_that_has_moved_is_asked_for(dreamt: Path) -> None:
    (dreamt / "far").mkdir()
    shutil.move(dreamt / "sky.png", dreamt / "far" / "clouds.png")
    done = entoptic("redo", "sky-dream.png", folder=dreamt)
    assert done.code == 1
    assert "isn't here; say where it is with --photo FILE" in done.err
    again = entoptic("redo", "sky-dream.png", "--photo", "far/clouds.png", folder=dreamt)
    assert again.code == 0
    assert (dreamt / "sky-dream-redo.png").read_bytes() == (dreamt / "sky-dream.png").read_bytes()


def test_a_photo_is_found_in_a_folder_that_the_user_names(dreamt: Path) -> None:
    (dreamt / "far" / "photos").mkdir(parents=True)
    shutil.move(dreamt / "sky.png", dreamt / "far" / "photos" / "sky.png")
    assert entoptic("redo", "sky-dream.png", "--look-in", "far", folder=dreamt).code == 1
    done = entoptic("redo", "sky-dream.png", "--look-in", "far/photos", folder=dreamt)
    assert done.code == 0
    assert (dreamt / "sky-dream-redo.png").read_bytes() == (dreamt / "sky-dream.png").read_bytes()


@pytest.mark.parametrize("name", ["../secrets/sky.png", "{folder}/secrets/sky.png"])
def test_a_photo_elsewhere_is_not_opened_though_the_job_says_where(dreamt: Path, name: str) -> None:
    here = dreamt / "here"
    for folder in ("here", "secrets"):
        (dreamt / folder).mkdir()
    shutil.move(dreamt / "sky.png", dreamt / "secrets" / "sky.png")
    shutil.move(dreamt / "sky-dream.png", here / "sky-dream.png")
    named = name.format(folder=dreamt)
    with_job(here / "sky-dream.png", lambda job: job["photo"].update(name=named))
    done = entoptic("redo", "sky-dream.png", folder=here)
    assert done.code == 1
    assert "isn't here; say where it is with --photo FILE" in done.err
    assert entoptic("redo", "sky-dream.png", "--photo", named, folder=here).code == 0


EVIL = "import pathlib\n\npathlib.Path('broken-into').touch()\n"

UNTRUSTED = {
    "python:evil:network": "runs code",
    "onnx:net.onnx": "is in a file",
    "export:sky-dream.png": "a picture that is its own network is not to be trusted",
    "squeezenet1_1?weights=net.pth": "has the option 'weights', which may be a file",
    "torchvision:resnet18?weights=net.pth": "has the option 'weights', which may be a file",
    "ensemble:a=squeezenet1_1,b=python:evil:network": "b: the network 'python:evil:network' runs",
    "python": "give it in Python: entoptic.redo(PICTURE, model=...)",
}


@pytest.mark.parametrize("model", UNTRUSTED)
def test_a_job_loads_no_code_and_no_file(dreamt: Path, model: str) -> None:
    (dreamt / "evil.py").write_text(EVIL)
    with_job(dreamt / "sky-dream.png", lambda job: job.update(model=model))
    done = entoptic("redo", "sky-dream.png", folder=dreamt)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert UNTRUSTED[model] in done.err
    assert not (dreamt / "broken-into").exists()


def test_a_network_in_a_file_is_loaded_where_the_user_types_it_again(dreamt: Path) -> None:
    """What the refusal says to type makes the same picture."""
    (dreamt / "nets.py").write_text(
        "import entoptic as ent\n\ndef mine():\n    return ent.load()\n"
    )
    options = [*QUICK, "--model", "python:nets:mine", "--layer", "fire3", "-o", "mine.png"]
    assert entoptic("dream", "sky.png", *options, folder=dreamt).code == 0
    told = entoptic("redo", "mine.png", folder=dreamt).err
    command = shlex.split(told.partition("type: entoptic ")[2])
    assert command == ["redo", "mine.png", "--model", "python:nets:mine"]
    assert entoptic(*command, folder=dreamt).code == 0
    assert (dreamt / "mine-redo.png").read_bytes() == (dreamt / "mine.png").read_bytes()


def test_a_command_that_a_stranger_wrote_is_quoted(dreamt: Path) -> None:
    with_job(dreamt / "sky-dream.png", lambda job: job.update(model="onnx:a; rm -r ~ '\" $(id)"))
    told = entoptic("redo", "sky-dream.png", folder=dreamt).err
    assert shlex.split(told.partition("type: ")[2])[-1] == "onnx:a; rm -r ~ '\" $(id)"
    with_job(dreamt / "sky-dream.png", lambda job: job.update(model="onnx:a;'" + 200 * "rm '"))
    told = entoptic("redo", "sky-dream.png", folder=dreamt).err
    assert "type: " not in told
    assert "name the network yourself, with --model" in told


def test_even_the_user_does_not_take_the_picture_for_a_network(dreamt: Path) -> None:
    done = entoptic("redo", "sky-dream.png", "--model", "onnx:sky-dream.png", folder=dreamt)
    assert done.code == 1
    assert "the network 'onnx:sky-dream.png' is the picture 'sky-dream.png' itself" in done.err


def test_a_photo_that_has_changed_is_noticed(dreamt: Path) -> None:
    shutil.copy(dreamt / "sea.png", dreamt / "sky.png")
    done = entoptic("redo", "sky-dream.png", folder=dreamt)
    assert done.code == 1
    assert "'sky.png' has changed since 'sky-dream.png' was made from it" in done.err
    assert not (dreamt / "sky-dream-redo.png").exists()


def test_a_guide_is_found_from_another_folder(folder: Path) -> None:
    entoptic("dream", "sky.png", "--guide", "sea.png", *QUICK, folder=folder)
    (folder / "elsewhere").mkdir()
    done = entoptic("redo", "../sky-dream.png", "-q", folder=folder / "elsewhere")
    assert (done.code, done.err) == (0, "")
    assert (folder / "sky-dream-redo.png").read_bytes() == (folder / "sky-dream.png").read_bytes()


def test_a_guide_that_has_changed_is_noticed(folder: Path) -> None:
    entoptic("dream", "sky.png", "--guide", "sea.png", *QUICK, folder=folder)
    picture(9).save(folder / "sea.png")
    done = entoptic("redo", "sky-dream.png", folder=folder)
    assert done.code == 1
    assert "the guide 'sea.png' has changed since 'sky-dream.png' was made from it" in done.err
    assert entoptic("redo", "sky-dream.png", "--guide", "sea.png", folder=folder).code == 0


def test_another_guide_works_at_the_layer_of_the_first(folder: Path) -> None:
    picture(9).save(folder / "hill.png")
    entoptic("dream", "sky.png", "--guide", "sea.png", "--layer", "fire3", *QUICK, folder=folder)
    entoptic("redo", "sky-dream.png", "--guide", "hill.png", folder=folder)
    assert job(folder / "sky-dream-redo.png")["objective"] == "match('fire3', 'hill.png')"


@pytest.mark.parametrize("name", ["sky.png", "sky-dream.png"])
def test_redo_never_replaces_what_it_reads(dreamt: Path, name: str) -> None:
    before = (dreamt / name).read_bytes()
    done = entoptic("redo", "sky-dream.png", "-o", name, "--force", folder=dreamt)
    assert done.code == 1
    assert "is a file that is read" in done.err
    assert (dreamt / name).read_bytes() == before


def with_job(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a picture whose job has been tampered with."""
    tampered = job(path)
    change(tampered)
    samples = (read(path).image[0].permute(1, 2, 0).numpy() * 255).astype("uint8")
    path.write_bytes(png.encode(samples, json.dumps(tampered)))


TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a setting that is an argument": (lambda j: j["settings"].update(seed=1), "damaged"),
    "a setting that isn't one": (lambda j: j["settings"].update(rm="-rf"), "damaged"),
    "a setting that is no number": (lambda j: j["settings"].update(steps="many"), "damaged"),
    "a setting that isn't finite": (
        lambda j: j["settings"].update(step_size=float("inf")),
        "damaged",
    ),
    "a setting that is a list": (lambda j: j["settings"].update(norm=[1]), "damaged"),
    "noise and a photo": (lambda j: j["settings"].update(noise=[5]), "damaged"),
    "a network that isn't one": (lambda j: j.update(model="rm -rf"), "no model named"),
    "an objective that is code": (
        lambda j: j.update(objective="__import__('os').system('rm')"),
        "isn't understood",
    ),
    "a device that computes nothing": (lambda j: j.update(device="meta"), "no device is called"),
    "a seed too large": (lambda j: j.update(seed=10**40), "seed is"),
    "a seed that is text": (lambda j: j.update(seed="1"), "damaged"),
    "settings that are none": (lambda j: j.update(settings=None), "damaged"),
    "another recipe": (lambda j: j.update(recipe="sculpture"), "this entoptic doesn't know"),
    "a later format": (lambda j: j.update(entoptic=99), "newer entoptic"),
    "no format": (lambda j: j.pop("entoptic"), "isn't a job of entoptic"),
    "a photo that is a device": (
        lambda j: j.update(photo={"name": "/dev/zero", "sha256": None}),
        "isn't here",
    ),
    "a photo whose name is too long": (
        lambda j: j.update(photo={"name": "x" * 5000, "sha256": None}),
        "isn't here",
    ),
    "a photo whose name is cut": (
        lambda j: j.update(photo={"name": "a\0b", "sha256": None}),
        "isn't here",
    ),
    "a photo without a name": (
        lambda j: j.update(photo={"name": None, "sha256": None}),
        "given in Python",
    ),
    "a photo that is a number": (lambda j: j.update(photo=3), "damaged"),
    "a recipe as long as a book": (lambda j: j.update(recipe="x" * 100_000), "doesn't know"),
    "a recipe that paints the terminal": (lambda j: j.update(recipe="\x1b[31m\n"), "doesn't know"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_job_that_was_tampered_with_is_refused_in_one_line(dreamt: Path, name: str) -> None:
    change, message = TAMPERED[name]
    with_job(dreamt / "sky-dream.png", change)
    before = sorted(dreamt.iterdir())
    done = entoptic("redo", "sky-dream.png", folder=dreamt)
    assert done.code in (1, 2)
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert done.err.startswith("Error: ")
    assert len(done.err) < 700
    assert message in done.err
    assert "\x1b" not in done.err
    assert sorted(dreamt.iterdir()) == before


def test_settings_that_an_older_entoptic_did_not_know_have_their_defaults(dreamt: Path) -> None:
    with_job(dreamt / "sky-dream.png", lambda j: j["settings"].pop("norm"))
    assert entoptic("redo", "sky-dream.png", folder=dreamt).code == 0
    assert job(dreamt / "sky-dream-redo.png")["settings"]["norm"] == "mean_abs"


def test_the_help_shows_the_options_of_the_recipe_that_made_the_picture(folder: Path) -> None:
    made = entoptic(
        "visualize", "fire2:3", "--size", "32x48", "--steps", "0", "-o", "a.png", folder=folder
    )
    assert made.code == 0
    of_units = entoptic("redo", "a.png", "--help", folder=folder).out
    assert "--method M" in of_units
    assert "--octaves" not in of_units
    assert entoptic("dream", "sky.png", "--steps", "0", "-o", "b.png", folder=folder).code == 0
    of_dream = entoptic("redo", "b.png", "--help", folder=folder).out
    assert "--octaves N" in of_dream
    assert "a layer whose energy, the mean square" in " ".join(of_dream.split())
    assert "--method" not in of_dream
    of_none = entoptic("redo", "--help", folder=folder).out
    assert "--seed N" in of_none
    assert "--octaves" not in of_none


def test_what_another_recipe_has_is_refused_with_what_this_one_has(folder: Path) -> None:
    assert entoptic("dream", "sky.png", "--steps", "0", "-o", "b.png", folder=folder).code == 0
    done = entoptic("redo", "b.png", "--method", "lucid", folder=folder)
    assert done.code == 2
    assert "dream has no setting 'method'; it has " in done.err
