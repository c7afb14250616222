"""Networks: where they come from, what they are made of, and how they are run."""

from entoptic.models.devices import DeviceLike, at_a_time, device, devices, share_of_cores
from entoptic.models.ensembles import ensemble
from entoptic.models.given import ModelLike, model_of, models_of
from entoptic.models.model import Model
from entoptic.models.prepare import Prepared, prepare, used_precision
from entoptic.models.preparing.precision import checked as checked_precision
from entoptic.models.preprocess import Preprocess
from entoptic.models.rules import GradientRule
from entoptic.models.sources import load, sources

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
