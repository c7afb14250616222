"""Sources of networks: each turns a specification into a Model."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from pathlib import PurePath

from entoptic.checks import flag, instance, taking
from entoptic.errors import NotAllowed, UnknownModel, did_you_mean, one_line
from entoptic.networks.model import Model
from entoptic.networks.sources import embedded, ensemble, export, graphs, python, timm, torchvision
from entoptic.networks.sources.source import Source, plugin, plugins
from entoptic.networks.sources.spec import Spec
from entoptic.registry import Registry

DEFAULT = "squeezenet1_1"

# Packages of many networks by their word: whether one has a network of a name.
_ZOOS = {"timm": timm.has, "torchvision": torchvision.has}

# Endings of pictures, which are given first by those who leave the model out.
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")

# How alike a name must be to a source's to be that one with a slip; from 0 to 1, of difflib.
_TYPED_WRONG = 0.8


sources: Registry[Source] = Registry("model", UnknownModel)
"""The sources of entoptic itself, by the first word of a specification; packages bring more."""


def _register(
    form: str, summary: str, load: Callable[[Spec], Model], *, by_name: bool = False
) -> None:
    sources.add(form.partition(":")[0], Source(load, form, summary, by_name))


_register(
    "squeezenet1_1",
    "SqueezeNet 1.1 on ImageNet, embedded: small, fast, the default",
    embedded.squeezenet1_1,
    by_name=True,
)
_register(
    "efficientnet_lite0",
    "EfficientNet-Lite0 on ImageNet, embedded: ornaments, creatures, towns",
    embedded.efficientnet,
    by_name=True,
)
for _larger in ("efficientnet_lite1", "efficientnet_lite2"):
    _register(
        _larger,
        f"EfficientNet-Lite{_larger[-1]} on ImageNet, with the extra entoptic[eyes]: larger forms",
        embedded.efficientnet,
        by_name=True,
    )
_register(
    "timm:NAME",
    "one of timm's networks, such as timm:resnet50.a1_in1k",
    timm.timm,
    by_name=True,
)
_register(
    "torchvision:NAME",
    "one of torchvision's networks, such as torchvision:googlenet",
    torchvision.torchvision,
    by_name=True,
)
_register(export.FORM, "a file of torch.export", export.export)
_register(python.FORM, "what your own function returns; this runs code", python.python)
_register(graphs.ONNX_FORM, "a file of ONNX", graphs.load_graph)
_register(graphs.CAFFE_FORM, "files of Caffe, such as the first DeepDream's", graphs.load_graph)
_register(graphs.MXNET_FORM, "files of MXNet", graphs.load_graph)
_register(graphs.TENSORFLOW_FORM, "a frozen graph of TensorFlow 1", graphs.load_graph)


@taking(
    spec=instance(str, "a text such as timm:resnet50; `Model.wrap` takes a torch module"),
    stored=flag,
)
def load(spec: str = DEFAULT, *, stored: bool = False) -> Model:
    """Load a network.

    Args:
        spec: `squeezenet1_1` (the default), `efficientnet_lite0`, or another source's form, as
            `entoptic models` lists them; `?mean=...&std=...&scale=...&order=...&size=...` override
            the preprocessing.
        stored: whether a picture's job names it, and not the user. Then it is loaded only if it is
            embedded, or a hub's whose weights are on this machine: a job reads no model file, runs
            no code and downloads nothing.

    Raises:
        NotAllowed: a job may not name it.
        UnknownModel: no source understands it; with the nearest.
        BadWeights, BadModelFile: its files are damaged.
        MissingExtra: the source needs packages that aren't installed.

    >>> load().source
    'squeezenet1_1'
    """
    parsed = Spec.parse(spec, stored=stored)
    if stored:
        _check_stored(parsed)
    model = find(parsed.source).load(parsed)
    if not isinstance(model, Model):
        raise UnknownModel(
            f"the source {parsed.source!r} gives {type(model).__name__}, not a Model; tell its "
            "authors"
        )
    return parsed.overridden(model)


_register(
    ensemble.FORM,
    "several networks as one; layers are NAME/LAYER",
    functools.partial(ensemble.ensemble, load=load),
    by_name=True,  # each of its networks is looked at by itself
)


def _check_stored(spec: Spec) -> None:
    """Refuse what a picture's job may not name by itself.

    Raises:
        NotAllowed: code, a file, or another package's source.
    """
    if spec.source not in sources and spec.source in plugins():
        raise NotAllowed(
            f"the network {one_line(spec.text)!r} is another package's, whose code it runs"
        )
    if not find(spec.source).by_name:
        what = "runs code" if spec.source == "python" else "is in a file"
        raise NotAllowed(f"the network {one_line(spec.text)!r} {what}")
    spec.check_stored()


def find(name: str) -> Source:
    """Return a source by the first word of a specification, entoptic's own or a package's.

    Raises:
        UnknownModel: there is none; with the nearest.
    """
    if name in sources:
        return sources[name]
    others = plugins()
    if name in others:
        return plugin(name)
    raise UnknownModel(f"no model named {name!r}{_hint(name)}")


def _hint(name: str) -> str:
    """Return what to write instead of a name that is no source's."""
    known = (*sources, *plugins())
    typed_wrong = difflib.get_close_matches(name, known, cutoff=_TYPED_WRONG)
    named = [] if typed_wrong else [f"{word}:{name}" for word, has in _ZOOS.items() if has(name)]
    if named:
        return f"; did you mean {' or '.join(map(repr, named))}?"
    suffix = PurePath(name).suffix
    if suffix.lower() in _PICTURES:
        return "; that is a picture, and the model is given first: dream(model, photo)"
    for each in map(sources.__getitem__, sources) if suffix else ():
        if each.form.endswith(suffix):
            return f"; write {each.form}"
    return did_you_mean(name, known) or f"; there are {', '.join(known)}"


def summaries() -> dict[str, str]:
    """Return how specifications are written, with a line on each; a broken source says so."""
    found = {each.form: each.summary for each in map(sources.__getitem__, sources)}
    for name in plugins():
        try:
            other = find(name)
        except UnknownModel as error:
            found[name] = str(error)
        else:
            found.setdefault(other.form, other.summary)
    return found
