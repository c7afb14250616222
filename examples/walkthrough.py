"""A walk through two networks: from the gradient of one layer to cats in the clouds.

    python examples/make_clouds.py out/clouds.png
    python examples/walkthrough.py DATA OUT [--photo out/clouds.png]

DATA is a folder with the networks in `models/` and some photographs in `photos/`; the pictures are
written to OUT, and `docs/walkthrough.md` tells what is to be seen in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import entoptic as ent

SIDE = 224  # of the pictures that both networks were trained on

STAGES = {  # layer: how many steps of which size
    "pool2": (10, 0.1),
    "pool3": (10, 0.1),
    "pool4": (20, 0.2),
    "pool5": (20, 0.5),
}

UNITS = {  # chosen by eye, early to late
    "conv1/relu_7x7": 48,
    "conv2/3x3": 5,
    "inception_3a/3x3": 52,
    "inception_3b/pool_proj": 21,
    "inception_4a/3x3": 116,
    "inception_4b/3x3": 65,
    "inception_4c/pool_proj": 46,
    "inception_4d/pool_proj": 7,
    "inception_4e/1x1": 24,
    "inception_5a/pool_proj": 80,
}


def vgg16(data: Path) -> ent.Model:
    """The convolutions of VGG-16 as MXNet stored them: layers in one file, weights in another."""
    folder = data / "models" / "mxnet" / "vgg16_imagenet"
    return ent.load(f"mxnet:{folder}/vgg16-symbol.json+{folder}/vgg16-0000.params")


def googlenet(data: Path) -> ent.Model:
    """The network of the first DeepDream, as Caffe stored it."""
    folder = data / "models" / "caffe" / "bvlc_googlenet"
    return ent.load(f"caffe:{folder}/deploy.prototxt+{folder}/bvlc_googlenet.caffemodel")


def square(file: Path) -> Tensor:
    """Return the center crop of a photo, at the networks' size."""
    photo = ent.read(file).image
    height, width = ent.fit_short_side(photo.shape[-2], photo.shape[-1], SIDE)
    return ent.center_crop(ent.resize(photo, height, width).clamp(0, 1), SIDE, SIDE)


def noise(side: int = SIDE) -> Tensor:
    """(20 u + 128) / 255 with u in [0, 1): grey, and hardly any noise."""
    u = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    return (20 * u + 128) / 255


def climb(model: ent.Model, start: Tensor, objective: ent.Objective, **how: Any) -> Tensor:
    """A picture, changed in the direction of the gradient: plainly, if nothing else is said."""
    plain: dict[str, Any] = {"look": "original", "norm": "max_abs", "jitter": 0, "octaves": 1}
    return ent.dream(model, start, objective=objective, **(plain | how)).image


def row(pictures: Iterable[Tensor], labels: Iterable[str], columns: int = 5) -> Tensor:
    """Pictures side by side."""
    return ent.sheet(torch.cat(list(pictures)), columns, labels=list(labels))


def gradient_of_pool1(vgg: ent.Model, photo: Tensor) -> Tensor:
    """Return the gradient of the sum of pool1 as a picture."""
    gradient = ent.gradient(vgg, of="pool1", wrt="input", at=photo)
    return ent.gradient_picture(gradient, SIDE, SIDE)


def ten_steps(vgg: ent.Model, photo: Tensor) -> Tensor:
    """Ten times a tenth of the gradient over its largest absolute value, added to the photo."""
    return climb(vgg, photo, ent.total("pool1"), steps=10, step_size=0.1)


def deeper_and_deeper(vgg: ent.Model, photo: Tensor) -> Tensor:
    """The same for later layers: dots, cells, faces, animals."""
    dreams = [
        climb(vgg, photo, ent.total(layer), steps=steps, step_size=step)
        for layer, (steps, step) in STAGES.items()
    ]
    return row(dreams, STAGES)


def one_channel(vgg: ent.Model) -> Tensor:
    """One of the 512 channels of conv5_3, from noise: 30 steps of 0.01."""
    ways: dict[str, dict[str, Any]] = {
        "gradient / largest": {"norm": "max_abs"},
        "gradient / deviation": {"norm": "std"},
        "... and jitter": {"norm": "std", "jitter": 16},
        "... and octaves": {"norm": "std", "jitter": 16, "octaves": 2},
    }
    feature = ent.channel("conv5_3", 189)
    dreams = [
        climb(vgg, noise(), feature, steps=30, step_size=0.01, **how) for how in ways.values()
    ]
    return row(dreams, ways)


def what_each_adds(vgg: ent.Model, photo: Tensor) -> Tensor:
    """Three objectives of a whole layer, then jitter, then octaves."""
    layer = "conv5_3"
    ways: dict[str, tuple[ent.Objective, dict[str, Any]]] = {
        "sum": (ent.total(layer), {}),
        "square": (ent.energy(layer), {}),
        "ramp": (ent.positive(layer), {}),
        "... and jitter": (ent.positive(layer), {"jitter": 16}),
        "... and octaves": (ent.positive(layer), {"jitter": 16, "octaves": 3}),
    }
    dreams = [
        climb(vgg, photo, wish, steps=20, step_size=0.01, norm="std", **how)
        for wish, how in ways.values()
    ]
    return row(dreams, ways)


def one_class(google: ent.Model) -> Tensor:
    """The class flamingo, from the same noise by the same steps."""
    ways: dict[str, dict[str, Any]] = {
        "gradient / largest": {"norm": "max_abs"},
        "gradient / deviation": {"norm": "std"},
        "... and jitter": {"norm": "std", "jitter": 16},
        "... and smoothing": {"norm": "std", "jitter": 16, "smoothing": 1},
    }
    label = ent.logit("flamingo")
    dreams = [
        climb(google, noise(), label, steps=30, step_size=0.01, **how) for how in ways.values()
    ]
    return row(dreams, ways)


def cat_neurons(google: ent.Model, photos: Path, layer: str, count: int) -> list[int]:
    """The channels whose mean on the cat stands out most from that on the other photos."""

    def means(file: Path) -> Tensor:
        (values,) = google.activations(square(file), [layer]).values()
        return values.mean((0, 2, 3))

    cat = photos / "chelsea.png"
    others = torch.stack([means(file) for file in sorted(photos.iterdir()) if file != cat])
    spread = others.std(0) + 0.1 * others.mean()  # or silent channels would stand out
    return ((means(cat) - others.mean(0)) / spread).topk(count).indices.tolist()


def cats_in_the_clouds(google: ent.Model, photo: Path, photos: Path) -> Tensor:
    """These neurons as one group, dreamt into the whole photo as the first DeepDream did it."""
    layer = "inception_4d/output"
    group = ent.channels(layer, cat_neurons(google, photos, layer, count=8))
    return ent.dream(google, photo, objective=group, size=512, steps=12).image


def early_to_late(google: ent.Model) -> Tensor:
    """A single unit from layers early to late: edges, textures, eyes, faces, animals."""
    dreams = [
        climb(
            google,
            noise(144),
            ent.channel(layer, unit),
            steps=20,
            step_size=0.025,
            norm="std",
            jitter=8,
            octaves=2,
            smoothing=0.7,
        )
        for layer, unit in UNITS.items()
    ]
    return row(dreams, (name.removeprefix("inception_") for name in UNITS))


def walk(data: Path, photo: Path) -> Iterator[tuple[str, Tensor]]:
    """All steps in order, each with the name of its picture."""
    vgg, google, start = vgg16(data), googlenet(data), square(photo)
    yield "1-photo", start
    yield "2-gradient", gradient_of_pool1(vgg, start)
    yield "3-ten-steps", ten_steps(vgg, start)
    yield "4-deeper", deeper_and_deeper(vgg, start)
    yield "5-channel", one_channel(vgg)
    yield "6-what-each-adds", what_each_adds(vgg, start)
    yield "7-class", one_class(google)
    yield "8-cats", cats_in_the_clouds(google, photo, data / "photos")
    yield "9-early-to-late", early_to_late(google)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with models/ and photos/")
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--photo", type=Path, default=Path("out/clouds.png"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, picture in walk(given.data, given.photo):
        print(ent.write(given.out / f"{name}.jpg", picture, quality=70))


if __name__ == "__main__":
    main()
