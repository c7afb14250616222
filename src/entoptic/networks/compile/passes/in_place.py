"""ReLUs that work in place."""

from __future__ import annotations

import operator

import torch
from torch import fx

from entoptic.networks.compile import nodes
from entoptic.networks.compile.context import Context
from entoptic.networks.compile.kernels.rectifier import Rectifier

# Functions whose result nobody else has, and which don't need it for their own gradient.
_FRESH = (operator.add, operator.iadd, torch.add, torch.cat)


def rectify_in_place(module: fx.GraphModule, context: Context) -> None:
    """Let ReLUs that are left work in place where their input is new and theirs alone."""
    for node in module.graph.nodes:
        if nodes.rectifier_of(module, node) == Rectifier():
            (given,) = node.all_input_nodes
            fresh = given.op == "call_function" and given.target in _FRESH
            if fresh and nodes.only_user(given) is not None:
                node.op, node.target, node.kwargs = "call_function", torch.relu_, {}
