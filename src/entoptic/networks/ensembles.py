"""Several networks as one, so that an objective may ask what each of them sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from entoptic.errors import BadSetting
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess

SOURCE = "ensemble"
"""The first word of an ensemble's specification."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Ensemble(nn.Module):
    """Networks side by side: each is shown the same picture, in the way that it wants it."""

    def __init__(self, members: Mapping[str, Model]) -> None:
        super().__init__()
        # As modules, an attribute's names are taken ("type", "keys"); a prefix keeps them apart.
        self.networks = nn.ModuleDict({path(name): each.module for name, each in members.items()})
        self.preprocesses = {path(name): each.preprocess for name, each in members.items()}

    def forward(self, image: Tensor) -> dict[str, Any]:
        """What each network gives for pictures, sRGB in [0, 1]."""
        return {
            name.removeprefix("of_"): network(self.preprocesses[name](image))
            for name, network in self.networks.items()
        }


def path(name: str) -> str:
    """What a member is called as a submodule."""
    return f"of_{name}"


def ensemble(**members: Model | nn.Module | str) -> Model:
    """Several networks as one model, whose layers are `NAME/LAYER`.

    One objective may then ask for what all of them see, or for what one sees and another doesn't.
    Each network keeps its own preprocessing, sizes, labels and class scores (`NAME/logits`). Only
    those that an objective names are run, each as far as it must be.

    Args:
        members: the networks by name, each as `model_of` takes it.

    Raises:
        BadSetting: none at all, an ensemble among them, or a name with anything but letters, digits
            and `_`.

    >>> import entoptic as ent
    >>> import torch
    >>> both = ensemble(a=ent.load("squeezenet1_1"), b=ent.load("efficientnet_lite0"))
    >>> both.source
    'ensemble:a=squeezenet1_1,b=efficientnet_lite0'
    >>> picture = torch.full((1, 3, 64, 96), 0.5)
    >>> found = both.activations(picture, ["a/fire7", "b/logits"])
    >>> [tuple(found[ent.Layer(name)].shape) for name in ("a/fire7", "b/logits")]
    [(1, 384, 3, 5), (1, 1000)]
    """
    from entoptic.networks.given import model_of

    networks = {name: model_of(each, name) for name, each in members.items()}
    return _ensemble(networks)


def _ensemble(members: Mapping[str, Model]) -> Model:
    _check(members)
    return Model(
        Ensemble(members),
        Preprocess.none(_size(members), 3),
        source=specification({name: each.source for name, each in members.items()}),
        addresses={
            f"{name}/{address}": f"networks.{path(name)}.{inner}".rstrip(".")
            for name, each in members.items()
            for address, inner in each.paths.items()
        },
        notes=tuple(f"{name}: {note}" for name, each in members.items() for note in each.notes),
        members=dict(members),
    )


def specification(sources: Mapping[str, str]) -> str:
    """How an ensemble is written, from the specifications of its members.

    >>> specification({"a": "squeezenet1_1", "b": "timm:vgg16?mean=0.5,0.5,0.5"})
    'ensemble:a=squeezenet1_1,b=timm:vgg16?mean=0.5,0.5,0.5'
    """
    return f"{SOURCE}:" + ",".join(f"{name}={source}" for name, source in sources.items())


def _check(members: Mapping[str, Model]) -> None:
    if not members:
        raise BadSetting("an ensemble of no networks; give at least one, such as a=squeezenet1_1")
    for name, each in members.items():
        if not _NAME.fullmatch(name):
            raise BadSetting(
                f"a network of an ensemble is called {name!r}; use letters, digits and _, such as "
                "a=squeezenet1_1"
            )
        if each.members:
            raise BadSetting(f"{name!r} is an ensemble itself; put its networks beside the others")


def _size(members: Mapping[str, Model]) -> tuple[int, int]:
    """The only size that one of the networks takes; else the largest that they were trained at."""
    fixed = [each.preprocess.size for each in members.values() if each.preprocess.fixed_size]
    sizes = [each.preprocess.size for each in members.values()]
    return fixed[0] if fixed else max(sizes)
