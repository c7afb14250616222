"""A network in whichever way a user names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch import nn

from entoptic.checks import as_given, refused, several
from entoptic.networks.model import Model
from entoptic.networks.sources import load

ModelLike: TypeAlias = Model | nn.Module | str
"""What stands for a network: a Model, a module of torch, or what `load` is given."""


def model_of(given: ModelLike, name: str = "model") -> Model:
    """The Model that is meant.

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


def models_of(given: Sequence[ModelLike], name: str) -> tuple[Model, ...]:
    """The Models that a list stands for; see `model_of`."""
    networks = several(as_given, "networks")(name, given)
    return tuple(model_of(each, name) for each in networks)
