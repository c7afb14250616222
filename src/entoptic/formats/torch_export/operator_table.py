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

# One operator a line: its name, then its overloads.
_TABLE = """
_adaptive_avg_pool2d default
_adaptive_avg_pool3d default
_cdist_forward default
_conj default
_euclidean_dist default
_fft_c2c default
_fft_c2r default
_fft_r2c default
_log_softmax default
_native_batch_norm_legit no_stats
_native_batch_norm_legit_no_training default
_pdist_forward default
_prelu_kernel default
_reshape_alias default
_safe_softmax default
_scaled_dot_product_flash_attention_for_cpu default
_softmax default
_to_copy default
_trilinear default
_unsafe_index Tensor
_unsafe_view default
_upsample_bicubic2d_aa default vec
_upsample_bilinear2d_aa default vec
_upsample_nearest_exact1d default vec
_upsample_nearest_exact2d default vec
_upsample_nearest_exact3d default vec
_weight_norm default
_weight_norm_interface default
abs default
acos default
acosh default
adaptive_avg_pool1d default
adaptive_avg_pool2d default
adaptive_avg_pool3d default
adaptive_max_pool1d default
adaptive_max_pool2d default
adaptive_max_pool3d default
add Scalar Tensor
addbmm default
addcdiv default
addcmul default
addmm default
addmv default
affine_grid_generator default
alias default
all default dim dims
alpha_dropout default
amax default
amin default
aminmax default
angle default
any default dim dims
arange default start start_step
arctan default
argmax default
argmin default
argsort default stable
as_strided default
asin default
asinh default
atan default
atan2 default
atanh default
atleast_1d default
atleast_2d default
atleast_3d default
avg_pool1d default
avg_pool2d default
avg_pool3d default
baddbmm default
batch_norm default
bilinear default
bitwise_and Scalar Tensor
bitwise_left_shift Tensor Tensor_Scalar
bitwise_not default
bitwise_or Scalar Tensor
bitwise_right_shift Tensor Tensor_Scalar
bitwise_xor Scalar Tensor
block_diag default
bmm default
broadcast_tensors default
broadcast_to default
bucketize Tensor
cat default
cdist default
ceil default
celu default
channel_shuffle default
chunk default
clamp Tensor default
clamp_max Tensor default
clamp_min Tensor default
clip Tensor default
clone default
col2im default
column_stack default
complex default
concat default
concatenate default
conj default
constant_pad_nd default
contiguous default
conv1d default padding
conv2d default padding
conv3d default padding
conv_transpose1d default
conv_transpose2d input
conv_transpose3d input
convolution default
copy default
copysign Scalar Tensor
cos default
cosh default
cosine_similarity default
cross default
cummax default
cummin default
cumprod default
cumsum default
deg2rad default
detach default
diag default
diag_embed default
diagonal default
diff default
dist default
div Scalar Scalar_mode Tensor Tensor_mode
divide Scalar Tensor Tensor_mode
dot default
dropout default
dstack default
einsum default
elu default
embedding default
eq Scalar Tensor
erf default
erfc default
erfinv default
exp default
exp2 default
expand default
expand_as default
expm1 default
eye default m
feature_alpha_dropout default
feature_dropout default
fft_fft default
fft_fft2 default
fft_fftn default
fft_fftshift default
fft_ifft default
fft_ifft2 default
fft_ifftn default
fft_ifftshift default
fft_irfft default
fft_irfft2 default
fft_irfftn default
fft_rfft default
fft_rfft2 default
fft_rfftn default
fill Scalar Tensor
flatten using_ints
flip default
fliplr default
flipud default
floor default
floor_divide Scalar default
fmax default
fmin default
fmod Scalar Tensor
frac default
full default
full_like default
gather default
ge Scalar Tensor
gelu default
glu default
greater Scalar Tensor
greater_equal Scalar Tensor
grid_sampler default
grid_sampler_2d default
grid_sampler_3d default
group_norm default
gru input
gt Scalar Tensor
hann_window default
hardshrink default
hardsigmoid default
hardswish default
hardtanh default
heaviside default
hsplit array int
hstack default
huber_loss default
hypot default
im2col default
imag default
index Tensor
index_add default
index_put default
index_select default
inner default
instance_norm default
isclose default
isfinite default
isinf default
isnan default
isneginf default
isposinf default
kron default
layer_norm default
le Scalar Tensor
leaky_relu default
lerp Scalar Tensor
less Scalar Tensor
less_equal Scalar Tensor
lift_fresh_copy default
linalg_cross default
linalg_norm default
linalg_vector_norm default
linear default
linspace default
log default
log10 default
log1p default
log2 default
log_sigmoid default
log_softmax int
logaddexp default
logaddexp2 default
logical_and default
logical_not default
logical_or default
logical_xor default
logit default
logsumexp default
lstm input
lt Scalar Tensor
masked_fill Scalar Tensor
matmul default
max default dim other
max_pool1d default
max_pool2d default
max_pool2d_with_indices default
max_pool3d default
max_pool3d_with_indices default
maximum default
mean default dim
median default dim
meshgrid default indexing
min default dim other
minimum default
mish default
mm default
moveaxis int intlist
movedim int intlist
mul Scalar Tensor
multiply Scalar Tensor
mv default
nan_to_num default
narrow default
native_batch_norm default
native_group_norm default
native_layer_norm default
ne Scalar Tensor
neg default
negative default
new_full default
new_ones default
new_zeros default
norm Scalar ScalarOpt_dim
not_equal Scalar Tensor
numpy_T default
one_hot default
ones default
ones_like default
outer default
pad default
permute default
pixel_shuffle default
pixel_unshuffle default
polar default
pow Scalar Tensor_Scalar Tensor_Tensor
prelu default
prod default dim_int
rad2deg default
ravel default
real default
reciprocal default
reflection_pad1d default
reflection_pad2d default
reflection_pad3d default
relu default
relu6 default
remainder Scalar Tensor
repeat default
repeat_interleave self_int
replication_pad1d default
replication_pad2d default
replication_pad3d default
reshape default
reshape_as default
rms_norm default
roll default
rot90 default
round decimals default
rsqrt default
rsub Scalar Tensor
scalar_tensor default
scaled_dot_product_attention default
scatter reduce src value value_reduce
scatter_add default
scatter_reduce two
select int
select_scatter default
selu default
sgn default
sigmoid default
sign default
signbit default
silu default
sin default
sinc default
sinh default
slice Tensor
slice_scatter default
softmax int
softplus default
softshrink default
sort default stable
split Tensor sizes
split_with_sizes default
sqrt default
square default
squeeze default dim dims
stack default
std correction default dim
std_mean correction default dim
sub Scalar Tensor
subtract Scalar Tensor
sum default dim_IntList
swapaxes default
swapdims default
sym_numel default
sym_size int
sym_storage_offset default
sym_stride int
t default
take default
take_along_dim default
tan default
tanh default
tensordot default
tensor_split indices sections
threshold default
tile default
to device dtype dtype_layout other
topk default
transpose int
tril default
triu default
true_divide Scalar Tensor
trunc default
type_as default
unbind int
unflatten int
unfold default
unsqueeze default
upsample_bicubic2d default vec
upsample_bilinear2d default vec
upsample_linear1d default vec
upsample_nearest1d default vec
upsample_nearest2d default vec
upsample_nearest3d default vec
upsample_trilinear3d default vec
var correction default dim
var_mean correction default dim
view default dtype
view_as default
view_as_complex default
view_as_real default
vsplit array int
vstack default
where Scalar ScalarOther ScalarSelf self
xlogy Scalar_Other Tensor
zero default
zeros default
zeros_like default
"""

_WORDS = [line.split() for line in _TABLE.strip().splitlines()]

OPERATORS = frozenset(f"{name}.{overload}" for name, *overloads in _WORDS for overload in overloads)
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
