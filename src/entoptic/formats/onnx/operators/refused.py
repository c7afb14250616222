"""The standard's operators that aren't imported, and why."""

from __future__ import annotations

_WHY = {
    "runs a graph of its own": "If Loop Scan SequenceMap",
    "works on lists of tensors": (
        "ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt "
        "SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength "
        "SplitToSequence"
    ),
    "works on text": ("RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer"),
    "works on bits": ("BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor"),
    "draws random numbers": (
        "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"
    ),
    "measures an error, as training does": "NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    "analyses sound": "BlackmanWindow DFT HammingWindow HannWindow MelWeightMatrix STFT",
    "decodes picture files": "ImageDecoder",
    "chooses boxes or numbers, which has no gradient": "NonMaxSuppression Unique",
    "cuts boxes out of feature maps": "MaxRoiPool RoiAlign",
    "moves each tap of a convolution": "DeformConv",
    "keeps a state from word to word": "CausalConvWithState LinearAttention TensorScatter",
}

REFUSED: dict[str, str] = {op: why for why, ops in _WHY.items() for op in ops.split()}
"""Operator to a clause that says what it does: `it ...`."""
