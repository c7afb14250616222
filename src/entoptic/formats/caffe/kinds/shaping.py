"""Caffe's layers that join, part, reorder or sum up axes, and the fully connected one.

Source: BVLC Caffe, src/caffe/layers/*.cpp; Permute is of the SSD fork.
"""

from __future__ import annotations

import math

from entoptic.formats.caffe.site import Site, Tensor, caffe_layer

# onnx.TensorProto.FLOAT
_FLOAT = 1


@caffe_layer(
    "InnerProduct",
    "inner_product_param",
    "num_output bias_term weight_filler bias_filler axis transpose",
)
def inner_product(site: Site) -> Tensor:
    """Flatten and Gemm; where more than the batch axis is kept, MatMul and Add."""
    bottom = site.bottom()
    axis = site.axis("axis", 1, bottom.rank)
    outputs = site.param.integer("num_output", 0)
    if not outputs:
        raise site.error("it says no num_output")
    inputs = math.prod(bottom.shape[axis:])
    transposed = site.param.flag("transpose", False)
    shape = (inputs, outputs) if transposed else (outputs, inputs)
    has_bias = site.param.flag("bias_term", True)
    weight, *bias = site.weights(shape, *([(outputs,)] if has_bias else []))
    biases = [site.constant("bias", array) for array in bias]
    result = (*bottom.shape[:axis], outputs)
    if axis == 1:
        flat = _flat_from(site, bottom, 1)
        matrix = site.constant("weight", weight)
        return site.step("Gemm", [flat, matrix, *biases], result, transB=int(not transposed))
    matrix = site.constant("weight", weight if transposed else weight.T.copy())
    flat = _flat_from(site, bottom, axis)
    if not biases:
        return site.step("MatMul", [flat, matrix], result)
    product = site.step("MatMul", [flat, matrix], result, "product")
    return site.step("Add", [product, *biases], result)


def _flat_from(site: Site, bottom: Tensor, axis: int) -> Tensor:
    """The bottom with all axes from one on made into one."""
    shape = (*bottom.shape[:axis], math.prod(bottom.shape[axis:]))
    if bottom.rank == axis + 1:
        return bottom
    if axis == 1:
        return site.step("Flatten", [bottom], shape, "flatten", axis=1)
    dims = site.integers("dims", *[0] * axis, -1)
    return site.step("Reshape", [bottom, dims], shape, "flatten")


@caffe_layer("Flatten", "flatten_param", "axis end_axis")
def flatten(site: Site) -> Tensor:
    """Make one axis of several; the batch stays free."""
    bottom = site.bottom()
    axis = site.axis("axis", 1, bottom.rank)
    end = site.axis("end_axis", -1, bottom.rank)
    if end < axis:
        raise site.error(f"end_axis {end} lies before axis {axis}")
    shape = bottom.shape
    result = (*shape[:axis], math.prod(shape[axis : end + 1]), *shape[end + 1 :])
    if axis == 1 and end == bottom.rank - 1:
        return site.step("Flatten", [bottom], result, axis=1)
    dims = [*[0] * axis, -1, *shape[end + 1 :]]
    return site.step("Reshape", [bottom, site.integers("dims", *dims)], result)


@caffe_layer("Reshape", "reshape_param", "shape axis num_axes")
def reshape(site: Site) -> Tensor:
    """Reshape; 0 keeps an axis, -1 takes what is left. A written batch size stays free."""
    bottom, param = site.bottom(), site.param
    start = site.axis("axis", 0, bottom.rank, also_end=True)
    number = param.integer("num_axes", -1, low=-1, high=bottom.rank - start)
    end = bottom.rank if number == -1 else start + number
    written = param.message("shape").integers("dim", low=-1, high=2**31 - 1)
    if any(not dim and start + i >= bottom.rank for i, dim in enumerate(written)):
        raise site.error(f"a dim of 0 keeps an axis; there are only {bottom.rank}")
    middle = [dim or bottom.shape[start + i] for i, dim in enumerate(written)]
    before, behind = bottom.shape[:start], bottom.shape[end:]
    result = _inferred(site, [*before, *middle, *behind], math.prod(bottom.shape))
    # To ONNX too 0 means "as it was", which is how batch and picture size stay free.
    dims = [*[0] * start, *written, *([0] * len(behind) if end == start + len(written) else behind)]
    if result and dims[0] == bottom.shape[0]:
        dims[0] = 0
    return site.step("Reshape", [bottom, site.integers("dims", *dims)], result)


def _inferred(site: Site, wanted: list[int], total: int) -> tuple[int, ...]:
    """The shape with its -1 replaced by what is left."""
    known = math.prod([size for size in wanted if size != -1])
    rest = total // known
    result = tuple(rest if size == -1 else size for size in wanted)
    if wanted.count(-1) > 1 or math.prod(result) != total:
        raise site.error(f"{total} values don't fit into the shape {tuple(wanted)}")
    return result


@caffe_layer("Concat", "concat_param", "axis concat_dim")
def concat(site: Site) -> Tensor:
    """Join blobs along an axis (the channels, unless it says otherwise)."""
    if not site.bottoms:
        raise site.error("it takes at least one blob")
    first, axis = site.bottoms[0], _joining_axis(site, "concat_dim")
    for bottom in site.bottoms:
        if _without(bottom.shape, axis) != _without(first.shape, axis):
            raise site.error(f"{bottom.shape} and {first.shape} differ beyond axis {axis}")
    total = sum(bottom.shape[axis] for bottom in site.bottoms)
    shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
    return site.step("Concat", site.bottoms, shape, axis=axis)


def _joining_axis(site: Site, older_name: str) -> int:
    """The axis, by its name or by the one it had until 2014."""
    rank = site.bottoms[0].rank
    if older_name in site.param and "axis" not in site.param:
        return site.param.integer(older_name, 1, 0, rank - 1)
    return site.axis("axis", 1, rank)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


@caffe_layer("Slice", "slice_param", "axis slice_dim slice_point")
def slices(site: Site) -> tuple[Tensor, ...]:
    """Part a blob along an axis, at given points or evenly."""
    bottom = site.bottom()
    axis, pieces = _joining_axis(site, "slice_dim"), len(site.layer.tops)
    length = bottom.shape[axis]
    points = site.param.integers("slice_point", 1, length)
    if points and len(points) != pieces - 1:
        raise site.error(f"{len(points)} slice points give {len(points) + 1} parts, not {pieces}")
    if not points and (not pieces or length % pieces):
        raise site.error(f"{length} values don't part evenly into {pieces}")
    if pieces == 1:
        return (site.step("Identity", [bottom]),)
    ends = [*points, length] if points else range(length // pieces, length + 1, length // pieces)
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    shapes = [(*bottom.shape[:axis], size, *bottom.shape[axis + 1 :]) for size in sizes]
    split = site.integers("sizes", *sizes)
    return site.steps("Split", [bottom, split], shapes, axis=axis)


@caffe_layer("Split")
def split(site: Site) -> tuple[Tensor, ...]:
    """The same blob under several names."""
    bottom = site.bottom()
    return (site.step("Identity", [bottom]),) * len(site.layer.tops)


@caffe_layer("Softmax", "softmax_param", "engine axis")
def softmax(site: Site) -> Tensor:
    """Softmax along an axis."""
    bottom = site.bottom()
    return site.step("Softmax", [bottom], axis=site.axis("axis", 1, bottom.rank))


@caffe_layer("SoftmaxWithLoss", "softmax_param", "engine axis", takes_labels=True)
def softmax_with_loss(site: Site) -> tuple[Tensor, ...]:
    """The probabilities alone; there are no labels when looking at pictures."""
    return (softmax(site),) * len(site.layer.tops)


@caffe_layer("Permute", "permute_param", "order")
def permute(site: Site) -> Tensor:
    """Reorder axes; those that aren't named follow in their own order."""
    bottom = site.bottom()
    order = site.param.integers("order", 0, bottom.rank - 1)
    if len(set(order)) < len(order):
        raise site.error(f"order {order} names an axis twice")
    order += tuple(axis for axis in range(bottom.rank) if axis not in order)
    shape = tuple(bottom.shape[axis] for axis in order)
    return site.step("Transpose", [bottom], shape, perm=order)


@caffe_layer("ArgMax", "argmax_param", "out_max_val top_k axis")
def argmax(site: Site) -> Tensor:
    """Number (as a float) or value of the largest, along an axis or of each whole picture."""
    if site.param.integer("top_k", 1) != 1:
        raise site.error("only the largest value (top_k 1) is understood")
    bottom, value = site.bottom(), site.param.flag("out_max_val", False)
    if "axis" not in site.param:
        return _argmax_of_all(site, bottom, value)
    axis = site.axis("axis", 0, bottom.rank)
    shape = (*bottom.shape[:axis], 1, *bottom.shape[axis + 1 :])
    if value:
        return site.step("ReduceMax", [bottom], shape, axes=[axis], keepdims=1)
    index = site.step("ArgMax", [bottom], shape, "index", axis=axis, keepdims=1)
    return site.step("Cast", [index], shape, to=_FLOAT)


def _argmax_of_all(site: Site, bottom: Tensor, value: bool) -> Tensor:
    """Without an axis Caffe gives (batch, 1, 1), with the axes that the blob has beyond three."""
    if value:
        raise site.error("out_max_val without an axis isn't understood; add 'axis: 1'")
    batch = bottom.shape[0]
    flat = _flat_from(site, bottom, 1)
    index = site.step("ArgMax", [flat], (batch, 1), "index", axis=1, keepdims=1)
    number = site.step("Cast", [index], (batch, 1), "number", to=_FLOAT)
    shape = (batch, *[1] * (max(bottom.rank, 3) - 1))
    dims = site.integers("dims", 0, *shape[1:])
    return site.step("Reshape", [number, dims], shape)
