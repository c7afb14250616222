"""The network that a prototxt describes: its inputs, and the layers of its test phase.

Both ways of writing layers are read: V2 (`layer`, with a type in quotes) and V1 (`layers`, with a
type in capitals).
"""

from __future__ import annotations

from dataclasses import dataclass

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.preprocess import Transform, transform_of
from entoptic.formats.caffe.prototxt import Message

# caffe.proto, V1LayerParameter.LayerType: the names whose words don't simply run together.
_V1_SPECIAL = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}

DATA_KINDS = frozenset(
    ["Data", "AnnotatedData", "DummyData", "HDF5Data", "ImageData", "MemoryData", "WindowData"]
)
"""Layers that read pictures and labels from somewhere: the first top is the network's input."""

LOSS_KINDS = frozenset(
    [
        "Accuracy",
        "ContrastiveLoss",
        "EuclideanLoss",
        "HDF5Output",
        "HingeLoss",
        "InfogainLoss",
        "MultinomialLogisticLoss",
        "SigmoidCrossEntropyLoss",
        "Silence",
    ]
)
"""Layers that are left out: they judge or swallow results and feed nothing."""

# The size that BVLC's reference networks crop to, for data layers that don't say any.
_USUAL_CROP = 224

# A longer name would only make errors unreadable.
_LONGEST_NAME = 500


@dataclass(frozen=True)
class LayerSpec:
    """One layer as written.

    Args:
        name: its name, which becomes its address.
        kind: its type, by the names of V2 ("InnerProduct").
        bottoms: names of its input blobs.
        tops: names of its output blobs.
        message: its whole block.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message

    def error(self, problem: str) -> BadModelFile:
        """Return an error that names file, line, layer and type."""
        return self.message.error(f"layer {self.name!r} ({self.kind}): {problem}")


@dataclass(frozen=True)
class InputSpec:
    """A blob that is given from outside, with its declared shape, batch first."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Net:
    """A network in its test phase.

    Args:
        file: its name in errors.
        name: as the file has it, which may be empty.
        inputs: the first one is the picture.
        layers: in the order in which they run, without those that only feed or judge training.
        labels: blobs that only exist in training.
        transform: preprocessing as the file has it.
    """

    file: str
    name: str
    inputs: tuple[InputSpec, ...]
    layers: tuple[LayerSpec, ...]
    labels: frozenset[str]
    transform: Transform | None


def read_net(message: Message) -> Net:
    """Find inputs and layers in a parsed prototxt.

    Raises:
        BadModelFile: there is no input, its shape isn't said, or two layers share a name.
    """
    layers = [layer for layer in _all_layers(message) if _runs_in_test(layer, message)]
    inputs = list(_older_inputs(message))
    labels: set[str] = set()
    transform = None
    for layer in layers:
        transform = transform or transform_of(layer.message)
        if layer.kind == "Input":
            inputs.extend(_input_layer(layer))
        elif layer.kind in DATA_KINDS:
            inputs.append(_data_layer(layer))
            labels.update(layer.tops[1:])
    if not inputs:
        raise message.error(
            'the network has no input; add e.g. layer { name: "data" type: "Input" top: "data" '
            "input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } } }"
        )
    running = tuple(
        layer for layer in layers if layer.kind not in DATA_KINDS | LOSS_KINDS | {"Input"}
    )
    _check_names(running)
    name = message.string("name")
    return Net(message.file, name, tuple(inputs), running, frozenset(labels), transform)


def _all_layers(message: Message) -> list[LayerSpec]:
    v1, v2 = message.messages("layers"), message.messages("layer")
    if v1 and v2:
        raise message.error("both 'layers' and 'layer' blocks; Caffe reads one or the other")
    return [_layer(block, older=bool(v1)) for block in v1 or v2]


def _layer(block: Message, older: bool) -> LayerSpec:
    if older and "layer" in block:
        raise block.error(
            "the layers are of Caffe's format V0 (before 2014); "
            "convert the file with Caffe's upgrade_net_proto_text first"
        )
    kind = block.string("type")
    if older:
        kind = _V1_SPECIAL.get(kind) or "".join(w.capitalize() for w in kind.split("_"))
    bottoms, tops = block.strings("bottom"), block.strings("top")
    name = block.string("name") or next(iter(tops), "")
    if not 0 < len(name) <= _LONGEST_NAME or not 0 < len(kind) <= _LONGEST_NAME:
        raise block.error(f"a layer needs a name and a type, of at most {_LONGEST_NAME} letters")
    if kind == "SoftmaxWithLoss" and not tops:
        tops = (name,)
    return LayerSpec(name, kind, bottoms, tops, block)


def _runs_in_test(layer: LayerSpec, net: Message) -> bool:
    """Return whether Caffe runs a layer in the TEST phase.

    Source: NetStateRule in caffe.proto.
    """
    include, exclude = layer.message.messages("include"), layer.message.messages("exclude")
    if include and exclude:
        raise layer.error("both 'include' and 'exclude'; Caffe allows one of them")
    state = net.message("state")
    if include:
        return any(_meets(rule, state) for rule in include)
    return not any(_meets(rule, state) for rule in exclude)


def _meets(rule: Message, state: Message) -> bool:
    level = state.integer("level", 0, low=-(2**31))
    stages = set(state.strings("stage"))
    return (
        rule.choice("phase", ("TRAIN", "TEST"), "TEST") == "TEST"
        and rule.integer("min_level", level, low=-(2**31)) <= level
        and rule.integer("max_level", level, low=-(2**31)) >= level
        and stages.issuperset(rule.strings("stage"))
        and stages.isdisjoint(rule.strings("not_stage"))
    )


def _older_inputs(message: Message) -> list[InputSpec]:
    """Return inputs written as `input: "data"`, with `input_shape` or four `input_dim` each."""
    names = message.strings("input")
    shapes = [_dims(block, "dim") for block in message.messages("input_shape")]
    if not shapes and names:
        dims = _dims(message, "input_dim")
        shapes = [dims[start : start + 4] for start in range(0, len(dims), 4)]
        if len(dims) % 4:
            raise message.error(f"{len(dims)} input_dim are given; each input has four")
    if len(shapes) != len(names):
        raise message.error(f"{len(names)} inputs but {len(shapes)} shapes; add 'input_shape'")
    return [InputSpec(name, shape) for name, shape in zip(names, shapes, strict=True)]


def _input_layer(layer: LayerSpec) -> list[InputSpec]:
    shapes = [_dims(b, "dim") for b in layer.message.message("input_param").messages("shape")]
    if len(shapes) == 1:
        shapes *= len(layer.tops)
    if len(shapes) != len(layer.tops) or not all(shapes):
        raise layer.error("its shape isn't said; add 'input_param { shape { dim: ... } }'")
    return [InputSpec(name, shape) for name, shape in zip(layer.tops, shapes, strict=True)]


def _data_layer(layer: LayerSpec) -> InputSpec:
    """Return the input instead of a data layer: color pictures unless it says otherwise."""
    if not layer.tops:
        raise layer.error("it gives no blob; add 'top'")
    memory = layer.message.message("memory_data_param")
    images = layer.message.message("image_data_param")
    transform = transform_of(layer.message) or Transform()
    height = memory.integer("height", images.integer("new_height", 0)) or _USUAL_CROP
    width = memory.integer("width", images.integer("new_width", 0)) or _USUAL_CROP
    channels = memory.integer("channels", 3 if images.flag("is_color", True) else 1)
    size = (transform.crop, transform.crop) if transform.crop else (height, width)
    return InputSpec(layer.tops[0], (1, channels, *size))


def _dims(block: Message, name: str) -> tuple[int, ...]:
    return block.integers(name, low=1, high=2**31 - 1)


def _check_names(layers: tuple[LayerSpec, ...]) -> None:
    seen: dict[str, LayerSpec] = {}
    for layer in layers:
        if layer.name in seen:
            first = seen[layer.name].message.line
            raise layer.error(f"line {first} has a layer of the same name; rename one of them")
        seen[layer.name] = layer
