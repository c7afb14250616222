"""Networks of timm: more than a thousand architectures with their published weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from entoptic.errors import BadWeights, MissingExtra, NotAllowed, UnknownModel, did_you_mean
from entoptic.formats.state_dict.reading import mismatch, read_state_dict
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources.registered import registered
from entoptic.networks.sources.spec import Spec, not_here

# How timm's transformers are told to take pictures of any size; the first that is understood holds.
_ANY_SIZE: tuple[dict[str, bool], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"dynamic_img_size": True},
    {"strict_img_size": False},
)


# What the files of weights on timm's hub are called, those first that it prefers.
_PUBLISHED = ("model.safetensors", "pytorch_model.bin")


def timm(spec: Spec) -> Model:
    """Load a network of timm with the weights that its name says, with a file's, or with none.

    Args:
        spec: `timm:NAME[.TAG]`; the option `weights` is a file, or `random`; `in_chans` is the
            number of channels that it is fed, by default 3 or what a file of weights has: timm
            adds up or repeats the filters of published weights.

    Raises:
        MissingExtra: timm isn't installed.
        UnknownModel: timm has no such network; with the nearest.
        NotAllowed: a job names it, and its weights aren't on this machine.
        BadWeights: the weights can't be had, or don't fit.
    """
    spec.only(("weights", "in_chans"))
    try:
        from timm.models import get_pretrained_cfg
    except ImportError:
        raise MissingExtra(
            'networks of timm need the zoo extra: pip install "entoptic[zoo]"'
        ) from None
    _check_name(spec)
    known = get_pretrained_cfg(spec.rest)
    cfg: dict[str, Any] = known.to_dict() if known else {}
    settings = _settings(spec, cfg)
    module = _build(spec, cfg, settings)
    how = _preprocess(spec, cfg, settings.get("in_chans", 3))
    labels, synsets = (None, None) if spec.random else _labels(module, cfg)
    return Model(module.eval(), how, spec.text, labels, synsets, notes=spec.notes).fitted()


def has(name: str) -> bool:
    """Return whether timm is installed and has a network of a name, with or without a tag."""
    return name.partition(".")[0] in registered("timm", "models")


def _preprocess(spec: Spec, cfg: dict[str, Any], channels: int) -> Preprocess:
    size = spec.size() or cfg["input_size"][1:]
    mean, std = tuple(cfg["mean"]), tuple(cfg["std"])
    if channels == 3:
        return Preprocess(size, mean, std)
    # Average of a channel without a color.
    return Preprocess(size, (fmean(mean),) * channels, (fmean(std),) * channels, channels=channels)


def _check_name(spec: Spec) -> None:
    from timm import is_model, list_models, list_pretrained

    name, _, tag = spec.rest.partition(".")
    if is_model(name) and (not tag or spec.rest in list_pretrained(f"{name}.*")):
        return
    if is_model(name):
        tags = [each.partition(".")[2] for each in list_pretrained(f"{name}.*")]
        raise UnknownModel(f"timm has no weights {tag!r} of {name}; there are {', '.join(tags)}")
    hint = did_you_mean(spec.rest, list_models()) or "; timm.list_models() lists them"
    raise UnknownModel(f"timm has no network {spec.rest!r}{hint}")


def _build(spec: Spec, cfg: dict[str, Any], settings: dict[str, Any]) -> nn.Module:
    if not cfg.get("fixed_input_size", False):
        return _created(spec, settings)
    taken: nn.Module | None = None
    for wish in _ANY_SIZE:
        try:
            module = _created(spec, settings | wish)
        except TypeError as error:
            if "unexpected keyword" not in str(error):
                raise
            continue
        # Swin of timm before 1.0.31 takes every wish, and follows the last alone.
        if not getattr(getattr(module, "patch_embed", None), "strict_img_size", False):
            return module
        taken = module if taken is None else taken
    if taken is not None:
        return taken
    size = spec.size()
    return _created(spec, settings | ({"img_size": size} if size else {}))


def _settings(spec: Spec, cfg: dict[str, Any]) -> dict[str, Any]:
    """Return what timm is asked for."""
    fed = {"in_chans": spec.whole("in_chans", 3)} if "in_chans" in spec.options else {}
    if spec.stored and not spec.random:
        # Of a file that is here timm asks the hub nothing.
        file = {"file": str(_downloaded(spec, cfg))}
        return {"pretrained": True, "pretrained_cfg_overlay": file, **fed}
    if spec.weights is None:
        return {"pretrained": not spec.random, **fed}
    weights = read_state_dict(spec.weights)
    overlay: dict[str, Any] = {"state_dict": weights, "custom_load": False}
    first = cfg.get("first_conv")
    stem = weights.get(f"{first}.weight") if isinstance(first, str) else None
    if stem is not None and stem.ndim == 4 and stem.shape[1] == fed.get("in_chans", stem.shape[1]):
        # Else timm would make filters of three channels into some of as many.
        fed, overlay["first_conv"] = {"in_chans": stem.shape[1]}, None
    head = cfg.get("classifier")
    fitted = weights.get(f"{head}.weight") if isinstance(head, str) else None
    if fitted is not None and not cfg.get("label_offset"):
        # Networks that were trained further on other classes keep all but their number.
        overlay["num_classes"] = len(fitted)
    return {"pretrained": True, "pretrained_cfg_overlay": overlay, **fed}


def _downloaded(spec: Spec, cfg: Mapping[str, Any]) -> Path:
    """Return the published weights on this machine, where timm's hub or torch keep them.

    Raises:
        NotAllowed: they aren't there.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, given, url = (cfg.get(key) for key in ("hf_hub_id", "hf_hub_filename", "url"))
    for name in (given,) if given else _PUBLISHED:
        found = try_to_load_from_cache(repository, name) if repository else None
        if isinstance(found, str):
            return Path(found)
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url or "").path).name
    if url and path.is_file():
        return path
    raise NotAllowed(not_here(spec.text))


def _created(spec: Spec, settings: dict[str, Any]) -> nn.Module:
    from timm import create_model

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module: nn.Module = create_model(spec.rest, **settings)
    except (OSError, RuntimeError) as error:
        raise _without_weights(spec, settings, error) from None
    return module


def _without_weights(spec: Spec, settings: dict[str, Any], error: Exception) -> Exception:
    """Return the error for a network that has no weights, with the reason as far as known."""
    if not settings["pretrained"]:
        return error
    lines = str(error).splitlines() or [type(error).__name__]
    if spec.weights is not None:
        from timm import create_model

        overlay = settings["pretrained_cfg_overlay"]
        plain = create_model(
            spec.rest,
            num_classes=overlay.get("num_classes"),
            in_chans=settings.get("in_chans", 3),
        )
        problem = mismatch(spec.weights, overlay["state_dict"], plain)
        return BadWeights(problem or f"the weights in {spec.weights} don't fit: {lines[0]}")
    return BadWeights(
        f"can't get the weights of {spec.rest!r} through timm ({lines[0]}); give them as a file: "
        f"timm:{spec.rest}?weights=FILE"
    )


def _labels(
    module: nn.Module, cfg: dict[str, Any]
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return labels and synsets of the classes, as far as they are ImageNet's."""
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    classes: int = getattr(module, "num_classes", 0)
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None or classes != cfg["num_classes"]:
        return None, None
    info = ImageNetInfo(subset)
    return tuple(info.label_descriptions()), tuple(info.label_names())
