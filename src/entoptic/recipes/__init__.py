"""Whole ways to make pictures, from what the user has to what the user wants."""

from entoptic.analysis.classify import Guess, identify
from entoptic.jobs.methods import ClimbSettings, Method, methods
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import SheetPlan
from entoptic.recipes.accentuation import accentuate, plan_accentuate
from entoptic.recipes.activation_grid import GridSettings, grid, plan_grid
from entoptic.recipes.comparison import ComparePlan, compare, plan_compare
from entoptic.recipes.deepdream import DreamPlan, DreamSettings, dream, plan_dream
from entoptic.recipes.evaluation import Evaluation, evaluate, plan_evaluate
from entoptic.recipes.layer_views import caricature_of, invert, plan_caricature, plan_invert
from entoptic.recipes.neuron_groups import GroupSettings, groups, plan_groups
from entoptic.recipes.redo import plan_redo
from entoptic.recipes.together import PhotosTogether, check_batch, dream_photos, together_by_size
from entoptic.recipes.variation import (
    diversity_of,
    interpolate,
    plan_diversity,
    plan_interpolate,
)
from entoptic.recipes.visualization import plan_visualize, visualize

__all__ = [
    "ClimbSettings",
    "ComparePlan",
    "DreamPlan",
    "DreamSettings",
    "Evaluation",
    "GridSettings",
    "GroupSettings",
    "Guess",
    "Method",
    "PhotosTogether",
    "Plan",
    "SheetPlan",
    "accentuate",
    "caricature_of",
    "check_batch",
    "compare",
    "diversity_of",
    "dream",
    "dream_photos",
    "evaluate",
    "grid",
    "groups",
    "identify",
    "interpolate",
    "invert",
    "methods",
    "plan_accentuate",
    "plan_caricature",
    "plan_compare",
    "plan_diversity",
    "plan_dream",
    "plan_evaluate",
    "plan_grid",
    "plan_groups",
    "plan_interpolate",
    "plan_invert",
    "plan_redo",
    "plan_visualize",
    "together_by_size",
    "visualize",
]
