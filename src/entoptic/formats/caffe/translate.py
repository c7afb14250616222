"""From Caffe's two files to one ONNX model, in which every layer keeps its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.caffemodel import MOST_AXES, MOST_VALUES, Weights, parse_caffemodel
from entoptic.formats.caffe.kinds import KINDS, Kind
from entoptic.formats.caffe.net import InputSpec, LayerSpec, Net, read_net
from entoptic.formats.caffe.preprocess import preprocess_metadata
from entoptic.formats.caffe.prototxt import Message, parse_prototxt
from entoptic.formats.caffe.site import Site, Tensor
from entoptic.formats.files import contents
from entoptic.formats.onnx_graph import Axes, GraphBuilder, onnx_package

if TYPE_CHECKING:
    import onnx

# The longest prototxt files (DenseNet, ResNet-152) have some hundred kilobytes.
_LONGEST_PROTOTXT = 4 * 2**20
# No protobuf message may be longer.
_LONGEST_CAFFEMODEL = 2**31 - 1


def read_caffe(prototxt: Path, caffemodel: Path) -> onnx.ModelProto:
    """Read a Caffe network as an ONNX model (opset 17, NCHW).

    Every layer becomes a node of the same name; where one layer becomes several nodes, the last
    has the plain name and earlier ones are called NAME/PART. Batch, height and width are free.
    What the network wants to be shown stands in the model's metadata (`entoptic.mean`, ...): it is
    `(picture * scale - mean) / std`, the picture being in [0, 1], channels in the order BGR.

    Args:
        prototxt: the network's description, of Caffe's layer format V1 or V2; its TEST phase is
            read.
        caffemodel: the weights, which belong to the layers by name.

    Returns:
        The model; layers that only feed or judge training are left out.

    Raises:
        BadModelFile: a file is damaged, the two don't fit, or a layer type isn't understood.
        MissingExtra: the onnx package isn't installed.

    Source: BVLC Caffe (caffe.proto and src/caffe/layers).
    """
    helper = onnx_package("reading Caffe files").helper
    description = contents(prototxt, _LONGEST_PROTOTXT).decode("utf-8-sig", errors="replace")
    net = read_net(parse_prototxt(description, prototxt.name))
    net, left_off = _known(net)
    _refuse_strange(net)
    weights = parse_caffemodel(contents(caffemodel, _LONGEST_CAFFEMODEL), caffemodel.name)
    inputs = [_input(net, given) for given in net.inputs]
    graph, outputs = _translated(net, weights, inputs)
    metadata = {"entoptic.source": "caffe"}
    if left_off:
        metadata["entoptic.left_off"] = left_off
        outputs.reverse()  # the latest first: it is the nearest to what the network was for
    metadata |= preprocess_metadata(
        net.transform or weights.transform, net.inputs[0].shape, prototxt.name
    )
    model = _model(graph, net.name or prototxt.stem, inputs, outputs)
    helper.set_model_props(model, metadata)
    return model


def _model(
    graph: GraphBuilder, name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> onnx.ModelProto:
    """Return the graph with batch and picture size free, without inputs that no layer takes."""
    picture, *others = inputs
    taken = {name for node in graph.nodes for name in node.input}
    axes: list[str | int] = ["batch", *picture.shape[1:]]
    if picture.rank == 4:
        axes[2:] = ["height", "width"]
    free: dict[str, Axes] = {picture.name: axes}
    free |= {each.name: [None, *each.shape[1:]] for each in others if each.name in taken}
    return graph.model(name, free, {each.name: [None] * each.rank for each in outputs})


def _known(net: Net) -> tuple[Net, str]:
    """Cut the network before layers of types that aren't understood, and list them.

    Raises:
        BadModelFile: no layer comes before them; all are listed.
    """
    unknown = [layer for layer in net.layers if layer.kind not in KINDS]
    lost: set[str] = set()
    kept: list[LayerSpec] = []
    for layer in net.layers:
        # A layer in place goes on with what it was given, under the same name.
        if layer.kind not in KINDS or not lost.isdisjoint(layer.bottoms):
            lost.update(layer.tops)
        else:
            kept.append(layer)
            lost.difference_update(layer.tops)
    if not unknown or kept:
        kinds: dict[str, list[str]] = {}
        for layer in unknown:
            kinds.setdefault(layer.kind, []).append(repr(layer.name))
        text = ", ".join(f"{kind} ({', '.join(names[:3])})" for kind, names in kinds.items())
        return replace(net, layers=tuple(kept)), text
    listed = ", ".join(f"{_at(layer)} has type {layer.kind!r}" for layer in unknown[:20])
    more = f", and {len(unknown) - 20} more" if len(unknown) > 20 else ""
    raise BadModelFile(
        f"{net.file} has layers that can't be imported: {listed}{more}; convert it to ONNX with a "
        "tool that knows them"
    )


def _refuse_strange(net: Net) -> None:
    """Refuse parameters that aren't understood."""
    for layer in net.layers:
        kind = KINDS[layer.kind]
        strange = sorted(set(_param(layer, kind).fields) - kind.fields)
        if strange:
            known = ", ".join(sorted(kind.fields)) or "none"
            raise layer.error(
                f"parameter {', '.join(map(repr, strange))} isn't understood; known are {known}"
            )


def _at(layer: LayerSpec) -> str:
    return f"{layer.name!r} (line {layer.message.line})"


def _param(layer: LayerSpec, kind: Kind) -> Message:
    return layer.message.message(kind.param)


def _translated(
    net: Net, weights: Weights, inputs: Sequence[Tensor]
) -> tuple[GraphBuilder, list[Tensor]]:
    """Return the graph, and its results: the blobs that no layer takes."""
    blobs = {tensor.name: tensor for tensor in inputs}
    given_names = frozenset(blobs)
    graph = GraphBuilder([*(layer.name for layer in net.layers), *blobs])
    if len(blobs) < len(inputs):
        raise BadModelFile(f"{net.file}: two inputs have the same name; rename one of them")
    unused = dict.fromkeys(blobs)
    labels = set(net.labels)
    for layer in net.layers:
        if layer.bottoms and labels.issuperset(layer.bottoms):
            labels.update(layer.tops)
            continue
        results = _results(_site(layer, weights, graph, blobs, labels, given_names))
        bottoms = set(layer.bottoms)
        for bottom in bottoms:
            unused.pop(bottom, None)
        for top, tensor in zip(layer.tops, results, strict=True):
            if top in blobs and top not in bottoms:
                raise layer.error(f"another layer gives {top!r} already; rename one of the tops")
            blobs[top] = tensor
            unused[top] = None
    given = {blobs[top].name: blobs[top] for top in unused}
    for tensor in inputs:
        given.pop(tensor.name, None)
    outputs = list(given.values())
    if not outputs:
        raise BadModelFile(f"{net.file} has no layer that computes anything")
    return graph, outputs


def _input(net: Net, given: InputSpec) -> Tensor:
    if not 0 < len(given.shape) <= MOST_AXES or math.prod(given.shape) > MOST_VALUES:
        shown = "x".join(map(str, given.shape[:MOST_AXES]))
        raise BadModelFile(f"{net.file}: input {given.name!r} can't have the shape {shown!r}")
    return Tensor(given.name, given.shape)


def _site(
    layer: LayerSpec,
    weights: Weights,
    graph: GraphBuilder,
    blobs: dict[str, Tensor],
    labels: set[str],
    given: frozenset[str],
) -> Site:
    kind = KINDS[layer.kind]
    taken = layer.bottoms[:1] if kind.takes_labels else layer.bottoms
    for bottom in taken:
        if bottom in labels:
            raise layer.error(f"it takes {bottom!r}, which exists only in training")
        if bottom not in blobs:
            raise layer.error(f"it takes {bottom!r}, which no layer before it gives")
    bottoms = tuple(blobs[bottom] for bottom in taken)
    return Site(layer, _param(layer, kind), bottoms, weights, graph, given)


def _results(site: Site) -> tuple[Tensor, ...]:
    results = KINDS[site.layer.kind].translate(site)
    results = (results,) if isinstance(results, Tensor) else results
    if len(results) != len(site.layer.tops) or not results:
        raise site.error(f"it gives {len(results)} blobs, {len(site.layer.tops)} tops are named")
    return results
