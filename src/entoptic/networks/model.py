"""A network with its preprocessing, its labels and the addresses of its layers."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
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
from entoptic.errors import (
    BadNetwork,
    BadSetting,
    NoPath,
    PictureTooSmall,
    UnknownLabel,
    UnknownLayer,
    WrongPictureSize,
    did_you_mean,
)
from entoptic.images import PictureLike, image_of
from entoptic.layers import CANVAS, INPUT, LOGITS, Layer, LayerInfo, Reach, layer_name
from entoptic.networks.frozen import by_address, check_module, parts
from entoptic.networks.layer_table import probe
from entoptic.networks.layer_table.axes import arranged
from entoptic.networks.layer_table.tables import Tables
from entoptic.networks.modes import in_usual_modes
from entoptic.networks.preprocess import Normalize, Preprocess

OUTPUT = "output"
"""Address of the network itself: its final output."""

_PICTURES = (INPUT.name, CANVAS.name)
_SHOWN_AS_THEY_ARE = frozenset({INPUT, CANVAS})

# Sizes on which a network is tried that can't work on one, to tell whether that is due to the size.
_LARGER = ((256, 320), (512, 640))
_LONGEST_TRIAL = 640

Forward: TypeAlias = Callable[[nn.Module, Tensor], Any]
"""How a network is run on pictures: a function of the network and (batch, channels, rows, columns).
"""


class Fed(nn.Module):
    """A network with the way in which it is run on pictures."""

    def __init__(self, network: nn.Module, way: Forward) -> None:
        super().__init__()
        self.network = network
        self.way = way

    def forward(self, image: Tensor) -> Any:
        return self.way(self.network, image)


def _paths(module: nn.Module) -> list[str]:
    """Paths of a network's parts, but for itself; one that stands in several places comes once."""
    first: dict[int, str] = {}
    for path, each in parts(module):
        first.setdefault(id(each), path)
    return [path for path in first.values() if path]


def _class(name: str, value: Any) -> int | str:
    """A class, by its label or its number."""
    return value if isinstance(value, str) else whole(0)("class", value)


def _normalization(name: str, value: Any) -> Any:
    """A mean and a standard deviation, of each channel or of all; "guess", or None."""
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
    preprocess: Preprocess
    source: str = "python"
    labels: tuple[str, ...] | None = None
    synsets: tuple[str, ...] | None = None
    addresses: Mapping[str, str] | None = None
    logits: str = OUTPUT
    notes: tuple[str, ...] = ()
    members: Mapping[str, Model] = field(default_factory=dict)
    _tables: dict[tuple[int, int], probe.Table] = field(default_factory=dict, repr=False)

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
        from entoptic.networks.fitting import fitted, for_pictures

        check_module(module)
        if preprocess is not None and normalize != "guess":
            raise BadSetting("a preprocess says its mean and std itself; leave out normalize")
        addresses = None
        if forward is not None:
            addresses = {path: f"network.{path}" for path in _paths(module)}
            module = Fed(module, forward)
        made = cls(
            module,
            preprocess or Preprocess(),
            source,
            tuple(labels) if labels is not None else None,
            addresses=addresses,
        )
        return fitted(made) if preprocess is not None else for_pictures(made, normalize)

    def modules_by_address(self, module: nn.Module | None = None) -> dict[str, nn.Module]:
        """The submodules by address, of this model's module or of a copy of it."""
        return by_address(self.module if module is None else module, self.paths)

    @functools.cached_property
    def paths(self) -> Mapping[str, str]:
        """Paths of the submodules by address; the network itself is `output`, and comes first."""
        named = self.addresses
        if named is None:
            named = {path: path for path in _paths(self.module)}
        # `input` and `canvas` are the picture, also where a network has a layer of that name.
        return {OUTPUT: ""} | {name: path for name, path in named.items() if name not in _PICTURES}

    @functools.cached_property
    def _aliases(self) -> Mapping[str, str]:
        """Further addresses of layers that stand in several places, and those that are listed."""
        named = {id(module): name for name, module in self.modules_by_address().items()}
        paths = {path: name for name, path in self.paths.items()}
        start = "network." if isinstance(self.module, Fed) else ""
        return {
            path.removeprefix(start): named[id(module)]
            for path, module in parts(self.module)
            if path not in paths and id(module) in named
        }

    @functools.cached_property
    def tables(self) -> Tables:
        """The layer tables of a network, not of an ensemble, by the size of pictures."""
        return Tables(self.module, self.paths, self.preprocess, self._tables)

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
        row = self.tables.row(layer, size)
        if row is not None:
            return row
        failure = self.tables.at(self.tables.shown({layer}, size)).failure
        if failure:
            raise self._misfit(size, failure, layer)
        raise UnknownLayer(
            f"{self.source} has {layer.name!r}, but doesn't run it as {str(layer)!r}; "
            "`entoptic layers` lists what runs"
        )

    def _misfit(
        self, size: tuple[int, int], reason: str, layer: Layer | None = None
    ) -> WrongPictureSize | BadNetwork:
        """Why the network can't work on a picture of (height, width), up to a layer."""
        asked, own = (f"{height}x{width}" for height, width in (size, self.preprocess.size))
        if self.preprocess.fixed_size:
            return WrongPictureSize(
                f"{self.source} can't work on pictures of {own} (height x width), which it is said "
                f"to take: {reason}; give the size that it was made for (?size=HxW)"
            )
        tried = {*self._tables, self.preprocess.size, *_LARGER} - {size}
        fit = [each for each in sorted(tried) if self._works(each, layer)]
        what = f"the network can't work on a picture of {asked} (height x width)"
        if not fit:
            short = min(size[0], _LONGEST_TRIAL), min(size[1], _LONGEST_TRIAL)
            fed = self.preprocess.grown(short)
            reason = self.tables.fed(fed, computed=True).failure or reason
            others = " or ".join(f"{height}x{width}" for height, width in sorted(tried))
            return BadNetwork(
                f"{what}, nor on {others}: {reason}; it was fed one tensor of "
                f"{self.preprocess.channels} channels (batch, channels, height, width): where it "
                "wants another number, say so by Preprocess(channels=...); where it wants "
                "something else, say how it is run by Model.wrap(..., forward=...)"
            )
        if any(min(each) > max(size) for each in fit if each != self.preprocess.size):
            return PictureTooSmall(f"{what}: {reason}; try a larger one (--size)")
        height, width = self.preprocess.size if self.preprocess.size in fit else fit[0]
        return WrongPictureSize(f"{what}: {reason}; it works on one of {height}x{width}")

    def _works(self, size: tuple[int, int], layer: Layer | None) -> bool:
        table = self.tables.at(size)
        return layer in table.rows or table.failure is None

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        """The size at which the network is shown pictures of (height, width), to reach layers.

        Only networks of one size are shown others than they are, and only for layers that they
        don't reach otherwise. Of an ensemble, each network sees to it by itself.
        """
        return size if self.members else self.tables.shown(set(layers) - _SHOWN_AS_THEY_ARE, size)

    def fit_notes(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[str, ...]:
        """What the user should know of how pictures of (height, width) are made to fit."""
        if self.members:
            inner: dict[str, set[Layer]] = {}
            for layer in set(layers) - _SHOWN_AS_THEY_ARE:
                name, address = self.member(layer)
                inner.setdefault(name, set()).add(address)
            return tuple(
                f"{name}: {note}"
                for name, wanted in inner.items()
                for note in self.members[name].fit_notes(wanted, size)
            )
        how = self.preprocess
        shown = self.shown(layers, size)
        if shown != size:
            own = f"{shown[0]}x{shown[1]}"
            return (f"the network takes only pictures of {own}: it is shown this one at that size",)
        if how.grown(size) != size:
            return (
                f"the network takes only pictures whose sides are multiples of {how.multiple}: "
                "this one grows to them by repeating its edge",
            )
        return ()

    def arranged(self, acts: Mapping[Layer, Tensor], size: tuple[int, int]) -> dict[Layer, Tensor]:
        """Activations as objectives see them, whatever order of axes the network uses inside.

        Args:
            acts: activations as they are.
            size: (height, width) of the picture that they are of.

        Returns:
            (batch, channels, rows, columns) where a layer has rows and columns, without tokens that
            belong to no place; else (batch, channels, tokens) or (batch, channels).
        """
        size = self.shown(acts.keys(), size)
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
        failure = self.tables.at(self.tables.shown({Layer(OUTPUT)}, size)).failure
        if failure:
            raise self._misfit(size, failure)
        return self.tables.rows(size)

    def reached(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """What runs on a picture of (height, width), also where the network can't work to its end.

        See `table`.
        """
        return self.tables.rows(size)

    def upto(self, layer: Layer | str) -> Model:
        """The network from the picture to a layer, as a model; see `slicing.upto`."""
        from entoptic.networks.submodels import upto

        if self.members:
            name, inner = self.member(layer)
            return self.members[name].upto(inner)
        return upto(self, layer)

    def between(self, first: Layer | str, last: Layer | str) -> Model:
        """The network from one layer's input to another's output; see `slicing.between`."""
        from entoptic.networks.submodels import between

        if self.members:
            (name, start), (other, end) = self.member(first), self.member(last)
            if name != other:
                raise NoPath(f"{str(first)!r} and {str(last)!r} are in different networks")
            return self.members[name].between(start, end)
        return between(self, first, last)

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
            if layer.name in self._aliases:
                return replace(layer, name=self._aliases[layer.name])
            hint = did_you_mean(layer.name, self.names) or "; `entoptic layers` lists the names"
            if any(isinstance(each, torch.jit.ScriptModule) for _, each in parts(self.module)):
                hint += "; what torch.jit made is one layer: wrap what it was made of to see inside"
            raise UnknownLayer(f"no layer named {layer.name!r} in {self.source}{hint}")
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

    @taking(name=_class, layer=layer_name)
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
        found = self._numbers.get(name.casefold())
        if found is None:
            raise UnknownLabel(
                f"no class named {name!r} in {self.source}{did_you_mean(name, self._numbers)}"
            )
        if len(found) > 1:
            raise UnknownLabel(
                f"{len(found)} classes of {self.source} are called {name!r}: "
                f"{', '.join(map(self._told, found))}; name one by its number"
            )
        return found[0]

    def _told(self, number: int) -> str:
        """A class as messages show it."""
        synset = f" {self.synsets[number]}" if self.synsets else ""
        return f"{number} ({(self.labels or ())[number]}{synset})"

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
            for name, numbers in self._numbers.items()
            for number in numbers
            if fnmatch.fnmatchcase(name, pattern.casefold())
        }
        if not found:
            raise UnknownLabel(f"no class of {self.source} matches {pattern!r}")
        return tuple(sorted(found))

    @functools.cached_property
    def _numbers(self) -> Mapping[str, tuple[int, ...]]:
        """Label, synonym or synset to numbers of classes; a whole label goes before a synonym."""
        labels = [label.casefold() for label in self.labels or ()]
        named: dict[str, tuple[int, ...]] = {}
        for pairs in (
            [(label, n) for n, label in enumerate(labels)],
            [(each.strip(), n) for n, label in enumerate(labels) for each in label.split(",")],
            [(synset.casefold(), n) for n, synset in enumerate(self.synsets or ())],
        ):
            found: dict[str, tuple[int, ...]] = {}
            for name, n in pairs:
                found[name] = (*found.get(name, ()), n)
            named = found | named
        return named

    @in_usual_modes
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
        from entoptic.networks.compile.compile import compiled

        image = image_of(image)
        wanted = {Layer.parse(layer): self.resolve(layer) for layer in layers}
        for layer in wanted.values():
            self.info(layer, (image.shape[-2], image.shape[-1]))
        found = compiled(self, wanted.values(), image.device)(image)
        return found | {asked: found[layer] for asked, layer in wanted.items()}
