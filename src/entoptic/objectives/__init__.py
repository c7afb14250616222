"""Objectives: what an image is scored by; data with arithmetic, names and a parser."""

from __future__ import annotations

import lazy_loader

from entoptic.registry import import_modules

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

import_modules(__name__, __path__)
