"""Networks of torchvision: classifiers and segmenters with their published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from entoptic.errors import BadWeights, MissingExtra, NotAllowed, UnknownModel, did_you_mean
from entoptic.formats.state_dict.reading import load_into
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources.registered import registered
from entoptic.networks.sources.spec import Spec, not_here

# Detectors take lists of pictures, and those of films have one more axis.
_FOLDERS = ("models", "models/segmentation")


def torchvision(spec: Spec) -> Model:
    """Load a network of torchvision with its best published weights, a file's, or none.

    Args:
        spec: `torchvision:NAME`; the option `weights` is a file, or `random`.

    Raises:
        MissingExtra: torchvision isn't installed.
        UnknownModel: torchvision has no such network of pictures; with the nearest.
        NotAllowed: a job names it, and its weights aren't on this machine.
        BadWeights: the weights can't be had, or don't fit.
    """
    spec.only(("weights",))
    try:
        from torchvision import models
    except ImportError:
        raise MissingExtra(
            'networks of torchvision need the zoo extra: pip install "entoptic[zoo]"'
        ) from None
    known = _names()
    if spec.rest not in known:
        hint = did_you_mean(spec.rest, known) or "; torchvision.models.list_models() lists them"
        raise UnknownModel(f"torchvision has no network of pictures {spec.rest!r}{hint}")
    weights = models.get_model_weights(spec.rest).DEFAULT
    labels = None if spec.random else tuple(weights.meta["categories"])
    module = _built(spec, weights).eval()
    how = _preprocess(weights, module)
    return Model(module, how, spec.text, labels, notes=spec.notes).fitted()


def has(name: str) -> bool:
    """Return whether torchvision is installed and has a network of pictures of a name."""
    return name in registered("torchvision", *_FOLDERS)


def _names() -> list[str]:
    from torchvision import models

    return [*models.list_models(models), *models.list_models(models.segmentation)]


def _preprocess(weights: Any, module: nn.Module) -> Preprocess:
    how = weights.transforms()
    # Segmenters are shown whole pictures of a height, classifiers a square.
    side = getattr(how, "crop_size", how.resize_size)[0]
    mean, std = tuple(how.mean), tuple(how.std)
    if getattr(module, "transform_input", False):
        # GoogLeNet and Inception turn torchvision's normalisation into their own, [-1, 1], one
        # channel at a time; it is taken over from them.
        module.transform_input = False  # type: ignore[assignment]
        mean = std = (0.5, 0.5, 0.5)
    return Preprocess((side, side), mean, std)


def _built(spec: Spec, weights: Any) -> nn.Module:
    from torchvision import models

    published = spec.weights is None and not spec.random
    if published and spec.stored and not _downloaded(weights.url):
        raise NotAllowed(not_here(spec.text))
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            settings = {} if published else _bare(spec.rest, weights)
            module: nn.Module = models.get_model(
                spec.rest, weights=weights if published else None, **settings
            )
    except (OSError, RuntimeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise BadWeights(
            f"can't get the weights of {spec.rest!r} from {weights.url} ({lines[0]}); give them as "
            f"a file: torchvision:{spec.rest}?weights=FILE"
        ) from None
    if spec.weights is not None:
        load_into(module, spec.weights)
    return module


def _downloaded(url: str) -> bool:
    """Return whether a file is where torch keeps what it has downloaded."""
    return (Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name).is_file()


def _bare(name: str, weights: Any) -> dict[str, Any]:
    """Settings that published weights bring along, for a network that is built without them."""
    settings: dict[str, Any] = {"num_classes": len(weights.meta["categories"])}
    if name in ("googlenet", "inception_v3"):
        settings |= {"init_weights": False, "transform_input": True}
    if not hasattr(weights.transforms(), "crop_size"):
        settings |= {"weights_backbone": None}
    return settings
