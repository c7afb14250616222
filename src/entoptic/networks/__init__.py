"""Networks: where they come from, what they are made of, and how they are run."""

from entoptic.networks.compile.precision import checked as checked_precision
from entoptic.networks.compile.prepare import Prepared, prepare, used_precision
from entoptic.networks.devices import DeviceLike, at_a_time, device, devices, share_of_cores
from entoptic.networks.ensembles import ensemble
from entoptic.networks.given import ModelLike, model_of, models_of
from entoptic.networks.gradient_rules import GradientRule
from entoptic.networks.model import Model
from entoptic.networks.preprocess import Preprocess
from entoptic.networks.sources import load, sources

__all__ = [
    "DeviceLike",
    "GradientRule",
    "Model",
    "ModelLike",
    "Prepared",
    "Preprocess",
    "at_a_time",
    "checked_precision",
    "device",
    "devices",
    "ensemble",
    "load",
    "model_of",
    "models_of",
    "prepare",
    "share_of_cores",
    "sources",
    "used_precision",
]
