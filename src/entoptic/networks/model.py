"""A network with its preprocessing, its labels and the addresses of its layers."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from entoptic.checks import (
    function,
    instance,
    number,
    pair,
    refused,
    several,
    side,
    taking,
    text,
    whole,
)
from entoptic.errors import BadSetting, NoPath, UnknownLayer, did_you_mean
from entoptic.images import PictureLike
from entoptic.layers import LOGITS, FieldExtent, Layer, LayerInfo, layer_name
from entoptic.networks.activations import activations
from entoptic.networks.classes import Classes
from entoptic.networks.ensembles import EnsembleNetwork, member_of, specification
from entoptic.networks.fitting import fitted, for_pictures
from entoptic.networks.forward import Fed, Forward
from entoptic.networks.frozen import by_address, check_module
from entoptic.networks.layer_table.axes import arranged
from entoptic.networks.layer_table.listing import LayerTable, times
from entoptic.networks.layer_table.probe import Table
from entoptic.networks.layer_table.tables import Tables
from entoptic.networks.network import IMAGES, OUTPUT, Network
from entoptic.networks.preprocess import Normalize, Preprocess
from entoptic.networks.single import SingleNetwork, part_paths
from entoptic.networks.submodels import Part, between, upto


def _class(name: str, value: Any) -> int | str:
    """Return a class, by its label or its number."""
    return value if isinstance(value, str) else whole(0)("class", value)


def _normalization(name: str, value: Any) -> Any:
    """Return a mean and a standard deviation, of each channel or of all; "guess", or None."""
    if value is None or (isinstance(value, str) and value == "guess"):
        return value
    if isinstance(value, tuple | list) and len(value) == 2:
        return tuple(
            _NUMBERS(name, each) if isinstance(each, tuple | list) else number()(name, each)
            for each in value
        )
    raise refused(name, value, "must be (mean, std), or None for pictures in [0, 1] as they are")


_NUMBERS = several(number(), "numbers")
_TEXTS = several(instance(str, "a text"), "texts")
_TABLE = instance(Mapping, "a mapping from names")


_OF_A_MODULE = {
    "module": instance(nn.Module, "a module of torch"),
    "preprocess": instance(Preprocess, "a Preprocess"),
    "source": text,
    "labels": _TEXTS,
}


@taking(
    **_OF_A_MODULE,
    synsets=_TEXTS,
    addresses=_TABLE,
    logits=text,
    notes=_TEXTS,
    members=_TABLE,
)
@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A network, or an ensemble of several, with all that is known of it.

    Args:
        module: any `nn.Module` that takes one tensor of images; it is never changed.
        preprocess: how it wants its images.
        source: what `load` was given; it is stored in every picture.
        labels: names of its classes in order, if it has classes.
        synsets: WordNet numbers of its classes in order, if it has them.
        addresses: names of layers to paths of submodules, where they differ.
        logits: address of the scores of the classes before any softmax.
        notes: what the user should know of it, such as what is guessed.
        members: the networks of an ensemble by name, see `ensemble`; a plain network has none.
    """

    module: nn.Module
    preprocess: Preprocess
    source: str = "python"
    labels: tuple[str, ...] | None = None
    synsets: tuple[str, ...] | None = None
    addresses: Mapping[str, str] | None = None
    logits: str = OUTPUT
    notes: tuple[str, ...] = ()
    members: Mapping[str, Model] = field(default_factory=dict)
    _tables: dict[tuple[int, int], Table] = field(default_factory=dict, repr=False)

    @classmethod
    @taking(**_OF_A_MODULE, forward=function, normalize=_normalization)
    def wrap(
        cls,
        module: nn.Module,
        *,
        preprocess: Preprocess | None = None,
        normalize: Normalize = "guess",
        labels: Collection[str] | None = None,
        source: str = "python",
        forward: Forward | None = None,
    ) -> Model:
        """Make a Model of a module of your own; the module isn't changed.

        What runs is always a copy, in evaluation mode, which shares the weights and nothing else.

        Args:
            module: any `nn.Module`; those of `torch.compile` and `DataParallel` are looked into.
            preprocess: how it wants its pictures. Where it isn't given, the number of channels and
                the size are found out by trying, the rest is a guess: ImageNet's mean and deviation
                for three channels, pictures in [0, 1] for others. Results say so in a note.
            normalize: instead, the mean and the standard deviation of its channels, such as
                `((0.1307,), (0.3081,))`; None where it is fed pictures in [0, 1] as they are.
            labels: names of its classes in order.
            source: a name, for messages.
            forward: how it is run on pictures, where that isn't `network(image)`: a function of
                the copy and of what the preprocessing makes, (batch, channels, height, width). It
                serves networks of several inputs, of inputs by name or in a dict, of sequences.

        Raises:
            BadNetwork: it isn't a module that entoptic can look into, or takes no pictures.
            BadSetting: both a preprocess and a normalisation.

        >>> Model.wrap(nn.Conv2d(3, 5, 3)).layers(size=(8, 9))[Layer("output")].shape
        (1, 5, 6, 7)
        >>> film = Model.wrap(
        ...     nn.Sequential(nn.Conv3d(3, 5, 3)),
        ...     forward=lambda network, image: network(image[:, :, None].expand(-1, -1, 4, -1, -1)),
        ... )
        >>> film.layers(size=(8, 9))[Layer("0")].shape
        (1, 5, 2, 6, 7)
        """
        check_module(module)
        if preprocess is not None and normalize != "guess":
            raise BadSetting("a preprocess says its mean and std itself; leave out normalize")
        addresses = None
        if forward is not None:
            addresses = {path: f"network.{path}" for path in part_paths(module)}
            module = Fed(module, forward)
        names = tuple(labels) if labels is not None else None
        if preprocess is not None:
            return cls(module, preprocess, source, names, addresses=addresses).fitted()
        paths = SingleNetwork(module, Preprocess(), source, addresses).paths
        tables, notes = for_pictures(module, paths, normalize)
        return cls(
            module,
            tables.preprocess,
            source,
            names,
            addresses=addresses,
            notes=notes,
            _tables=tables.found,
        )

    def fitted(self) -> Model:
        """Return the model with a preprocessing that knows the sizes that the network takes.

        Nothing is computed: the network runs on shapes alone. What the preprocessing says already
        is left as it is.
        """
        tables = fitted(self.tables)
        return replace(self, preprocess=tables.preprocess, _tables=tables.found)

    @property
    def name(self) -> str:
        """Name of the network: its source, without the options that it was loaded with.

        >>> Model.wrap(nn.Conv2d(3, 5, 3), source="timm:resnet18?size=300x300").name
        'timm:resnet18'
        """
        if self.members:
            return specification({name: each.name for name, each in self.members.items()})
        return self.source.partition("?")[0]

    def __repr__(self) -> str:
        weights = sum(weight.numel() for weight in self.module.parameters())
        classes = f", {len(self.labels)} classes" if self.labels else ""
        sides = times(self.preprocess.size)
        return (
            f"<Model {self.source}: {len(self.names)} layers, {weights:,} parameters{classes}, "
            f"pictures of {sides}; .layers() lists the layers>"
        )

    def modules_by_address(self, module: nn.Module | None = None) -> dict[str, nn.Module]:
        """Return the submodules by address, of this model's module or of a copy of it."""
        return by_address(self.module if module is None else module, self.paths)

    @functools.cached_property
    def _single(self) -> SingleNetwork:
        """The module as one network."""
        return SingleNetwork(
            self.module, self.preprocess, self.source, self.addresses, self.logits, self._tables
        )

    @functools.cached_property
    def _network(self) -> Network:
        if not self.members:
            return self._single
        return EnsembleNetwork({name: each._network for name, each in self.members.items()})

    @property
    def paths(self) -> Mapping[str, str]:
        """Paths of the submodules by address; the network itself is `output`, and comes first."""
        return self._single.paths

    @property
    def tables(self) -> Tables:
        """The layer tables of a network, not of an ensemble, by the size of images."""
        return self._single.tables

    @property
    def names(self) -> tuple[str, ...]:
        """Addresses of all layers, the network's output last."""
        return self._network.names

    @taking(glob=text, size=pair(side, "(height, width)"))
    def layers(self, glob: str = "*", *, size: tuple[int, int] | None = None) -> LayerTable:
        """Return the layer table, in the order in which the network runs.

        Args:
            glob: which names, with `*` and `?`; `*` matches slashes and dots too.
            size: (height, width) of the image; by default what the network was trained at, of an
                ensemble each of its networks.

        Raises:
            UnknownLayer: no name matches.
            PictureTooSmall, WrongPictureSize: the network can't work at that size.
        """
        rows = self.table(size)
        found = {
            layer: info
            for layer, info in rows.items()
            if (layer.port == "output" or "<in>" in glob) and fnmatch.fnmatchcase(str(layer), glob)
        }
        if not found:
            hint = did_you_mean(glob, (str(layer) for layer in rows))
            raise UnknownLayer(f"no layer of {self.source} matches {glob!r}{hint}")
        return LayerTable(found)

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        """Return one row of the layer table, for an image of (height, width).

        Raises:
            UnknownLayer: the network doesn't run it.
            PictureTooSmall, WrongPictureSize: the network can't work up to it at that size.
        """
        if layer not in IMAGES:
            return self._network.info(layer, size)
        shape = (1, self.preprocess.shown, *size)
        itself = FieldExtent(1, 0, 0, 1)
        return LayerInfo("Input", shape, shape[1], (1, 1), (1, 1), 0, extents=(itself, itself))

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which images of (height, width) are shown, to reach layers.

        Only networks of one size get resized images, and only for layers that need it. In an
        ensemble each network resizes its own.
        """
        return self._network.shown(set(layers) - IMAGES, size)

    def fit_notes(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[str, ...]:
        """Return what users should know of how images of (height, width) are made to fit."""
        return self._network.fit_notes(set(layers) - IMAGES, size)

    def arranged(self, acts: Mapping[Layer, Tensor], size: tuple[int, int]) -> dict[Layer, Tensor]:
        """Return activations as objectives take them, whatever the network's order of axes.

        Args:
            acts: activations as they are.
            size: (height, width) of the image that they are of.

        Returns:
            (batch, channels, rows, columns) where a layer has rows and columns, without tokens that
            belong to no position; else (batch, channels, tokens) or (batch, channels).
        """
        size = self.shown(acts.keys(), size)
        return {
            layer: value if layer in IMAGES else arranged(value, self.info(layer, size))
            for layer, value in acts.items()
        }

    def table(self, size: tuple[int, int] | None = None) -> Mapping[Layer, LayerInfo]:
        """Return the rows of all that runs: inputs and outputs of every call.

        Args:
            size: (height, width) of the image; by default what each network was trained at.

        Raises:
            PictureTooSmall, WrongPictureSize: the network can't work at that size.
        """
        return self._network.table(size)

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """Return the rows of what runs, also where the network can't work to its end."""
        return self._network.reached(size)

    def resolve(self, layer: Layer | str) -> Layer:
        """Return the layer that an address stands for.

        Raises:
            UnknownLayer: with the nearest name.
        """
        layer = Layer.parse(layer)
        return layer if layer in IMAGES else self._network.resolve(layer)

    def member(self, layer: Layer | str) -> tuple[str, Layer]:
        """Return the name of the ensemble's network that a layer is in, and its address there.

        Raises:
            UnknownLayer: in none of them.
        """
        return member_of(self.members, Layer.parse(layer))

    def _owner(self, layer: Layer | str) -> tuple[Model, Layer]:
        """Return the network that a layer is in, and its address there."""
        if not self.members:
            return self, Layer.parse(layer)
        name, inner = self.member(layer)
        return self.members[name], inner

    def upto(self, layer: Layer | str) -> Model:
        """Return the network from the image to a layer, as a model.

        Args:
            layer: an address, whose value becomes the output; `...<in>` ends before the layer.

        Returns:
            A model with the addresses of all layers that still run; it shares the weights.

        Raises:
            UnknownLayer: with the nearest name.

        >>> import entoptic as ent
        >>> ent.load().upto("pool1").info(Layer("output"), (40, 60)).shape
        (1, 64, 9, 14)
        """
        owner, inner = self._owner(layer)
        end = owner.resolve(inner)
        part = upto(owner._single, end)
        return owner._part(part, f"{owner.source} up to {end}", owner.notes)

    def between(self, first: Layer | str, last: Layer | str) -> Model:
        """Return the network from one layer's input to another's output, both layers included.

        Args:
            first: address of the layer whose input becomes the input.
            last: address of the layer whose output becomes the output.

        Returns:
            A model without preprocessing, since it is fed what `first` was fed; it shares the
            weights. Only what lies between is run.

        Raises:
            UnknownLayer: with the nearest name.
            NoPath: `last` doesn't depend on `first`, or depends on the image by a way around it.
            BadSetting: the network's forward pass can't be traced.
        """
        if self.members and self.member(first)[0] != self.member(last)[0]:
            raise NoPath(f"{str(first)!r} and {str(last)!r} are in different networks")
        owner, start = self._owner(first)
        start, end = owner.resolve(start), owner.resolve(self._owner(last)[1])
        part = between(owner._single, start, end)
        return owner._part(part, f"{owner.source} from {start} to {end}")

    @staticmethod
    def _part(part: Part, source: str, notes: tuple[str, ...] = ()) -> Model:
        return Model(part.module, part.preprocess, source, addresses=part.addresses, notes=notes)

    @taking(name=_class, layer=layer_name)
    def label(self, name: int | str, layer: Layer | str | None = None) -> int:
        """Return the number of a class.

        Args:
            name: its number, its label (one of several synonyms will do), or its synset.
            layer: where its score is; it says which network of an ensemble is meant.

        Raises:
            UnknownLabel: with the nearest label.
            UnknownLayer: of an ensemble, the layer isn't in one of its networks.
        """
        return self._classes(layer).number(name)

    @taking(pattern=text, layer=layer_name)
    def matching(self, pattern: str, layer: Layer | str | None = None) -> tuple[int, ...]:
        """Return the numbers of the classes whose label, or one of its synonyms, matches.

        Args:
            pattern: with `*` and `?`; capitals don't matter.
            layer: where their scores are; it says which network of an ensemble is meant.

        Raises:
            UnknownLabel: none does.
        """
        return self._classes(layer).matching(pattern)

    def _classes(self, layer: Layer | str | None) -> Classes:
        owner, _ = self._owner(LOGITS if layer is None else layer)
        return Classes(owner.source, owner.labels, owner.synsets)

    @taking(layers=several(layer_name, "names of layers"))
    def activations(
        self, image: PictureLike, layers: Collection[Layer | str]
    ) -> Mapping[Layer, Tensor]:
        """Return the activations of some layers; see `entoptic.networks.activations`."""
        return activations(self, image, layers)
