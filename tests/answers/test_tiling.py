"""Gradients tile by tile, against those of the whole picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import entoptic as ent
from entoptic.ascent.tiling import ExactTiles, tiled_gradient
from entoptic.ascent.tiling.sheet import Sheet
from entoptic.ascent.tiling.spread import spread
from entoptic.errors import BadSetting


class Does(nn.Module):
    """A module that does what a function says."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)


def conv(kernel: int | tuple[int, int], channels: int = 4, **how: object) -> nn.Conv2d:
    return nn.Conv2d(channels, 4, kernel, **how)  # type: ignore[arg-type]


def same(x: Tensor, inner: nn.Module) -> Tensor:
    """Padding as TensorFlow's: of the total, the smaller half comes first."""
    pads = []
    for length in (x.shape[3], x.shape[2]):
        total = max(0, (-(-length // 2) - 1) * 2 + 3 - length)
        pads += [total // 2, total - total // 2]
    return inner(functional.pad(x, pads))


def branches(x: Tensor, wide: nn.Module, narrow: nn.Module) -> Tensor:
    return torch.cat([wide(x), narrow(x)], 1)


def channels_last(x: Tensor, norm: nn.Module) -> Tensor:
    return norm(x.permute(0, 2, 3, 1))


def up(x: Tensor, down: nn.Module) -> Tensor:
    return x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2] + functional.interpolate(
        down(x), scale_factor=2, mode="bilinear"
    )


NETWORKS: dict[str, list[nn.Module]] = {
    "a filter": [conv((3, 5), 3)],
    "padded filters with strides": [
        conv(7, 3, stride=2, padding=3), nn.ReLU(), conv(3, stride=2, padding=1), nn.Tanh(), conv(3)
    ],
    "pools that round up": [
        conv(3, 3, stride=2), nn.Tanh(), nn.MaxPool2d(3, 2, ceil_mode=True), conv(3, padding=1),
        nn.MaxPool2d(3, 2, ceil_mode=True), conv(1),
    ],
    "pools that round up and pad": [
        conv(3, 3, padding=1), nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        nn.Tanh(), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    ],
    "other strides down than across": [conv(3, 3, stride=(2, 3), padding=(1, 0)), nn.MaxPool2d(2)],
    "dilated filters": [conv(3, 3, dilation=(2, 3), padding=2), nn.MaxPool2d(3, 2, dilation=2)],
    "padding that depends on the size": [
        Does(same, conv(3, 3, stride=2)), nn.Tanh(), Does(same, conv(3, stride=2))
    ],
    "mirrored borders": [
        conv(7, 3, padding=3, padding_mode="reflect"), nn.Tanh(), nn.MaxPool2d(2),
        conv(3, padding=1, padding_mode="replicate"),
    ],
    "branches of other sizes": [
        conv(3, 3, stride=2), Does(branches, conv(5, padding=2), nn.MaxPool2d(3, 1, 1)),
        nn.LocalResponseNorm(3), conv(3, 8, stride=2),
    ],
    "channels last": [conv(3, 3, stride=2), Does(channels_last, nn.LayerNorm(4))],
    "transposed filters": [
        conv(3, 3, stride=2), nn.Tanh(), nn.ConvTranspose2d(4, 4, 4, 2, padding=1), conv(3)
    ],
    "every second row from the second on": [conv(3, 3), Does(lambda x: x[:, :, 1::2])],
    "shuffled pixels": [conv(3, 3, stride=2), nn.ReplicationPad2d((2, 1, 0, 3)), conv(3)],
    "nearest": [conv(3, 3, stride=4, padding=1), nn.Upsample(scale_factor=2), conv(3)],
}  # fmt: skip

OBJECTIVES = {
    "a mean": "energy('output')",
    "a sum": "2 * positive('output') - total('output') / 7 + 3",
    "neither": "l2('output')",
    "both": "channel('output', 2) - 0.1 * l2('output', 1) + 0.5 * total_variation()",
    "a product": "energy('output') * mean('output')",
    "of one place": "neuron('output', 1)",
    "of several layers": "energy('0') + 3 * channel('output', 1) - blurriness('0')",
}


def wrapped(*layers: nn.Module) -> ent.Model:
    return ent.Model.wrap(nn.Sequential(*layers).double().eval())


def picture(height: int, width: int, batch: int = 1) -> Tensor:
    rng = torch.Generator().manual_seed(3)
    return torch.rand((batch, 3, height, width), dtype=torch.float64, generator=rng)


def whole(model: ent.Model, of: str, at: Tensor) -> tuple[Tensor, Tensor]:
    bound = ent.parse(of)
    at = at.clone().requires_grad_()
    acts = model.arranged(model_activations(model, at, bound), (at.shape[-2], at.shape[-1]))
    scores = bound(acts)  # type: ignore[arg-type]
    (found,) = torch.autograd.grad(scores.sum(), at)
    return found, scores.detach()


def model_activations(model: ent.Model, at: Tensor, of: ent.Objective) -> dict[ent.Layer, Tensor]:
    from entoptic.networks import compiled

    return compiled(model, of.layers(), at.device, exact=True)(at)


def same_as_whole(model: ent.Model, of: str, at: Tensor, tile: int) -> bool:
    found, scores = tiled_gradient(model, of=of, at=at, tile=tile)
    expected, expected_scores = whole(model, of, at)
    assert expected.any()
    return bool(
        (found - expected).abs().max() < 1e-10 * expected.abs().max()
        and torch.allclose(scores, expected_scores, rtol=1e-10)
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(75, 118), (64, 96), (83, 77)])
def test_tiles_give_the_gradient_of_the_whole(network: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    assert same_as_whole(wrapped(*NETWORKS[network]), "energy('output')", picture(*size), 50)


@pytest.mark.parametrize("of", OBJECTIVES)
@pytest.mark.parametrize("network", ["a filter", "pools that round up", "mirrored borders"])
def test_tiles_give_the_gradient_of_every_objective(network: str, of: str) -> None:
    torch.manual_seed(0)
    assert same_as_whole(wrapped(*NETWORKS[network]), OBJECTIVES[of], picture(75, 118, 2), 50)


def test_a_picture_whose_sides_the_network_grows_is_tiled_exactly() -> None:
    torch.manual_seed(0)
    how = ent.Preprocess(multiple=8)
    module = nn.Sequential(conv(3, 3, stride=2, padding=1), nn.Tanh(), conv(5, stride=2, padding=2))
    model = ent.Model.wrap(module.double(), preprocess=how)
    assert same_as_whole(model, "energy('output')", picture(75, 118), 50)


def test_places_of_a_guide_are_those_of_the_picture() -> None:
    torch.manual_seed(0)
    guide = ent.Picture.of(picture(40, 60).float())
    model = wrapped(*NETWORKS["pools that round up"])
    of, at = ent.caricature("output", guide), picture(75, 118)
    found, _ = tiled_gradient(model, of=of, at=at, tile=50)
    expected = ent.gradient(model, of=of, at=at)
    assert (found - expected).abs().max() < 1e-10 * expected.abs().max()


def test_a_guide_of_any_size_is_matched_place_by_place() -> None:
    torch.manual_seed(0)
    guide = ent.Picture.of(picture(40, 60).float())
    model = wrapped(*NETWORKS["pools that round up"])
    for of in (ent.match("output", guide), ent.style("output", guide)):
        at = picture(75, 118)
        found, _ = tiled_gradient(model, of=of, at=at, tile=50)
        expected = ent.gradient(model, of=of, at=at)
        assert (found - expected).abs().max() < 1e-10 * expected.abs().max()


NOT_LOCAL: dict[str, nn.Module] = {
    "a gate": Does(lambda x: x * x.mean((2, 3), keepdim=True).sigmoid()),
    "statistics of the picture": nn.InstanceNorm2d(3),
    "groups of channels": nn.GroupNorm(1, 3),
    "a roll": Does(lambda x: x.roll(3, 2)),
    "a flip": Does(lambda x: x.flip(3)),
    "only the first rows": Does(lambda x: x[:, :, :9]),
    "the last rows": Does(lambda x: x[:, :, -9:]),
    "a fixed size": nn.AdaptiveAvgPool2d(3),
    "aligned corners": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "a size of its own": nn.Upsample(size=(31, 44)),
}


@pytest.mark.parametrize("kind", NOT_LOCAL)
def test_what_sees_the_whole_picture_is_not_tiled_exactly(kind: str) -> None:
    model = ent.Model.wrap(nn.Sequential(NOT_LOCAL[kind]).double())
    with pytest.raises(BadSetting, match="depend on the whole picture"):
        tiled_gradient(model, of="energy('output')", at=picture(75, 118), tile=50)


def test_tiles_without_room_are_refused_with_the_size_that_would_do() -> None:
    model = wrapped(conv(9, 3, padding=4), nn.MaxPool2d(4))
    with pytest.raises(BadSetting, match="need at least 18"):
        tiled_gradient(model, of="energy('output')", at=picture(75, 118), tile=17)
    assert same_as_whole(model, "energy('output')", picture(75, 118), 18)


def test_the_gradient_of_the_embedded_network_is_that_of_the_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    at = torch.rand((1, 3, 500, 700), generator=rng)
    model, of = ent.load("squeezenet1_1"), "energy('fire7') + energy('fire8')"
    found, _ = tiled_gradient(model, of=of, at=at, tile=400)
    expected = ent.gradient(model, of=ent.parse(of), at=at)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("exact", [True, False], ids=["by hooks", "by a graph"])
@pytest.mark.parametrize("of", ["a mean", "both"])
def test_several_devices_give_what_one_gives_to_the_last_bit(of: str, exact: bool) -> None:
    torch.manual_seed(0)
    model = ent.Model.wrap(nn.Sequential(*NETWORKS["pools that round up"]).eval())
    at, found = picture(150, 236, 2).float(), []
    guide = ent.Picture.of(picture(40, 60).float())
    objective = ent.parse(OBJECTIVES[of]) + ent.caricature("output", guide)
    for devices in ([torch.device("cpu")] * n for n in (1, 3)):
        tiles = ExactTiles(model, objective, (150, 236), 50, devices, exact=exact)
        assert len(tiles.tiles) > 20
        gradient = torch.zeros_like(at)
        found.append((tiles.climb(Sheet(at, (7, 5)), Sheet(gradient, (7, 5))), gradient))
    assert found[0][1].any()
    for one, several in zip(*found, strict=True):
        assert torch.equal(one, several)


def test_what_workers_find_is_taken_in_order_and_few_of_it_waits() -> None:
    begun: list[int] = []
    taken: list[tuple[int, int]] = []

    def work(_: str, item: int) -> int:
        begun.append(item)
        time.sleep(0.01 * (item % 3))
        # At most one for each worker waits for those before it.
        assert max(begun) <= len(taken) + 3
        return item * item

    spread(range(9), ["a", "b"], work, lambda item, found: taken.append((item, found)))
    assert taken == [(item, item * item) for item in range(9)]


def test_each_thread_has_a_worker_of_its_own() -> None:
    together = threading.Barrier(3, timeout=60)
    busy: list[str] = []

    def work(worker: str, _: int) -> None:
        busy.append(worker)
        together.wait()

    spread(range(3), ["a", "b", "c"], work, lambda *_: None)
    assert sorted(busy) == ["a", "b", "c"]


def test_an_error_in_a_thread_reaches_the_caller_and_leaves_no_thread() -> None:
    before, begun = threading.active_count(), []

    def work(_: str, item: int) -> int:
        begun.append(item)
        if item == 1:
            raise BadSetting("no")
        return item

    with pytest.raises(BadSetting, match="no"):
        spread(range(99), ["a", "b"], work, lambda *_: None)
    assert threading.active_count() == before
    assert max(begun) < 5


def test_a_single_worker_works_in_the_callers_thread() -> None:
    threads = set()
    spread("ab", [1], lambda *_: threads.add(threading.get_ident()), lambda *_: None)
    assert threads == {threading.get_ident()}


@pytest.mark.slow
def test_tiles_of_four_networks_are_within_a_ten_thousandth(shared: Callable[[str], Path]) -> None:
    import numpy as np
    from PIL import Image

    photo = Image.open(shared("photos/chelsea.png")).convert("RGB").resize((1500, 1100))
    at = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None] / 255
    for name, (model, layer, side) in four_networks(shared).items():
        found, _ = tiled_gradient(model, of=f"energy({layer!r})", at=at, tile=side)
        expected = ent.gradient(model, of=ent.energy(layer), at=at)
        worst = float((found - expected).abs().max() / expected.abs().max())
        print(f"{name}: {worst:.2g}")
        assert worst <= 1e-4, name


def four_networks(shared: Callable[[str], Path]) -> dict[str, tuple[ent.Model, str, int]]:
    """SqueezeNet, VGG-16, GoogLeNet, ResNet-50, each with a layer and a tile's side."""
    caffe = shared("models/caffe/bvlc_googlenet")
    vgg = shared("models/mxnet/vgg16")
    return {
        "squeezenet": (ent.load("squeezenet1_1"), "fire8", 700),
        "vgg16": (
            ent.load(f"mxnet:{vgg}/vgg16-symbol.json+{vgg}/vgg16-0000.params"), "conv5_3", 600,
        ),
        "googlenet": (
            ent.load(f"caffe:{caffe}/deploy.prototxt+{caffe}/bvlc_googlenet.caffemodel"),
            "inception_4c/output", 700,
        ),
        "resnet50": (ent.Model.wrap(resnet50()), "layer3", 800),
    }  # fmt: skip


def resnet50() -> nn.Module:
    from torchvision.models import resnet50 as random_resnet50

    torch.manual_seed(0)
    return random_resnet50(weights=None).eval()
