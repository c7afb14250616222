"""Networks in files of ONNX, Caffe, MXNet and TensorFlow: all come by way of one ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadModelFile, BadNetwork, WrongPictureSize
from entoptic.layers import Layer
from entoptic.networks.model import Model
from entoptic.networks.network import OUTPUT
from entoptic.networks.preprocess import GUESS, Preprocess
from entoptic.networks.sources.labels import labels_of
from entoptic.networks.sources.spec import Spec

if TYPE_CHECKING:
    import onnx

    from entoptic.formats.onnx import Imported

ONNX_FORM = "onnx:FILE.onnx"
CAFFE_FORM = "caffe:DEPLOY.prototxt+WEIGHTS.caffemodel"
MXNET_FORM = "mxnet:NAME-symbol.json+NAME-0000.params"
TENSORFLOW_FORM = "tensorflow:FROZEN.pb"

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The means of the VGG networks, which MXNet's first model gallery took over.
_GALLERY_MEAN = (123.68, 116.779, 103.939)


def onnx_graph(spec: Spec) -> onnx.ModelProto:
    """Return the graph of a specification of any of the four sources.

    Raises:
        BadModelFile: a file is missing, damaged or dangerous, or uses what can't be imported.
        MissingExtra: the onnx extra isn't installed.
    """
    return READERS[spec.source](spec)


def load_graph(spec: Spec) -> Model:
    """Load a network of a specification of any of the four sources."""
    from entoptic.formats.onnx import from_graph
    from entoptic.formats.onnx.layout import GUESS

    spec.only(["labels", "output", "layout"])
    # The readers of the other formats have put the channels second.
    usual = GUESS if spec.source == "onnx" else "nchw"
    try:
        imported = from_graph(
            onnx_graph(spec), spec.options.get("output"), spec.options.get("layout", usual)
        )
    except BadModelFile as error:
        if spec.rest in str(error):
            raise
        raise BadModelFile(f"{spec.rest}: {error}") from None
    if len(imported.input_shape) != 4:
        raise BadModelFile(
            f"{spec.rest} takes {len(imported.input_shape)} axes, and a picture has 4 (batch, "
            "channels, height, width); export the network with a forward that makes its input of "
            "one picture"
        )
    model = Model(
        imported.module,
        _preprocess(spec.source, imported),
        spec.text,
        addresses=imported.addresses,
        logits=imported.logits or imported.output,
        notes=(*_left_off(imported), *imported.notes, *_guessed(imported.metadata)),
    )
    _check_batch(model, imported)
    labels, synsets, notes = labels_of(_classes(model), spec.options)
    notes = (*model.notes, *notes)
    return replace(model, labels=labels, synsets=synsets, notes=notes).fitted()


def _check_batch(model: Model, imported: Imported) -> None:
    """Refuse a file for several pictures at a time that doesn't work on one."""
    count = imported.input_shape[0]
    if count is None or count == 1:
        return
    table = model.tables.at(model.preprocess.size)
    if table.failure or table.rows[Layer(OUTPUT)].shape[:1] != (1,):
        raise BadModelFile(
            f"{model.source} takes {count} pictures at a time and no other number; export it for a "
            "batch of one, or with a free batch"
        )


def _classes(model: Model) -> int | None:
    """Return the number of classes of a network, as far as its last layer tells."""
    try:
        info = model.info(Layer(model.logits), model.preprocess.size)
    except (BadNetwork, WrongPictureSize):
        return None
    return info.channels if math.prod(info.shape[2:]) == 1 else None


def _read_onnx(spec: Spec) -> onnx.ModelProto:
    from entoptic.formats.onnx import load_graph as read

    (file,) = spec.files(1, ONNX_FORM)
    return read(file)


def _read_caffe(spec: Spec) -> onnx.ModelProto:
    from entoptic.formats.caffe import read_caffe

    prototxt, caffemodel = spec.files(2, CAFFE_FORM)
    return read_caffe(prototxt, caffemodel)


def _read_mxnet(spec: Spec) -> onnx.ModelProto:
    from entoptic.formats.mxnet import read_mxnet

    symbol, params = spec.files(2, MXNET_FORM)
    return read_mxnet(symbol, params)


def _read_tensorflow(spec: Spec) -> onnx.ModelProto:
    from entoptic.formats.tensorflow import read_tensorflow

    (file,) = spec.files(1, TENSORFLOW_FORM)
    return read_tensorflow(file)


READERS = {
    "onnx": _read_onnx,
    "caffe": _read_caffe,
    "mxnet": _read_mxnet,
    "tensorflow": _read_tensorflow,
}


def _preprocess(source: str, imported: Imported) -> Preprocess:
    """Return the preprocessing that a file states; for the rest what is usual for its source."""
    said = imported.metadata
    # Files that leave it free are mostly of networks that take pictures in colour.
    channels = imported.input_shape[1] or 3
    usual = _usual(source, imported, channels)
    return Preprocess(
        size=_size(imported) or usual.size,
        mean=_for_each(said, "entoptic.mean", channels) or usual.mean,
        std=_for_each(said, "entoptic.std", channels) or usual.std,
        scale=float(said.get("entoptic.scale", usual.scale)),
        order=said.get("entoptic.channel_order", usual.order),
        channels=channels,
    )


def _usual(source: str, imported: Imported, channels: int) -> Preprocess:
    if channels != 3:
        return Preprocess.plain(channels=channels)
    # Gluon, MXNet's second model gallery, ends the names of its operators so; it normalises as
    # torchvision does. The first gallery didn't.
    gluon = any(name.endswith("_fwd") for name in imported.addresses)
    if source == "mxnet" and not gluon:
        return Preprocess(mean=_GALLERY_MEAN, std=(1.0, 1.0, 1.0), scale=255.0)
    return Preprocess(mean=_IMAGENET_MEAN, std=_IMAGENET_STD)


def _size(imported: Imported) -> tuple[int, int] | None:
    said = imported.metadata.get("entoptic.input_size", "").split(",")
    if len(said) == 2:
        return int(said[0]), int(said[1])
    match imported.input_shape:
        case (_, _, int(height), int(width)):
            return height, width
    return None


def _for_each(said: Mapping[str, str], key: str, channels: int) -> tuple[float, ...] | None:
    """Return a number of each channel as a file states it, one for all if all are the same."""
    if key not in said:
        return None
    found = tuple(float(part) for part in said[key].split(","))
    return found[:1] * channels if len(set(found)) == 1 else found


def _left_off(imported: Imported) -> tuple[str, ...]:
    """Return a note on what a reader of another format has left off."""
    what = imported.metadata.get("entoptic.left_off")
    if what is None:
        return ()
    return (
        f"left off, since it can't be imported, with all that follows: {what}; the network ends at "
        f"{imported.output!r} (?output=NAME ends it elsewhere)",
    )


def _guessed(said: Mapping[str, str]) -> tuple[str, ...]:
    if said.get("entoptic.preprocess") == "file":
        return ()
    return (
        f"{GUESS}, since the file doesn't say; correct it by "
        "?mean=...&std=...&scale=...&order=RGB|BGR&size=HxW",
    )


def save_graph(graph: onnx.ModelProto, path: Path, *, replace: bool = True) -> None:
    """Check a graph and write it as an ONNX file, in one go or not at all.

    Raises:
        CannotWrite: with what to do.
        AlreadyThere: the file exists and isn't to be replaced.
        BadModelFile: the graph breaks a rule of ONNX.
    """
    import onnx

    from entoptic.images.writing import write_file

    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).splitlines()[0]
        raise BadModelFile(f"the graph breaks a rule of ONNX: {reason}") from None
    write_file(path, graph.SerializeToString(), replace=replace)
