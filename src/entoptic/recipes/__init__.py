"""Whole ways to make pictures, from what the user has to what the user wants."""

from entoptic.recipes.classify import Guess, identify
from entoptic.recipes.deepdream import DreamSettings, Plan, dream, plan_dream
from entoptic.recipes.redo import plan_redo

__all__ = ["DreamSettings", "Guess", "Plan", "dream", "identify", "plan_dream", "plan_redo"]
