"""Attention, and the turning of its vectors by their positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node, Operation, operator


@operator("Attention")
class Attention(Operation):
    """Scaled products of queries and keys, by whose softmax the values are mixed."""

    several = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        node.ignore("softmax_precision")  # everything is computed in one type here
        self.query_heads = node.integer("q_num_heads", 0)
        self.heads = node.integer("kv_num_heads", 0)
        self.scale = node.number("scale", 0.0)
        self.softcap = node.number("softcap", 0.0)
        self.is_causal = node.flag("is_causal")
        self.left = node.integer("left_window_size", -1)
        self.right = node.integer("right_window_size", -1)
        self.mode = node.integer("qk_matmul_output_mode", 0)
        if self.mode not in range(4):
            node.refuse(f"qk_matmul_output_mode is {self.mode}; it must be from 0 to 3")
        self.shown = node.uses(3)

    def compute(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        past_key: Tensor | None = None,
        past_value: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        is_flat = query.dim() == 3
        if is_flat:
            query = heads_apart(query, self.query_heads)
            key, value = heads_apart(key, self.heads), heads_apart(value, self.heads)
        before = 0
        if past_key is not None and past_value is not None:
            before = past_key.shape[2]
            key, value = torch.cat((past_key, key), 2), torch.cat((past_value, value), 2)
        repeats = query.shape[1] // key.shape[1]
        keys, values = (part.repeat_interleave(repeats, 1) for part in (key, value))
        scale = self.scale or 1 / math.sqrt(query.shape[-1])
        products = (query * math.sqrt(scale)) @ (keys * math.sqrt(scale)).transpose(-1, -2)
        capped = self.softcap * torch.tanh(products / self.softcap) if self.softcap else products
        bias = self._bias(capped, mask, before, lengths)
        weights = capped if bias is None else capped + bias
        shares = attention_shares(weights, bias)
        made = shares @ values
        if is_flat:
            made = heads_together(made)
        shown = (products, capped, weights, shares)[self.mode]
        return made, key, value, shown

    def _bias(
        self, products: Tensor, mask: Tensor | None, before: int, lengths: Tensor | None
    ) -> Tensor | None:
        """What is added to each product: minus infinity where a query may not see a key."""
        queries, keys = products.shape[-2:]
        key = torch.arange(keys, device=products.device)
        place = torch.arange(queries, device=products.device).unsqueeze(1) + before
        allowed = torch.ones((), dtype=torch.bool, device=products.device)
        if lengths is not None:
            count = lengths.to(products.device).reshape(-1, 1, 1, 1)
            place = place - before + count - queries
            allowed = allowed & (key < count)
        if self.is_causal:
            allowed = allowed & (key <= place)
        if self.left >= 0:
            allowed = allowed & (place - key <= self.left)
        if self.right >= 0:
            allowed = allowed & (key - place <= self.right)
        bias = None
        if mask is not None:
            missing = (0, keys - mask.shape[-1])
            if mask.dtype == torch.bool:
                allowed = allowed & torch.nn.functional.pad(mask, missing, value=False)
            else:
                bias = torch.nn.functional.pad(mask, missing, value=-math.inf)
        if allowed.dim() == 0:
            return bias
        start = products.new_zeros(()) if bias is None else bias
        return torch.where(allowed, start, -math.inf)


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


@operator("RotaryEmbedding")
class RotaryEmbedding(Operation):
    """Pairs of numbers turned by an angle that grows with the position.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.heads = node.integer("num_heads", 0)
        self.length = node.integer("rotary_embedding_dim", 0)
        self.interleaved = node.flag("interleaved")

    def compute(
        self, x: Tensor, cosines: Tensor, sines: Tensor, positions: Tensor | None = None
    ) -> Tensor:
        is_flat = x.dim() == 3
        apart = heads_apart(x, self.heads) if is_flat else x
        length = self.length or apart.shape[-1]
        if positions is not None:
            cosines, sines = cosines[positions.long()], sines[positions.long()]
        cosine, sine = cosines.unsqueeze(1), sines.unsqueeze(1)
        turned, rest = apart[..., :length], apart[..., length:]
        if self.interleaved:
            first, second = turned[..., ::2], turned[..., 1::2]
        else:
            first, second = turned.chunk(2, -1)
        parts = cosine * first - sine * second, sine * first + cosine * second
        made = torch.stack(parts, -1).flatten(-2) if self.interleaved else torch.cat(parts, -1)
        made = torch.cat((made, rest), -1)
        return heads_together(made) if is_flat else made
