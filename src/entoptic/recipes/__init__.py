"""Whole ways to make pictures: one declaration a file, found by being here.

Nothing here imports torch, so that commands and their help are there at once.
"""

import importlib
import pkgutil

from entoptic.jobs.recipe import Recipe, recipes

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")

__all__ = ["Recipe", "recipes"]
