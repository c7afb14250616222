"""Sparse autoencoders written by hand in each layout: what they give is worked out on paper."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from entoptic.errors import BadUnitFile
from entoptic.formats.autoencoders import read_autoencoder
from entoptic.formats.sparse_encoder import RELU, Activation, SparseEncoder

# Three codes of two channels: a + 1, b, -a - b.
WEIGHT = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
BIAS = torch.tensor([1.0, 0.0, 0.0])

# One image whose three positions are (2, 1), (-3, 0.5) and (-1, -4): before the activation
# function the codes are (3, 1, -3), (-2, 0.5, 2.5), (0, -4, 5).
ACTS = torch.tensor([[[[2.0, -3.0, -1.0]], [[1.0, 0.5, -4.0]]]])
AFTER_RELU = [[3.0, 1.0, 0.0], [0.0, 0.5, 2.5], [0.0, 0.0, 5.0]]
AFTER_TOP_1 = [[3.0, 0.0, 0.0], [0.0, 0.0, 2.5], [0.0, 0.0, 5.0]]


def overcomplete(path: Path, **more: Tensor) -> Path:
    told = {
        "encoder.final_block.0.weight": WEIGHT,
        "encoder.final_block.0.bias": BIAS,
        "dictionary._weights": torch.zeros(3, 2),
        "dictionary.multiplier": torch.tensor(0.0),
    }
    torch.save(told | more, path)
    return path


def saev(path: Path, header: dict[str, Any], **more: Tensor) -> Path:
    stream = io.BytesIO()
    told = {"W_enc": WEIGHT.T, "b_enc": BIAS, "W_dec": WEIGHT, "b_dec": torch.tensor([1.0, 2.0])}
    torch.save({name: each.contiguous() for name, each in (told | more).items()}, stream)
    path.write_bytes(json.dumps(header).encode() + b"\n" + stream.getvalue())
    return path


def prisma(path: Path, config: Mapping[str, object] = {}, center: float = 0.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    told = {
        "W_enc": WEIGHT.T.contiguous(), "b_enc": BIAS, "W_dec": WEIGHT,
        "b_dec": torch.tensor([1.0, 2.0]) * center,
    }  # fmt: skip
    torch.save(told, path)
    usual: dict[str, object] = {
        "architecture": "standard",
        "activation_fn_str": "relu",
        "activation_fn_kwargs": {},
        "normalize_activations": "none",
    }
    (path.parent / "config.json").write_text(json.dumps(usual | dict(config)))
    return path


def codes(found: SparseEncoder, values: Tensor = ACTS) -> list[list[float]]:
    """Return the codes of each position; those of each code alone are the same."""
    every = found.codes(values)
    for number in range(found.count):
        torch.testing.assert_close(found.codes(values, [number])[:, 0], every[:, number])
    return every[0].T.tolist()


def test_a_file_of_overcomplete_leaves_its_activation_function_to_say(tmp_path: Path) -> None:
    found = read_autoencoder(overcomplete(tmp_path / "sae.pt"))
    assert (found.layout, found.count, found.channels, found.activation) == (
        "overcomplete", 3, 2, None,
    )  # fmt: skip
    assert codes(found.with_activation(RELU)) == AFTER_RELU
    assert codes(found.with_activation(Activation("topk", 1))) == AFTER_TOP_1
    assert codes(found.with_activation(Activation("topk", 9))) == AFTER_RELU


def test_a_jumprelu_of_overcomplete_keeps_what_reaches_the_threshold(tmp_path: Path) -> None:
    thresholds = torch.tensor([3.5, 0.5, 2.6]).log()
    found = read_autoencoder(overcomplete(tmp_path / "sae.pt", thresholds=thresholds))
    assert codes(found) == [[0, 1, 0], [0, 0.5, 0], [0, 0, 5]]


def test_a_batch_norm_of_overcomplete_is_applied(tmp_path: Path) -> None:
    norm = {
        "weight": torch.tensor([2.0, 1.0, 1.0]), "bias": torch.tensor([0.0, 0.0, 4.0]),
        "running_mean": torch.tensor([1.0, 0.0, 0.0]), "running_var": torch.ones(3) - 1e-5,
    }  # fmt: skip
    more = {f"encoder.final_block.1.{name}": each for name, each in norm.items()}
    found = read_autoencoder(overcomplete(tmp_path / "sae.pt", **more)).with_activation(RELU)
    # Twice the first code less one; the third and 4.
    torch.testing.assert_close(
        torch.tensor(codes(found)), torch.tensor([[4.0, 1, 1], [0, 0.5, 6.5], [0, 0, 9]])
    )


def test_a_layer_norm_of_overcomplete_is_over_the_codes(tmp_path: Path) -> None:
    more = {
        "encoder.final_block.1.weight": torch.tensor([2.0, 1.0, 1.0]),
        "encoder.final_block.1.bias": torch.zeros(3),
    }
    found = read_autoencoder(overcomplete(tmp_path / "sae.pt", **more)).with_activation(RELU)
    # Before: (3, 1, -3), whose mean is 1/3 and whose deviation is sqrt(56) / 3.
    wanted = [2 * (3 - 1 / 3) * 3 / 56**0.5, (1 - 1 / 3) * 3 / 56**0.5, 0.0]
    torch.testing.assert_close(codes(found)[0], wanted, atol=1e-4, rtol=0)


def test_an_untied_encoder_of_overcomplete_without_bias_is_read(tmp_path: Path) -> None:
    torch.save({"encoder.weight": WEIGHT, "dictionary._weights": WEIGHT}, tmp_path / "sae.pt")
    found = read_autoencoder(tmp_path / "sae.pt").with_activation(RELU)
    assert codes(found) == [[2, 1, 0], [0, 0.5, 2.5], [0, 0, 5]]


def test_safetensors_hold_the_same_as_torch_save(tmp_path: Path) -> None:
    save_file(torch.load(overcomplete(tmp_path / "sae.pt")), tmp_path / "sae.safetensors")
    found = read_autoencoder(tmp_path / "sae.safetensors").with_activation(RELU)
    assert codes(found) == AFTER_RELU


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ({"schema": 5, "cfg": {"activation": {"cls": "Relu", "params": {}}}}, AFTER_RELU),
        (
            {"schema": 2, "cfg": {"activation": {"cls": "TopK", "params": {"top_k": 1}}}},
            AFTER_TOP_1,
        ),
        # saev keeps negative codes, too, where they are among the largest.
        (
            {"schema": 5, "cfg": {"activation": {"cls": "TopK", "params": {"top_k": 3}}}},
            [[3, 1, -3], [-2, 0.5, 2.5], [0, -4, 5]],
        ),
        ({"schema": 1, "cls": "TopK", "cfg": {"d_vit": 2, "top_k": 1}}, AFTER_TOP_1),
        ({"schema": 1, "cls": "SparseAutoencoderConfig", "cfg": {"d_vit": 2}}, AFTER_RELU),
        (
            {"schema": 2, "cfg": {"activation": {"cls": "BatchTopK", "params": {"top_k": 1}}}},
            AFTER_TOP_1,
        ),
        # The first release subtracted the decoder's bias, (1, 2), from the activations.
        ({"d_vit": 2, "exp_factor": 2}, [[2, 0, 0], [0, 0, 5.5], [0, 0, 8]]),
    ],
)
def test_each_schema_of_saev_is_read(
    tmp_path: Path, header: dict[str, Any], wanted: list[list[float]]
) -> None:
    found = read_autoencoder(saev(tmp_path / "sae.pt", header))
    assert (found.layout, codes(found)) == ("saev", wanted)


def test_the_threshold_of_a_batch_topk_of_saev_is_a_jumprelu(tmp_path: Path) -> None:
    header = {"schema": 5, "cfg": {"activation": {"cls": "BatchTopK", "params": {"top_k": 1}}}}
    more = {"activation.threshold": torch.tensor(1.0)}
    found = read_autoencoder(saev(tmp_path / "sae.pt", header, **more))
    assert codes(found) == [[3, 0, 0], [0, 0, 2.5], [0, 0, 5]]


def test_vit_prisma_says_in_its_config_what_it_is(tmp_path: Path) -> None:
    found = read_autoencoder(prisma(tmp_path / "a" / "weights.pt"))
    assert (found.layout, codes(found)) == ("ViT-Prisma", AFTER_RELU)
    assert found.config is not None
    assert found.config[0] == tmp_path / "a" / "config.json"
    top = {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 1}}
    found = read_autoencoder(prisma(tmp_path / "b" / "weights.pt", top))
    assert codes(found) == AFTER_TOP_1
    found = read_autoencoder(prisma(tmp_path / "c" / "weights.pt", center=1.0))
    assert codes(found) == [[2, 0, 0], [0, 0, 5.5], [0, 0, 8]]


def test_vit_prisma_normalizes_the_activations_as_it_says(tmp_path: Path) -> None:
    values = torch.tensor([[[[3.0]], [[4.0]]]])
    how = {"normalize_activations": "constant_norm_rescale"}
    found = read_autoencoder(prisma(tmp_path / "a" / "weights.pt", how))
    # A length of 5 becomes the square root of 2.
    wanted = [[1 + 3 * 2**0.5 / 5, 4 * 2**0.5 / 5, 0]]
    torch.testing.assert_close(torch.tensor(codes(found, values)), torch.tensor(wanted))
    how = {"normalize_activations": "layer_norm"}
    found = read_autoencoder(prisma(tmp_path / "b" / "weights.pt", how))
    # Of (3, 4) the mean is 3.5, and the deviation of a sample the square root of 1/2.
    wanted = [[1 - 0.5 * 2**0.5, 0.5 * 2**0.5, 0]]
    torch.testing.assert_close(
        torch.tensor(codes(found, values)), torch.tensor(wanted), atol=1e-4, rtol=0
    )


class PrismaLayout(nn.Module):
    """The parameters of ViT-Prisma's StandardSparseAutoencoder, in its order."""

    def __init__(self, inputs: int, codes: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.W_dec = nn.Parameter(torch.randn(codes, inputs, generator=rng))
        self.W_enc = nn.Parameter(self.W_dec.data.t().clone())
        self.b_enc = nn.Parameter(torch.randn(codes, generator=rng))
        self.b_dec = nn.Parameter(torch.randn(inputs, generator=rng))


# What `save_config` of ViT-Prisma writes of a VisionModelSAERunnerConfig, but for its paths.
PRISMA_CONFIG = """{
    "model_class_name": "HookedViT",
    "model_name": "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M",
    "vit_model_cfg": null,
    "model_path": null,
    "hook_point_layer": 9,
    "layer_subtype": "hook_resid_post",
    "hook_point_head_index": null,
    "context_size": 50,
    "use_cached_activations": false,
    "use_patches_only": false,
    "d_in": 4,
    "activation_fn_str": "topk",
    "activation_fn_kwargs": {
        "k": 3
    },
    "cls_token_only": false,
    "max_grad_norm": 1.0,
    "initialization_method": "encoder_transpose_decoder",
    "normalize_activations": "layer_norm",
    "num_epochs": 10,
    "image_size": 224,
    "device": {
        "__type__": "torch.device",
        "value": "cpu"
    },
    "seed": 42,
    "dtype": {
        "__type__": "torch.dtype",
        "value": "torch.float32"
    },
    "architecture": "standard",
    "b_dec_init_method": "geometric_median",
    "expansion_factor": 2,
    "from_pretrained_path": null,
    "d_sae": 8,
    "l1_coefficient": 0.0002,
    "lp_norm": 1,
    "use_ghost_grads": true
}"""


def test_a_file_as_vit_prisma_writes_it_has_the_codes_that_it_finds_itself(tmp_path: Path) -> None:
    sae = PrismaLayout(4, 8)
    torch.save(sae.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "config.json").write_text(PRISMA_CONFIG)
    found = read_autoencoder(tmp_path / "weights.pt")
    tokens = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    # Centered and divided by the deviation; then without the decoder's bias, encoded; 3 are kept.
    centered = tokens - tokens.mean(1, keepdim=True)
    normed = centered / (centered.std(1, keepdim=True) + 1e-5)
    before = (normed - sae.b_dec) @ sae.W_enc + sae.b_enc
    wanted = torch.zeros(5, 8)
    for row, each in enumerate(before.tolist()):
        for code in sorted(range(8), key=lambda n: -each[n])[:3]:
            wanted[row, code] = max(each[code], 0)
    assert (wanted > 0).sum() > 8
    torch.testing.assert_close(found.codes(tokens.T[None])[0].T, wanted)


def test_what_a_config_of_vit_prisma_leaves_out_is_its_default(tmp_path: Path) -> None:
    prisma(tmp_path / "a" / "weights.pt", {"normalize_activations": "layer_norm"})
    wanted = codes(read_autoencoder(tmp_path / "a" / "weights.pt"))
    (tmp_path / "a" / "config.json").write_text("{}")
    assert codes(read_autoencoder(tmp_path / "a" / "weights.pt")) == wanted
    prisma(tmp_path / "a" / "weights.pt", {"normalize_activations": None})
    assert codes(read_autoencoder(tmp_path / "a" / "weights.pt")) == AFTER_RELU


def test_an_autoencoder_of_the_class_token_alone_is_refused(tmp_path: Path) -> None:
    path = prisma(tmp_path / "weights.pt", {"cls_token_only": True})
    with pytest.raises(BadUnitFile, match=r"config.json' says cls_token_only: .* of patches"):
        read_autoencoder(path)


def test_features_without_positions_are_one(tmp_path: Path) -> None:
    found = read_autoencoder(overcomplete(tmp_path / "sae.pt")).with_activation(RELU)
    assert found.codes(torch.tensor([[2.0, 1.0]])).tolist() == [[[3.0], [1.0], [0.0]]]


def test_a_module_that_was_saved_whole_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 3), tmp_path / "sae.pt")
    with pytest.raises(BadUnitFile, match=r"could run code; save only the state dict.*config.json"):
        read_autoencoder(tmp_path / "sae.pt")


def test_unknown_layouts_are_refused_with_what_is_read(tmp_path: Path) -> None:
    torch.save({"encoder.weight": WEIGHT, "W_dec": WEIGHT}, tmp_path / "sae.pt")
    with pytest.raises(BadUnitFile, match=r"read are the state dicts of overcomplete .*encoder.we"):
        read_autoencoder(tmp_path / "sae.pt")
    (tmp_path / "text.pt").write_text("no autoencoder")
    with pytest.raises(BadUnitFile, match="is no sparse autoencoder: read are"):
        read_autoencoder(tmp_path / "text.pt")
    with pytest.raises(BadUnitFile, match=r"can't read .*: No such file"):
        read_autoencoder(tmp_path / "nothing.pt")
    (tmp_path / "cut.pt").write_bytes(overcomplete(tmp_path / "whole.pt").read_bytes()[:600])
    with pytest.raises(BadUnitFile, match="it is damaged"):
        read_autoencoder(tmp_path / "cut.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10" * 40)
    with pytest.raises(BadUnitFile, match="can't read"):
        read_autoencoder(tmp_path / "cut.safetensors")


def test_what_an_encoder_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sae.pt"
    torch.save({"dictionary._weights": WEIGHT}, path)
    with pytest.raises(BadUnitFile, match=r"tied to the dictionary; untie it"):
        read_autoencoder(path)
    overcomplete(path, **{"encoder.mlp_blocks.0.0.weight": WEIGHT})
    with pytest.raises(BadUnitFile, match="has hidden blocks"):
        read_autoencoder(path)
    overcomplete(path, **{"encoder.final_block.0.bias": torch.zeros(4)})
    with pytest.raises(BadUnitFile, match=r"bias of .* is of shape \(4,\), not \(3,\)"):
        read_autoencoder(path)
    overcomplete(path, **{"encoder.final_block.0.weight": torch.zeros(4)})
    with pytest.raises(BadUnitFile, match="it must be a matrix"):
        read_autoencoder(path)
    overcomplete(path, **{"encoder.final_block.0.weight": WEIGHT / 0})
    with pytest.raises(BadUnitFile, match="numbers that aren't finite"):
        read_autoencoder(path)
    with pytest.raises(BadUnitFile, match=r"schema 9 of saev; 0 to 5"):
        read_autoencoder(saev(path, {"schema": 9}))
    with pytest.raises(BadUnitFile, match=r"is 'AbsBatchTopK'; read are Relu"):
        read_autoencoder(saev(path, {"schema": 4, "cfg": {"activation": {"cls": "AbsBatchTopK"}}}))
    header = {"schema": 2, "cfg": {"activation": {"cls": "TopK", "params": {"top_k": 0}}}}
    with pytest.raises(BadUnitFile, match="keeps 0 codes"):
        read_autoencoder(saev(path, header))
    path.write_bytes(b"{no json\n" + path.read_bytes())
    with pytest.raises(BadUnitFile, match="isn't JSON"):
        read_autoencoder(path)


def test_vit_prisma_without_its_config_is_refused(tmp_path: Path) -> None:
    path = prisma(tmp_path / "weights.pt", {"activation_fn_str": "tanh-relu"})
    with pytest.raises(BadUnitFile, match=r"activation_fn_str 'tanh-relu'.*with relu or topk"):
        read_autoencoder(path)
    prisma(path, {"architecture": "gated"})
    with pytest.raises(BadUnitFile, match="says architecture 'gated'"):
        read_autoencoder(path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BadUnitFile, match=r"holds W_enc, but can't read .*config.json"):
        read_autoencoder(path)
