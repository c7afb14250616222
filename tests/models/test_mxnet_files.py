"""Real MXNet networks of three generations, against what MXNet itself answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from entoptic.errors import BadModelFile, EntopticError
from entoptic.formats.mxnet import read_mxnet
from entoptic.formats.mxnet.params import read_params

onnx = pytest.importorskip("onnx", reason="needs the package onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

Shared = Callable[[str], Path]


def _read(shared: Shared, stem: str, epoch: int = 0) -> Any:
    return read_mxnet(
        shared(f"models/mxnet/{stem}-symbol.json"),
        shared(f"models/mxnet/{stem}-{epoch:04d}.params"),
    )


def _run(model: Any, data: np.ndarray[Any, Any], layers: list[str]) -> list[Any]:
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in layers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    outputs: list[Any] = session.run(layers, {"data": data})
    return outputs


def _notes(model: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize("folder", ["vgg16", "vgg16_imagenet"])
def test_vgg16_has_the_layer_names_of_the_model_gallery(shared: Shared, folder: str) -> None:
    names = [node.name for node in _read(shared, f"{folder}/vgg16").graph.node]
    expected = []
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, convolutions + 1):
            expected += [f"conv{block}_{number}", f"relu{block}_{number}"]
        expected.append(f"pool{block}")
    assert names == expected


@pytest.mark.parametrize("folder", ["vgg16", "vgg16_imagenet"])
def test_vgg16_sums_agree_with_mxnet(shared: Shared, folder: str) -> None:
    reference = np.load(shared(f"reference/{folder}_mxnet_gradients.npz"))
    mean = np.array([123.68, 116.779, 103.939], np.float32)
    picture = (reference["image_uint8"].astype(np.float32) - mean).transpose(2, 0, 1)[None]
    layers = [f"pool{number}" for number in range(1, 6)]
    found = _run(_read(shared, f"{folder}/vgg16"), picture, layers)
    sums = {
        layer: output.sum(dtype=np.float64) for layer, output in zip(layers, found, strict=True)
    }
    for layer in layers:
        assert sums[layer] == pytest.approx(float(reference[f"{layer}_sum"]), rel=1e-5)


def test_squeezenet_agrees_with_the_recorded_outputs(shared: Shared) -> None:
    reference = np.load(shared("reference/squeezenet1.1_gluon_io.npz"))
    model = _read(shared, "squeezenet_v1.1/squeezenet_v1.1")
    for number in (0, 1):
        found = _run(model, reference[f"input_{number}"], ["squeezenet0_flatten0_flatten0"])[0]
        np.testing.assert_allclose(found, reference[f"output_{number}"], rtol=1e-4, atol=1e-3)


def _numbers(*shape: int) -> np.ndarray[Any, Any]:
    count = int(np.prod(shape))
    return (((np.arange(count) * 7) % 11 - 5) / 4).reshape(shape).astype(np.float32)


def test_mtcnn_det1_agrees_with_mxnet(shared: Shared) -> None:
    boxes, faces = _run(
        _read(shared, "mtcnn/det1", 1), _numbers(1, 3, 14, 16), ["conv4_2", "prob1"]
    )
    # recorded with MXNet 1.9.1
    expected = [[0.1867287, 0.1470399, 0.2105423], [0.2745413, 0.1876737, 0.1537764]]
    np.testing.assert_allclose(boxes[0, 0], expected, rtol=1e-5)
    expected = [[0.9957204, 0.9932232, 0.9863625], [0.9790949, 0.9929879, 0.9830162]]
    np.testing.assert_allclose(faces[0, 0], expected, rtol=1e-5)


def test_mtcnn_det2_agrees_with_mxnet_and_asks_for_24_pixels(shared: Shared) -> None:
    model = _read(shared, "mtcnn/det2", 1)
    assert _notes(model)["entoptic.input_size"] == "24,24"
    boxes, faces = _run(model, _numbers(1, 3, 24, 24), ["conv5_2", "prob1"])
    # recorded with MXNet 1.9.1
    expected = [[0.02371738, -0.1908196, 0.2123698, 0.309651]]
    np.testing.assert_allclose(boxes, expected, rtol=1e-4)
    np.testing.assert_allclose(faces, [[0.9993538, 0.0006461787]], rtol=1e-4)


@pytest.mark.parametrize("net", ["det1", "det2"])
def test_mtcnn_weights_are_those_of_the_caffe_file_turned(shared: Shared, net: str) -> None:
    """Caffe's were made in Matlab: rows and columns swapped, and blue first."""
    caffe = shared(f"models/caffe/mtcnn/{net}.caffemodel").read_bytes()
    arrays = read_params(shared(f"models/mxnet/mtcnn/{net}-0001.params"))
    for name, array in arrays.items():
        turned = array[:, ::-1] if name == "conv1_weight" else array
        if name == "conv4_weight":  # fully connected to 64 channels of 3 x 3
            turned = array.reshape(128, 64, 3, 3)
        turned = turned.swapaxes(-1, -2) if turned.ndim == 4 else turned
        assert np.ascontiguousarray(turned, "<f4").tobytes() in caffe, name


def test_the_weights_of_another_network_are_refused(shared: Shared) -> None:
    symbol = shared("models/mxnet/mtcnn/det2-symbol.json")
    with pytest.raises(BadModelFile, match=r"no array for 'conv4_weight', 'conv4_bias'"):
        read_mxnet(symbol, shared("models/mxnet/mtcnn/det1-0001.params"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_real_files_does_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, shared: Shared, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    damaged = []
    for name in ("det1-symbol.json", "det1-0001.params"):
        whole = bytearray(shared(f"models/mxnet/mtcnn/{name}").read_bytes())
        for _ in range(data.draw(st.integers(0, 2))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.sampled_from([len(whole)] * 3 + [len(whole) // 2]))
        damaged.append(folder / name)
        damaged[-1].write_bytes(bytes(whole[:cut]))
    try:
        model = read_mxnet(*damaged)
    except EntopticError:
        return
    assert [value.name for value in model.graph.input]
