"""Caffe's two files together: both formats, phases, preprocessing, and everything that is wrong."""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from entoptic.errors import BadModelFile, EntopticError, MissingExtra
from entoptic.formats.caffe import read_caffe
from entoptic.formats.caffe.caffemodel import parse_caffemodel

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Protobuf's wire format, written by hand.


def varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + varint(value >> 7)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def floats(field: int, *values: float) -> bytes:
    return block(field, struct.pack(f"<{len(values)}f", *values))


def shape(*dims: int) -> bytes:
    return block(7, block(1, *map(varint, dims)))


def legacy_shape(*dims: int) -> bytes:
    return b"".join(number(field, dim) for field, dim in enumerate(dims, start=1))


def v2(name: str, *blobs: bytes) -> bytes:
    return block(100, block(1, name.encode()), *(block(7, blob) for blob in blobs))


def v1(name: str, *blobs: bytes) -> bytes:
    return block(2, block(4, name.encode()), *(block(6, blob) for blob in blobs))


INPUT = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 6\n'
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 1 } }
"""
W, B = (1, 2, 3, 4, 5, 6), (0.5, -0.5)
CONV_WEIGHTS = v2("conv", shape(2, 3, 1, 1) + floats(5, *W), shape(2) + floats(5, *B))

Read = Callable[..., "onnx.ModelProto"]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def do(prototxt: str | bytes, weights: bytes = b""):
        text, binary = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
        text.write_bytes(prototxt.encode() if isinstance(prototxt, str) else prototxt)
        binary.write_bytes(weights)
        model = read_caffe(text, binary)
        onnx.checker.check_model(model, full_check=True)
        return model

    return do


def names_of(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


def about(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key.removeprefix("entoptic."): entry.value for entry in model.metadata_props}


def input_shape(model: onnx.ModelProto) -> list[int | str]:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    return [dim.dim_param or dim.dim_value for dim in dims]


def result_of(model: onnx.ModelProto) -> np.ndarray:
    x = np.arange(2 * 3 * 2 * 3, dtype=np.float32).reshape(2, 3, 2, 3)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"data": x})[0]


EXPECTED = np.einsum(
    "oi,nihw->nohw", np.reshape(W, (2, 3)), np.arange(36, dtype=np.float32).reshape(2, 3, 2, 3)
) + np.reshape(B, (2, 1, 1))


# Formats of layers, blobs and inputs


@pytest.mark.parametrize(
    "given",
    [
        INPUT,
        'input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 6 }',
        'layer { type: "Input" top: "data" input_param { shape: { dim: [9, 3, 4, 6] } } }',
        'layer { type: "Data" top: "data" top: "label" transform_param { crop_size: 9 } }',
        'layer { name: "d" type: "MemoryData" top: "data" top: "label" '
        "memory_data_param { batch_size: 1 channels: 3 height: 5 width: 4 } }",
    ],
)
def test_every_way_to_declare_the_picture_is_read(given, read):
    model = read(given + CONV, CONV_WEIGHTS)
    assert input_shape(model) == ["batch", 3, "height", "width"]
    np.testing.assert_allclose(result_of(model), EXPECTED)


def test_v1_files_with_enumerated_types_and_legacy_blobs_are_the_same_network(read):
    layers = CONV.replace("layer", "layers").replace('"Convolution"', "CONVOLUTION")
    layers += 'layers { name: "prob" type: SOFTMAX bottom: "conv" top: "prob" }'
    weights = v1(
        "conv",
        legacy_shape(2, 3, 1, 1) + floats(5, *W),
        legacy_shape(1, 1, 1, 2) + floats(5, *B),
    )
    model = read(INPUT + layers, weights)
    assert names_of(model) == ["conv", "prob"]
    exponentials = np.exp(EXPECTED - EXPECTED.max(1, keepdims=True))
    softmax = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(result_of(model), softmax, atol=1e-6)


@pytest.mark.parametrize(
    "weights",
    [
        block(8, struct.pack("<6d", *W)),
        b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in W),
        floats(5, *W[:4]) + floats(5, *W[4:]),
        floats(6, *B) + floats(5, *W),
    ],
    ids=["doubles", "one by one", "two pieces", "with gradients"],
)
def test_values_may_be_stored_in_several_ways(weights, read):
    model = read(INPUT + CONV, v2("conv", shape(2, 3, 1, 1) + weights, shape(2) + floats(5, *B)))
    np.testing.assert_allclose(result_of(model), EXPECTED)


def test_layers_of_the_caffemodel_that_the_prototxt_has_not_are_skipped(read):
    extra = v2("loss1/classifier", shape(1) + floats(5, 1)) + v2("data") + block(1, b"name")
    model = read(INPUT + CONV, extra + CONV_WEIGHTS)
    np.testing.assert_allclose(result_of(model), EXPECTED)


def test_a_comment_in_another_encoding_and_a_byte_order_mark_are_no_obstacle(read):
    text = b"\xef\xbb\xbf# \xbe\xed\xbb\xfd\n" + (INPUT + CONV).encode()
    np.testing.assert_allclose(result_of(read(text, CONV_WEIGHTS)), EXPECTED)


# What runs in the test phase

TRAINING_NET = (
    """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mirror: true crop_size: 7 mean_value: [1, 2, 3] } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 6 mean_value: [103.939, 116.779, 123.68] scale: 0.5 } }
"""
    + CONV
    + """
layer { name: "noise" type: "Dropout" bottom: "conv" top: "conv" exclude { phase: TEST } }
layer { name: "flat" type: "Flatten" bottom: "label" top: "label_flat" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "loss" }
layer { name: "top5" type: "Accuracy" bottom: "conv" bottom: "label" top: "top5" }
layer { name: "distance" type: "EuclideanLoss" bottom: "conv" bottom: "label_flat" }
layer { name: "quiet" type: "Silence" bottom: "label" }
"""
)


def test_a_training_net_is_read_in_its_test_phase_with_its_loss_as_softmax(read):
    model = read(TRAINING_NET, CONV_WEIGHTS)
    assert [(node.name, node.op_type) for node in model.graph.node] == [
        ("conv", "Conv"),
        ("loss", "Softmax"),
    ]
    assert [value.name for value in model.graph.input] == ["data"]
    assert [value.name for value in model.graph.output] == ["loss"]


@pytest.mark.parametrize(
    ("rule", "runs"),
    [
        ("include { phase: TEST }", True),
        ("include { phase: TRAIN }", False),
        ("include { phase: TRAIN } include { phase: 1 }", True),
        ("exclude { phase: TEST }", False),
        ("exclude { phase: TRAIN }", True),
        ('include { stage: "deploy" }', True),
        ('include { stage: "train" }', False),
        ('include { not_stage: "deploy" }', False),
        ("include { min_level: 1 }", True),
        ("include { max_level: 1 }", False),
    ],
)
def test_rules_decide_which_layers_run(rule, runs, read):
    text = 'state { stage: "deploy" level: 2 }' + INPUT
    text += 'layer { name: "a" type: "ReLU" bottom: "data" top: "a" }'
    text += f'layer {{ name: "b" type: "TanH" bottom: "a" top: "b" {rule} }}'
    assert names_of(read(text)) == (["a", "b"] if runs else ["a"])


def test_an_input_that_only_the_loss_takes_is_left_out(read):
    text = INPUT.replace("\n", ' input: "label" input_dim: [1, 1, 1, 1]\n') + CONV
    text += 'layer { name: "p" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "p" }'
    model = read(text, CONV_WEIGHTS)
    assert [value.name for value in model.graph.input] == ["data"]
    np.testing.assert_allclose(result_of(model).sum(1), 1, rtol=1e-6)


# Preprocessing

RELU = 'layer { name: "a" type: "ReLU" bottom: "data" top: "a" }'


def test_preprocessing_comes_from_the_prototxt_where_it_says_so(read):
    assert about(read(TRAINING_NET, CONV_WEIGHTS)) == {
        "source": "caffe",
        "preprocess": "file",
        "channel_order": "BGR",
        "scale": "255",
        "mean": "103.939,116.779,123.68",
        "std": "2,2,2",
        "input_size": "6,6",
    }


def test_preprocessing_is_guessed_where_no_file_says_anything(read):
    known = about(read(INPUT + RELU))
    assert (known["preprocess"], known["mean"], known["std"]) == ("guess", "104,117,123", "1,1,1")
    assert known["input_size"] == "4,6"
    gray = about(read(INPUT.replace("3", "1") + RELU))
    assert (gray["preprocess"], gray["mean"]) == ("guess", "0")


@pytest.mark.parametrize(
    ("layer", "transform"),
    [(100, 100), (2, 36)],
    ids=["V2", "V1"],
)
def test_preprocessing_may_stand_in_the_caffemodel(layer, transform, read):
    scale = varint(1 << 3 | 5) + struct.pack("<f", 0.25)
    means = b"".join(varint(5 << 3 | 5) + struct.pack("<f", mean) for mean in (1, 2, 3))
    weights = block(layer, block(transform, scale, number(3, 227), means))
    known = about(read(INPUT + RELU, weights))
    assert (known["preprocess"], known["mean"], known["std"]) == ("file", "1,2,3", "4,4,4")


def test_a_mean_file_that_is_not_there_leaves_a_guess_but_keeps_the_scale(read):
    data = 'layer {{ name: "d" type: "Data" top: "data" {} }}'
    known = about(read(data.format('transform_param { mean_file: "m" scale: 0.5 }') + RELU))
    assert (known["preprocess"], known["mean"], known["std"]) == ("guess", "104,117,123", "2,2,2")
    older = about(read(data.format("data_param { scale: 0.5 }") + RELU))
    assert (older["preprocess"], older["mean"], older["std"]) == ("file", "0,0,0", "2,2,2")
    one_for_all = about(read(data.format("transform_param { mean_value: 127.5 }") + RELU))
    assert one_for_all["mean"] == "127.5,127.5,127.5"


# What is wrong with a network


def layer(kind: str, param: str = "", bottom: str = "data", tops: str = 'top: "it"') -> str:
    return f'{INPUT}layer {{ name: "it" type: "{kind}" bottom: "{bottom}" {tops} {param} }}'


ONE_WEIGHT = v2("it", shape(1) + floats(5, 1))


@pytest.mark.parametrize(
    ("prototxt", "problem"),
    [
        ("", "the network has no input; add e.g. layer"),
        (CONV, "the network has no input"),
        (INPUT, "net.prototxt has no layer that computes anything"),
        ('input: "data"' + RELU, "1 inputs but 0 shapes"),
        ('input: "data" input_dim: 3 ' + RELU, "1 input_dim are given; each input has four"),
        ('input: "data" input_shape {}' + RELU, "input 'data' can't have the shape ''"),
        (f"{INPUT.replace('3', '99999').replace('6', '999999')}{RELU}", "can't have the shape"),
        (INPUT.replace("3", "0") + RELU, "input_dim: '0' is not a whole number from 1 to"),
        (INPUT + INPUT + RELU, "two inputs have the same name"),
        ('layer { name: "d" type: "Input" top: "data" }' + RELU, "'d' .* shape isn't said"),
        ('layer { name: "d" type: "Data" }' + RELU, "it gives no blob; add 'top'"),
        (INPUT + RELU + RELU.replace("layer", "layers"), "both 'layers' and 'layer'"),
        (INPUT + "layers { layer { type: 'conv' } }", "line 2: .* format V0 .*upgrade_net_proto"),
        (INPUT + RELU + "\n" + RELU, "line 3: layer 'a' .* line 2 has a layer of the same name"),
        (INPUT + "layer { bottom: 'data' }", "a layer needs a name and a type"),
        (INPUT + RELU.replace('"a" type', f'"{"a" * 501}" type'), "at most 500 letters"),
        (layer("ReLU", "include {} exclude {}"), "both 'include' and 'exclude'"),
        (layer("ReLU", bottom="x"), "line 2: layer 'it' .*takes 'x', which no layer before it"),
        (layer("ReLU", bottom="it"), "takes 'it', which no layer before it gives"),
        (layer("ReLU", tops='top: "x" top: "y"'), "it gives 1 blobs, 2 tops are named"),
        (layer("Split", tops=""), "it gives 0 blobs, 0 tops are named"),
        (layer("TanH") + RELU.replace('top: "a"', 'top: "it"'), "another layer gives 'it' already"),
        (layer("ReLU", 'bottom: "data"'), "it takes one blob, 2 are given"),
        (layer("ReLU", "relu_param { slope: 1 }"), "'slope' isn't understood; known are engine"),
        (layer("TanH", "tanh_param {} tanh_param {}"), "'tanh_param' is given twice"),
        (
            TRAINING_NET + 'layer { name: "x" type: "Concat" bottom: "conv" bottom: "label" }',
            "'x' .*takes 'label', which exists only in training",
        ),
        (layer("Convolution", "convolution_param { num_output: 2 }"), "it says no kernel_size"),
        (layer("Convolution", "convolution_param { kernel_size: 1 }"), "it says no num_output"),
        (
            layer("Convolution", "convolution_param { num_output: 2 kernel_h: 2 }"),
            "give either kernel_size, or both kernel_h and kernel_w",
        ),
        (
            layer("Convolution", "convolution_param { num_output: 2 kernel_size: [1, 1, 1] }"),
            "kernel_size has 3 numbers; only pictures",
        ),
        (
            layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 group: 2 }"),
            "3 and 2 channels don't divide into 2 groups",
        ),
        (
            layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 axis: 2 }"),
            "only axis 1",
        ),
        (
            layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 pad: 99999 }"),
            "pad: '99999' is not a whole number from 0 to 16384",
        ),
        (layer("Pooling", "pooling_param { pool: STOCHASTIC }"), "stochastic pooling isn't"),
        (layer("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"), "must be less than"),
        (
            layer("Pooling", "pooling_param { kernel_size: 9 }"),
            "would be 1x3x-4x-2 at the declared",
        ),
        (layer("LRN", "lrn_param { local_size: 4 }"), "local_size 4 must be odd"),
        (layer("Crop"), "it takes two blobs with the same number of axes"),
        (
            layer("Crop", 'bottom: "data" crop_param { offset: [1, 2, 3] }'),
            "3 offsets for 2 cropped axes",
        ),
        (
            layer("Crop", 'bottom: "data" crop_param { offset: 1 }'),
            "axis 2 has 4, less than 1 and the crop",
        ),
        (layer("Interp", "interp_param { pad_beg: -1 }"), "pad_beg and pad_end aren't understood"),
        (layer("Interp", "interp_param { height: 4 }"), "give either height and width"),
        (layer("Upsample", "upsample_param { scale: 16384 }"), "is more than Caffe can hold"),
        (layer("Clip", "clip_param { min: 1 }"), "it must say min and max"),
        (layer("Exp", "exp_param { base: 0 }"), "base 0 must be positive, or -1 for e"),
        (layer("Log", "log_param { base: 1 }"), "no logarithm to the base 1"),
        (
            layer("BatchNorm", "batch_norm_param { use_global_stats: false }"),
            "change with its batch",
        ),
        (layer("Scale", 'bottom: "data"'), "the second blob is"),
        (layer("Scale", 'bottom: "data" bottom: "data"'), "one or two blobs, 3 are given"),
        (layer("Scale", "scale_param { axis: 3 num_axes: 2 }"), "there are only 4 axes"),
        (layer("Bias", "bias_param { axis: 4 }"), "axis 4 doesn't exist; there are 4 axes"),
        (layer("Eltwise"), "it takes blobs of one shape"),
        (layer("Eltwise", 'bottom: "data" eltwise_param { coeff: 1 }'), "1 coeff for a SUM of 2"),
        (layer("InnerProduct"), "it says no num_output"),
        (
            layer("Flatten", "flatten_param { axis: 2 end_axis: 1 }"),
            "end_axis 1 lies before axis 2",
        ),
        (
            layer("Reshape", "reshape_param { shape { dim: 5 dim: -1 } }"),
            r"72 values don't fit into the shape \(5, -1\)",
        ),
        (
            layer("Reshape", "reshape_param { shape { dim: 0 } axis: 4 }"),
            "a dim of 0 keeps an axis",
        ),
        (layer("Slice", tops='top: "x" top: "y"'), "3 values don't part evenly into 2"),
        (
            layer("Slice", "slice_param { slice_point: 1 }"),
            "1 slice points give 2 parts, not 1",
        ),
        (
            layer(
                "Slice", "slice_param { slice_point: [2, 1] }", tops='top: "x" top: "y" top: "z"'
            ),
            "its result would be 1x-1x4x6",
        ),
        (layer("Permute", "permute_param { order: [0, 0] }"), "names an axis twice"),
        (layer("ArgMax", "argmax_param { top_k: 5 }"), "only the largest value"),
        (layer("ArgMax", "argmax_param { out_max_val: true }"), "add 'axis: 1'"),
        (
            INPUT
            + 'layer { name: "s" type: "Slice" bottom: "data" top: "s" top: "t" '
            + 'slice_param { slice_point: 1 } } layer { name: "c" type: "Concat" bottom: "s" '
            + 'bottom: "t" top: "c" concat_param { axis: 2 } }',
            r"\(1, 2, 4, 6\) and \(1, 1, 4, 6\) differ beyond axis 2",
        ),
        (INPUT + 'layer { name: "c" type: "Concat" top: "c" }', "it takes at least one blob"),
        (
            layer("ReLU", "transform_param { mean_value: [1, 2] }"),
            "2 mean_value for a picture of 3",
        ),
        (layer("ReLU", "transform_param { scale: 0 }"), "a picture can't be scaled by 0"),
        (INPUT.replace("3", "5000") + RELU, "its input has 5000 channels"),
        (f"{INPUT}layer {{ {'a {' * 50}", "blocks nest deeper than 32"),
    ],
)
def test_a_network_that_makes_no_sense_is_an_error_that_says_why(prototxt, problem, read):
    with pytest.raises(BadModelFile, match=problem) as caught:
        read(prototxt, CONV_WEIGHTS)
    assert "\n" not in str(caught.value)
    assert "net.prototxt" in str(caught.value)


def test_all_unknown_layer_types_are_in_one_error_before_any_weights_are_read(read):
    text = INPUT + "".join(
        f'layer {{ name: "l{i}" type: "{kind}" bottom: "data" top: "l{i}" }}\n'
        for i, kind in enumerate(["Python", "ROIPooling", "DetectionOutput"])
    )
    listed = (
        r"net\.prototxt has layers that can't be imported: 'l0' \(line 2\) has type 'Python', "
        r"'l1' \(line 3\) has type 'ROIPooling', 'l2' \(line 4\) has type 'DetectionOutput'; conv"
    )
    with pytest.raises(BadModelFile, match=listed):
        read(text, b"no caffemodel at all")


def test_layers_of_unknown_types_are_left_off_with_what_follows(read):
    text = INPUT + "".join(
        f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" }}\n'
        for name, kind, bottom in [
            ("first", "ReLU", "data"),
            ("second", "TanH", "first"),
            ("odd", "Python", "second"),
            ("odder", "PriorBox", "first"),
            ("after", "ReLU", "odd"),
        ]
    )
    model = read(text, b"")
    assert [node.name for node in model.graph.node] == ["first", "second"]
    assert model.graph.output[0].name == "second"
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["entoptic.left_off"] == "Python ('odd'), PriorBox ('odder')"


# What is wrong with the weights

BLOBS = (shape(2, 3, 1, 1) + floats(5, *W), shape(2) + floats(5, *B))


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        (b"", r"layer 'conv' \(Convolution\): net\.caffemodel has no weights for it; prototxt and"),
        (v2("conv1", *BLOBS), "no weights for it; did you mean 'conv1'"),
        (v2("conv", BLOBS[0]), "it needs 2 blobs of weights, net.caffemodel has 1 for it"),
        (v2("conv", *BLOBS, BLOBS[1]), "it needs 2 blobs of weights, net.caffemodel has 3 for it"),
        (
            v2("conv", shape(2, 1, 1, 3) + floats(5, *W), BLOBS[1]),
            "blob 0 must be 2x3x1x1 by the prototxt, net.caffemodel has 2x1x1x3",
        ),
        (
            v2("conv", BLOBS[0], shape(1, 2, 1) + floats(5, *B)),
            "blob 1 must be 2 by the prototxt, net.caffemodel has 1x2x1",
        ),
        (
            v2("conv", shape(2, 3, 1, 1) + floats(5, *W[:5]), BLOBS[1]),
            r"byte \d+: a blob of layer 'conv' says a shape of 2x3x1x1, which needs 24 bytes; "
            "there are 20",
        ),
        (v2("conv", shape(0) + floats(5)), "says a shape of 0; the file is damaged"),
        (v2("conv", floats(5, *W)), "says a shape of 0x0x0x0; the file is damaged"),
        (v2("conv", shape(2**31) + floats(5, 1)), "says a shape of 2147483648; the file"),
        (v2("conv", shape(*[65536] * 4) + floats(5, 1)), "which needs 73786976294838206464 bytes"),
        (v2("conv", shape(*[1] * 33) + floats(5, 1)), "field 1 has more than 32 numbers"),
        (v2("conv", shape(2, 3, 1, 1) + floats(5, *W[:5], np.nan), BLOBS[1]), "aren't all numbers"),
        (
            v2("conv", shape(2, 3, 1, 1) + block(8, struct.pack("<6d", *W[:5], 1e300)), BLOBS[1]),
            "aren't all numbers",
        ),
        (block(2, block(1, b"")), "byte 2: the layers are of Caffe's format V0"),
        (
            b"\xff",
            "net.caffemodel: byte 0: a number that doesn't end; the file is damaged, cut off",
        ),
        (b"\xff" * 20, "byte 0: a number that doesn't end"),
        (b"\x0b", "field 1 has the unknown wire type 3"),
        (b"\x02\x00", "byte 0: a field has the number 0"),
        (b"\x12\xff\xff\xff\xff\x07abc", "byte 0: field 2 says 2147483647 bytes, 3 are left"),
        (number(100, 7), "byte 0: field 100 is a number where bytes belong"),
        (block(100, number(7, 1)), "field 7 is a number where bytes belong"),
        (block(100, block(100, floats(5, np.inf))), "a mean picture that isn't made of numbers"),
    ],
)
def test_weights_that_are_damaged_or_of_another_network_are_an_error(weights, problem, read):
    with pytest.raises(BadModelFile, match=problem) as caught:
        read(INPUT + CONV, weights)
    assert "\n" not in str(caught.value)


def test_a_batch_norm_whose_mean_would_be_infinite_is_an_error(read):
    three = shape(3) + floats(5, 1, 1, 1)
    weights = v2("it", three, three, shape(1) + floats(5, 1e-30))
    with pytest.raises(BadModelFile, match="its third blob 1e-30 would make its mean infinite"):
        read(layer("BatchNorm"), weights)


def test_files_that_are_missing_or_too_long_are_an_error(tmp_path):
    text, binary = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    with pytest.raises(BadModelFile, match=r"can't read .*net\.prototxt: No such file"):
        read_caffe(text, binary)
    text.write_text(INPUT + CONV)
    with pytest.raises(BadModelFile, match=r"can't read .*net\.caffemodel: No such file"):
        read_caffe(text, binary)
    with text.open("ab") as file:
        file.truncate(2**23)
    with pytest.raises(BadModelFile, match=r"net\.prototxt is larger than 4194304 bytes"):
        read_caffe(text, binary)


def test_too_many_fields_are_refused_before_they_take_our_time(monkeypatch):
    monkeypatch.setattr("entoptic.formats.protobuf._MAX_FIELDS", 10)
    with pytest.raises(BadModelFile, match="more than 10 fields"):
        parse_caffemodel(number(3, 1) * 11, "net.caffemodel")


def test_without_the_onnx_package_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"needs the 'onnx' extra: pip install"):
        read_caffe(tmp_path / "a", tmp_path / "b")


# Damage of any kind

WHOLE_NET = (
    INPUT
    + CONV
    + """layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "p" type: "Pooling" bottom: "conv" top: "p" pooling_param { kernel_size: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "p" top: "fc"
  inner_product_param { num_output: 2 bias_term: false } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
)
WHOLE_WEIGHTS = (
    CONV_WEIGHTS
    + v2("bn", *[shape(2) + floats(5, 1, 2)] * 2, shape(1) + floats(5, 3))
    + v1("fc", legacy_shape(1, 1, 2, 30) + floats(5, *range(60)))
)


Outcome = Callable[[str | bytes, bytes], str]


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """What comes of two files: an error's text, or "read"."""

    def do(prototxt: str | bytes, weights: bytes) -> str:
        text, binary = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
        text.write_bytes(prototxt.encode() if isinstance(prototxt, str) else prototxt)
        binary.write_bytes(weights)
        try:
            read_caffe(text, binary)
        except EntopticError as problem:
            return str(problem)
        return "read"

    return do


def flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        damaged[rng.randrange(len(damaged))] = rng.choice([0, 0xFF, rng.randrange(256)])
    return bytes(damaged)


def all_are_one_line(outcomes: Sequence[str]) -> bool:
    return all(text and "\n" not in text and len(text) < 1000 for text in outcomes)


def test_truncated_files_give_an_error_or_a_network(outcome):
    assert outcome(WHOLE_NET, WHOLE_WEIGHTS) == "read"
    cut_weights = [outcome(WHOLE_NET, WHOLE_WEIGHTS[:end]) for end in range(len(WHOLE_WEIGHTS))]
    assert "read" not in cut_weights
    assert all_are_one_line(cut_weights)
    cut_nets = [outcome(WHOLE_NET[:end], WHOLE_WEIGHTS) for end in range(len(WHOLE_NET) - 1)]
    assert all_are_one_line(cut_nets)
    assert cut_nets.count("read") < 20


def test_flipped_bytes_give_an_error_or_a_network(outcome):
    rng = random.Random(1)
    weights = [outcome(WHOLE_NET, flipped(WHOLE_WEIGHTS, rng)) for _ in range(400)]
    nets = [outcome(flipped(WHOLE_NET.encode(), rng), WHOLE_WEIGHTS) for _ in range(400)]
    for outcomes in (weights, nets):
        assert all_are_one_line(outcomes)
        assert 0 < outcomes.count("read") < 400


def test_numbers_of_the_prototxt_may_be_anything(outcome):
    rng = random.Random(2)
    numbers = ["0", "-1", "1e9", "7", "2147483647", "9223372036854775807", "nan", "99", "0.5", "[]"]
    words = WHOLE_NET.split(" ")
    places = [i for i, word in enumerate(words) if word.strip().isdecimal()]
    outcomes = []
    for _ in range(300):
        changed = list(words)
        changed[rng.choice(places)] = rng.choice(numbers)
        outcomes.append(outcome(" ".join(changed), WHOLE_WEIGHTS))
    assert all_are_one_line(outcomes)
    assert 0 < outcomes.count("read") < 300
