"""A network, or an ensemble, in whichever way users name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import nn

from entoptic.checks import as_given, refused, several
from entoptic.networks.model import Model
from entoptic.networks.sources import load
from entoptic.networks.sources.ensemble import together

ModelLike: TypeAlias = Model | nn.Module | str
"""A network as users give it: a Model, a module of torch, or what `load` is given."""


def model_of(given: ModelLike, name: str = "model") -> Model:
    """Return the Model that is meant.

    Args:
        given: a Model; a module, which is wrapped, and notes that its preprocessing is guessed;
            or a specification, which is loaded.
        name: of the parameter, for the error.

    Raises:
        BadSetting: it is nothing of these.
        UnknownModel and others: see `load`.

    >>> model_of("squeezenet1_1").source, model_of(nn.Conv2d(3, 5, 3)).source
    ('squeezenet1_1', 'python')
    """
    if isinstance(given, Model):
        return given
    if isinstance(given, nn.Module):
        return Model.wrap(given)
    if isinstance(given, str) and given:
        return load(given)
    raise refused(name, given, "must be a Model, a module of torch, or a name for entoptic.load")


def ensemble(**members: ModelLike) -> Model:
    """Make several networks into one model, whose layers are `NAME/LAYER`.

    One objective may then ask for layers of all of them, or for what one of them finds and another
    doesn't. Each network keeps its own preprocessing, sizes, labels and class scores
    (`NAME/logits`). Only those that an objective names are run, each as far as it must be.

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
    return together({name: model_of(each, name) for name, each in members.items()})


def models_of(given: Sequence[ModelLike], name: str) -> tuple[Model, ...]:
    """Return the Models that a list stands for; see `model_of`."""
    networks = several(as_given, "networks")(name, given)
    return tuple(model_of(each, name) for each in networks)
