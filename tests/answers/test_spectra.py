"""Spectra of photographs: known answers, files from anyone, and pictures made with them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import entoptic as ent
from entoptic.errors import BadSetting, BadSpectrum, CannotWrite, NoJob, PictureNotFound
from entoptic.images import fourier, read_job
from entoptic.jobs.plan_sheet import plan_sheet
from entoptic.jobs.sheets import Layout
from entoptic.recipes.visualize import Visualize
from entoptic.runners.run import plan_redo
from planning import plan_visualize

MACO: dict[str, Any] = {"canvas": "maco", "transforms": "none", "size": 48, "steps": 2}


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return 0.3 + 0.4 * torch.rand((1, 3, height, width), generator=rng)


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A spectrum of two photographs of noise."""
    photos = [ent.Picture.of(noise(64, 64, seed)) for seed in range(2)]
    return ent.spectrum(photos, size=64).save(tmp_path / "noise.npz")


def test_the_spectrum_of_one_square_photo_is_that_of_its_picture() -> None:
    found = ent.spectrum([ent.Picture.of(noise(48, 48))], size=48)
    assert torch.equal(found.magnitude, ent.spectrum_of(noise(48, 48)))
    assert (found.photos, found.notes) == (1, ())


def test_photos_count_alike_however_many_squares_they_have() -> None:
    square, wide = noise(48, 48, 1), noise(48, 90, 2)
    found = ent.spectrum([ent.Picture.of(square), ent.Picture.of(wide)], size=48).magnitude
    parts = torch.cat([wide[..., 21:69], wide[..., :48], wide[..., 42:]])
    expected = (ent.spectrum_of(square) + ent.spectrum_of(parts)) / 2
    assert torch.allclose(found, expected)


def test_the_spectrum_of_noise_is_flat() -> None:
    photos = [ent.Picture.of(noise(64, 64, seed)) for seed in range(60)]
    found = ent.spectrum(photos, size=64).magnitude
    at = fourier.frequencies(64, 64)
    for channel in found:
        slow, fast = channel[(at > 0.1) & (at < 0.2)].mean(), channel[at > 0.4].mean()
        assert float(slow / fast) == pytest.approx(1, abs=0.03)
        assert channel[at > 0.1].std() < 0.15 * fast


def test_photos_that_are_enlarged_are_told_of() -> None:
    found = ent.spectrum([ent.Picture.of(noise(30, 90)), ent.Picture.of(noise(48, 48))], size=48)
    assert found.notes[0].startswith("1 of 2 photographs are smaller than 48 pixels")


def test_a_file_holds_what_was_measured_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    made = ent.spectrum([ent.Picture.of(noise(40, 50))], size=32)
    path = made.save(tmp_path / "a.npz")
    found = ent.read_spectrum(path)
    assert torch.equal(found.magnitude, made.magnitude)
    assert found.photos == 1
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype.name for name in arrays} == {
            "spectrum": "float32",
            "photos": "int64",
        }
    assert made.save(tmp_path / "b.npz").read_bytes() == path.read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize(
    ("photos", "size", "told"),
    [
        ([], 32, "no photographs; name files or folders"),
        ("photos", 32, "photos is 'photos'; it must be a list of files"),
        ([], 8, "size is 8; it must be a whole number from 16 to 4096"),
    ],
)
def test_what_can_not_be_measured_is_told(photos: Any, size: int, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        ent.spectrum(photos, size=size)


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.npy", "end '.*a.npy' in .npz"), ("no/a.npz", "there is no folder '.*no' to write to")],
)
def test_where_it_can_not_be_written_is_told(tmp_path: Path, name: str, told: str) -> None:
    made = ent.spectrum([ent.Picture.of(noise(32, 32))], size=32)
    with pytest.raises(CannotWrite, match=told):
        made.save(tmp_path / name)


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(header: str, body: bytes = b"", name: str = "spectrum") -> bytes:
    """An archive whose one array has a header of a stranger's."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as files:
        head = header.encode("latin1")
        files.writestr(
            f"{name}.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + body
        )
    return stream.getvalue()


def header(shape: str, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n"


GOOD = np.ones((3, 4, 3), np.float32)
STRANGE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "can't be read"),
    "text": (b"Dear spectrum", "can't be read"),
    "half a file": (npz(spectrum=GOOD, photos=1)[:-200], "can't be read"),
    "another array": (npz(magnitude=GOOD, photos=1), "no item named 'spectrum.npy'"),
    "no number of photos": (npz(spectrum=GOOD), "no item named 'photos.npy'"),
    "objects": (npz(spectrum=np.array([{}], object), photos=1), "spectrum is object"),
    "whole numbers": (npz(spectrum=np.ones((3, 4, 3), int), photos=1), "spectrum is int64"),
    "two axes": (npz(spectrum=np.ones((4, 3), np.float32), photos=1), r"of shape \(4, 3\)"),
    "four colours": (npz(spectrum=np.ones((4, 4, 3), np.float32), photos=1), "at most"),
    "no rows": (npz(spectrum=np.ones((3, 0, 3), np.float32), photos=1), "at most"),
    "many photos": (npz(spectrum=GOOD, photos=np.ones(4, np.int64)), "photos is int64"),
    "nan": (npz(spectrum=GOOD * np.nan, photos=1), "must be finite, not negative"),
    "negative": (npz(spectrum=-GOOD, photos=1), "must be finite, not negative"),
    "zero": (npz(spectrum=0 * GOOD, photos=1), "not zero everywhere"),
    "a huge claim": (archive(header("(3, 4000000, 2000000)")), "at most"),
    "less than claimed": (archive(header("(3, 4, 3)"), bytes(20)), "20 bytes instead of 144"),
    "a bomb": (archive(header("(3, 4, 3)"), bytes(1 << 24)), "no item named 'photos.npy'"),
    "a negative side": (archive(header("(3, -4, 3)")), "at most"),
    "a header that is code": (archive("__import__('os').getcwd()"), "can't be read"),
    "a header too deep": (archive("(" * 9000), "can't be read"),
    "an array of doubles": (npy(np.ones((3, 4, 3))), "spectrum is float64"),
    "half an array": (npy(GOOD)[:-9], "135 bytes instead of 144"),
    "a header of Python 2": (archive("{'descr': '<f4', 'shape': (3L, 4L, 3L)}"), "can't be read"),
}


def test_another_tools_spectrum_is_read_and_its_unit_does_not_matter(tmp_path: Path) -> None:
    ours = ent.spectrum([ent.Picture.of(noise(48, 48))], size=32).magnitude
    # As Horama, xplique and dreamlens carry ImageNet's: sums over unscaled transforms.
    np.save(tmp_path / "imagenet.npy", (32**2 * 255 * ours).numpy())
    found = ent.read_spectrum(tmp_path / "imagenet.npy")
    assert (found.magnitude.shape, found.photos) == (ours.shape, 0)
    made, expected = (ent.MaCo(48, 40, spectrum=each)() for each in (found.magnitude, ours))
    assert torch.allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_file_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    data, told = STRANGE[name]
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(BadSpectrum, match=told) as caught:
        ent.read_spectrum(tmp_path / "a.npz")
    assert str(caught.value).endswith("`entoptic spectrum PHOTOS...` makes one")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [("no.npz", "can't be opened .No such file"), (".", "is no file"), ("/dev/zero", "is no file")],
)
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(BadSpectrum, match=told):
        ent.read_spectrum(tmp_path / name)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        stream.truncate(1 << 33)
    with pytest.raises(BadSpectrum, match="has 8589934592 bytes, more than the limit"):
        ent.read_spectrum(tmp_path / "a.npz")


def waves(image: torch.Tensor) -> torch.Tensor:
    """How large the waves of a picture are."""
    return fourier.to_spectrum(ent.images.color.from_image(image)).abs()[0]


def test_pictures_have_the_waves_of_the_photographs(squeezenet: ent.Model, file: Path) -> None:
    made = ent.visualize(squeezenet, "fire3:3", spectrum=file, **MACO)
    expected = ent.MaCo(48, 48, spectrum=ent.read_spectrum(file).magnitude).magnitude[0]
    # Noise has as much grain as large shapes, which no usual spectrum has. Not to the last digit: a
    # corner of the picture, where all waves agree, is white.
    found = waves(made.image.double()) / expected
    usual = waves(ent.visualize(squeezenet, "fire3:3", **MACO).image.double()) / expected
    grain, shapes = (
        (slice(None), slice(20, 28), slice(18, 24)),
        (slice(None), slice(1, 5), slice(1, 5)),
    )
    assert torch.allclose(found[grain].mean((1, 2)), found[shapes].mean((1, 2)), rtol=0.2)
    assert (usual[shapes].mean((1, 2)) > 5 * usual[grain].mean((1, 2))).all()


def test_a_spectrum_is_for_maco_only(squeezenet: ent.Model, file: Path) -> None:
    with pytest.raises(BadSetting, match="for the canvas maco, and this canvas is natural"):
        plan_visualize(squeezenet, ["fire3:3"], spectrum=str(file))


def test_what_begins_as_a_photo_has_its_spectrum(squeezenet: ent.Model, file: Path) -> None:
    photo, one = ent.Picture.of(noise(48, 48)), ent.channel("fire3", 3)
    how = Visualize(squeezenet, [one], canvas="maco", size=48, spectrum=file).resolved(squeezenet)
    with pytest.raises(BadSetting, match="has that photo's spectrum; leave the spectrum out"):
        plan_sheet(how, squeezenet, one, 1, layout=Layout(), photo=photo, begins=True)


@pytest.fixture
def picture(squeezenet: ent.Model, file: Path) -> Path:
    made = ent.visualize(squeezenet, "fire3:3", spectrum=file, **MACO)
    return made.save(file.with_name("a.png"))


def test_redo_finds_the_spectrum_where_it_was_or_beside_the_picture(
    picture: Path, file: Path, tmp_path: Path
) -> None:
    before = picture.read_bytes()
    assert plan_redo(picture).run().save(tmp_path / "b.png").read_bytes() == before
    (tmp_path / "elsewhere").mkdir()
    moved = picture.rename(tmp_path / "elsewhere" / "a.png")
    file.rename(tmp_path / "elsewhere" / "noise.npz")
    plan = plan_redo(moved)
    assert plan.inputs == (tmp_path / "elsewhere" / "noise.npz",)
    assert plan.run().save(tmp_path / "c.png").read_bytes() == before


def test_redo_refuses_a_spectrum_that_has_changed_or_is_missing(picture: Path, file: Path) -> None:
    ent.spectrum([ent.Picture.of(noise(64, 64, 9))], size=64).save(file)
    told = r"the spectrum '.*noise.npz' has changed since .* say where it is with --spectrum FILE"
    with pytest.raises(PictureNotFound, match=told):
        plan_redo(picture)
    with pytest.raises(PictureNotFound, match="has changed"):
        plan_redo(picture, canvas="maco")
    # Asked for, it is what is wanted.
    assert plan_redo(picture, spectrum=str(file)).job.settings["spectrum"] == str(file)
    file.unlink()
    with pytest.raises(PictureNotFound, match="isn't here; say where it is with --spectrum FILE"):
        plan_redo(picture)
    # Nothing else wants it.
    assert plan_redo(picture, canvas="pixels").job.settings["spectrum"] is None
    assert plan_redo(picture, method="lucid").job.settings["spectrum"] is None


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda s: s | {"spectrum": 3}, NoJob, "spectrum is 3; it must be the name of a file"),
        (lambda s: s | {"spectrum": "/dev/zero"}, PictureNotFound, "isn't here"),
        (lambda s: s | {"spectrum": "a\0b"}, PictureNotFound, "isn't here"),
        (lambda s: s | {"canvas": "fourier"}, BadSetting, "for the canvas maco"),
    ],
)
def test_a_job_of_a_stranger_does_no_harm(
    picture: Path,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    error: type[Exception],
    told: str,
    unchecked: None,
) -> None:
    job = ent.Job.from_json(read_job(picture))
    settings = change(dict(job.settings))
    strange = ent.Result(ent.read(picture).image, replace_settings(job, settings))
    with pytest.raises(error, match=told):
        plan_redo(strange.save(picture.with_name("strange.png")))


def replace_settings(job: ent.Job, settings: dict[str, Any]) -> ent.Job:
    values = vars(job) | {"settings": settings}
    return ent.Job(**values)
