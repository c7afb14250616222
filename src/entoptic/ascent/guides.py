"""What layers make of the guides that an objective compares with, beside those of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from entoptic.images import Picture
from entoptic.images.resize import fit_long_side, resize
from entoptic.layers import CANVAS, INPUT, Layer
from entoptic.networks import Model, compiled
from entoptic.objectives import Activations, Objective, Reference
from entoptic.transforms import Transform
from entoptic.types import Planes


def joined(acts: Mapping[Layer, Tensor], guides: Activations) -> Activations:
    """Activations of the picture and of the guides, as an objective wants them."""
    joined: dict[Layer | Reference, Tensor] = dict(guides)
    for layer, value in acts.items():
        joined[layer] = value
    return joined


def copies_of(acts: Mapping[Layer, Tensor], planes: Tensor) -> list[dict[Layer, Tensor]]:
    """Activations of each copy of the batch that the transforms have made.

    Args:
        planes: the canvas itself, of which there are no copies.
    """
    seen = {layer: value for layer, value in acts.items() if layer != CANVAS}
    itself = {CANVAS: planes} if CANVAS in acts else {}
    if not seen:
        return [itself]
    parts = zip(*(torch.split(value, len(planes)) for value in seen.values()), strict=True)
    return [dict(zip(seen, part, strict=True)) | itself for part in parts]


@torch.no_grad()
def guide_activations(
    objective: Objective, model: Model, like: Planes
) -> Mapping[Layer | Reference, Tensor]:
    """The activations of the guides, each run once, where and how precisely the picture is."""
    return reference_activations(objective.references(), model, like)


@torch.no_grad()
def reference_activations(
    references: Iterable[Reference], model: Model, like: Planes
) -> Mapping[Layer | Reference, Tensor]:
    """The same, of some references; `like` has the size that fitted ones get."""
    found: dict[Layer | Reference, Tensor] = {}
    alike: dict[Reference, set[Layer]] = {}
    for reference in references:
        alike.setdefault(replace(reference, layer=INPUT), set()).add(reference.layer)
    for reference, layers in alike.items():
        guide, fitted, longest = reference.guide, reference.fitted, reference.longest
        assert isinstance(guide, Picture)  # names have been read by binding
        image = guide.image.to(like)
        size = image.shape[-2], image.shape[-1]
        if fitted:
            size = like.shape[-2], like.shape[-1]
        elif longest is not None and max(size) > longest:
            size = fit_long_side(*size, longest)
        image = resize(image, *size).clamp(0, 1)
        for layer in layers:
            model.info(layer, size)
        acts = model.arranged(compiled(model, layers, like.device)(image), size)
        found |= {replace(reference, layer=layer): value for layer, value in acts.items()}
    return found


@dataclass(frozen=True)
class MovingGuide:
    """A guide whose positions correspond to the picture's, and that moves with it.

    Args:
        guide: which.
        image: the guide at the size of the picture.
        activations: what layers make of a picture.
    """

    guide: Picture
    image: Planes
    activations: Callable[[Planes], Mapping[Layer, Tensor]]

    @torch.no_grad()
    def moved(
        self, transforms: Sequence[Transform], chance: Tensor | None, planes: Planes
    ) -> list[dict[Layer | Reference, Tensor]]:
        """Return its activations after the same random changes as the canvas's, copy by copy."""
        assert chance is not None
        rng = torch.Generator()
        rng.set_state(chance)
        image: Planes = self.image.expand(len(planes), -1, -1, -1)
        if planes.shape[1] == 4:
            # Opaque: what lays the picture on a background must do as much with the guide.
            image = torch.cat([image, torch.ones_like(image[:, :1])], 1)
        for transform in transforms:
            image = transform(image, rng)
        return [
            {Reference(self.guide, layer, True): value for layer, value in acts.items()}
            for acts in copies_of(self.activations(image), planes)
        ]


def moving_guides(bound: Objective, model: Model, like: Planes) -> list[MovingGuide]:
    by_guide: dict[Picture, set[Layer]] = {}
    for reference in bound.references():
        # What isn't moved compares with the guide as it is.
        if reference.fitted and reference.layer != CANVAS:
            assert isinstance(reference.guide, Picture)  # names have been read by binding
            by_guide.setdefault(reference.guide, set()).add(reference.layer)
    return [_moving_guide(guide, frozenset(by_guide[guide]), model, like) for guide in by_guide]


def _moving_guide(
    guide: Picture, layers: frozenset[Layer], model: Model, like: Planes
) -> MovingGuide:
    run = compiled(model, layers, like.device)
    image = resize(guide.image.to(like), like.shape[-2], like.shape[-1]).clamp(0, 1)

    def activations(picture: Planes) -> Mapping[Layer, Tensor]:
        return model.arranged(run(picture), (picture.shape[-2], picture.shape[-1]))

    return MovingGuide(guide, image, activations)
