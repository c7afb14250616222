"""The operators of torch that a file of torch.export may name: what vision networks are made of.

Each is pure: it makes tensors, or sizes, of what it is given and changes nothing. Left out is what
writes, opens files, draws random numbers, asks for values of tensors (sizes that depend on them),
hands out memory that isn't set (`empty`), and what no network of vision was seen to use: every
operator that a stranger can name is one more that must stand any arguments.

Found by exporting networks of timm and torchvision of every family, plain and strict, with fixed
and free sizes, before and after `run_decompositions`; then whole families were added.
"""

from __future__ import annotations

from collections.abc import Mapping

# In order of the alphabet, each with its overloads; without any, the default one.
_TABLE = """
_adaptive_avg_pool2d _adaptive_avg_pool3d _cdist_forward _conj _euclidean_dist _fft_c2c _fft_c2r
_fft_r2c _log_softmax _native_batch_norm_legit.no_stats _native_batch_norm_legit_no_training
_pdist_forward _prelu_kernel _reshape_alias _safe_softmax
_scaled_dot_product_flash_attention_for_cpu _softmax _to_copy _trilinear _unsafe_index.Tensor
_unsafe_view _upsample_bicubic2d_aa.default/vec _upsample_bilinear2d_aa.default/vec
_upsample_nearest_exact1d.default/vec _upsample_nearest_exact2d.default/vec
_upsample_nearest_exact3d.default/vec _weight_norm _weight_norm_interface abs acos acosh
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool2d adaptive_max_pool3d add.Scalar/Tensor addbmm addcdiv addcmul addmm addmv
affine_grid_generator alias all.default/dim/dims alpha_dropout amax amin aminmax angle
any.default/dim/dims arange.default/start/start_step arctan argmax argmin argsort.default/stable
as_strided asin asinh atan atan2 atanh atleast_1d atleast_2d atleast_3d avg_pool1d avg_pool2d
avg_pool3d baddbmm batch_norm bilinear bitwise_and.Scalar/Tensor
bitwise_left_shift.Tensor/Tensor_Scalar bitwise_not bitwise_or.Scalar/Tensor
bitwise_right_shift.Tensor/Tensor_Scalar bitwise_xor.Scalar/Tensor block_diag bmm
broadcast_tensors broadcast_to bucketize.Tensor cat cdist ceil celu channel_shuffle chunk
clamp.Tensor/default clamp_max.Tensor/default clamp_min.Tensor/default clip.Tensor/default clone
col2im column_stack complex concat concatenate conj constant_pad_nd contiguous
conv1d.default/padding conv2d.default/padding conv3d.default/padding conv_transpose1d
conv_transpose2d.input conv_transpose3d.input convolution copy copysign.Scalar/Tensor cos cosh
cosine_similarity cross cummax cummin cumprod cumsum deg2rad detach diag diag_embed diagonal diff
dist div.Scalar/Scalar_mode/Tensor/Tensor_mode divide.Scalar/Tensor/Tensor_mode dot dropout dstack
einsum elu embedding eq.Scalar/Tensor erf erfc erfinv exp exp2 expand expand_as expm1
eye.default/m feature_alpha_dropout feature_dropout fft_fft fft_fft2 fft_fftn fft_fftshift
fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2
fft_rfftn fill.Scalar/Tensor flatten.using_ints flip fliplr flipud floor
floor_divide.Scalar/default fmax fmin fmod.Scalar/Tensor frac full full_like gather
ge.Scalar/Tensor gelu glu greater.Scalar/Tensor greater_equal.Scalar/Tensor grid_sampler
grid_sampler_2d grid_sampler_3d group_norm gru.input gt.Scalar/Tensor hann_window hardshrink
hardsigmoid hardswish hardtanh heaviside hsplit.array/int hstack huber_loss hypot im2col imag
index.Tensor index_add index_put index_select inner instance_norm isclose isfinite isinf isnan
isneginf isposinf kron layer_norm le.Scalar/Tensor leaky_relu lerp.Scalar/Tensor
less.Scalar/Tensor less_equal.Scalar/Tensor lift_fresh_copy linalg_cross linalg_norm
linalg_vector_norm linear linspace log log10 log1p log2 log_sigmoid log_softmax.int logaddexp
logaddexp2 logical_and logical_not logical_or logical_xor logit logsumexp lstm.input
lt.Scalar/Tensor masked_fill.Scalar/Tensor matmul max.default/dim/other max_pool1d max_pool2d
max_pool2d_with_indices max_pool3d max_pool3d_with_indices maximum mean.default/dim
median.default/dim meshgrid.default/indexing min.default/dim/other minimum mish mm
moveaxis.int/intlist movedim.int/intlist mul.Scalar/Tensor multiply.Scalar/Tensor mv nan_to_num
narrow native_batch_norm native_group_norm native_layer_norm ne.Scalar/Tensor neg negative
new_full new_ones new_zeros norm.Scalar/ScalarOpt_dim not_equal.Scalar/Tensor numpy_T one_hot ones
ones_like outer pad permute pixel_shuffle pixel_unshuffle polar
pow.Scalar/Tensor_Scalar/Tensor_Tensor prelu prod.default/dim_int rad2deg ravel real reciprocal
reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 remainder.Scalar/Tensor repeat
repeat_interleave.self_int replication_pad1d replication_pad2d replication_pad3d reshape
reshape_as rms_norm roll rot90 round.decimals/default rsqrt rsub.Scalar/Tensor scalar_tensor
scaled_dot_product_attention scatter.reduce/src/value/value_reduce scatter_add scatter_reduce.two
select.int select_scatter selu sgn sigmoid sign signbit silu sin sinc sinh slice.Tensor
slice_scatter softmax.int softplus softshrink sort.default/stable split.Tensor/sizes
split_with_sizes sqrt square squeeze.default/dim/dims stack std.correction/default/dim
std_mean.correction/default/dim sub.Scalar/Tensor subtract.Scalar/Tensor sum.default/dim_IntList
swapaxes swapdims sym_numel sym_size.int sym_storage_offset sym_stride.int t take take_along_dim
tan tanh tensordot tensor_split.indices/sections threshold tile to.device/dtype/dtype_layout/other
topk transpose.int tril triu true_divide.Scalar/Tensor trunc type_as unbind.int unflatten.int
unfold unsqueeze upsample_bicubic2d.default/vec upsample_bilinear2d.default/vec
upsample_linear1d.default/vec upsample_nearest1d.default/vec upsample_nearest2d.default/vec
upsample_nearest3d.default/vec upsample_trilinear3d.default/vec var.correction/default/dim
var_mean.correction/default/dim view.default/dtype view_as view_as_complex view_as_real
vsplit.array/int vstack where.Scalar/ScalarOther/ScalarSelf/self xlogy.Scalar_Other/Tensor zero
zeros zeros_like
"""


def _overloads(entry: str) -> list[str]:
    name, _, overloads = entry.partition(".")
    return [f"{name}.{overload}" for overload in (overloads or "default").split("/")]


OPERATORS = frozenset(name for entry in _TABLE.split() for name in _overloads(entry))
"""Names of operators with their overloads."""

INERT: Mapping[str, Mapping[str, object]] = {
    "_scaled_dot_product_flash_attention_for_cpu.default": {"dropout_p": 0.0},
    "alpha_dropout.default": {"train": False},
    "batch_norm.default": {"training": False},
    "dropout.default": {"train": False},
    "feature_alpha_dropout.default": {"train": False},
    "feature_dropout.default": {"train": False},
    "gru.input": {"train": False},
    "instance_norm.default": {"running_mean": None, "use_input_stats": False},
    "lstm.input": {"train": False},
    "native_batch_norm.default": {"training": False},
    "scaled_dot_product_attention.default": {"dropout_p": 0.0},
}
"""Operators that draw or count in training, and arguments of which one makes them pure."""

SHARING = frozenset(
    f"{name}.default"
    for name in (
        "alpha_dropout",
        "broadcast_tensors",
        "channel_shuffle",
        "dropout",
        "einsum",
        "feature_alpha_dropout",
        "feature_dropout",
        "meshgrid",
        "pad",
        "pixel_shuffle",
        "pixel_unshuffle",
        "type_as",
    )
) | {"meshgrid.indexing"}
"""Operators whose results may be what they were given, though their schemas don't say so."""
