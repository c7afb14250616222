"""Every operator test of the ONNX standard is met to the number, or refused by name."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from onnx import numpy_helper  # noqa: E402

from entoptic.errors import BadModelFile  # noqa: E402
from entoptic.formats.onnx import from_graph, load_graph  # noqa: E402
from entoptic.formats.onnx.operators import OPERATORS, REFUSED  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"

# The standard says the length of the new axis; its test counts by length times scale, which isn't
# whole. onnxruntime and torch do as the standard says, and so do we.
DISPUTED = (
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
)
# Written by hand with four digits.
ROUNDED = ("test_averagepool_2d_ceil_last_window_starts_on_pad",)
# What a quantized network computes is a float here, so that it has a gradient.
FLOATS_FOR_WHOLE = {
    "ConvInteger",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
}
HALF = {"float16": 2e-3, "bfloat16": 2e-2}


def standard_cases() -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    if not all(case.model for case in cases):
        pytest.skip("this version of onnx keeps its operator tests as files")
    return cases


def with_picture(case: Any, picture_at: int) -> onnx.ModelProto:
    """The case's graph, all its inputs but one being constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for index, value in enumerate(case.data_sets[0][0]):
        if index != picture_at:
            name = model.graph.input[index].name
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return model


def as_tensor(array: Any) -> torch.Tensor:
    numbers = np.asarray(array)
    other = {"f": np.float32, "u": np.int64}.get(numbers.dtype.kind)
    is_kept = numbers.dtype == np.uint8 or other is None
    return torch.from_numpy(np.array(numbers if is_kept else numbers.astype(other)))


def differs(ours: torch.Tensor, right: Any, tolerance: float, floats: bool) -> str:
    """What is wrong with a result; nothing where it is right."""
    right = np.asarray(right)
    if tuple(ours.shape) != right.shape:
        return f"a shape of {tuple(ours.shape)}, not {right.shape}"
    is_floating = right.dtype.kind not in "iub"
    if ours.is_floating_point() != (is_floating or floats):
        return f"numbers of type {ours.dtype}, not {right.dtype}"
    wanted, got = right.astype(np.float64), ours.numpy().astype(np.float64)
    finite = np.isfinite(wanted)
    if not np.array_equal(got[~finite], wanted[~finite], equal_nan=True):
        return "infinities or NaN elsewhere"
    largest = max(1e-6, np.abs(wanted[finite]).max(initial=0))
    error = np.abs(got[finite] - wanted[finite]).max(initial=0) / largest
    return f"an error of {error:.2g}" if error > (tolerance if is_floating else 0) else ""


def are_numbers(values: Any) -> bool:
    return all(
        isinstance(value, np.ndarray | np.generic)
        and (value.dtype.kind in "iufb" or value.dtype.name == "bfloat16")
        for value in values
    )


def verdict_of(case: Any, picture_at: int = 0) -> str:
    """'equal', 'refused: ...', 'other' where the case isn't about numbers, or what is wrong."""
    given, right = case.data_sets[0]
    if not given or not are_numbers(given) or not are_numbers(right):
        return "other"
    names = [np.asarray(value).dtype.name for value in (*given, *right)]
    tolerance = max(HALF.get(name, 1e-5) for name in names)
    if case.name in ROUNDED:
        tolerance = case.rtol
    x = np.asarray(given[picture_at])
    if x.dtype.name == "bfloat16":
        x = x.astype(np.float32)
    try:
        imported = from_graph(with_picture(case, picture_at))
        made = imported.module(as_tensor(x))
    except BadModelFile as error:
        return f"refused: {error}"
    if vars(imported).get("notes"):  # only what comes before an operator that isn't imported
        return f"refused: {imported.notes}"
    results = made if isinstance(made, tuple) else (made,)
    floats = case.model.graph.node[0].op_type in FLOATS_FOR_WHOLE
    wrong = [
        differs(ours, wanted, tolerance, floats and np.asarray(wanted).dtype.kind in "iu")
        for ours, wanted in zip(results, right, strict=True)
    ]
    return "; ".join(filter(None, wrong)) or "equal"


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    return standard_cases()


@pytest.fixture(scope="module")
def verdicts(cases: list[Any]) -> dict[str, str]:
    return {case.name: verdict_of(case) for case in cases}


def wrong_ones(verdicts: dict[str, str]) -> dict[str, str]:
    return {
        name: verdict
        for name, verdict in verdicts.items()
        if verdict not in {"equal", "other"}
        and not verdict.startswith("refused: ")
        and name not in DISPUTED
    }


def test_no_case_of_the_standard_is_wrong(verdicts: dict[str, str]) -> None:
    assert wrong_ones(verdicts) == {}
    assert sum(verdict == "equal" for verdict in verdicts.values()) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("picture_at", [1, 2, 3, 4])
def test_no_case_is_wrong_whichever_of_its_inputs_is_the_picture(
    cases: list[Any], picture_at: int
) -> None:
    several = [case for case in cases if len(case.data_sets[0][0]) > picture_at]
    assert several
    assert wrong_ones({case.name: verdict_of(case, picture_at) for case in several}) == {}


def test_where_the_standard_contradicts_its_own_test_onnxruntime_agrees_with_us(
    cases: list[Any],
) -> None:
    for case in cases:
        if case.name in DISPUTED:
            model = with_picture(case, 0)
            model.graph.output[0].type.tensor_type.ClearField("shape")
            session = runtime.InferenceSession(model.SerializeToString())
            x = case.data_sets[0][0][0]
            (right,) = session.run(None, {session.get_inputs()[0].name: x})
            ours = from_graph(model).module(torch.from_numpy(x))
            assert differs(ours, right, 1e-5, False) == ""


def standard_operators() -> Iterator[str]:
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= 28:
            yield schema.name


def test_every_operator_of_the_standard_is_imported_or_refused_with_a_reason() -> None:
    known = {*OPERATORS, *REFUSED, "Constant"}
    assert set(standard_operators()) <= known
    assert not set(OPERATORS) & set(REFUSED)


def rows_of(cases: list[Any], verdicts: dict[str, str]) -> list[str]:
    """The page's table: for each operator how many cases are equal and refused."""
    counts: dict[str, Counter[str]] = {}
    for case in cases:
        if not case.name.rsplit("_ver", 1)[0].endswith("_expanded"):
            node = case.model.graph.node[0]
            op = node.op_type if not node.domain else f"{node.domain}.{node.op_type}"
            kind = verdicts[case.name].partition(":")[0]
            counts.setdefault(op, Counter())[kind if case.name not in DISPUTED else "other"] += 1
    names = sorted({*OPERATORS, *REFUSED, *counts}, key=str.lower)
    rows = []
    for name in names:
        count = counts.get(name, Counter())
        is_known = name in OPERATORS or name == "Constant"
        how = "imported" if is_known else f"refused: it {REFUSED.get(name, 'is no layer')}"
        rows.append(
            f"| {name} | {how} | {count['equal']} | {count['refused']} | {count['other']} |"
        )
    return rows


def test_the_page_says_what_the_cases_say(cases: list[Any], verdicts: dict[str, str]) -> None:
    if not onnx.__version__.startswith("1.23"):
        pytest.skip("the page counts the operator tests of onnx 1.23")
    page = PAGE.read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| ")][1:] == rows_of(
        cases, verdicts
    )
    equal = sum(verdict == "equal" for verdict in verdicts.values())
    refused = sum(verdict.startswith("refused") for verdict in verdicts.values())
    other = len(verdicts) - equal - refused - len(DISPUTED)
    assert f"{equal} equal, {refused} refused by name, {other} of other things" in page


LIGHT = ["squeezenet", "zfnet512", "inception_v1", "shufflenet"]
LIGHT += [
    pytest.param(name, marks=pytest.mark.slow)  # type: ignore[misc]
    for name in ("bvlc_alexnet", "densenet121", "inception_v2", "resnet50", "vgg19")
]


@pytest.mark.parametrize("name", LIGHT)
def test_the_standards_own_networks_run_as_in_onnxruntime(name: str) -> None:
    """Their weights are made from their shapes, which is why the files are small."""
    file = Path(onnx.__file__).parent / "backend/test/data/light" / f"light_{name}.onnx"
    if not file.is_file():
        pytest.skip("this version of onnx doesn't bring its networks")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(str(file), options)
    imported = from_graph(load_graph(file))
    shape = [size or 1 for size in imported.input_shape]
    x = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    right = session.run(None, {session.get_inputs()[0].name: x})[0]
    with torch.no_grad():
        made = imported.module(torch.from_numpy(x))
    assert differs(made, right, 1e-5, False) == ""
