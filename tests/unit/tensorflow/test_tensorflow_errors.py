"""What operators refuse, and how they say it: each line is a graph and the message it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from entoptic.errors import BadModelFile

SAME: dict[str, object] = {"padding": "SAME", "strides": [1, 1, 1, 1]}
VALID = {"padding": "VALID", "strides": [1, 1, 1, 1]}
KERNEL = np.zeros((3, 3, 3, 2))
FLAT = [("to", [-1, 192]), ("flat", "Reshape", ["in", "to"])]


@dataclass(frozen=True)
class Case:
    """A graph whose node `y` is refused: constants (name, value) and nodes come before it."""

    message: str
    op: str
    inputs: list[str]
    before: list[Any] = field(default_factory=list)
    picture: tuple[int, ...] = (-1, 8, 8, 3)
    settings: dict[str, object] = field(default_factory=dict)


def conv(message, kernel=KERNEL, **settings):
    return Case(message, "Conv2D", ["in", "w"], [("w", kernel)], settings=SAME | settings)


def dilated(
    message, block=(2, 2), pads=((2, 2), (2, 2)), back=(2, 2), crops=((0, 0), (0, 0)), **more
):
    """The convolution `y` between SpaceToBatchND and BatchToSpaceND."""
    before: list[Any] = [
        ("w", KERNEL),
        ("block", list(block)),
        ("pads", pads),
        ("back", list(back)),
    ]
    before += [("crops", crops), ("there", "SpaceToBatchND", ["in", "block", "pads"])]
    before += [("out", "BatchToSpaceND", ["y", "back", "crops"])]
    return Case(message, "Conv2D", ["there", "w"], before, settings=VALID | more)


def transposed(message, kernel=KERNEL, to=(1, 8, 8, 3), picture=(-1, 8, 8, 2), **more):
    before = [("w", kernel), ("to", list(to))]
    return Case(message, "Conv2DBackpropInput", ["to", "w", "in"], before, picture, SAME | more)


def with_(message, op, *arrays, picture=(-1, 8, 8, 3), first="in", before=(), **settings):
    """An operator of the picture and constants."""
    constants = [(f"c{index}", array) for index, array in enumerate(arrays)]
    inputs = [first, *(name for name, _ in constants)]
    return Case(message, op, inputs, [*before, *constants], picture, settings)


CASES = [
    conv(r"its padding 'FULL' must be SAME, VALID or EXPLICIT", padding="FULL"),
    conv(r"its data_format 'CHWN' must be NHWC or NCHW", data_format="CHWN"),
    conv(r"its strides must be 4 numbers from 1 upwards, not \[1, 2\]", strides=[1, 2]),
    conv(
        r"SAME padding with both a stride and a dil", strides=[1, 2, 2, 1], dilations=[1, 2, 2, 1]
    ),
    conv(r"its explicit_paddings must be 8 numbers", padding="EXPLICIT", explicit_paddings=[1, 1]),
    conv(r"its kernel takes 5 channels, its input has 3", np.zeros((3, 3, 5, 2))),
    conv(r"its kernel must be floats with 4 axes; it is float32 .* \(3, 3\)", np.zeros((3, 3))),
    conv(r"its kernel must be floats with 4 axes; it is int64", np.zeros((1, 1, 3, 1), int)),
    conv(r"a picture side of 8 pixels is too small", np.zeros((9, 3, 3, 1)), padding="VALID"),
    Case(r"its kernel isn't a constant", "Conv2D", ["in", "in"], settings=SAME),
    Case(r"damaged: it has 1 inputs, 2 are needed", "Conv2D", ["in"], settings=SAME),
    Case(
        r"damaged: it has 3 inputs, 2 are n",
        "Conv2D",
        ["in", "w", "w"],
        [("w", KERNEL)],
        settings=SAME,
    ),
    Case(
        r"it needs a value with four axes, not 2",
        "Conv2D",
        ["flat", "w"],
        [*FLAT, ("w", KERNEL)],
        settings=SAME,
    ),
    with_(
        r"its kernel is for 5 channels, its input has",
        "DepthwiseConv2dNative",
        np.zeros((3, 3, 5, 1)),
        **SAME,
    ),
    with_(r"its ksize reach over pictures or channels", "MaxPool", ksize=[1, 1, 1, 3], **SAME),
    dilated(r"its block_shape must be 2 numbers from 1 upwards", block=(2, 2, 2), back=(2, 2, 2)),
    dilated(r"its block_shape isn't the one that its result is put together", back=(3, 3)),
    dilated(r"between SpaceToBatchND and BatchToSpaceND it must be plain", padding="SAME"),
    dilated(r"its paddings and crops must be two pairs", pads=(2, 2)),
    dilated(r"its crops cut more off than its paddings add", crops=((3, 3), (0, 0))),
    transposed(r"its kernel takes 2 channels, not 3", picture=(-1, 8, 8, 3)),
    transposed(r"a transposed convolution with explicit padding or dil", dilations=[1, 2, 2, 1]),
    transposed(r"the size of its result must be a list of 4 constants", to=(1, 8, 8)),
    transposed(r"a result of 9 pixels doesn't fit its input of 8", to=(1, 9, 8, 3)),
    with_(r"it needs values with two axes, not 4 and 2", "MatMul", np.zeros((3, 2))),
    with_(
        r"its inputs have 192 and 3 entries to sum over",
        "MatMul",
        np.zeros((3, 2)),
        before=FLAT,
        first="flat",
    ),
    with_(r"it takes its statistics from the batch; freeze", "FusedBatchNorm", *[np.zeros(3)] * 4),
    with_(
        r"its offset has 2 entries for 3 channels",
        "FusedBatchNorm",
        np.zeros(3),
        np.zeros(2),
        np.zeros(3),
        np.zeros(3),
        is_training=False,
    ),
    with_(r"its depth_radius of -1 is absurd", "LRN", depth_radius=-1),
    with_(r"its bias has 4 entries for 3 channels", "BiasAdd", np.zeros(4)),
    with_(r"sizes \[2, 3\] don't fit together", "Add", np.zeros((1, 1, 2))),
    with_(r"its axes isn't a list of whole numbers", "Mean", [1.5]),
    with_(r"axis 4 doesn't exist; the value has 4 axes", "Mean", [4]),
    with_(r"its new shape isn't a list of constants", "Reshape", 3),
    with_(r"its new shape \[-1, -1\] is absurd", "Reshape", [-1, -1]),
    with_(r"its new shape \[0, 3\] is absurd", "Reshape", [0, 3]),
    with_(
        r"192 entries don't fit into the new shape",
        "Reshape",
        [-1, 5],
        before=[("a", [0]), ("m", "Max", ["in", "a"])],
        first="m",
    ),
    Case(
        r"its new shape moves the number of pictures to another axis",
        "Reshape",
        ["in", "t"],
        [("s", "Shape", ["in"]), ("p", [3, 2, 1, 0]), ("t", "Gather", ["s", "p"])],
    ),
    Case(
        r"192 entries don't fit into the new shape",
        "Reshape",
        ["in", "t"],
        [
            ("s", "Shape", ["in"]),
            ("p", [0]),
            ("n", "Gather", ["s", "p"]),
            ("left", [-1, 5]),
            ("a", 0),
            ("t", "ConcatV2", ["n", "left", "a"]),
        ],
    ),
    with_(
        r"it drops the axes of size 1, and the file doesn't say", "Squeeze", picture=(-1, -1, -1, 3)
    ),
    with_(r"axis 1 can't be dropped: its size isn't 1", "Squeeze", squeeze_dims=[1]),
    with_(r"axis 0 can't be dropped: its size isn't 1", "Squeeze", squeeze_dims=[0]),
    with_(r"an axis can't be put in at \[7\] of 4 axes", "ExpandDims", 7),
    with_(r"its perm \[0, 1, 1, 2\] isn't an order of 4 axes", "Transpose", [0, 1, 1, 2]),
    Case(
        r"its inputs have different numbers of axes",
        "ConcatV2",
        ["in", "flat", "a"],
        [*FLAT, ("a", 1)],
    ),
    with_(r"its axis must be one number, not 2", "ConcatV2", [1, 2]),
    Case(r"its inputs can't be stacked: their axes don't fit", "Pack", ["in", "flat"], FLAT),
    Case(
        r"axis 3 can't be split into 2 equal parts",
        "Split",
        ["a", "in"],
        [("a", 3)],
        settings={"num_split": 2},
    ),
    Case(
        r"axis 3 can't be split into parts of \[1, 1\]",
        "SplitV",
        ["in", "s", "a"],
        [("a", 3), ("s", [1, 1])],
    ),
    with_(
        r"a slice with '...' or a new axis can't be read",
        "StridedSlice",
        [0],
        [1],
        [1],
        ellipsis_mask=1,
    ),
    with_(r"its begin, end and strides don't fit together", "StridedSlice", [0], [1], [0]),
    with_(r"its begin and size don't fit together", "Slice", [0], [1]),
    with_(r"its slice is empty", "StridedSlice", [0, 3], [0, 3], [1, 1], begin_mask=1, end_mask=1),
    with_(r"its paddings \[1, 1\] don't fit 4 axes", "Pad", [[1, 1]]),
    with_(r"it fills with more than one number", "PadV2", [[1, 1]] * 4, [1.0, 2.0]),
    with_(
        r"padding by 2 in the mode 'SYMMETRIC' can't be",
        "MirrorPad",
        [[2, 2]] * 4,
        mode="SYMMETRIC",
    ),
    with_(r"the size of its result must be a list of 2 constants", "ResizeBilinear", [1, 2, 3]),
    with_(r"a result of \[0, 4\] pixels is absurd", "ResizeBilinear", [0, 4]),
    with_(r"its block_size of 1 must be from 2 to", "SpaceToDepth", block_size=1),
    with_(r"3 channels don't make blocks of 2 x 2", "DepthToSpace", block_size=2),
    with_(r"it can be read only where all its inputs are constants", "Prod", [1]),
    with_(r"damaged: it has 3 inputs, 1 are needed", "Relu", 1.0, 2.0),
    Case(
        r"output 2 of 's' isn't there, or isn't used in inference",
        "Relu",
        ["s:2"],
        [("a", 3), ("s", "Split", ["a", "in"])],
        (-1, 8, 8, 4),
    ),
]


def build(graph, case):
    graph.picture(*case.picture)
    for name, value, *rest in case.before:
        if rest:
            settings = {"num_split": 2} if value == "Split" else {}
            graph.node(name, value, rest[0], **settings)
        else:
            graph.const(name, value)
    return graph.node("y", case.op, case.inputs, **case.settings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message[:50])
def test_an_operator_says_what_is_wrong_with_it(graph, case):
    build(graph, case)
    with pytest.raises(BadModelFile, match=rf"frozen\.pb: node 'y' \(\w+\): {case.message}"):
        graph.model()


def test_a_size_that_follows_from_an_unknown_one_is_refused(graph):
    graph.picture(-1, -1, -1, 3).node("s", "Shape", ["in"]).const("1", [1]).const("3", [3])
    graph.node("to", "StridedSlice", ["s", "1", "3", "1"]).node("y", "ResizeBilinear", ["in", "to"])
    message = r"node 'y' \(ResizeBilinear\): its size follows from the size of the picture, which"
    with pytest.raises(BadModelFile, match=message):
        graph.model()


def test_paddings_must_be_known_at_least_before_the_picture(graph):
    graph.picture(-1, -1, -1, 3).const("w", KERNEL).const("block", [2, 2])
    graph.node("s", "Shape", ["in"]).const("1", [1]).const("3", [3])
    graph.node("sides", "StridedSlice", ["s", "1", "3", "1"])
    graph.node("pads", "Pack", ["sides", "sides"]).const("crops", [[0, 0], [0, 0]])
    graph.node("there", "SpaceToBatchND", ["in", "block", "pads"])
    graph.node("y", "Conv2D", ["there", "w"], **VALID)
    graph.node("out", "BatchToSpaceND", ["y", "block", "crops"])
    message = r"its paddings follow from the picture's size, which the file lacks"
    with pytest.raises(BadModelFile, match=message):
        graph.model()


def test_paddings_must_be_constants(graph):
    graph.picture(-1, 8, 8, 3).const("w", KERNEL).const("block", [2, 2])
    graph.const("crops", [[0, 0], [0, 0]]).node("there", "SpaceToBatchND", ["in", "block", "in"])
    graph.node("y", "Conv2D", ["there", "w"], **VALID)
    graph.node("out", "BatchToSpaceND", ["y", "block", "crops"])
    with pytest.raises(BadModelFile, match=r"its paddings and crops must be constants"):
        graph.model()


def test_a_value_with_five_axes_is_no_picture(graph):
    graph.picture(-1, 8, 8, 3).const("a", 0).node("five", "ExpandDims", ["in", "a"])
    graph.node("y", "MaxPool", ["five"], ksize=[1, 2, 2, 1], **SAME)
    with pytest.raises(BadModelFile, match=r"it needs a value with four axes, not 5"):
        graph.model()


def test_channels_must_be_known_to_become_pixels(graph):
    graph.picture(-1, -1, -1, 3).const("p", [0, 3, 1, 2]).node("t", "Transpose", ["in", "p"])
    graph.node("y", "DepthToSpace", ["t"], block_size=2)
    with pytest.raises(BadModelFile, match=r"the number of its channels isn't known"):
        graph.model()
