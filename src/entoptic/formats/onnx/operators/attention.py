"""Attention, and the turning of its vectors by their positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node, operation


@dataclass(frozen=True)
class Sight:
    """The keys that a query may see.

    Args:
        is_causal: none after its own position.
        left, right: so many positions before and after its own; all where negative.
    """

    is_causal: bool
    left: int
    right: int

    @staticmethod
    def read(node: Node) -> Sight:
        return Sight(
            node.flag("is_causal", False),
            node.integer("left_window_size", -1),
            node.integer("right_window_size", -1),
        )

    def bias(
        self, products: Tensor, mask: Tensor | None, before: int, lengths: Tensor | None
    ) -> Tensor | None:
        """Return the terms of each product: minus infinity where a query may not see a key."""
        queries, keys = products.shape[-2:]
        key = torch.arange(keys, device=products.device)
        position = torch.arange(queries, device=products.device).unsqueeze(1) + before
        allowed = torch.ones((), dtype=torch.bool, device=products.device)
        if lengths is not None:
            count = lengths.to(products.device).reshape(-1, 1, 1, 1)
            position = position - before + count - queries
            allowed = allowed & (key < count)
        if self.is_causal:
            allowed = allowed & (key <= position)
        if self.left >= 0:
            allowed = allowed & (position - key <= self.left)
        if self.right >= 0:
            allowed = allowed & (key - position <= self.right)
        bias = None
        if mask is not None:
            missing = (0, keys - mask.shape[-1])
            if mask.dtype == torch.bool:
                allowed = allowed & F.pad(mask, missing, value=False)
            else:
                bias = F.pad(mask, missing, value=-math.inf)
        if allowed.dim() == 0:
            return bias
        start = products.new_zeros(()) if bias is None else bias
        return torch.where(allowed, start, -math.inf)


# Everything is computed in one type here.
@operation("Attention", several=True, ignored="softmax_precision")
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Tensor | None = None,
    *,
    q_num_heads: int = 0,
    kv_num_heads: int = 0,
    scale: float = 0.0,
    softcap: float = 0.0,
    qk_matmul_output_mode: Annotated[int, 0, 3] = 0,
    sight: Sight,
) -> tuple[Tensor, ...]:
    """Scaled products of queries and keys, by whose softmax the values are mixed."""
    is_flat = query.dim() == 3
    if is_flat:
        query = heads_apart(query, q_num_heads)
        key, value = heads_apart(key, kv_num_heads), heads_apart(value, kv_num_heads)
    before = 0
    if past_key is not None and past_value is not None:
        before = past_key.shape[2]
        key, value = torch.cat((past_key, key), 2), torch.cat((past_value, value), 2)
    repeats = query.shape[1] // key.shape[1]
    keys, values = (part.repeat_interleave(repeats, 1) for part in (key, value))
    factor = math.sqrt(scale or 1 / math.sqrt(query.shape[-1]))
    products = (query * factor) @ (keys * factor).transpose(-1, -2)
    capped = softcap * torch.tanh(products / softcap) if softcap else products
    bias = sight.bias(capped, mask, before, lengths)
    weights = capped if bias is None else capped + bias
    shares = attention_shares(weights, bias)
    made = heads_together(shares @ values) if is_flat else shares @ values
    return made, key, value, (products, capped, weights, shares)[qk_matmul_output_mode]


def attention_shares(weights: Tensor, bias: Tensor | None) -> Tensor:
    """The softmax over keys; a query that may see none of them mixes nothing."""
    if bias is None:
        return weights.softmax(-1)
    is_blind = bias.isneginf().all(-1, keepdim=True)
    return torch.where(is_blind, 0.0, torch.where(is_blind, 0.0, weights).softmax(-1))


def heads_apart(x: Tensor, heads: int) -> Tensor:
    """(batch, length, heads * size) as (batch, heads, length, size)."""
    if heads < 1:
        raise ValueError("the numbers of heads aren't given, which tensors of 3 axes need")
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def heads_together(x: Tensor) -> Tensor:
    """(batch, heads, length, size) as (batch, length, heads * size)."""
    return x.transpose(1, 2).flatten(2)


@operation("RotaryEmbedding")
def rotary_embedding(
    x: Tensor,
    cosines: Tensor,
    sines: Tensor,
    positions: Tensor | None = None,
    *,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    interleaved: bool = False,
) -> Tensor:
    """Pairs of numbers turned by an angle that grows with the position.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
    """
    is_flat = x.dim() == 3
    apart = heads_apart(x, num_heads) if is_flat else x
    length = rotary_embedding_dim or apart.shape[-1]
    if positions is not None:
        cosines, sines = cosines[positions.long()], sines[positions.long()]
    cosine, sine = cosines.unsqueeze(1), sines.unsqueeze(1)
    turned, rest = apart[..., :length], apart[..., length:]
    if interleaved:
        first, second = turned[..., ::2], turned[..., 1::2]
    else:
        first, second = turned.chunk(2, -1)
    parts = cosine * first - sine * second, sine * first + cosine * second
    made = torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)
    made = torch.cat((made, rest), -1)
    return heads_together(made) if is_flat else made
