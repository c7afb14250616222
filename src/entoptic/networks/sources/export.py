"""Networks that `torch.export.save` wrote: graphs of torch's own operators, read and run here.

`torch.export.load` unpickles parts of a file and evaluates others, so that a stranger's file could
run code. Here the graph is read as the JSON that it is, and the weights as numbers.
"""

from __future__ import annotations

from dataclasses import replace

from entoptic.errors import BadModelFile
from entoptic.formats.files import reason
from entoptic.formats.torch_export.archive import Archive
from entoptic.formats.torch_export.graph import ExportedGraph, run_dry
from entoptic.layers import Layer
from entoptic.networks.model import Model
from entoptic.networks.network import OUTPUT
from entoptic.networks.preprocess import GUESS, Preprocess
from entoptic.networks.sources.labels import labels_of
from entoptic.networks.sources.spec import Spec

FORM = "export:FILE.pt2"

# What the wrong texts and numbers of a file may raise, and torch where they don't fit together.
_NONSENSE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def export(spec: Spec) -> Model:
    """Load a network in a file of torch.export.

    Its layers are the operations of the graph by their names, and the modules that they came from:
    a module's name stands for the last operation in it.

    Args:
        spec: `export:FILE.pt2`; the option `labels` as for files of ONNX. Preprocessing isn't in
            the file: ImageNet's usual one is taken where the options say nothing.

    Raises:
        BadModelFile: the file is damaged, of an older torch, or asks for what isn't read.
    """
    spec.only(["labels"])
    (path,) = spec.files(1, FORM)
    try:
        graph = ExportedGraph(Archive(path))
    except BadModelFile:
        raise
    except _NONSENSE as error:
        raise BadModelFile(
            f"can't read {path}: {type(error).__name__}: {reason(error)}; save it again by a torch "
            "of today"
        ) from None
    try:
        run_dry(graph)
    except _NONSENSE as error:
        raise BadModelFile(f"the network in {path} can't run: {reason(error)}") from None
    notes = (f"{GUESS}, since the file doesn't say; correct it by ?mean=...&std=...&scale=...",)
    how = replace(Preprocess.usual(graph.shape[1]), size=graph.size)
    model = Model(graph, how, spec.text, None, None, graph.addresses)
    classes = model.layers()[Layer(OUTPUT)].channels
    labels, synsets, guessed = labels_of(classes, spec.options)
    return replace(model, labels=labels, synsets=synsets, notes=(*notes, *guessed)).fitted()
