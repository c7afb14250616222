"""A network with its preprocessing, its labels and the addresses of its layers."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from entoptic.arguments import instance, pair, several, side, taking, text
from entoptic.errors import (
    NoPath,
    PictureTooSmall,
    UnknownLabel,
    UnknownLayer,
    WrongPictureSize,
    did_you_mean,
)
from entoptic.layers import CANVAS, INPUT, LOGITS, Layer, LayerInfo, Reach, layer_name
from entoptic.models import probe
from entoptic.models.layout import arranged
from entoptic.models.preprocess import Preprocess
from entoptic.pictures import PictureLike, image_of

OUTPUT = "output"
"""Address of the network itself: its final output."""

_PICTURES = (INPUT.name, CANVAS.name)


_TEXTS = several(instance(str, "a text"), "texts")
_TABLE = instance(Mapping, "a mapping from names")


@taking(
    module=instance(nn.Module, "a module of torch"),
    preprocess=instance(Preprocess, "a Preprocess"),
    source=text,
    labels=_TEXTS,
    synsets=_TEXTS,
    addresses=_TABLE,
    logits=text,
    notes=_TEXTS,
    members=_TABLE,
)
@dataclass(frozen=True, eq=False)
class Model:
    """A network ready to be looked into.

    Args:
        module: any `nn.Module` that takes one tensor of pictures; it is never changed.
        preprocess: how it wants its pictures.
        source: what `load` was given; it is stored in every picture.
        labels: names of its classes in order, if it has classes.
        synsets: WordNet numbers of its classes in order, if it has them.
        addresses: names of layers to paths of submodules, where they differ.
        logits: address of the scores of the classes before any softmax.
        notes: what the user should know of it, such as what is guessed.
        members: the networks of an ensemble by name, see `ensemble`; a plain network has none.
    """

    module: nn.Module
    preprocess: Preprocess = field(default_factory=Preprocess)
    source: str = "python"
    labels: tuple[str, ...] | None = None
    synsets: tuple[str, ...] | None = None
    addresses: Mapping[str, str] | None = None
    logits: str = OUTPUT
    notes: tuple[str, ...] = ()
    members: Mapping[str, Model] = field(default_factory=dict)
    _tables: dict[tuple[int, int], probe.Table] = field(default_factory=dict, repr=False)

    @classmethod
    @taking(
        module=instance(nn.Module, "a module of torch"),
        preprocess=instance(Preprocess, "a Preprocess"),
        labels=_TEXTS,
        source=text,
    )
    def wrap(
        cls,
        module: nn.Module,
        *,
        preprocess: Preprocess | None = None,
        labels: Collection[str] | None = None,
        source: str = "python",
    ) -> Model:
        """Make a Model of a module of your own; the module isn't changed.

        >>> Model.wrap(nn.Conv2d(3, 5, 3)).layers(size=(8, 9))[Layer("output")].shape
        (1, 5, 6, 7)
        """
        return cls(
            module,
            preprocess or Preprocess(),
            source,
            tuple(labels) if labels is not None else None,
        )

    def modules_by_address(self, module: nn.Module | None = None) -> dict[str, nn.Module]:
        """The submodules by address, of this model's module or of a copy of it."""
        by_path = dict((module or self.module).named_modules(remove_duplicate=False))
        return {name: by_path[path] for name, path in self.paths.items()}

    @functools.cached_property
    def paths(self) -> Mapping[str, str]:
        """Paths of the submodules by address; the network itself is `output`, and comes first."""
        named = self.addresses
        if named is None:
            named = {path: path for path, _ in self.module.named_modules() if path}
        # `input` and `canvas` are the picture, also where a network has a layer of that name.
        return {OUTPUT: ""} | {name: path for name, path in named.items() if name not in _PICTURES}

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Addresses of all layers, the network's output last."""
        if self.members:
            return tuple(
                f"{name}/{each}" for name in self.members for each in self.members[name].names
            )
        return (*(name for name in self.paths if name != OUTPUT), OUTPUT)

    @taking(glob=text, size=pair(side, "(height, width)"))
    def layers(
        self, glob: str = "*", *, size: tuple[int, int] | None = None
    ) -> Mapping[Layer, LayerInfo]:
        """The layer table, in the order in which the network runs.

        Args:
            glob: which names, with `*` and `?`; `*` matches slashes and dots too.
            size: (height, width) of the picture; by default what the network was trained at, of an
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
        return MappingProxyType(found)

    def info(self, layer: Layer, size: tuple[int, int]) -> LayerInfo:
        """What the layer table says of one layer, for a picture of (height, width).

        Raises:
            UnknownLayer: the network doesn't come by it.
            PictureTooSmall, WrongPictureSize: the network can't work up to it at that size.
        """
        if layer in (INPUT, CANVAS):
            channels = self.preprocess.shown
            return LayerInfo(
                "Input",
                (1, channels, *size),
                channels,
                (1, 1),
                (1, 1),
                0,
                reach=(Reach(1, 0, 0, 1), Reach(1, 0, 0, 1)),
            )
        if self.members:
            name, inner = self.member(layer)
            return self.members[name].info(inner, size)
        table = self._probed(size)
        if layer in table.rows:
            return table.rows[layer]
        if table.failure:
            raise self._misfit(size, table.failure)
        raise UnknownLayer(
            f"{self.source} has {layer.name!r}, but doesn't run it as {str(layer)!r}; "
            "`entoptic layers` lists what runs"
        )

    def _misfit(self, size: tuple[int, int], reason: str) -> WrongPictureSize:
        """Why the network can't work on a picture of (height, width)."""
        asked, own = (f"{height}x{width}" for height, width in (size, self.preprocess.size))
        if self.preprocess.fixed_size and asked != own:
            return WrongPictureSize(
                f"{self.source} takes only pictures of {own} (height x width), not {asked}; crop "
                f"the photo, or load the network for that size, if it can be: ?size={asked}"
            )
        return PictureTooSmall(
            f"the network can't work on a picture of {asked} (height x width): {reason}; "
            "try a larger one (--size)"
        )

    def arranged(self, acts: Mapping[Layer, Tensor], size: tuple[int, int]) -> dict[Layer, Tensor]:
        """Activations as objectives see them, whatever order of axes the network uses inside.

        Args:
            acts: activations as they are.
            size: (height, width) of the picture that they are of.

        Returns:
            (batch, channels, rows, columns) where a layer has rows and columns, without tokens that
            belong to no place; else (batch, channels, tokens) or (batch, channels).
        """
        return {
            layer: value if layer in (INPUT, CANVAS) else arranged(value, self.info(layer, size))
            for layer, value in acts.items()
        }

    def table(self, size: tuple[int, int] | None = None) -> Mapping[Layer, LayerInfo]:
        """All that runs on a picture of (height, width): inputs and outputs of every call.

        Raises:
            PictureTooSmall, WrongPictureSize: the network can't work at that size.
        """
        if self.members:
            return {
                layer.within(name): info
                for name, each in self.members.items()
                for layer, info in each.table(size).items()
            }
        size = size or self.preprocess.size
        table = self._probed(size)
        if table.failure:
            raise self._misfit(size, table.failure)
        return table.rows

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """What runs on a picture of (height, width), also where the network can't work to its end.

        See `table`.
        """
        return self._probed(size).rows

    def upto(self, layer: Layer | str) -> Model:
        """The network from the picture to a layer, as a model; see `slicing.upto`."""
        from entoptic.models.slicing import upto

        if self.members:
            name, inner = self.member(layer)
            return self.members[name].upto(inner)
        return upto(self, layer)

    def between(self, first: Layer | str, last: Layer | str) -> Model:
        """The network from one layer's input to another's output; see `slicing.between`."""
        from entoptic.models.slicing import between

        if self.members:
            (name, start), (other, end) = self.member(first), self.member(last)
            if name != other:
                raise NoPath(f"{str(first)!r} and {str(last)!r} are in different networks")
            return self.members[name].between(start, end)
        return between(self, first, last)

    def _probed(self, size: tuple[int, int]) -> probe.Table:
        if size not in self._tables:
            self._tables[size] = probe.table(
                self.module,
                self.modules_by_address,
                (self.preprocess.channels, *self.preprocess.grown(size)),
            )
        return self._tables[size]

    def resolve(self, layer: Layer | str) -> Layer:
        """The layer that an address stands for.

        Raises:
            UnknownLayer: with the nearest name.
        """
        layer = Layer.parse(layer)
        if layer in (INPUT, CANVAS):
            return layer
        if self.members:
            name, inner = self.member(layer)
            found = self.members[name].resolve(inner)
            return found if found == INPUT else found.within(name)
        if layer == LOGITS and LOGITS.name not in self.names:
            return Layer(self.logits)
        if layer.name not in self.names:
            hint = did_you_mean(layer.name, self.names)
            raise UnknownLayer(
                f"no layer named {layer.name!r} in {self.source}"
                f"{hint or '; `entoptic layers` lists the names'}"
            )
        return layer

    def member(self, layer: Layer | str) -> tuple[str, Layer]:
        """Which network of an ensemble a layer is in, and its address there.

        Raises:
            UnknownLayer: in none of them.
        """
        layer = Layer.parse(layer)
        name, slash, rest = layer.name.partition("/")
        if name in self.members and rest:
            return name, replace(layer, name=rest)
        names = ", ".join(self.members)
        example = f"{next(iter(self.members))}/{layer.name if not slash else rest or OUTPUT}"
        raise UnknownLayer(
            f"{str(layer)!r} is in no network of the ensemble; its layers are NAME/LAYER with "
            f"NAME one of {names}, such as {example!r}"
        )

    @taking(name=instance((int, str), "a class, by number or label"), layer=layer_name)
    def label(self, name: int | str, layer: Layer | str | None = None) -> int:
        """Number of a class.

        Args:
            name: its number, its label (one of several synonyms will do), or its synset.
            layer: where its score is; it says which network of an ensemble is meant.

        Raises:
            UnknownLabel: with the nearest label.
            UnknownLayer: of an ensemble, the layer isn't in one of its networks.
        """
        if self.members:
            member, inner = self.member(LOGITS if layer is None else layer)
            return self.members[member].label(name, inner)
        if self.labels is None:
            if isinstance(name, int):
                return name
            raise UnknownLabel(f"{self.source} has no labels; give the class {name!r} by number")
        if isinstance(name, int):
            if 0 <= name < len(self.labels):
                return name
            raise UnknownLabel(
                f"class {name} does not exist; {self.source} has {len(self.labels)} classes "
                f"(0..{len(self.labels) - 1})"
            )
        numbers = self._numbers
        number = numbers.get(name.casefold())
        if number is None:
            raise UnknownLabel(
                f"no class named {name!r} in {self.source}{did_you_mean(name, numbers)}"
            )
        return number

    @taking(pattern=text, layer=layer_name)
    def matching(self, pattern: str, layer: Layer | str | None = None) -> tuple[int, ...]:
        """Numbers of the classes whose label, or one of its synonyms, matches.

        Args:
            pattern: with `*` and `?`; capitals don't matter.
            layer: where their scores are; it says which network of an ensemble is meant.

        Raises:
            UnknownLabel: none does.
        """
        if self.members:
            member, inner = self.member(LOGITS if layer is None else layer)
            return self.members[member].matching(pattern, inner)
        found = {
            number
            for name, number in self._numbers.items()
            if fnmatch.fnmatchcase(name, pattern.casefold())
        }
        if not found:
            raise UnknownLabel(f"no class of {self.source} matches {pattern!r}")
        return tuple(sorted(found))

    @functools.cached_property
    def _numbers(self) -> Mapping[str, int]:
        """Label, synonym or synset to class number; the first class keeps a name that two share."""
        numbers: dict[str, int] = {}
        labels = self.labels or ()
        for number, label in enumerate(labels):
            numbers.setdefault(label.casefold(), number)
        for number, label in enumerate(labels):
            for synonym in label.split(","):
                numbers.setdefault(synonym.strip().casefold(), number)
        for number, synset in enumerate(self.synsets or ()):
            numbers.setdefault(synset.casefold(), number)
        return numbers

    @torch.no_grad()
    @taking(layers=several(layer_name, "names of layers"))
    def activations(
        self, image: PictureLike, layers: Collection[Layer | str]
    ) -> Mapping[Layer, Tensor]:
        """What some layers give for an image; the network runs only as far as it must.

        Args:
            image: (batch, 3, height, width), sRGB in [0, 1], or a picture in any other form; or
                what a part of a network is fed.
            layers: addresses.

        Raises:
            UnknownLayer: before any work.
            PictureTooSmall, WrongPictureSize: the network can't work on a picture of this size.
        """
        from entoptic.models.prepare import prepare

        image = image_of(image)
        wanted = {self.resolve(layer) for layer in layers}
        for layer in wanted:
            self.info(layer, (image.shape[-2], image.shape[-1]))
        return prepare(self, wanted, image.device)(image)
