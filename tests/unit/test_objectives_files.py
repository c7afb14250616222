"""Vectors and codes from files, as objectives: how they are written, and what they score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic.ascent.binding import bind
from entoptic.errors import (
    BadExpression,
    BadSetting,
    BadUnitFile,
    ChannelOutOfRange,
    EntopticError,
)
from entoptic.jobs.units import read_units
from entoptic.layers import Layer
from entoptic.objectives import Objective, parse
from entoptic.objectives.facts import files_of
from unit.test_autoencoders import overcomplete, prisma, saev

RELU = {"schema": 2, "cfg": {"activation": {"cls": "Relu", "params": {}}}}
TOP_1 = {"schema": 2, "cfg": {"activation": {"cls": "TopK", "params": {"top_k": 1}}}}

# Two images of two channels at two positions: (1, 2) and (3, -4); (-1, -1) and (-5, 0).
ACTS = torch.tensor([[[[1.0, 3.0]], [[2.0, -4.0]]], [[[-1.0, -5.0]], [[-1.0, 0.0]]]])


@pytest.fixture
def model() -> ent.Model:
    """A network whose layer `0` has two channels."""
    return ent.Model.wrap(nn.Sequential(nn.Conv2d(3, 2, 1)), preprocess=ent.Preprocess((8, 6)))


def scores(text: str, model: ent.Model, acts: Tensor = ACTS) -> list[float]:
    return bind(parse(text), model, (8, 6))({Layer("0"): acts}).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "direction('a', 'atoms.npy', 17, 0.0)",
        "direction('a', 'probe.npz:w', None, 2.0)",
        "cosine('a', 'probe.npy')",
        "cosine('a', 'atoms.safetensors:W_dec', 3)",
        "neuron_direction('a', 'atoms.npy', 17, 3, 4, 0.0)",
        "neuron_weights('a', 'probe.npy', None, 3)",
        "code('a', 'sae.pt', 17)",
        "code('a', 'sae.safetensors', 17, 8)",
        "(code('a', 'sae.pt', 17) - (2 * cosine('a', 'atoms.npy', 0)))",
    ],
)
def test_what_names_a_file_is_read_as_it_is_written(text: str) -> None:
    assert repr(parse(text)) == text
    assert parse(repr(parse(text))) == parse(text)


def test_python_takes_the_same_arguments_and_paths() -> None:
    wanted = parse("direction('a', 'atoms.npy', 17)")
    assert ent.direction("a", "atoms.npy", 17) == wanted
    assert ent.direction("a", ("atoms.npy", 17)) == wanted
    assert ent.direction("a", vector=(Path("atoms.npy"), 17)) == wanted
    assert ent.direction("a", "probe.npy") == ent.direction("a", ("probe.npy", None))
    assert ent.direction("a", "atoms.npy", int(np.int64(17))) == wanted
    assert ent.direction("a", "probe.npy", 2.0).arguments[2] == 2.0
    assert ent.code("a", Path("sae.pt"), 3) == parse("code('a', 'sae.pt', 3)")


def test_a_direction_of_a_file_scores_as_its_numbers_do(
    tmp_path: Path, model: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("atoms.npy", np.array([[9, 9], [1, -2]], np.float32))
    np.savez("probes.npz", one=np.array([1.0, -2.0]), cube=np.zeros((1, 1, 1)))
    for text in (
        "direction('0', 'atoms.npy', 1)",
        "direction('0', 'probes.npz')",
        "direction('0', 'probes.npz:one')",
        "direction('0', [1, -2])",
    ):
        # a - 2 b: -3 and 11; 1 and -5.
        assert scores(text, model) == [4.0, -2.0]
    assert scores("neuron_direction('0', 'atoms.npy', 1, 0, 0)", model) == [-3.0, 1.0]


def test_a_code_is_the_mean_of_what_the_encoder_gives(tmp_path: Path, model: ent.Model) -> None:
    relu, top = saev(tmp_path / "relu.pt", RELU), saev(tmp_path / "top.pt", TOP_1)
    # a + 1, b, -a - b: (2, 2, -3), (4, -4, 1); (0, -1, 2), (-4, 0, 5).
    assert scores(f"code('0', '{relu}', 1)", model) == [1.0, 0.0]
    assert scores(f"code('0', '{relu}', 2)", model) == [0.5, 3.5]
    assert scores(f"code('0', '{top}', 2)", model) == [0.0, 3.5]
    several = ent.per_image([ent.code("0", relu, 0), ent.code("0", top, 2)])
    assert bind(several, model, (8, 6))({Layer("0"): ACTS}).tolist() == [3.0, 3.5]


def test_the_gradient_of_a_code_is_that_of_the_encoder(tmp_path: Path, model: ent.Model) -> None:
    bound = bind(ent.code("0", saev(tmp_path / "sae.pt", RELU), 1), model, (8, 6))
    acts = ACTS.clone().requires_grad_()
    bound({Layer("0"): acts}).sum().backward()
    assert acts.grad is not None
    # The first image: b at the first position alone. In the second the code is 0 everywhere: there
    # the gradient is that of b, so that an optimisation can begin.
    assert acts.grad[0].tolist() == [[[0.0, 0.0]], [[0.5, 0.0]]]
    assert acts.grad[1].tolist() == [[[0.0, 0.0]], [[0.5, 0.5]]]


def test_an_encoder_that_does_not_say_its_activation_is_told(
    tmp_path: Path, model: ent.Model
) -> None:
    path, said = overcomplete(tmp_path / "sae.pt"), saev(tmp_path / "top.pt", TOP_1)
    assert scores(f"code('0', '{path}', 2, top_k=0)", model) == [0.5, 3.5]
    assert scores(f"code('0', '{path}', 2, top_k=1)", model) == [0.0, 3.5]
    with pytest.raises(BadSetting, match=r"of overcomplete, doesn't say .*; say top_k=K of a TopK"):
        scores(f"code('0', '{path}', 2)", model)
    with pytest.raises(BadSetting, match="says itself that it is topk of 1; leave out top_k"):
        scores(f"code('0', '{said}', 2, 3)", model)


def test_what_does_not_fit_the_layer_is_refused_before_any_work(
    tmp_path: Path, model: ent.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saev(Path("sae.pt"), RELU)
    np.save("atoms.npy", np.zeros((4, 3)))
    wrong: list[tuple[str, type[EntopticError], str]] = [
        ("code('0', 'sae.pt', 3)", ChannelOutOfRange, r"code 3 of 'sae.pt' .* 3 codes \(0..2\)"),
        ("code('input', 'sae.pt', 0)", ChannelOutOfRange, "a layer of 2 channels, and 'input' has"),
        ("direction('0', 'atoms.npy', 1)", ChannelOutOfRange, "row 1 of 'atoms.npy' has 3 numbers"),
        ("code('0', 'sae.pt', '0-2') + 1", BadSetting, "several units; inside an objective, name"),
        ("2 * cosine('0', 'atoms.npy', '0,2')", BadSetting, "several units"),
    ]
    for text, kind, message in wrong:
        with pytest.raises(kind, match=message):
            scores(text, model)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("direction('a', 'atoms.pt', 1)", BadUnitFile, "is no file of vectors"),
        ("direction('a', 'atoms.npy', -1)", BadExpression, "direction wants numbers, one for each"),
        ("direction('a', 'atoms.npy', '5-3')", BadExpression, "or the name of a file and a row"),
        ("direction('a', ['atoms.npy', 1, 2])", BadExpression, "wants numbers"),
        ("code('a', 'sae.pt', -1)", BadExpression, r"the number of a code \(0, 1, ...\)"),
        ("code('a', 3, 1)", BadExpression, "the name of a sparse autoencoder's file for 'file'"),
        ("code('a', 'sae.pt', 1, -1)", BadExpression, r"codes \(0 for ReLU\) or None"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(
    text: str, kind: type[EntopticError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        parse(text)


def test_a_unit_may_stand_for_several() -> None:
    def told(unit: str | Objective) -> list[str]:
        return list(map(repr, read_units(unit)))

    assert told("code('a', 'sae.pt', '0-1, 5')") == [
        f"code('a', 'sae.pt', {number})" for number in (0, 1, 5)
    ]
    assert told(ent.cosine("a", "atoms.npy", "3-4")) == [
        f"cosine('a', 'atoms.npy', {number})" for number in (3, 4)
    ]
    with pytest.raises(BadExpression, match="stands for more than 4096 units"):
        read_units("code('a', 'sae.pt', '0-9999')")


def test_the_files_of_an_objective_are_known_once_it_is_bound(
    tmp_path: Path, model: ent.Model
) -> None:
    np.save(tmp_path / "atoms.npy", np.eye(2))
    sae = prisma(tmp_path / "weights.pt")
    made = ent.cosine("0", tmp_path / "atoms.npy", 1) + ent.code("0", sae, 1)
    made = made - ent.code("0", sae, 0)
    assert files_of(made) == []
    bound = bind(made, model, (8, 6))
    assert [each.path for each in files_of(bound)] == [tmp_path / "atoms.npy", sae]
    assert repr(bound) == repr(made)
    assert bind(bound, model, (8, 6)) == bound
