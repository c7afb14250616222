"""Files of sparse autoencoders, in the layouts of overcomplete, saev and ViT-Prisma."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from entoptic.errors import BadUnitFile, BadWeights
from entoptic.formats.arrays import read_bytes, safetensors_of
from entoptic.formats.files import ZIP_DAMAGE, reason
from entoptic.formats.sparse_encoder import RELU, Activation, Scaling, SparseEncoder
from entoptic.formats.state_dict.pickles import check_saved

LAYOUTS = (
    "read are the state dicts of overcomplete (encoder.final_block.0.weight, dictionary._weights), "
    "saev (a line of JSON, then W_enc, b_enc) and ViT-Prisma (W_enc, b_enc, b_dec, with "
    "config.json beside them), as torch.save or safetensors write them"
)

_DAMAGE = (
    *ZIP_DAMAGE, pickle.UnpicklingError, AssertionError, AttributeError, MemoryError,
)  # fmt: skip

_ZIP, _JSON = b"PK\x03\x04", b"{"

_LAYER_NORM_EPSILON = 1e-5


def read_autoencoder(path: Path, config: Callable[[Path], bytes] = read_bytes) -> SparseEncoder:
    """Return the encoder of a sparse autoencoder; nothing of its file is run.

    Args:
        path: the file.
        config: reads the bytes of the file beside it that says what it is, where it needs one.

    Raises:
        BadUnitFile: it isn't there, is damaged, or is of no known layout.
    """
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    header: Mapping[str, Any] | None = None
    try:
        if data[:1] == _JSON:
            line, _, data = data.partition(b"\n")
            header = _object(path, line)
        found = _tensors(path, data)
    except BadUnitFile:
        raise
    except _DAMAGE as error:
        raise BadUnitFile(f"can't read {str(path)!r}: {reason(error)}") from None
    if header is not None:
        return _saev(path, digest, header, found)
    if any(name.startswith("dictionary.") for name in found):
        return _overcomplete(path, digest, found)
    if "W_enc" in found:
        beside = path.parent / "config.json"
        try:
            text = config(beside)
        except BadUnitFile as error:
            raise BadUnitFile(f"{str(path)!r} holds W_enc, but {error}; {LAYOUTS}") from None
        said = beside, hashlib.sha256(text).hexdigest()
        return _prisma(path, digest, _object(beside, text), said, found)
    some = ", ".join([*found][:4]) or "none"
    raise BadUnitFile(
        f"{str(path)!r} is no sparse autoencoder that is known: {LAYOUTS}; of its "
        f"tensors the first are {some}"
    )


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return safetensors_of(data)
    if data[: len(_ZIP)] != _ZIP:
        raise BadUnitFile(f"{str(path)!r} is no sparse autoencoder: {LAYOUTS}")
    try:
        check_saved(path, data)
    except BadWeights as error:
        raise BadUnitFile(f"{error}; of ViT-Prisma, take the weights beside config.json") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old formats; none says what to do
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping):
        raise BadUnitFile(f"{str(path)!r} is no sparse autoencoder: {LAYOUTS}")
    return {str(name): each for name, each in found.items() if isinstance(each, Tensor)}


def _object(path: Path, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadUnitFile(f"{str(path)!r} is no sparse autoencoder: what it is isn't JSON")
    return found


def _overcomplete(path: Path, digest: str, found: Mapping[str, Tensor]) -> SparseEncoder:
    """Read KempnerInstitute/overcomplete: an MLPEncoder of one block, or a TieableEncoder."""
    if any(name.startswith("encoder.mlp_blocks") for name in found):
        raise BadUnitFile(
            f"the encoder of {str(path)!r} has hidden blocks, whose activation functions its file "
            "doesn't say; only encoders of one linear layer are read"
        )
    at = "encoder.final_block.0" if "encoder.final_block.0.weight" in found else "encoder"
    if f"{at}.weight" not in found:
        raise BadUnitFile(
            f"{str(path)!r} holds no weights of an encoder, which is tied to the dictionary; untie "
            "it (sae.untied()) before its state dict is saved"
        )
    weight = _matrix(path, found, f"{at}.weight")
    bias = _per_code(path, found, f"{at}.bias", weight.shape[0], needed=False)
    norm = "encoder.final_block.1"
    layer_norm = None
    if f"{norm}.weight" in found:
        gain, shift = (
            _per_code(path, found, f"{norm}.{part}", len(bias)) for part in ("weight", "bias")
        )
        if f"{norm}.running_mean" in found:
            mean, variance = (
                _per_code(path, found, f"{norm}.running_{part}", len(bias))
                for part in ("mean", "var")
            )
            gain = gain / (variance + _LAYER_NORM_EPSILON).sqrt()
            weight, bias = weight * gain[:, None], (bias - mean) * gain + shift
        else:
            layer_norm = torch.stack([gain, shift])
    activation, threshold = None, None
    if "thresholds" in found:
        threshold = _per_code(path, found, "thresholds", len(bias)).exp()
        activation = Activation("jumprelu", inclusive=True)
    return SparseEncoder(
        path, digest, "overcomplete", activation, weight, bias, threshold, layer_norm
    )


def _saev(
    path: Path, digest: str, header: Mapping[str, Any], found: Mapping[str, Tensor]
) -> SparseEncoder:
    """Read OSU-NLP-Group/saev: a line of JSON, then a state dict."""
    schema = header.get("schema", 0)
    if schema not in (0, 1, 2, 3, 4, 5):
        raise BadUnitFile(f"{str(path)!r} is of schema {schema!r} of saev; 0 to 5 are read")
    weight = _matrix(path, found, "W_enc").T.contiguous()
    bias = _per_code(path, found, "b_enc", len(weight))
    if schema == 0:  # the first release subtracted the decoder's bias; later ones don't
        bias = bias - weight @ _per_code(path, found, "b_dec", weight.shape[1])
    kind, settings = _saev_activation(path, header)
    if kind == "Relu":
        return SparseEncoder(path, digest, "saev", RELU, weight, bias)
    threshold = found.get("activation.threshold")
    if kind == "BatchTopK" and threshold is not None:
        # In use a threshold stands for the largest of a batch.
        each = threshold.float().reshape(()).expand(len(bias)).clamp(min=0)
        return SparseEncoder(path, digest, "saev", Activation("jumprelu"), weight, bias, each)
    top_k = settings.get("top_k", 32)
    activation = _top_k(path, top_k, rectified=False)
    return SparseEncoder(path, digest, "saev", activation, weight, bias)


def _saev_activation(path: Path, header: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the class of the activation function, and its settings."""
    told = header.get("cfg")
    config: Mapping[str, Any] = told if isinstance(told, dict) else {}
    given = config.get("activation", {"cls": "Relu", "params": {}})
    kind, settings = (
        (given.get("cls"), given.get("params")) if isinstance(given, dict) else (given, None)
    )
    if header.get("cls") in ("Relu", "TopK", "BatchTopK"):  # of the first files of schema 1
        kind, settings = header["cls"], config
    if kind not in ("Relu", "TopK", "BatchTopK") or not isinstance(settings, dict):
        raise BadUnitFile(
            f"the activation function of {str(path)!r} is {kind!r}; read are Relu, TopK and "
            "BatchTopK of saev"
        )
    return kind, settings


def _prisma(
    path: Path,
    digest: str,
    config: Mapping[str, Any],
    said: tuple[Path, str],
    found: Mapping[str, Tensor],
) -> SparseEncoder:
    """Read soniajoseph/ViT-Prisma: a state dict, with its settings in config.json.

    What `save_config` leaves out is what its VisionModelSAERunnerConfig has by default.
    """
    architecture = config.get("architecture", "standard")
    kind = config.get("activation_fn_str", "relu")
    scaling: Any = config.get("normalize_activations", "layer_norm") or "none"
    known = scaling in get_args(Scaling)
    if architecture != "standard" or kind not in ("relu", "topk") or not known:
        raise BadUnitFile(
            f"{str(said[0])!r} says architecture {architecture!r}, activation_fn_str {kind!r}, "
            f"normalize_activations {scaling!r}; of ViT-Prisma, standard ones with relu or topk "
            "are read, and layer_norm, constant_norm_rescale or none"
        )
    if config.get("cls_token_only"):
        raise BadUnitFile(
            f"{str(said[0])!r} says cls_token_only: the autoencoder was trained on the class token "
            "alone, and codes are looked for at positions; take one of patches, or of all tokens"
        )
    weight = _matrix(path, found, "W_enc").T.contiguous()
    bias = _per_code(path, found, "b_enc", len(weight))
    bias = bias - weight @ _per_code(path, found, "b_dec", weight.shape[1])
    settings = config.get("activation_fn_kwargs") or {}
    activation = RELU if kind == "relu" else _top_k(path, settings.get("k"))
    return SparseEncoder(
        path, digest, "ViT-Prisma", activation, weight, bias,
        scaling=scaling, config=said,
    )  # fmt: skip


def _top_k(path: Path, value: Any, *, rectified: bool = True) -> Activation:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadUnitFile(f"{str(path)!r} says that it keeps {value!r} codes; it must be 1 or more")
    return Activation("topk", value, rectified=rectified)


def _matrix(path: Path, found: Mapping[str, Tensor], name: str) -> Tensor:
    array = _finite(path, found, name)
    if array.ndim != 2 or not array.numel():
        raise BadUnitFile(
            f"{name} of {str(path)!r} is of shape {tuple(array.shape)}; it must be a matrix"
        )
    return array


def _per_code(
    path: Path, found: Mapping[str, Tensor], name: str, count: int, *, needed: bool = True
) -> Tensor:
    if name not in found and not needed:
        return torch.zeros(count)
    array = _finite(path, found, name)
    if array.shape != (count,):
        raise BadUnitFile(
            f"{name} of {str(path)!r} is of shape {tuple(array.shape)}, not ({count},)"
        )
    return array


def _finite(path: Path, found: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in found:
        raise BadUnitFile(f"{str(path)!r} has no {name}: {LAYOUTS}")
    array = found[name].detach().float()
    if not array.isfinite().all():
        raise BadUnitFile(f"{name} of {str(path)!r} has numbers that aren't finite")
    return array
