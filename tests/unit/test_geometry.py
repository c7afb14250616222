"""Strides and receptive fields, against what one finds by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import entoptic as ent

HEIGHT, WIDTH = 60, 90


class Does(nn.Module):
    """A module that does what a function says."""

    def __init__(self, function: object, *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)


def conv(kernel: int | tuple[int, int], channels: int = 3, **how: object) -> nn.Conv2d:
    return nn.Conv2d(channels, 4, kernel, **how)  # type: ignore[arg-type]


def seen(*layers: nn.Module) -> tuple[object, object]:
    """Stride and receptive field of the last layer."""
    info = ent.Model.wrap(nn.Sequential(*layers)).layers(size=(HEIGHT, WIDTH))[ent.Layer("output")]
    return info.stride, info.receptive_field


def channels_last(x: Tensor, inner: nn.Module) -> Tensor:
    return inner(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


FIELDS = {
    "a filter": ([conv((3, 5))], (1, 1), (3, 5)),
    "a strided filter": ([conv(3, stride=(2, 3))], (2, 3), (3, 3)),
    "a dilated filter": ([conv((3, 4), dilation=(2, 3))], (1, 1), (5, 10)),
    "padding changes nothing": ([conv(3, padding=1, padding_mode="reflect")], (1, 1), (3, 3)),
    "a filter after a stride": ([conv(3, stride=2), conv(3, 4)], (2, 2), (7, 7)),
    "filters one by one channel": ([conv(3), nn.Conv2d(4, 4, 3, groups=4)], (1, 1), (5, 5)),
    "a pool": ([nn.MaxPool2d((2, 3))], (2, 3), (2, 3)),
    "a dilated pool": ([nn.MaxPool2d(3, 1, dilation=2)], (1, 1), (5, 5)),
    "a mean of places": ([nn.AvgPool2d(3, stride=2)], (2, 2), (3, 3)),
    "AlexNet's beginning": ([conv(11, stride=4), nn.MaxPool2d(3, 2), conv(5, 4)], (8, 8), (51, 51)),
    "a pool that rounds up": ([nn.MaxPool2d(3, 2, ceil_mode=True), conv(3)], (2, 2), (7, 7)),
    "two filters transposed": ([conv(3, stride=2), nn.ConvTranspose2d(4, 4, 2, 2)], (1, 1), (3, 3)),
    "overlapping transposed": ([conv(3, stride=2), nn.ConvTranspose2d(4, 4, 4, 2)], (1, 1), (5, 5)),
    "nearest": ([conv(3, stride=2), nn.Upsample(scale_factor=2)], (1, 1), (3, 3)),
    "bilinear": ([conv(3, stride=2), nn.Upsample(scale_factor=2, mode="bilinear")], (1, 1), (5, 5)),
    "bicubic": ([conv(3, stride=2), nn.Upsample(scale_factor=2, mode="bicubic")], (1, 1), (9, 9)),
    "place by place": ([conv(3), nn.ReLU(), nn.BatchNorm2d(4), nn.Softmax(1)], (1, 1), (3, 3)),
    "in place": ([conv(3), nn.ReLU(inplace=True), nn.Dropout(inplace=True)], (1, 1), (3, 3)),
    "neighbouring channels": ([conv(3), nn.LocalResponseNorm(3)], (1, 1), (3, 3)),
    "a residual sum": (
        [Does(lambda x, f: x[..., 1:-1, 1:-1] + f(x), nn.Conv2d(3, 3, 3))],
        (1, 1),
        (3, 3),
    ),
    "two branches side by side": (
        [Does(lambda x, f, g: torch.cat([f(x), g(x)], 1), conv(3, padding=1), conv(5, padding=2))],
        (1, 1),
        (5, 5),
    ),
    "channels first last and back": (
        [conv(4, stride=4), Does(channels_last, nn.Linear(4, 6)), nn.Conv2d(6, 2, 3)],
        (4, 4),
        (12, 12),
    ),
    "a norm over channels": (
        [conv(3), Does(channels_last, nn.LayerNorm(4))],
        (1, 1),
        (3, 3),
    ),
    "shuffled channels": (
        [conv(3), Does(lambda x: x.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2)), conv(3, 4)],
        (1, 1),
        (5, 5),
    ),
    "every other place": ([Does(lambda x: x[:, :, ::2, 1::3]), conv(3)], (2, 3), (5, 7)),
    "half of the channels": ([conv(3), Does(lambda x: x.chunk(2, 1)[1])], (1, 1), (3, 3)),
    "asymmetric padding": (
        [Does(lambda x: functional.pad(x, (0, 1, 0, 1))), conv(3, stride=2)],
        (2, 2),
        (3, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
def test_a_place_sees_what_it_is_made_of(case: str) -> None:
    layers, stride, field = FIELDS[case]
    assert seen(*layers) == (stride, field)  # type: ignore[misc]


def squeeze_excite(x: Tensor, fully: nn.Module) -> Tensor:
    return x * fully(x.mean((2, 3), keepdim=True)).sigmoid()


def attention(x: Tensor, inner: nn.Module) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    mixed = inner(tokens, tokens, tokens, need_weights=False)[0]
    return mixed.transpose(1, 2).reshape(x.shape)


WHOLE = {
    "mean over space": [conv(3), nn.AdaptiveAvgPool2d(1)],
    "a classifier": [conv(3), nn.Flatten(), nn.Linear(4 * 58 * 88, 5)],
    "squeeze and excite": [conv(3), Does(squeeze_excite, nn.Conv2d(4, 4, 1)), conv(3, 4)],
    "attention": [
        conv(4, stride=4),
        Does(attention, nn.MultiheadAttention(4, 2, batch_first=True)),
    ],
    "group norm": [conv(3), nn.GroupNorm(2, 4)],
    "instance norm": [conv(3), nn.InstanceNorm2d(4)],
    "batch norm without statistics": [conv(3), nn.BatchNorm2d(4, track_running_stats=False)],
    "layer norm over places": [conv(3), nn.LayerNorm((4, 58, 88))],
    "softmax over places": [conv(3), nn.Softmax(3)],
    "a running sum": [Does(lambda x: x.cumsum(2))],
    "a filter made of the picture": [
        Does(lambda x: functional.conv2d(x, x.mean((2, 3))[:, :, None, None]))
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_where_places_are_mixed_each_sees_the_whole_picture(case: str) -> None:
    assert seen(*WHOLE[case])[1] is None  # type: ignore[misc]


def test_the_picture_itself_is_seen_pixel_by_pixel() -> None:
    info = ent.Model.wrap(nn.Conv2d(3, 4, 3)).info(ent.Layer("input"), (HEIGHT, WIDTH))
    assert (info.stride, info.receptive_field, info.shape) == ((1, 1), (1, 1), (1, 3, 60, 90))


@pytest.mark.parametrize(
    "case", ["a dilated filter", "overlapping transposed", "shuffled channels", "every other place"]
)
def test_the_field_is_as_large_as_the_gradients_spread(case: str) -> None:
    layers, _, field = FIELDS[case]
    network = nn.Sequential(*layers)  # type: ignore[misc]
    for weight in network.parameters():
        nn.init.constant_(weight, 0.1)
    image = torch.zeros(1, 3, HEIGHT, WIDTH, requires_grad=True)
    out = network(image)
    spreads = []
    for place in range(10, 14):  # transposed filters give places of several kinds
        (gradient,) = torch.autograd.grad(out[0, :, place, place].sum(), image, retain_graph=True)
        touched = gradient[0].sum(0).nonzero()
        spreads.append((touched.amax(0) - touched.amin(0) + 1).tolist())
    assert tuple(map(max, zip(*spreads, strict=True))) == field
