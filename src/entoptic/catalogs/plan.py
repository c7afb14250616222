"""The plan of a catalog: its layers and units, how they are made, and in which batches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from entoptic.catalogs.families import count_of, is_from_file, resolved, unit_of
from entoptic.catalogs.index import Kind, Order
from entoptic.catalogs.layer_pictures import FOLDER, Photo, layer_jobs
from entoptic.errors import BadSetting, ChannelOutOfRange
from entoptic.jobs.functions import known
from entoptic.jobs.job import Job
from entoptic.jobs.sheets import SheetPlan
from entoptic.jobs.units import read_units
from entoptic.layers import Layer
from entoptic.networks import Model
from entoptic.objectives import Leaf, Objective, per_image
from entoptic.recipes.visualize import Visualize

PREVIEW: Mapping[str, Any] = {"size": 96, "steps": 32}
"""Settings of `--preview`: small and soon there; chosen by eye."""

# Pictures that are optimised together, where nothing is said: few on a CPU, where more gain
# nothing, so that little is lost with a batch, and one picture is soon made again.
_TOGETHER = {"cpu": 8}
_TOGETHER_ELSEWHERE = 64

_POSITIVE: tuple[Kind, ...] = ("positive",)


@dataclass(frozen=True)
class CatalogPlan:
    """The checked plan of a catalog.

    Args:
        model: the network.
        numbers: the units of each layer.
        how: the settings of all pictures, resolved.
        sheets: a plan of some units of each layer, of which the others' jobs are made.
        negative: layers whose units have a negative picture, too.
        photo: of the layers' own pictures; None for none.
        of_layers: the texts of the jobs of each layer's own pictures.
        notes: what the user should know.
    """

    model: Model
    numbers: Mapping[Layer, tuple[int, ...]]
    how: Visualize
    sheets: Mapping[Layer, SheetPlan]
    negative: Collection[Layer]
    photo: Photo | None
    of_layers: Mapping[Layer, Mapping[Kind, str]]
    notes: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """All that must stay as it is while a catalog is made."""
        (device,) = {sheet.device.type for sheet in self.sheets.values()}
        settings = self.how.kept() | {"seed": self.how.seed, "device": device}
        # As JSON gives it back, by which it is compared.
        facts: dict[str, Any] = json.loads(
            json.dumps({"model": self.model.source, "settings": settings})
        )
        return facts

    def orders(
        self, layer: Layer, folder: str, there: Callable[[Kind], Collection[int | None]]
    ) -> Iterator[Order]:
        """Yield the pictures of a layer that aren't there, batch by batch.

        Which units share a batch depends on nothing else, so that an undisturbed catalog and one
        that was stopped hold the same pictures.

        Args:
            layer: whose pictures they are.
            folder: of its units' pictures.
            there: the units that have a picture of a kind; None among them for the layer.
        """
        most = self.sheets[layer].batch
        kinds: tuple[Kind, ...] = ("positive", "negative") if layer in self.negative else _POSITIVE
        for kind in kinds:
            numbers = [each for each in self.numbers[layer] if each not in there(kind)]
            ending = "" if kind == "positive" else f"-{kind}"
            for start in range(0, len(numbers), most):
                some = numbers[start : start + most]
                files: dict[int | None, str] = {
                    number: f"{folder}/{number}{ending}.png" for number in some
                }
                yield Order(self._job(layer, kind, some).to_json(), kind, files)
        for kind, job in self.of_layers.get(layer, {}).items():
            if None not in there(kind):
                yield Order(job, kind, {None: f"{FOLDER}/{folder}-{kind}.png"})

    def _job(self, layer: Layer, kind: Kind, numbers: Sequence[int]) -> Job:
        sheet = self.sheets[layer]
        # As `Visualize.plan` names them.
        units: list[Objective] = [unit_of(layer, number) for number in numbers]
        if kind == "negative":
            units = [-each for each in units]
        device = str(sheet.device)
        return replace(sheet.job, objective=repr(per_image(units)), device=device)


def plan_catalog(
    model: Model,
    layers: Sequence[str],
    *,
    every: int,
    units: str | None,
    preview: bool,
    negative: bool,
    photo: Callable[[Visualize], Photo | None],
    given: Mapping[str, Any],
) -> CatalogPlan:
    """Check and lay out a catalog.

    Args:
        model: the network.
        layers: their names; none for the network's default ones.
        every: only each so many-th unit.
        units: only these, such as `0-15,40`.
        preview: whether the pictures are small and soon there.
        negative: whether units have negative pictures, too.
        photo: returns that of the layers' own pictures, or None for none, given the settings.
        given: settings of `visualize`.

    Raises:
        EntopticError: whatever is wrong, before any work.
    """
    notes: list[str] = list(model.notes)
    if not layers:
        layers = default_layers(model)
        notes.append(f"no layer is named; the catalog is of {', '.join(layers)}")
    found = list(dict.fromkeys(resolved(model, each) for each in layers))
    numbers = {layer: _numbers(model, layer, every, units) for layer in found}
    settings = {**PREVIEW, **given} if preview else dict(given)
    asked = known(Visualize, settings)
    sheets: dict[Layer, SheetPlan] = {}
    for layer, some in numbers.items():
        sheet = Visualize(model, units=[unit_of(layer, each) for each in some[:1]], **asked)
        sheets[layer] = _sized(sheet, layer, some)
        notes += [each for each in sheets[layer].notes if each not in notes]
    how = next(iter(sheets.values())).settings
    assert isinstance(how, Visualize)
    # The batch as it was asked for: what `auto` stands for is kept in each batch's job.
    how = replace(how, batch=asked.get("batch", "auto"))
    lowered = _below_0(model, found, notes) if negative else []
    shown = photo(how)
    of_layers: Mapping[Layer, Mapping[Kind, str]] = {}
    if shown is not None:
        device = str(next(iter(sheets.values())).device)
        plain = [each for each in found if not is_from_file(str(each))]
        of_layers = layer_jobs(model, plain, how, device, shown, notes.append)
    return CatalogPlan(model, numbers, how, sheets, lowered, shown, of_layers, tuple(notes))


def _below_0(model: Model, layers: Sequence[Layer], notes: list[str]) -> list[Layer]:
    """Return the layers that have activations below 0, for noise; note the others.

    Raises:
        BadSetting: none has.
    """
    noise = torch.rand(1, 3, *model.preprocess.size, generator=torch.Generator().manual_seed(0))
    plain = [each for each in layers if not is_from_file(str(each))]
    acts = model.activations(noise, plain)
    found = [layer for layer in plain if bool((acts[layer] < 0).any())]
    if not found:
        raise BadSetting(
            f"nothing lowers units of {', '.join(map(str, layers))}, whose activations are never "
            "below 0; for negative pictures name layers before their ReLU"
        )
    if others := [str(each) for each in layers if each not in found]:
        notes.append(
            f"activations of {', '.join(others)} are never below 0, so that nothing lowers their "
            "units; they have no negative pictures"
        )
    return found


def _sized(how: Visualize, layer: Layer, numbers: Sequence[int]) -> SheetPlan:
    """Return the plan of the first batch of a layer."""
    from entoptic.networks import devices

    place = devices(how.device)[0]
    most = _TOGETHER.get(place.type, _TOGETHER_ELSEWHERE)
    if how.batch != "auto":
        assert isinstance(how.batch, int)
        most = how.batch
    units = [unit_of(layer, each) for each in numbers[:most]]
    plan = replace(how, units=units, device=str(place)).plan()
    # A short layer has batches of the same size, which its jobs say.
    return plan if how.batch != "auto" or plan.batch < len(units) else plan.with_batch(most)


def default_layers(model: Model) -> tuple[str, ...]:
    """Return the layers of a catalog where none is named: the outermost blocks of the network.

    Those of the least depth at which there are at least four with channels at several positions,
    without pooling, activation functions and the like.

    Raises:
        BadSetting: there are none.

    >>> import entoptic as ent
    >>> default_layers(ent.load("squeezenet1_1"))[-3:]
    ('fire8', 'fire9', 'conv10')
    """
    found: dict[int, list[str]] = {}
    for layer, info in model.layers().items():
        if layer.call or info.channels is None or _PLUMBING.search(info.kind):
            continue
        if info.layout == "NC" or (info.spatial_size and min(info.spatial_size) < 2):
            continue  # of no position, or of one
        depth = len(re.split(r"[./]", layer.name))
        found.setdefault(depth, []).append(str(layer))
    for depth in sorted(found):
        if len(found[depth]) >= _BLOCKS:
            return tuple(found[depth])
    if found:
        most = max(found, key=lambda depth: len(found[depth]))
        return tuple(found[most])
    raise BadSetting(
        f"{model.source} has no default layers for a catalog; name some (`entoptic layers` lists "
        "them)"
    )


# Kinds of layers whose channels are those of the layer before them.
_PLUMBING = re.compile(
    r"pool|norm|relu|silu|gelu|swish|sigmoid|pad|drop|identity|flatten|concat", re.I
)

# Fewer are a network's stem and head.
_BLOCKS = 4


def _numbers(model: Model, layer: Layer, every: int, units: str | None) -> tuple[int, ...]:
    """Return the units of a layer that the catalog has.

    Raises:
        BadSetting: the layer has no channels, or the list can't be read.
        ChannelOutOfRange: the list has one that isn't there.
    """
    family = str(layer)
    if is_from_file(family):
        count, noun = count_of(family), "unit"
    else:
        info = model.layers().get(layer)
        if info is None or info.channels is None:
            raise BadSetting(f"the layer {family!r} has no channels; name another one")
        count, noun = info.channels, "channel"
    if units is None:
        return tuple(range(0, count, every))
    if not re.fullmatch(r"\s*\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*\s*", units):
        raise BadSetting(f"units are {units!r}; write numbers and ranges, such as 0-15,40")
    numbers = []
    for each in read_units(f"layer:{units.replace(' ', '')}"):
        assert isinstance(each, Leaf)  # as a list of channels is read
        numbers.append(each.arguments[1])
    if max(numbers) >= count:
        whole = "the file" if noun == "unit" else "the layer"
        raise ChannelOutOfRange(
            f"{noun} {max(numbers)} of {family!r} does not exist; {whole} has {count} {noun}s "
            f"(0..{count - 1})"
        )
    return tuple(numbers[::every])


def check_same(begun: Mapping[str, Any], now: Mapping[str, Any], folder: object) -> None:
    """Refuse other settings than those that a catalog was begun with.

    Raises:
        BadSetting: with what differs.
    """
    if begun["model"] != now["model"]:
        raise BadSetting(
            f"the catalog {str(folder)!r} is of {begun['model']}, not of {now['model']}; name "
            "another folder"
        )
    old, new = begun["settings"], now["settings"]
    differ = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if differ:
        was = ", ".join(f"{name} {old.get(name)}" for name in differ)
        wanted = ", ".join(str(new.get(name)) for name in differ)
        raise BadSetting(
            f"the catalog {str(folder)!r} was begun with {was}, not {wanted}; give the same "
            "settings, or name another folder"
        )


def folder_of(layer: Layer, taken: Collection[str]) -> str:
    """Return a plain name for the folder of a layer's pictures, other than those taken.

    >>> folder_of(Layer.parse("fire2/squeeze1x1"), []), folder_of(Layer.parse("a.b"), ["A.b"])
    ('fire2-squeeze1x1', 'a.b-2')
    """
    stem = re.sub(r"[^\w.]+", "-", str(layer)).strip("-.")[:60] or "layer"
    name, number = stem, 1
    known_names = {each.casefold() for each in taken}
    while name.casefold() in known_names:
        number += 1
        name = f"{stem}-{number}"
    return name
