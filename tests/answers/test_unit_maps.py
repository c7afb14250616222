"""Codes and directions in photographs: looked at position by position, as channels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import entoptic as ent
from answers.test_record import color_model, plain
from entoptic.analysis.unit_maps import map_of
from entoptic.ascent.binding import bind
from entoptic.errors import BadSetting
from entoptic.layers import Layer
from unit.test_autoencoders import saev

TOP_1 = {"schema": 2, "cfg": {"activation": {"cls": "TopK", "params": {"top_k": 1}}}}


@pytest.fixture
def channels() -> int:
    """The number of channels of layer `0` of the network."""
    found = color_model().layers()[Layer("0")].channels
    assert found is not None
    return found


@pytest.fixture
def sae(tmp_path: Path, channels: int) -> Path:
    """Two codes: 1 + the first channel, and a constant 1.5; the larger one stays."""
    weight = torch.zeros(channels, 2)
    weight[0, 0] = 1
    made = {"W_enc": weight, "b_enc": torch.tensor([1.0, 1.5])}
    return saev(tmp_path / "sae.pt", TOP_1, **made)


@pytest.fixture
def atoms(tmp_path: Path, channels: int) -> Path:
    """Two directions: minus twice the first channel, and the last channel."""
    rows = np.zeros((2, channels), np.float32)
    rows[0, 0], rows[1, -1] = -2, 1
    np.save(tmp_path / "atoms.npy", rows)
    return tmp_path / "atoms.npy"


def half_red() -> torch.Tensor:
    """Dark red, but for 19 rows of 8 columns at the lower right, which are bright."""
    image = plain(0.2)
    image[..., 5:, 32:] = plain(1.0)[..., 5:, 32:]
    return image


def test_a_code_has_a_largest_value_a_mean_and_a_position(sae: Path) -> None:
    units = [ent.code("0", sae, number) for number in (1, 0)]
    found = ent.record(color_model((24, 40)), units, [half_red()])
    top = found.measures["max"].top
    # Where it is bright the first code is 2, and the other 0; elsewhere 0 and 1.5.
    assert top.values[:, 0].tolist() == [1.5, 2.0]
    assert top.positions[:, 0].tolist() == [[0, 0], [5, 32]]
    share = 19 * 8 / (24 * 40)
    assert found.mean("mean") == pytest.approx([1.5 * (1 - share), 2 * share])
    assert found.units == tuple(map(repr, units))


def test_directions_and_channels_are_found_together_as_alone(sae: Path, atoms: Path) -> None:
    model, photos = color_model((24, 40)), [half_red(), plain(0.4, 0.3, 0.1)]
    units = [
        ent.direction("0", atoms, 1), ent.channel("0", 0), ent.code("0", sae, 0),
        ent.cosine("0", atoms, 0), ent.direction("0", atoms, 0), ent.mean("0"),
        ent.direction("0", atoms, 0, 2.0),
    ]  # fmt: skip
    together = ent.record(model, units, photos)
    for place, unit in enumerate(units):
        alone = ent.record(model, [unit], photos)
        for by in ("max", "mean"):
            assert together.values(by)[:, place].tolist() == alone.values(by)[:, 0].tolist()
    # Minus twice the first channel is largest where that is smallest.
    assert together.values("max")[:, 4].max() == pytest.approx(-0.4)
    # The mean over positions is the score itself.
    (scores,) = ent.record(model, units, [half_red()]).values("mean")
    bound = [bind(unit, model, (24, 40)) for unit in units]
    acts = model.arranged(model.activations(half_red(), ["0"]), (24, 40))
    expected = torch.cat([each({Layer("0"): acts[Layer("0")]}) for each in bound])
    torch.testing.assert_close(torch.tensor(scores), expected)


def test_the_map_of_a_unit_has_the_positions_of_its_layer(sae: Path, atoms: Path) -> None:
    model = color_model((24, 40))
    acts = model.arranged(model.activations(half_red(), ["0"]), (24, 40))
    found = map_of(bind(ent.code("0", sae, 0), model, (24, 40)), acts)
    assert found is not None
    assert found.shape == (1, 24, 40)
    assert (found[0, 5:, 32:] == 2).all()
    assert found.sum() == 2 * 19 * 8
    assert map_of(ent.energy("0"), acts) is None


def test_exemplars_of_a_code_are_cut_to_its_receptive_field(sae: Path) -> None:
    model = color_model((24, 40))
    text = f"code('0', '{sae}', '0-1')"
    found = ent.exemplars(model, text, photos=[half_red(), plain(0.9)], count=1)
    code, other = found.units
    assert (code.unit, code.exemplars[0].value) == (f"code('0', '{sae}', 0)", 2.0)
    assert (code.exemplars[0].position, code.exemplars[0].box) == ((5, 32), (5, 32, 1, 1))
    assert other.exemplars[0].value == 1.5


def test_a_record_does_not_go_on_with_another_file_of_the_same_name(
    sae: Path, tmp_path: Path, channels: int
) -> None:
    model, unit, path = color_model(), ent.code("0", sae, 0), tmp_path / "record.npz"
    first = ent.record(model, [unit], [plain(0.4)], path=path)
    assert ent.record(model, [unit], [plain(0.4)], path=path).weights == first.weights
    saev(sae, TOP_1, W_enc=torch.ones(channels, 2), b_enc=torch.zeros(2))
    with pytest.raises(BadSetting, match="weights"):
        ent.record(model, [unit], [plain(0.4)], path=path)
