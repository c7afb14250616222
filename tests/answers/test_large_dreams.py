"""Dreams in tiles, against the same dreams in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.optimizers import normalized
from entoptic.ascent.shaping import Shaping, Smoothing, shaping_of
from entoptic.ascent.tiling import tile_side
from entoptic.ascent.tiling.feathered import FeatheredTiles
from entoptic.ascent.tiling.sheet import Sheet
from entoptic.checks import memory
from entoptic.errors import BadSetting
from entoptic.images import reading, stored, writing
from entoptic.images.resize import resize
from entoptic.images.stored import Stored, norms, resized
from entoptic.jobs import dreams
from entoptic.recipes.dream import Dream
from entoptic.runners.run import plan_redo
from planning import plan_dream


@pytest.fixture(scope="module")
def squeezenet() -> ent.Model:
    return ent.load("squeezenet1_1")


def photo(height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(7)
    return resize(torch.rand((1, 3, height // 8, width // 8), generator=rng), height, width).clamp(
        0, 1
    )


@pytest.fixture
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands of a few rows, as large pictures have them."""
    monkeypatch.setattr(stored, "_BAND_BYTES", 40_000)
    monkeypatch.setattr(stored, "_COLUMN_BYTES", 40_000)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("norm", ["mean_abs", "max_abs", "std", "l2"])
def test_a_dream_in_tiles_is_the_dream_in_one_piece(squeezenet: ent.Model, norm: str) -> None:
    how: dict[str, Any] = {"layer": "fire4", "octaves": 3, "steps": 2, "smoothing": 1.5}
    how |= {"norm": norm, "step_size": {"l2": 1.0, "max_abs": 0.05}.get(norm, 0.005)}
    start = photo(230, 310)
    whole = ent.dream(squeezenet, start, tile="off", **how)
    tiled = ent.dream(squeezenet, start, tile=180, **how)
    assert (whole.image - start).abs().mean() > 0.001
    # A maximum or a ReLU may fall to the other side where sums are taken in another order.
    assert (tiled.image - whole.image).abs().mean() < 1e-5
    assert tiled.scores == pytest.approx(whole.scores, rel=1e-4)


@pytest.mark.usefixtures("small_bands")
def test_every_step_of_a_dream_in_tiles_shows_the_picture_at_its_final_size(
    squeezenet: ent.Model,
) -> None:
    how: dict[str, Any] = {"layer": "fire3", "octaves": 3, "steps": 1}
    start = photo(150, 220)
    whole, tiled = (
        [each.image() for each in plan_dream(squeezenet, start, tile=tile, **how).steps()]
        for tile in ("off", 120)
    )
    assert len(tiled) == 3
    for one, other in zip(whole, tiled, strict=True):
        assert one.shape == other.shape == start.shape
        assert (one - other).abs().mean() < 1e-5


def test_the_job_keeps_the_size_of_tiles_but_not_the_memory(squeezenet: ent.Model) -> None:
    job = plan_dream(squeezenet, photo(400, 500), layer="fire3", memory="1MiB", tile=120).job
    assert job.settings["tile"] == 120
    assert job.settings["memory"] is None


def test_a_dream_in_tiles_is_made_again_byte_for_byte(squeezenet: ent.Model) -> None:
    how: dict[str, Any] = {"layer": "fire3", "octaves": 2, "steps": 2, "tile": 120}
    one, other = (ent.dream(squeezenet, photo(150, 220), **how).image for _ in range(2))
    assert torch.equal(one, other)


def test_a_dream_on_several_devices_is_that_on_one_and_its_job_names_them(
    squeezenet: ent.Model, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"layer": "fire3", "octaves": 2, "steps": 2, "tile": 120}
    start = ent.write(tmp_path / "photo.png", photo(200, 280))
    one, several = (ent.dream(squeezenet, start, device=on, **how) for on in ("cpu", "cpu,cpu"))
    assert torch.equal(one.image, several.image)
    assert one.scores == several.scores
    assert several.job.device == "cpu,cpu"
    plan = plan_redo(several.save(tmp_path / "dream.png"))
    assert plan.job.device == "cpu,cpu"
    assert torch.equal(plan.run().image, one.image)


def test_a_dream_without_tiles_uses_the_first_of_several_devices(squeezenet: ent.Model) -> None:
    plan = plan_dream(squeezenet, photo(96, 120), layer="fire3", on="cpu,cpu")
    assert plan.device == torch.device("cpu")
    assert plan.job.device == "cpu"


def test_feathered_tiles_on_several_devices_are_those_on_one() -> None:
    model, at, found = gated(), photo(200, 304), []
    for devices in ([torch.device("cpu")] * n for n in (1, 2)):
        tiles = FeatheredTiles(model, ent.energy("output"), (200, 304), 120, devices)
        gradient = torch.zeros_like(at)
        scores = tiles.climb(Sheet(at), Sheet(gradient), torch.Generator().manual_seed(0))
        found.append((scores, gradient))
    for one, several in zip(*found, strict=True):
        assert one.any()
        assert torch.equal(one, several)


def test_as_many_tiles_as_are_computed_at_a_time_share_the_memory(squeezenet: ent.Model) -> None:
    cpu, size = torch.device("cpu"), (10_000, 10_000)
    one, four = (
        tile_side(squeezenet, ent.energy("fire7"), size, [cpu] * n, 16 << 30) for n in (1, 4)
    )
    assert one is not None
    assert four == pytest.approx(one / 2, rel=0.01)


def test_a_photo_that_moves_into_a_file_leaves_its_memory_to_the_tiles(
    squeezenet: ent.Model,
) -> None:
    on, size, of = [torch.device("cpu")], (10_000, 10_000), ent.energy("fire7")
    plain, more, spare = (
        tile_side(squeezenet, of, size, on, memory, spare=spare)
        for memory, spare in ((4 << 30, 0), (5 << 30, 0), (4 << 30, 1 << 30))
    )
    assert plain is not None
    assert spare is not None
    assert spare > 1.05 * plain
    assert spare == pytest.approx(more, rel=0.01)


def test_only_a_photo_that_nobody_else_holds_leaves_its_memory(
    squeezenet: ent.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[int] = []

    def side(*_: Any, spare: int) -> int:
        said.append(spare)
        return 120

    monkeypatch.setattr(dreams, "tile_side", side)
    image = photo(152, 224)
    path = ent.write(tmp_path / "photo.png", image)
    for start in (path, image, ent.read(path)):
        plan_dream(squeezenet, start, layer="fire3", octaves=1)
    plan_dream(squeezenet, noise=(152, 224), layer="fire3", octaves=1)
    monkeypatch.setattr(ent.images, "MAX_PIXELS", 10)  # a larger one is read into a file
    plan_dream(squeezenet, path, layer="fire3", octaves=1)
    taken = 4 * 3 * 152 * 224
    assert said == [taken, 0, 0, taken, 0]


def test_memory_that_holds_the_whole_makes_no_tiles(squeezenet: ent.Model) -> None:
    on = [torch.device("cpu")]
    assert tile_side(squeezenet, ent.energy("fire7"), (600, 800), on, 64 << 30) is None


def test_more_memory_makes_larger_tiles(squeezenet: ent.Model) -> None:
    on, size = [torch.device("cpu")], (10_000, 10_000)
    sides = [tile_side(squeezenet, ent.energy("fire7"), size, on, n << 30) for n in (4, 8)]
    assert sides[0] is not None
    assert sides[1] is not None
    assert 1000 < sides[0] < sides[1] < 10_000


def test_an_objective_that_needs_too_much_at_once_is_refused(squeezenet: ent.Model) -> None:
    with pytest.raises(BadSetting, match=r"more than .* GB .*--memory"):
        tile_side(squeezenet, ent.l2("fire2"), (10_000, 10_000), [torch.device("cpu")], 4 << 30)


def test_tiles_that_are_too_small_are_refused_before_the_dream(squeezenet: ent.Model) -> None:
    with pytest.raises(BadSetting, match="tiles of 60 pixels are too small"):
        plan_dream(squeezenet, photo(400, 500), layer="fire7", tile=60)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("4GiB", 4 << 30), ("1.5 GB", 1_500_000_000), ("512m", 512_000_000), (1 << 21, 1 << 21)],
)
def test_memory_is_read_as_people_write_it(text: int | str, bytes_: int) -> None:
    assert memory("memory", text) == bytes_


@pytest.mark.parametrize("text", ["much", "-4GiB", "4 GiBs", "i", 0, "1e9"])
def test_memory_that_makes_no_sense_is_refused(text: int | str) -> None:
    with pytest.raises(BadSetting, match="GiB"):
        memory("memory", text)


@pytest.mark.parametrize("tile", ["on", 0, 1.5, None])
def test_a_tile_is_a_number_or_a_word(tile: Any, unchecked: None) -> None:
    with pytest.raises(BadSetting, match="tile"):
        Dream("squeezenet1_1", tile=tile)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("size", [(75, 90), (301, 90), (75, 301), (150, 211)])
def test_pictures_in_files_are_resized_like_others(size: tuple[int, int]) -> None:
    image = photo(152, 208)
    assert torch.allclose(
        resized(Stored.copy(image), *size).tensor, resize(image, *size), atol=1e-6
    )


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize(
    "shaping",
    [
        *map(Smoothing, (0.4, 1.5, 3.0)),
        *shaping_of("laplacian + laplacian(3) + decorrelate + chroma(0.5, 2.5) + luminance"),
    ],
)
def test_gradients_in_files_are_shaped_like_others(shaping: Shaping) -> None:
    gradient = photo(151, 208) - 0.5
    found, whole = Stored.copy(gradient), Stored(gradient.clone())
    shaping.shape(found, torch.device("cpu"))
    shaping.shape(whole, torch.device("cpu"))
    assert torch.allclose(found.tensor, whole.tensor, atol=1e-5)
    assert not torch.allclose(whole.tensor, gradient, atol=1e-2)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("norm", ["mean_abs", "max_abs", "std", "l2", "none"])
def test_gradients_in_files_are_measured_like_others(norm: Any) -> None:
    gradient = photo(152, 208) - 0.4
    size = norms(Stored.copy(gradient), norm).reshape(-1, 1, 1, 1)
    assert torch.allclose(gradient / size, normalized(gradient, norm), rtol=1e-5)


def gated() -> ent.Model:
    """A filter whose output is weighed by the mean of the whole picture."""
    torch.manual_seed(0)

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filter = nn.Conv2d(3, 4, 5, padding=2, padding_mode="replicate")

        def forward(self, x: Tensor) -> Tensor:
            maps: Tensor = self.filter(x)
            return maps * maps.mean((2, 3), keepdim=True).sigmoid()

    return ent.Model.wrap(Gated())


def test_where_a_layer_sees_the_whole_picture_tiles_are_an_approximation_and_that_is_said() -> None:
    plan = plan_dream(gated(), photo(200, 300), layer="output", octaves=1, steps=2, tile=120)
    assert any("approximation" in note for note in plan.notes)
    assert plan.run().image.shape == (1, 3, 200, 300)


def test_feathered_tiles_of_a_plain_picture_leave_no_seam() -> None:
    model, size = gated(), (200, 300)
    gray = torch.full((1, 3, *size), 0.5)
    tiles = FeatheredTiles(model, ent.total("output"), size, 120, [torch.device("cpu")])
    gradient = torch.zeros_like(gray)
    tiles.climb(Sheet(gray), Sheet(gradient), torch.Generator().manual_seed(0))
    # Every tile of a plain picture says the same, but within two pixels of its border.
    inner = gradient[..., 5:-5, 5:-5]
    assert inner.std(dim=(2, 3)).max() < 0.02 * inner.abs().mean()


def test_feathered_tiles_that_hold_the_whole_give_its_gradient() -> None:
    model, at = gated(), photo(104, 120)
    tiles = FeatheredTiles(model, ent.energy("output"), (104, 120), 120, [torch.device("cpu")])
    gradient = torch.zeros_like(at)
    scores = tiles.climb(Sheet(at), Sheet(gradient), torch.Generator())
    expected = ent.gradient(model, of=ent.energy("output"), at=at)
    assert torch.allclose(gradient, expected, rtol=1e-4, atol=1e-9)
    acts = model.activations(at, ["output"])
    assert torch.allclose(scores, ent.energy("output")(acts))  # type: ignore[arg-type]


def test_a_picture_too_large_for_memory_is_dreamt_from_file_to_file(
    squeezenet: ent.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reading, writing):
        monkeypatch.setattr(module, "MAX_PIXELS", 10)
    path = ent.write(tmp_path / "large.tif", photo(152, 224))
    result = ent.dream(squeezenet, path, layer="fire3", octaves=2, steps=2, tile=120)
    saved = result.save(tmp_path / "dream.tif")
    assert saved.read_bytes()[:4] == b"II+\0"  # BigTIFF
    same = ent.dream(squeezenet, ent.read(path).image, layer="fire3", octaves=2, steps=2, tile=120)
    assert torch.equal(result.image, same.image)
    assert torch.allclose(ent.read(saved).image, result.image, atol=0.51 / 255)
    assert ent.images.read_job(saved) == result.job.to_json()
