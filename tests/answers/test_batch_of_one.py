"""Networks that were exported for a batch of one: pictures never mix, whatever the file says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import entoptic as ent
from entoptic import Layer
from entoptic.errors import BadModelFile

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

node = helper.make_node
SIZE = (6, 8)


def onnx_file(
    path: Path, nodes: Sequence[Any], output: str, *, batch: int = 1, **weights: Any
) -> str:
    rng = np.random.default_rng(0)
    weights["w"] = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]), *nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (batch, 3, *SIZE))],
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return f"onnx:{path}"


def resized(path: Path) -> str:
    """One picture's map, whatever is shown."""
    nodes = [node("Resize", ["c", "", "", "sizes"], ["y"], name="resize", mode="linear")]
    return onnx_file(path, nodes, "y", sizes=np.array([1, 4, 12, 16]))


def in_a_row(path: Path) -> str:
    """All numbers of all pictures in one row, of which the softmax is taken."""
    nodes = [
        node("Reshape", ["c", "row"], ["r"], name="row"),
        node("Softmax", ["r"], ["y"], name="softmax", axis=0),
    ]
    return onnx_file(path, nodes, "y", row=np.array([-1]))


def by_channel(path: Path) -> str:
    """Channels first: what is one picture's becomes all pictures'."""
    nodes = [
        node("Reshape", ["c", "apart"], ["r"], name="apart"),
        node("Softmax", ["r"], ["s"], name="softmax", axis=2),
        node("Reshape", ["s", "map"], ["y"], name="map"),
    ]
    return onnx_file(path, nodes, "y", apart=np.array([4, 1, -1]), map=np.array([1, 4, *SIZE]))


def regrouped(path: Path) -> str:
    """The batch isn't said, and an axis that is said swallows it."""
    nodes = [
        node("Reshape", ["c", "two"], ["r"], name="two"),
        node("ReduceMean", ["r"], ["m"], name="mean", axes=[0], keepdims=1),
        node("Add", ["c", "m"], ["y"], name="sum"),
    ]
    return onnx_file(path, nodes, "y", two=np.array([-1, 4, *SIZE]))


class OfOne(nn.Module):
    """Numbers of one picture's size are written down in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        apart = self.conv(x).reshape(4, 1, -1)
        return apart.softmax(2).reshape(-1, 4, *SIZE)


class Mixes(nn.Module):
    """The mean is taken over the pictures too."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(dim=0, keepdim=True) + x.mean(dim=(2, 3), keepdim=True)


def exported(path: Path) -> str:
    torch.manual_seed(0)
    torch.export.save(torch.export.export(OfOne(), (torch.rand(1, 3, *SIZE),)), path)
    return f"export:{path}"


FILES = [resized, in_a_row, by_channel, regrouped, exported]


@pytest.fixture(params=[each.__name__ for each in FILES])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> ent.Model:
    make: Callable[[Path], str] = {each.__name__: each for each in FILES}[request.param]
    suffix = "pt2" if make is exported else "onnx"
    return ent.load(make(tmp_path / f"net.{suffix}"))


def pictures(count: int) -> Tensor:
    return torch.rand((count, 3, *SIZE), generator=torch.Generator().manual_seed(1))


def test_activations_of_three_pictures_are_those_of_each(model: ent.Model) -> None:
    image = pictures(3)
    found = model.activations(image, ["output"])[Layer("output")]
    alone = [model.activations(each, ["output"])[Layer("output")] for each in image.split(1)]
    assert len(alone[0]) == 1
    assert torch.allclose(found, torch.cat(alone), atol=1e-6)


def test_gradients_of_two_pictures_are_those_of_each(model: ent.Model) -> None:
    image = pictures(2)
    shape = model.layers("output")[Layer("output")].shape
    weights = torch.rand((2, *shape[1:]), generator=torch.Generator().manual_seed(2))
    found = ent.gradient(model, of="output", at=image, cotangent=weights)
    alone = [
        ent.gradient(model, of="output", at=each, cotangent=weight)
        for each, weight in zip(image.split(1), weights.split(1), strict=True)
    ]
    assert torch.allclose(found, torch.cat(alone), atol=1e-6)


def test_photos_are_dreamt_together_as_each_alone(model: ent.Model) -> None:
    photos = list(pictures(2).split(1))
    how: dict[str, Any] = {"layer": "output", "octaves": 1, "steps": 3, "jitter": 0}
    together = list(ent.dream_photos(model, photos, batch=2, **how))
    for photo, result in zip(photos, together, strict=True):
        assert torch.allclose(result.image, ent.dream(model, photo, **how).image, atol=1e-5)


def test_a_network_that_mixes_pictures_is_shown_them_one_by_one() -> None:
    image = pictures(3)
    model = ent.Model.wrap(Mixes(), preprocess=ent.Preprocess(mean=(0,) * 3, std=(1,) * 3))
    # A picture less its mean over a batch of one is 0.
    means = image.mean(dim=(2, 3), keepdim=True)
    found = model.activations(image, ["output"])[Layer("output")]
    assert torch.allclose(found, means.expand_as(image), atol=1e-6)


def test_a_network_that_keeps_pictures_apart_is_shown_all_at_a_time() -> None:
    shown: list[int] = []

    class Counts(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            shown.append(len(x))
            return x * 2

    model = ent.Model.wrap(Counts())
    model.activations(pictures(5), ["output"])
    assert shown[-1] == 5


def test_a_file_for_four_pictures_is_refused_unless_it_works_on_one(tmp_path: Path) -> None:
    free = [node("Relu", ["c"], ["y"], name="relu")]
    model = ent.load(onnx_file(tmp_path / "free.onnx", free, "y", batch=4))
    assert model.layers("relu")[Layer("relu")].shape == (1, 4, *SIZE)
    fixed = [node("Reshape", ["c", "rows"], ["y"], name="rows")]
    path = tmp_path / "fixed.onnx"
    with pytest.raises(BadModelFile, match="takes 4 pictures at a time and no other number"):
        ent.load(onnx_file(path, fixed, "y", batch=4, rows=np.array([4, -1])))
