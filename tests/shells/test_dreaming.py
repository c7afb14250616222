"""`entoptic dream`: what it makes, where it goes, and what is left alone."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from entoptic.images import png, read, read_job
from shells.command import QUICK, entoptic, picture, quick


def job(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_job(path))
    return found


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_the_result_is_beside_the_photo_and_its_name_on_stdout(folder: Path) -> None:
    done = entoptic("dream", "sky.png", *QUICK, folder=folder)
    assert (done.code, done.out, done.err) == (0, "sky-dream.png\n", "")
    assert names(folder) == {"sky.png", "sea.png", "sky-dream.png"}
    assert read(folder / "sky-dream.png").image.shape == (1, 3, 36, 48)


def test_the_result_of_a_photo_elsewhere_is_there_too(folder: Path) -> None:
    (folder / "here").mkdir()
    done = entoptic("dream", "../sky.png", *QUICK, folder=folder / "here")
    assert done.out == "../sky-dream.png\n"
    assert (folder / "sky-dream.png").is_file()


def test_a_second_dream_gets_the_next_free_name(folder: Path) -> None:
    outs = [entoptic("dream", "sky.png", *QUICK, folder=folder).out for _ in range(3)]
    assert outs == ["sky-dream.png\n", "sky-dream-2.png\n", "sky-dream-3.png\n"]
    first, second, third = ((folder / out.strip()).read_bytes() for out in outs)
    assert first == second == third


def test_force_replaces_an_earlier_result(folder: Path) -> None:
    (folder / "sky-dream.png").write_bytes(b"old")
    assert entoptic("dream", "sky.png", "--force", *QUICK, folder=folder).out == "sky-dream.png\n"
    assert read(folder / "sky-dream.png").height == 36


def test_a_named_output_that_is_there_is_left_alone_without_force(folder: Path) -> None:
    (folder / "out.png").write_bytes(b"old")
    done = entoptic("dream", "sky.png", "-o", "out.png", *QUICK, folder=folder)
    assert done.code == 1
    assert "'out.png' is there already" in done.err
    assert (folder / "out.png").read_bytes() == b"old"
    assert entoptic("dream", "sky.png", "-o", "out.png", "-f", *QUICK, folder=folder).code == 0


@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "another way to write it"])
def test_no_input_is_ever_overwritten(folder: Path, way: str) -> None:
    output = folder / "other.png"
    if way == "itself":
        output = folder / "sky.png"
    elif way == "symbolic link":
        output.symlink_to(folder / "sky.png")
    elif way == "hard link":
        os.link(folder / "sky.png", output)
    else:
        output = folder / ".." / folder.name / "sky.png"
    before = (folder / "sky.png").read_bytes()
    done = entoptic("dream", "sky.png", "-o", output, "--force", *QUICK, folder=folder)
    assert done.code == 1
    assert "is a file that is read; choose another name" in done.err
    assert (folder / "sky.png").read_bytes() == before


@pytest.mark.parametrize(
    "how", [["--guide", "sea.png"], ["--objective", "match('fire5', 'sea.png')"]]
)
def test_no_guide_is_ever_overwritten(folder: Path, how: list[str]) -> None:
    before = (folder / "sea.png").read_bytes()
    done = entoptic("dream", "sky.png", "-o", "sea.png", "-f", *how, *QUICK, folder=folder)
    assert done.code == 1
    assert "is a file that is read" in done.err
    assert (folder / "sea.png").read_bytes() == before


def test_a_result_that_would_fall_on_another_photo_gets_a_free_name(folder: Path) -> None:
    (folder / "sea.png").rename(folder / "sky-dream.png")
    before = (folder / "sky-dream.png").read_bytes()
    done = entoptic("dream", "sky.png", "sky-dream.png", "-f", *QUICK, folder=folder)
    assert done.out == "sky-dream-2.png\nsky-dream-dream.png\n"
    assert (folder / "sky-dream.png").read_bytes() == before


def test_photos_of_the_same_name_do_not_meet_in_one_folder(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "sea.png").rename(folder / "other" / "sky.png")
    done = entoptic("dream", "sky.png", "other/sky.png", "-o", "out/", *QUICK, folder=folder)
    assert done.out == "out/sky-dream.png\nout/sky-dream-2.png\n"
    made = [job(folder / "out" / name) for name in ("sky-dream.png", "sky-dream-2.png")]
    assert [each["photo"]["name"] for each in made] == ["sky.png", "other/sky.png"]


def test_several_photos_are_dreamt_like_each_alone(folder: Path) -> None:
    entoptic("dream", "sky.png", "sea.png", "-o", "both/", *QUICK, folder=folder)
    for place, name in enumerate(["sky", "sea"]):
        entoptic("dream", f"{name}.png", *QUICK, folder=folder)
        alone, among = folder / f"{name}-dream.png", folder / "both" / f"{name}-dream.png"
        assert torch.equal(read(alone).image, read(among).image)
        told = job(among)
        assert told["settings"].pop("together") == [2, place]
        assert told == job(alone)


def test_one_of_several_photos_is_made_again_alone_byte_for_byte(folder: Path) -> None:
    entoptic("dream", "sky.png", "sea.png", "--octaves=2", "--steps=2", folder=folder)
    for name in ("sky-dream", "sea-dream"):
        assert entoptic("redo", f"{name}.png", folder=folder).code == 0
        again = (folder / f"{name}-redo.png").read_bytes()
        assert again == (folder / f"{name}.png").read_bytes()


@pytest.mark.parametrize("change", [["--steps", "2"], ["--photo", "sky.png"]])
def test_what_is_changed_is_no_longer_one_of_several(folder: Path, change: list[str]) -> None:
    entoptic("dream", "sky.png", "sea.png", *QUICK, folder=folder)
    entoptic("redo", "sea-dream.png", *change, "-o", "other.png", folder=folder)
    assert "together" not in job(folder / "other.png")["settings"]


def test_a_batch_of_one_is_each_photo_by_itself(folder: Path) -> None:
    entoptic("dream", "sky.png", "sea.png", "--batch", "1", *QUICK, folder=folder)
    both = [(folder / name).read_bytes() for name in ("sky-dream.png", "sea-dream.png")]
    for name in ("sky.png", "sea.png"):
        entoptic("dream", name, "-f", *QUICK, folder=folder)
    assert [(folder / name).read_bytes() for name in ("sky-dream.png", "sea-dream.png")] == both


def test_photos_of_several_sizes_are_all_dreamt(folder: Path) -> None:
    picture(5, 48, 36).save(folder / "tall.png")
    done = entoptic("dream", "sky.png", "tall.png", "sea.png", "-o", "out/", *QUICK, folder=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out == "out/sky-dream.png\nout/sea-dream.png\nout/tall-dream.png\n"
    together = [job(Path(folder / line))["settings"].get("together") for line in done.out.split()]
    assert together == [[2, 0], [2, 1], None]


def test_every_saves_each_of_several_photos_as_it_grows(folder: Path) -> None:
    options = ["--octaves=1", "--steps=2", "--every=1"]
    assert entoptic("dream", "sky.png", "sea.png", *options, folder=folder).code == 0
    for name in ("sky", "sea"):
        entoptic("dream", f"{name}.png", *QUICK, "-o", f"one-{name}.png", folder=folder)
        frame = folder / f"{name}-dream-step1.png"
        assert torch.equal(read(frame).image, read(folder / f"one-{name}.png").image)
        assert job(frame)["stopped_after"] == 1


def test_a_photo_without_a_gradient_keeps_no_other_from_its_dream(folder: Path) -> None:
    Image.new("RGB", (48, 36)).save(folder / "black.png")
    what = ["--objective", "total_variation()"]  # which is the same in all directions from black
    done = entoptic("dream", "sky.png", "black.png", "sea.png", *what, *QUICK, folder=folder)
    assert (done.code, done.out) == (1, "sky-dream.png\n")
    assert "the gradient is zero everywhere" in done.err


@pytest.mark.parametrize(
    ("batch", "reason"),
    [("many", "batch is 'many'; it is auto, or a number"), ("0", "batch is 0")],
)
def test_a_batch_that_makes_no_sense_is_told_before_any_work(
    folder: Path, batch: str, reason: str
) -> None:
    for photos in (["sky.png"], ["sky.png", "sea.png"]):
        done = entoptic("dream", *photos, "--batch", batch, *QUICK, folder=folder)
        assert (done.code, done.out) == (2, "")
        assert reason in done.err


def test_all_photos_are_checked_before_the_first_is_dreamt(folder: Path) -> None:
    done = entoptic("dream", "sky.png", "no.png", "-o", "out/", *QUICK, folder=folder)
    assert done.code == 1
    assert "no picture 'no.png'" in done.err
    assert names(folder) == {"sky.png", "sea.png"}


def test_a_folder_is_made_with_all_above_it(folder: Path) -> None:
    done = entoptic("dream", "sky.png", "-o", "a/b/", *QUICK, folder=folder)
    assert done.out == "a/b/sky-dream.png\n"
    assert (folder / "a/b/sky-dream.png").is_file()


def test_a_folder_that_is_there_needs_no_slash(folder: Path) -> None:
    (folder / "out").mkdir()
    done = entoptic("dream", "sky.png", "-o", "out", *QUICK, folder=folder)
    assert done.out == "out/sky-dream.png\n"


def test_every_saves_the_picture_as_it_grows(folder: Path) -> None:
    options = ["--octaves", "1", "--steps", "5", "--every", "2"]
    assert entoptic("dream", "sky.png", *options, folder=folder).out == "sky-dream.png\n"
    assert names(folder) >= {"sky-dream-step2.png", "sky-dream-step4.png"}
    assert len(names(folder)) == 5
    # Shifts are drawn step by step, so that two steps of five are the same as two of two.
    entoptic("dream", "sky.png", "--octaves=1", "--steps=2", "-o", "two.png", folder=folder)
    frame, two = read(folder / "sky-dream-step2.png"), read(folder / "two.png")
    assert torch.equal(frame.image, two.image)
    assert job(folder / "sky-dream-step2.png")["stopped_after"] == 2


def test_a_frame_never_replaces_an_input(folder: Path) -> None:
    (folder / "sky.png").rename(folder / "out-step1.png")
    before = (folder / "out-step1.png").read_bytes()
    options = ["-o", "out.png", "--octaves=1", "--steps=2", "--every=1", "--force"]
    assert entoptic("dream", "out-step1.png", *options, folder=folder).code == 0
    assert (folder / "out-step1.png").read_bytes() == before
    assert job(folder / "out-step1-2.png")["stopped_after"] == 1


def test_json_is_all_that_stdout_carries(folder: Path) -> None:
    done = entoptic("dream", "sky.png", "sea.png", "--json", *QUICK, folder=folder)
    made = [json.loads(line) for line in done.out.splitlines()]
    assert [each["picture"] for each in made] == ["sky-dream.png", "sea-dream.png"]
    assert [(each["height"], each["width"], each["steps"]) for each in made] == [(36, 48, 1)] * 2
    assert made[0]["first_score"] == made[0]["last_score"] > 0
    assert made[0]["job"] == job(folder / "sky-dream.png")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--octaves", "2", 2),
        ("--octave-scale", "1.25", 1.25),
        ("--steps", "2", 2),
        ("--step-size", "0.125", 0.125),
        ("--jitter", "3", 3),
        ("--strength", "2.5", 2.5),
        ("--size", "60", 60),
    ],
)
def test_each_setting_reaches_the_job(
    folder: Path, option: str, value: str, expected: float
) -> None:
    done = entoptic("dream", "sky.png", *quick(option, value), folder=folder)
    assert done.code == 0
    settings = job(folder / "sky-dream.png")["settings"]
    assert settings[option.removeprefix("--").replace("-", "_")] == expected


def test_seed_and_device_reach_the_job(folder: Path) -> None:
    entoptic("dream", "sky.png", "--seed", "7", "--device", "cpu", *QUICK, folder=folder)
    made = job(folder / "sky-dream.png")
    assert (made["seed"], made["device"], made["model"]) == (7, "cpu", "squeezenet1_1")


def test_the_network_is_chosen_by_model(folder: Path) -> None:
    entoptic(
        "dream", "sky.png", "-m", "efficientnet_lite0", "-l", "blocks.1", *QUICK, folder=folder
    )
    made = job(folder / "sky-dream.png")
    assert (made["model"], made["objective"]) == ("efficientnet_lite0", "energy('blocks.1')")


def test_size_is_the_long_side_of_the_result(folder: Path) -> None:
    entoptic("dream", "sky.png", "--size", "60", *QUICK, folder=folder)
    assert read(folder / "sky-dream.png").image.shape == (1, 3, 45, 60)


@pytest.mark.parametrize(
    ("option", "objective"),
    [
        (["--layer", "fire5"], "energy('fire5')"),
        (["-l", "fire5/expand3x3"], "energy('fire5/expand3x3')"),
        (["--objective", "fire7:3"], "channel('fire7', 3)"),
        (["--objective", "fire7:3 "], "channel('fire7', 3)"),
        (["--objective", "logit('tabby')"], "logit('tabby', 'logits')"),
        (["--objective", "-mean('fire2') + 2"], "((-1 * mean('fire2')) + 2)"),
        (["--guide", "sea.png", "--layer", "fire5"], "match('fire5', 'sea.png')"),
        (["--guide", "sea.png"], "match('fire7', 'sea.png')"),
    ],
)
def test_the_objective_is_what_was_asked_for(
    folder: Path, option: list[str], objective: str
) -> None:
    # Classes want a picture that survives all of the network's pooling.
    done = entoptic("dream", "sky.png", "--size", "64", *option, *QUICK, folder=folder)
    assert (done.code, done.err) == (0, "")
    assert job(folder / "sky-dream.png")["objective"] == objective


def test_the_short_form_of_a_channel_is_the_same_dream(folder: Path) -> None:
    entoptic("dream", "sky.png", "--objective", "fire7:3", "-o", "short.png", *QUICK, folder=folder)
    entoptic(
        *("dream", "sky.png", "--objective", "channel('fire7', 3)", "-o", "long.png", *QUICK),
        folder=folder,
    )
    assert (folder / "short.png").read_bytes() == (folder / "long.png").read_bytes()


def test_a_guide_is_remembered_with_its_bytes(folder: Path) -> None:
    entoptic("dream", "sky.png", "--guide", "sea.png", *QUICK, folder=folder)
    sea = read(folder / "sea.png")
    assert job(folder / "sky-dream.png")["guides"] == [{"name": "sea.png", "sha256": sea.sha256}]


def test_noise_has_the_size_asked_for_and_depends_on_the_seed(folder: Path) -> None:
    for seed in ("0", "0", "1"):
        done = entoptic("dream", "--noise", "40x60", "--seed", seed, *QUICK, folder=folder)
        assert done.code == 0
    first, same, other = (
        (folder / f"noise-dream{number}.png").read_bytes() for number in ("", "-2", "-3")
    )
    assert read(folder / "noise-dream.png").image.shape == (1, 3, 40, 60)
    assert job(folder / "noise-dream.png")["photo"] is None
    assert first == same != other


def test_noise_is_scaled_to_a_size_too(folder: Path) -> None:
    done = entoptic("dream", "--noise", "40x80", "--size", "60", *QUICK, folder=folder)
    assert done.code == 0
    assert read(folder / "noise-dream.png").image.shape == (1, 3, 30, 60)


def test_notes_are_told_on_stderr_unless_quiet(folder: Path) -> None:
    few = ["dream", "sky.png", "--octaves", "4", "--octave-scale", "3", "--steps", "1"]
    told = entoptic(*few, folder=folder)
    assert told.code == 0
    assert told.err == (
        "Note: 3 octaves too small for the network are left out (1x2, 4x5, 12x16)\n"
    )
    assert entoptic(*few, "--quiet", folder=folder).err == ""
    assert json.loads(entoptic(*few, "--json", "-q", folder=folder).out)["notes"]


def test_one_octave_is_left_out_in_the_singular(folder: Path) -> None:
    done = entoptic(
        "dream", "sky.png", "--octaves=2", "--octave-scale=9", "--steps=1", folder=folder
    )
    assert done.err == "Note: 1 octave too small for the network is left out (4x5)\n"


def test_the_first_frame_of_an_animation_is_dreamt_and_that_is_said(folder: Path) -> None:
    frames = [Image.new("RGB", (48, 36), color) for color in ("red", "green", "blue")]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    done = entoptic("dream", "film.gif", "--steps", "0", "--octaves", "1", folder=folder)
    assert (done.code, done.err) == (0, "Note: first of 3 frames\n")
    assert read(folder / "film-dream.png").image[0, :, 0, 0].tolist() == [1, 0, 0]


def test_a_color_profile_is_converted_and_that_is_said(folder: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    Image.open(folder / "sky.png").save(folder / "odd.png", icc_profile=lab)
    done = entoptic("dream", "odd.png", "--steps", "0", "--octaves", "1", folder=folder)
    assert done.code == 0
    assert "profile" in done.err
    assert done.err.startswith("Note: ")


def test_transparency_is_kept(folder: Path) -> None:
    alpha = Image.linear_gradient("L").resize((48, 36))
    photo = Image.open(folder / "sky.png")
    photo.putalpha(alpha)
    photo.save(folder / "glass.png")
    entoptic("dream", "glass.png", *QUICK, folder=folder)
    with Image.open(folder / "glass-dream.png") as result:
        assert np.array_equal(np.asarray(result.getchannel("A")), np.asarray(alpha))


def test_a_photo_that_lies_on_its_side_is_dreamt_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo = Image.open(folder / "sky.png")
    photo.save(folder / "side.png", exif=exif)
    entoptic("dream", "side.png", "--steps", "0", folder=folder)
    with Image.open(folder / "side-dream.png") as result:
        assert result.size == (36, 48)
        assert np.array_equal(np.asarray(result), np.rot90(np.asarray(photo), -1))


def test_sixteen_bits_come_in_and_go_out_whole(folder: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (36, 48, 3), np.uint16)
    (folder / "deep.png").write_bytes(png.encode(samples))
    done = entoptic("dream", "deep.png", "--bits", "16", "--steps", "0", folder=folder)
    assert done.code == 0
    result = (folder / "deep-dream.png").read_bytes()
    assert struct.unpack_from(">IIB", result, 16) == (48, 36, 16)
    assert np.array_equal(png.decode_16_bit(result)[0], samples)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".PNG"])
def test_every_kind_of_picture_carries_the_job(folder: Path, suffix: str) -> None:
    entoptic("dream", "sky.png", "-o", "png.png", *QUICK, folder=folder)
    done = entoptic("dream", "sky.png", "-o", f"other{suffix}", *QUICK, folder=folder)
    assert (done.code, done.out) == (0, f"other{suffix}\n")
    assert read_job(folder / f"other{suffix}") == read_job(folder / "png.png")
    # The job makes the picture that no format has spoilt.
    again = entoptic("redo", f"other{suffix}", folder=folder)
    assert again.out == "other-redo.png\n"
    assert (folder / "other-redo.png").read_bytes() == (folder / "png.png").read_bytes()


@pytest.mark.parametrize("name", ["wörld 🌍.png", "two words.png", "-dash.png", "a'b\"c.png"])
def test_photos_may_have_any_name(folder: Path, name: str) -> None:
    (folder / "sky.png").rename(folder / name)
    done = entoptic("dream", "--json", *QUICK, "--", name, folder=folder)
    assert done.code == 0
    assert json.loads(done.out)["picture"] == name.replace(".png", "-dream.png")
    again = entoptic("redo", "--", name.replace(".png", "-dream.png"), folder=folder)
    assert again.code == 0


def test_a_name_that_is_no_text_is_printed_as_it_is_and_remembered(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (folder / "sky.png").rename(folder / name)
    done = entoptic("dream", name, *QUICK, folder=folder)
    assert (done.code, done.out) == (0, os.fsdecode(b"caf\xe9-dream.png\n"))
    assert entoptic("redo", done.out.strip(), folder=folder).code == 0


def test_no_step_gives_the_photo_itself(folder: Path) -> None:
    assert entoptic("dream", "sky.png", "--steps", "0", folder=folder).code == 0
    assert torch.equal(read(folder / "sky-dream.png").image, read(folder / "sky.png").image)


def test_a_dream_in_tiles_is_told_by_its_job_and_made_again(folder: Path) -> None:
    large = picture(3, 150, 200)
    large.save(folder / "large.png")
    done = entoptic(
        "dream", "large.png", "--layer", "fire3", "--tile", "120", *QUICK, folder=folder
    )
    assert (done.code, done.out, done.err) == (0, "large-dream.png\n", "")
    settings = job(folder / "large-dream.png")["settings"]
    assert (settings["tile"], settings["memory"]) == (120, None)
    assert entoptic("redo", "large-dream.png", folder=folder).code == 0
    again = folder / "large-dream-redo.png"
    assert again.read_bytes() == (folder / "large-dream.png").read_bytes()
    more = entoptic(
        "redo", "large-dream.png", "--memory", "64GiB", "-o", "whole.png", folder=folder
    )
    assert more.code == 0
    assert job(folder / "whole.png")["settings"]["tile"] == "auto"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--tile", "big"], "it is auto, off, or a number"),
        (["--tile", "0"], "tile is 0"),
        (["--tile", "30", "--layer", "fire7"], "tiles of 30 pixels are too small"),
        (["--memory", "lots"], "write it like 4GiB or 500MB"),
    ],
)
def test_tiles_and_memory_that_make_no_sense_are_told_before_any_work(
    folder: Path, given: list[str], reason: str
) -> None:
    done = entoptic("dream", "sky.png", *given, *QUICK, folder=folder)
    assert done.code == 2
    assert reason in done.err
