"""Networks: where they come from, what they are made of, and how they are run."""

from entoptic.networks.compile.compile import compiled, compiled_precision
from entoptic.networks.compile.compiled import Compiled
from entoptic.networks.devices import DeviceLike, at_a_time, device, devices, share_of_cores
from entoptic.networks.given import ModelLike, ensemble, model_of, models_of
from entoptic.networks.gradient_rules import GradientRule
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources import load, sources

__all__ = [
    "Compiled",
    "DeviceLike",
    "GradientRule",
    "Model",
    "ModelLike",
    "Preprocess",
    "at_a_time",
    "compiled",
    "compiled_precision",
    "device",
    "devices",
    "ensemble",
    "load",
    "model_of",
    "models_of",
    "share_of_cores",
    "sources",
]
