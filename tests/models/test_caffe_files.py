"""Caffe files as they are found in the world, against activations that OpenCV computed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from entoptic.formats.caffe import read_caffe

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

Shared = Callable[[str], Path]
EGYPTIAN_CAT = 285


def outputs_of(model: onnx.ModelProto, picture: NDArray[np.float32], names: Sequence[str]):
    onnx.checker.check_model(model, full_check=True)
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in known
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(list(names), {model.graph.input[0].name: picture})


@pytest.fixture
def reference(shared: Shared):
    return np.load(shared("reference/caffe_forward.npz"))


@pytest.fixture
def network_input(reference) -> NDArray[np.float32]:
    bgr = reference["image_uint8"][..., ::-1].astype(np.float32)
    return (bgr - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1)[None]


def googlenet(shared: Shared) -> onnx.ModelProto:
    folder = "models/caffe/bvlc_googlenet"
    return read_caffe(
        shared(f"{folder}/deploy.prototxt"), shared(f"{folder}/bvlc_googlenet.caffemodel")
    )


def squeezenet(shared: Shared) -> onnx.ModelProto:
    folder = "models/caffe/squeezenet_v1.1"
    return read_caffe(
        shared(f"{folder}/deploy.prototxt"), shared(f"{folder}/squeezenet_v1.1.caffemodel")
    )


@pytest.mark.parametrize(
    ("net", "read", "probability"),
    [("bvlc_googlenet", googlenet, 0.47), ("squeezenet_v1.1", squeezenet, 0.39)],
)
def test_activations_are_those_that_opencv_computes(
    net, read, probability, shared, reference, network_input
):
    keys = [key for key in reference.files if key.startswith(f"{net}:")]
    names = [key.partition(":")[2].replace("|", "/") for key in keys]
    found = outputs_of(read(shared), network_input, names)
    for key, value in zip(keys, found, strict=True):
        expected = reference[key]
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    scores = found[names.index("prob")].reshape(1000)
    assert scores.argmax() == EGYPTIAN_CAT
    assert scores[EGYPTIAN_CAT] == pytest.approx(probability, abs=0.005)


def test_googlenet_keeps_the_addresses_of_the_original_deepdream(shared):
    model = googlenet(shared)
    names = [node.name for node in model.graph.node]
    assert {"conv1/7x7_s2", "conv1/relu_7x7", "inception_4c/output", "loss3/classifier"} <= set(
        names
    )
    assert len(names) == len(set(names))
    assert "loss3/classifier/flatten" in names
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["entoptic.source"] == "caffe"
    assert about["entoptic.mean"] == "104,117,123"
    assert about["entoptic.preprocess"] == "guess"
    assert about["entoptic.input_size"] == "224,224"


def test_googlenet_looks_at_pictures_of_another_size_up_to_its_last_pooling(shared):
    model = googlenet(shared)
    del model.graph.output[:]
    classifier = [node for node in model.graph.node if node.name.startswith(("loss3", "prob"))]
    for node in classifier:
        model.graph.node.remove(node)
    picture = np.zeros((2, 3, 331, 270), np.float32)
    (value,) = outputs_of(model, picture, ["inception_4c/output"])
    # Three poolings that round up: 331 > 166 > 83 > 41 > 20 and 270 > 135 > 67 > 33 > 16.
    assert value.shape == (2, 512, 20, 16)


@pytest.mark.parametrize(
    ("net", "size", "shapes"),
    [
        ("det1", (24, 31), {"prob1": (2, 2, 7, 11), "conv4-2": (2, 4, 7, 11)}),
        ("det2", (24, 24), {"prob1": (2, 2), "conv5-2": (2, 4)}),
    ],
)
def test_mtcnn_reads_and_its_two_probabilities_sum_to_one(net, size, shapes, shared):
    folder = f"models/caffe/mtcnn/{net}"
    model = read_caffe(shared(f"{folder}.prototxt"), shared(f"{folder}.caffemodel"))
    picture = np.random.default_rng(0).uniform(-1, 1, (2, 3, *size)).astype(np.float32)
    assert {value.name for value in model.graph.output} == set(shapes)
    found = dict(zip(shapes, outputs_of(model, picture, list(shapes)), strict=True))
    assert {name: value.shape for name, value in found.items()} == shapes
    np.testing.assert_allclose(found["prob1"].sum(1), 1, rtol=1e-5)
