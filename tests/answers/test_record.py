"""Records and exemplars of networks made by hand, whose best photographs are known."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import entoptic as ent
from entoptic.analysis import recording
from entoptic.analysis.record import Record
from entoptic.errors import (
    BadPicture,
    BadRecord,
    BadSetting,
    CannotWrite,
    ChannelOutOfRange,
    NotEnoughMemory,
    PictureNotFound,
    UnknownLayer,
)
from entoptic.networks import Preprocess
from entoptic.runners.runner import Batch, Runner, Work
from entoptic.runners.team import Ended, Said, Team
from entoptic.runners.worker import answer
from entoptic.types import Image
from unit.test_team import Scripted

# Of red; of its opposite, which is never above 0; of the sum.
WEIGHTS = [[1.0, -0.5, -0.5], [-1.0, -1.0, 0.0], [1.0, 1.0, 1.0]]

SIZE = (12, 20)


def color_model(size: tuple[int, int] = SIZE) -> ent.Model:
    """A 1x1 convolution set by hand, and nothing else."""
    layer = nn.Conv2d(3, 3, 1, bias=False)
    layer.weight.data = torch.tensor(WEIGHTS)[:, :, None, None]
    return ent.Model.wrap(nn.Sequential(layer), preprocess=Preprocess.plain(size))


def plain(red: float, green: float = 0.0, blue: float = 0.0) -> Image:
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, 24, 40).clone()


REDS = {"a": 0.2, "b": 0.8, "c": 0.4, "d": 1.0, "e": 0.6}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs in shades of red, one with a blue, one in a folder, and one that is broken."""
    photos = tmp_path / "photos"
    (photos / "inside").mkdir(parents=True)
    for name, red in REDS.items():
        ent.write(photos / f"{name}.png", plain(red))
    ent.write(photos / "inside" / "blue.png", plain(0.0, 0.0, 1.0))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    return photos


def names(found: Record, ends: Any, unit: int) -> list[str]:
    return [Path(found.photos[each].name).stem for each in ends.photos[unit] if each >= 0]


def test_the_photographs_of_a_red_channel_are_the_red_ones_in_order(folder: Path) -> None:
    found = ent.exemplars(color_model(), "0:0", photos=[folder], count=4)
    (unit,) = found.units
    assert [Path(each.photo).name for each in unit.exemplars] == [
        "d.png", "b.png", "e.png", "c.png"
    ]  # fmt: skip
    assert [each.value for each in unit.exemplars] == pytest.approx([1, 0.8, 0.6, 0.4], abs=1e-6)
    least = ent.exemplars(color_model(), "0:0", photos=[folder], count=2, least=True)
    assert [Path(each.photo).name for each in least.units[0].exemplars] == ["blue.png", "a.png"]
    assert least.units[0].exemplars[0].value == pytest.approx(-0.5)


def test_a_channel_that_is_never_above_0_keeps_its_values(folder: Path) -> None:
    found = ent.record(color_model(), ["0"], [folder])
    top = found.measures["max"].top
    assert names(found, top, 1) == ["blue", "a", "c", "e", "b", "d"]
    assert top.values[1, :6] == pytest.approx([0, -0.2, -0.4, -0.6, -0.8, -1], abs=1e-6)


def test_max_and_mean_of_a_photograph_are_over_its_positions(tmp_path: Path) -> None:
    half = plain(0.2)
    half[..., 5:, 32:] = plain(1.0)[..., 5:, 32:]
    found = ent.record(color_model((24, 40)), ["0"], [half])
    assert found.measures["max"].top.values[0, 0] == 1
    assert found.measures["max"].top.positions[0, 0].tolist() == [5, 32]
    share = 19 * 8 / (24 * 40)
    assert found.mean("mean")[0] == pytest.approx(share + 0.2 * (1 - share))
    # The first of several positions, in reading order.
    assert ent.record(color_model(), ["0"], [plain(1.0)]).sample.positions[0, 0].tolist() == [0, 0]


def test_mean_variance_and_quantiles_are_those_of_the_values(folder: Path) -> None:
    found = ent.record(color_model(), ["0"], [folder])
    values = np.array([*REDS.values(), -0.5])
    assert found.mean()[0] == pytest.approx(values.mean())
    assert found.variance()[0] == pytest.approx(values.var())
    assert found.quantiles([0, 0.4, 1])[:, 0] == pytest.approx([-0.5, 0.4, 1])


@pytest.mark.parametrize("of", ["max", "mean", "position"])
def test_the_covariance_of_a_layer_is_that_of_its_units_values(of: str, folder: Path) -> None:
    units: list[Any] = [ent.channel("0", 2), ent.channel("0", 0), -ent.channel("1", 1)]
    model = color_model()
    model = ent.Model.wrap(nn.Sequential(model.module[0], nn.ReLU()), preprocess=model.preprocess)
    found = ent.record(model, units, [folder], covariance=of)
    # Photographs are plain, so that all positions are alike: red, and its sum with the others.
    values = np.array([[*REDS.values(), 1.0], [*REDS.values(), -0.5]])
    assert found.layers == {"0": (0, 1), "1": (2,)}
    assert found.covariance("0") == pytest.approx(np.cov(values, bias=True), abs=1e-7)
    assert found.covariance("1") == pytest.approx(np.zeros((1, 1)))  # never above 0
    with pytest.raises(BadSetting, match=r"layer is '2'; the record has covariances of 0, 1"):
        found.covariance("2")
    with pytest.raises(BadSetting, match="keeps no covariance; record with covariance='mean'"):
        ent.record(model, units, [folder]).covariance()


def test_the_diagonal_of_a_covariance_is_the_variance() -> None:
    noise = torch.Generator().manual_seed(0)
    photos = [torch.rand(1, 3, 30, 40, generator=noise) for _ in range(12)]
    model = ent.load("squeezenet1_1")
    for of in ("max", "mean"):
        found = ent.record(model, ["fire2"], photos, size=32, covariance=of)
        assert np.diag(found.covariance()) == pytest.approx(found.variance(of), rel=1e-5, abs=1e-9)


def test_one_random_position_of_a_photograph_is_drawn_by_its_hash_evenly() -> None:
    # Each position has a number of its own, and the channel shows it.
    ramp = torch.linspace(0, 1, 12 * 20).reshape(1, 1, 12, 20)
    photos: list[Any] = [torch.cat([ramp, ramp * 0 + n / 255, ramp * 0], 1) for n in range(200)]
    found = ent.record(color_model(), [ent.channel("0", 2)], photos, covariance="position")
    # Of 0 to 1 evenly 1/12, of 200 numbers n/255 the rest.
    other = np.var(np.arange(200) / 255)
    assert found.covariance()[0, 0] == pytest.approx(1 / 12 + other, rel=0.15)
    again = ent.record(color_model(), [ent.channel("0", 2)], photos[::-1], covariance="position")
    assert again.covariance().tobytes() == found.covariance().tobytes()


def test_covariances_that_have_no_room_are_refused_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "free_memory", lambda _: 800.0)
    with pytest.raises(NotEnoughMemory, match=r"'0' has 3 units, of which each two have one"):
        ent.record(color_model(), ["0"], [folder], covariance="mean")


def test_a_spread_goes_evenly_from_most_to_least(folder: Path) -> None:
    found = ent.exemplars(color_model(), "0:0", photos=[folder], count=3, spread=True)
    shown = found.units[0].exemplars
    assert [Path(each.photo).stem for each in shown] == ["d", "c", "blue"]
    assert [each.share for each in shown] == pytest.approx([1, 0.4, 0])


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_the_shards_of_a_folder_merge_to_the_same_bytes(shards: int, tmp_path: Path) -> None:
    noise = torch.Generator().manual_seed(0)
    files = [
        ent.write(tmp_path / f"{number}.png", torch.rand(1, 3, 30, 40, generator=noise))
        for number in range(14)
    ]
    files.append(tmp_path / "broken.png")
    files[-1].write_bytes(b"nothing")
    settings: dict[str, Any] = {"most": 3, "sampled": 5, "covariance": "position"}
    model = ent.load("squeezenet1_1")
    whole = ent.record(model, ["fire2"], files, **settings).save(tmp_path / "whole.npz")
    parts = [
        ent.record(model, ["fire2"], files[number::shards], **settings) for number in range(shards)
    ]
    merged = parts[-1]
    for part in parts[:-1]:
        merged = merged.merged(part)
    assert merged.save(tmp_path / "merged.npz").read_bytes() == whole.read_bytes()
    assert len(merged.photos) == 14
    assert [Path(each).name for each in merged.broken] == ["broken.png"]
    again = ent.read_record(tmp_path / "merged.npz")
    assert again.covariance("fire2").tobytes() == merged.covariance().tobytes()


def test_workers_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    photos: list[Any] = [folder, plain(0.3)]
    settings: dict[str, Any] = {"covariance": "mean", "device": "cpu"}
    here = ent.record(color_model(), ["0"], photos, **settings).save(tmp_path / "here.npz")
    told: list[str] = []
    by_two = ent.record(
        color_model(), ["0"], photos, on="local", workers=2, tell=told.append, **settings
    )
    assert by_two.save(tmp_path / "two.npz").read_bytes() == here.read_bytes()
    assert told[-1] == "photograph 8 of 8"


class Told(Runner):
    """Workers of this process that say what a script has them say of photographs."""

    def __init__(self, says: Callable[[Any, Mapping[str, Any]], Said | None]) -> None:
        self.says = says
        self.goes: list[list[str]] = []

    def start(self, work: Work, device: Any = "auto") -> Team:
        make = work.prepared()

        def said(batch: Batch) -> Said:
            photos = pickle.loads(batch.job)
            self.goes.append([Path(each).stem for each in photos])
            return self.says(batch, photos) or answer(make, batch, "cpu")

        return Team(Scripted(said))


def test_a_photograph_that_ends_its_worker_is_left_out_and_no_other(folder: Path) -> None:
    named: list[Any] = [folder / "b.png", *(plain(share / 64) for share in range(40))]

    def says(batch: Any, photos: Mapping[str, Any]) -> Said | None:
        return Ended("exit code -9") if str(folder / "b.png") in photos else None

    runner = Told(says)
    found = ent.record(color_model(), ["0"], named, on=runner)
    assert len(found.photos) == 40
    reason = "it ended its worker process 3 times (exit code -9)"
    assert found.broken == {str(folder / "b.png"): reason}
    assert sum(len(go) == 1 for go in runner.goes) >= 3
    # Of 41, in goes of 3.
    assert max(map(len, runner.goes)) == 3


def test_a_file_that_a_worker_does_not_find_is_told(folder: Path) -> None:
    def says(batch: Any, photos: Mapping[str, Any]) -> None:
        (folder / "c.png").unlink(missing_ok=True)  # here it was there

    with pytest.raises(PictureNotFound, match=r"doesn't find '.*c.png'; each node must have"):
        ent.record(color_model(), ["0"], [folder], on=Told(says))


def test_what_was_ended_goes_on_to_the_same_bytes_and_looks_at_nothing_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ent.record(color_model(), ["0"], [folder]).save(tmp_path / "whole.npz")
    monkeypatch.setattr(recording, "_CHUNK", 2)
    monkeypatch.setattr(recording, "_SAVE_EVERY_S", -1.0)
    path, looked = tmp_path / "kept.npz", 0

    def tell(text: str) -> None:
        nonlocal looked
        looked += 1
        if looked == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ent.record(color_model(), ["0"], [folder], path=path, tell=tell)
    kept = ent.read_record(path)
    assert len(kept.photos) + len(kept.broken) == 4
    again: list[str] = []
    ent.record(color_model(), ["0"], [folder], path=path, tell=again.append)
    assert again == ["photograph 6 of 7", "photograph 7 of 7"]
    assert path.read_bytes() == whole.read_bytes()
    ent.record(color_model(), ["0"], [folder], path=path, tell=again.append)
    assert len(again) == 2


def test_files_that_can_not_be_used_are_named_and_the_rest_is_looked_at(folder: Path) -> None:
    found = ent.exemplars(color_model(), "0:0", photos=[folder])
    ((name, reason),) = found.broken.items()
    assert Path(name).name == "broken.jpg"
    assert "broken.jpg" in reason
    assert found.photos == 6
    assert found.notes == (f"1 file left out, not readable as pictures: {name!r}",)
    with pytest.raises(BadPicture, match=r"none of 1 photographs can be used; .*broken.jpg"):
        ent.record(color_model(), ["0"], [folder / "broken.jpg"])


def test_activations_that_are_not_finite_are_no_exemplars(folder: Path) -> None:
    model = color_model()
    model.module[0].weight.data[2] = float("inf")  # times 0 of green and blue
    with pytest.raises(BadPicture, match=r"none of 7 .* its activations aren't finite"):
        ent.record(model, ["0"], [folder])


def window_model() -> ent.Model:
    """The sum of a window of 3 rows and 5 columns, each second one, without padding."""
    layer = nn.Conv2d(3, 1, (3, 5), stride=2, bias=False)
    layer.weight.data.fill_(1 / 45)
    return ent.Model.wrap(nn.Sequential(layer), preprocess=Preprocess.plain((24, 40)))


def test_the_crop_of_a_unit_is_exactly_its_receptive_field() -> None:
    photo = torch.zeros(1, 3, 24, 40)
    photo[..., 6:9, 10:15] = torch.rand(1, 3, 3, 5, generator=torch.Generator().manual_seed(1))
    found = ent.exemplars(window_model(), "0:0", photos=[photo])
    (exemplar,) = found.units[0].exemplars
    assert exemplar.position == (3, 5)
    assert exemplar.box == (6, 10, 3, 5)
    assert found.image(exemplar).equal(photo[..., 6:9, 10:15])
    assert found.image(exemplar).mean() * 1.0 == pytest.approx(exemplar.value)


def test_the_crop_of_a_larger_photograph_is_taken_from_its_own_pixels() -> None:
    photo = torch.zeros(1, 3, 72, 160)  # shown at a third, without 20 pixels at each side
    photo[..., 18:27, 50:65] = 1
    found = ent.exemplars(window_model(), "0:0", photos=[photo])
    assert found.units[0].exemplars[0].box == (18, 50, 9, 15)
    assert found.image(found.units[0].exemplars[0]).equal(torch.ones(1, 3, 9, 15))


def test_a_field_that_reaches_past_the_edge_is_gray_there() -> None:
    layer = nn.Conv2d(3, 1, 3, padding=1, bias=False)
    layer.weight.data.fill_(1.0)
    model = ent.Model.wrap(nn.Sequential(layer), preprocess=Preprocess.plain((24, 40)))
    photo = torch.zeros(1, 3, 24, 40)
    photo[..., 0, 0] = 1
    found = ent.exemplars(model, "0:0", photos=[photo])
    (exemplar,) = found.units[0].exemplars
    assert exemplar.box == (-1, -1, 3, 3)
    crop = found.image(exemplar)
    assert (crop[..., 0, :] == 0.88).all()
    assert (crop[..., :, 0] == 0.88).all()
    assert crop[..., 1:, 1:].equal(photo[..., :2, :2])


def test_whole_photographs_have_the_field_outlined() -> None:
    photo = torch.zeros(1, 3, 24, 40)
    photo[..., 6:9, 10:15] = 1
    found = ent.exemplars(window_model(), "0:0", photos=[photo], whole=True)
    image = found.image(found.units[0].exemplars[0])
    scale = 128 / 40
    outlined = (image[0] - torch.tensor([1.0, 0.85, 0.1])[:, None, None]).abs().amax(0) < 1e-6
    rows, columns = outlined.nonzero().T
    assert (int(rows.min()), int(columns.min())) == (round(6 * scale), round(10 * scale))
    assert (int(rows.max()), int(columns.max())) == (round(9 * scale - 1), round(15 * scale - 1))


def test_a_class_is_looked_at_by_its_score_and_has_no_position(folder: Path) -> None:
    found = ent.exemplars("squeezenet1_1", "class:goldfish", photos=[folder / "d.png"])
    (exemplar,) = found.units[0].exemplars
    assert (exemplar.position, exemplar.box) == (None, None)
    assert found.units[0].unit == "class:goldfish"
    assert found.image(exemplar).shape[-2:] == (24, 24)


def test_all_units_are_found_in_one_pass_as_they_are_alone(folder: Path) -> None:
    together = ent.exemplars(color_model(), "0:2", "0:0", photos=[folder])
    for unit in together.units:
        (alone,) = ent.exemplars(color_model(), unit.unit, photos=[folder]).units
        assert alone == unit


def test_batches_of_one_size_give_what_single_photographs_give(folder: Path) -> None:
    one = ent.record(color_model(), ["0"], [folder])
    four = ent.record(color_model(), ["0"], [folder], batch=4)
    assert four.sample.largest == pytest.approx(one.sample.largest)
    assert four.photos == one.photos


def test_a_long_side_shows_whole_photographs() -> None:
    photo = plain(0.0)
    photo[..., :2] = plain(1.0)[..., :2]  # which a square would cut off
    assert ent.record(color_model((24, 24)), ["0"], [photo]).mean()[0] == 0
    assert ent.record(color_model((24, 24)), ["0"], [photo], size=40).mean()[0] == 1


def test_the_sheet_has_a_section_for_each_unit_with_a_tile_for_each_photograph(
    folder: Path,
) -> None:
    found = ent.exemplars(color_model(), "0:0", "0:2", photos=[folder], count=2)
    sheet = found.sheet()
    assert sheet.shape == (1, 3, 2 * (20 + 128 + 20) + 8, 2 * 128 + 4)
    # The most exciting one is red all over.
    assert sheet[0, :, 84, 64].tolist() == pytest.approx([1, 0, 0])
    assert found.save(folder / "sheet.png").exists()
    told = json.loads(found.to_json())
    assert [each["unit"] for each in told["units"]] == ["0:0", "0:2"]
    assert told["units"][0]["exemplars"][0]["box"] is not None


def test_a_photograph_that_has_changed_since_is_not_shown(folder: Path) -> None:
    found = ent.exemplars(color_model(), "0:0", photos=[folder / "a.png"])
    ent.write(folder / "a.png", plain(0.9))
    with pytest.raises(BadPicture, match=r"a.png' has changed since it was looked at; run again"):
        found.sheet()


def test_other_settings_do_not_mix(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    ent.record(color_model(), ["0"], [folder], path=path)
    with pytest.raises(BadSetting, match=r"kept.npz' is another record: .* differ in most: 9 and"):
        ent.record(color_model(), ["0"], [folder], path=path, most=3)
    with pytest.raises(BadSetting, match="differ in size"):
        ent.record(color_model(), ["0"], [folder], path=path, size=32)
    changed = color_model()
    changed.module[0].weight.data *= 2
    with pytest.raises(BadSetting, match="differ in weights"):
        ent.record(changed, ["0"], [folder], path=path)
    with pytest.raises(
        BadSetting, match=r"kept.npz' holds '.*', which isn't among the photographs"
    ):
        ent.record(color_model(), ["0"], [folder / "a.png"], path=path)
    one = ent.record(color_model(), ["0"], [folder / "a.png"])
    with pytest.raises(BadSetting, match=r"both records hold .*a.png'; split the photographs"):
        one.merged(one)


@pytest.mark.parametrize(
    ("units", "settings", "error", "told"),
    [
        ([], {}, BadSetting, "no units; name a layer"),
        (["1"], {}, UnknownLayer, "no layer named '1'"),
        ([ent.channel("0", 3)], {}, ChannelOutOfRange, "channel 3 of '0' does not exist"),
        (["0", ent.channel("0", 1)], {}, BadSetting, r"channel\('0', 1\) is named twice"),
        ([ent.diversity("0")], {}, BadSetting, "compares images with each other"),
        ([ent.opacity() * ent.channel("0", 1)], {}, BadSetting, "is about transparency"),
        (["0"], {"path": "kept.pkl"}, BadSetting, r"end 'kept.pkl' in .npz"),
        (["0"], {"path": "nowhere/kept.npz"}, CannotWrite, "there is no folder"),
        (["0"], {"photos": ["nowhere"]}, PictureNotFound, "no photograph and no folder 'nowhere'"),
        (["0"], {"photos": []}, BadSetting, "no photographs; name files or folders"),
        (["0"], {"most": 0}, BadSetting, "most is 0"),
        (["0"], {"covariance": "least"}, BadSetting, "covariance is 'least'"),
        (["0"], {"workers": 2}, BadSetting, "workers are given, but not where they are"),
        (["0"], {"on": "there"}, BadSetting, "on is 'there'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    units: list[Any], settings: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        ent.record(color_model(), units, **{"photos": [plain(1.0)]} | settings)


def test_exemplars_say_what_is_wrong_before_any_work(folder: Path) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'photos'"):
        ent.exemplars(color_model(), "0:0")  # type: ignore[call-arg]
    with pytest.raises(BadSetting, match="no photographs to look at; name files or folders"):
        ent.exemplars(color_model(), "0:0", photos=[])
    with pytest.raises(BadSetting, match="least and spread exclude each other"):
        ent.exemplars(color_model(), "0:0", photos=[folder], least=True, spread=True)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_damaged_record_is_refused(kept: float, folder: Path, tmp_path: Path) -> None:
    path = ent.record(color_model(), ["0"], [folder]).save(tmp_path / "kept.npz")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BadRecord, match=r"the record '.*kept.npz' can't be read"):
        ent.read_record(path)


def test_a_record_whose_parts_do_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    path = ent.record(color_model(), ["0"], [folder]).save(tmp_path / "kept.npz")
    with np.load(path) as file:
        arrays = dict(file)
    arrays["max.top.photos"] = arrays["max.top.photos"] + 100
    np.savez(path, **arrays)
    with pytest.raises(BadRecord, match=r"max.top.photos names photographs that aren't there"):
        ent.read_record(path)
    arrays["max.top.photos"] = np.zeros((1, 2), np.int64)
    np.savez(path, **arrays)
    with pytest.raises(BadRecord, match=r"max.top.photos is int64 of \(1, 2\)"):
        ent.read_record(path)
