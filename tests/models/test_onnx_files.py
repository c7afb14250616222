"""Real ONNX files, and networks exported by torch, say what onnxruntime and torch say."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from entoptic.formats.onnx import Imported, from_graph, load_graph  # noqa: E402


def run(content: bytes, x: np.ndarray) -> np.ndarray:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(content, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0].astype(np.float32)


def difference(ours: Tensor, right: np.ndarray | Tensor) -> float:
    """The largest difference, in units of the largest right number."""
    right = torch.as_tensor(right)
    assert ours.shape == right.shape
    return float((ours - right).abs().max() / right.abs().max())


def pictures(*shape: int, scale: float = 1.0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * scale


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [("squeezenet_v1.1_fp32", np.float32, 1e-4), ("SqueezeNet_fp16", np.float16, 1e-2)],
)
def test_a_real_file_says_what_onnxruntime_says(
    shared: Callable[[str], Path], name: str, dtype: Any, tolerance: float
) -> None:
    path = shared(f"models/onnx/{name}.onnx")
    x = pictures(1, 3, 224, 224, scale=60)
    expected = run(path.read_bytes(), x.numpy().astype(dtype))
    imported = from_graph(load_graph(path))
    assert difference(imported.module(x), expected) < tolerance
    assert (imported.output, imported.logits) == ("softmaxout_1", "pool10_1")


def test_a_real_file_runs_at_other_sizes_and_in_batches(shared: Callable[[str], Path]) -> None:
    model = load_graph(shared("models/onnx/squeezenet_v1.1_fp32.onnx"))
    module = from_graph(model).module
    picture = next(value for value in model.graph.input if value.name == "data_0")
    for value in (picture, model.graph.output[0]):
        for dimension in value.type.tensor_type.shape.dim:
            dimension.Clear()
    x = pictures(3, 3, 160, 260, scale=60)
    assert difference(module(x), run(model.SerializeToString(), x.numpy())) < 1e-4


def randomized(module: nn.Module) -> nn.Module:
    """Weights that hide no mistake: no zero heads, no batch norm that does nothing."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in module.named_parameters():
        if weight.dim() < 2 or not weight.any() or name.endswith("gamma"):
            weight.data += torch.randn(weight.shape, generator=generator) * 0.1
    for name, statistic in module.named_buffers():
        if name.endswith("running_mean"):
            statistic.normal_(0, 0.1, generator=generator)
        elif name.endswith("running_var"):
            statistic.uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def exported(module: nn.Module, x: Tensor, opset: int, free: bool) -> bytes:
    axes = {"x": {0: "batch", 2: "height", 3: "width"}} if free else None
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (x,),
            stream,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes=axes,
        )
    return stream.getvalue()


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name.startswith("timm:"):
        timm = pytest.importorskip("timm")
        known: dict[str, dict[str, Any]] = {
            "timm:vit_tiny_patch16_224": {"img_size": 64, "depth": 2},
            "timm:swin_tiny_patch4_window7_224": {
                "img_size": 112,
                "depths": (2, 2),
                "embed_dim": 24,
                "num_heads": (2, 4),
            },
        }
        settings = known.get(name, {})
        return randomized(timm.create_model(name.removeprefix("timm:"), **settings))
    models = pytest.importorskip("torchvision.models")
    makers: dict[str, Callable[[], nn.Module]] = {
        "resnet18": models.resnet18,
        "mobilenet_v3_small": models.mobilenet_v3_small,
        "densenet": lambda: models.DenseNet(8, (2, 2), 16),
        "vision_transformer": lambda: models.VisionTransformer(64, 16, 2, 2, 32, 64),
    }
    return randomized(makers[name]())


FREE = {"resnet18", "mobilenet_v3_small", "densenet", "timm:convnext_atto"}
"""Networks that take pictures of any size."""

NETWORKS = [
    ("resnet18", 9),
    ("mobilenet_v3_small", 17),
    ("densenet", 13),
    ("vision_transformer", 17),
    ("timm:vit_tiny_patch16_224", 17),
    ("timm:convnext_atto", 20),
    ("timm:swin_tiny_patch4_window7_224", 17),
]


def agrees(module: nn.Module, imported: Imported, content: bytes, x: Tensor) -> None:
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    output = imported.module(ours)
    assert difference(output.detach(), run(content, x.numpy())) < 1e-4
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    (output * direction).sum().backward()
    (module(theirs) * direction).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    # The exporter folds batch norms, so a ReLU at its kink may fall on the other side: compare
    # the gradients as a whole, not number by number.
    assert (ours.grad - theirs.grad).norm() < 1e-3 * theirs.grad.norm()


@pytest.mark.parametrize(("name", "opset"), NETWORKS)
def test_an_exported_network_and_its_gradient_are_the_originals(name: str, opset: int) -> None:
    module = network(name)
    side = 112 if "swin" in name else 64
    x = pictures(1, 3, side, side)
    content = exported(module, x, opset, free=False)
    agrees(module, from_graph(onnx.load_model_from_string(content)), content, x)


@pytest.mark.parametrize(("name", "opset"), NETWORKS)
def test_an_exported_network_runs_in_other_sizes_than_exported(name: str, opset: int) -> None:
    module = network(name)
    side = 112 if "swin" in name else 64
    content = exported(module, pictures(1, 3, side, side), opset, free=True)
    x = pictures(2, 3, 96, 128) if name in FREE else pictures(2, 3, side, side)
    agrees(module, from_graph(onnx.load_model_from_string(content)), content, x)


@pytest.mark.parametrize("name", ["resnet18", "timm:vit_tiny_patch16_224", "timm:convnext_atto"])
def test_a_network_exported_for_one_picture_takes_three(name: str) -> None:
    module = network(name)
    content = exported(module, pictures(1, 3, 64, 64), 17, free=False)
    x = pictures(3, 3, 64, 64)
    imported = from_graph(onnx.load_model_from_string(content))
    with torch.no_grad():
        assert difference(imported.module(x), module(x)) < 1e-4
