"""Weights in packages: only the known file is read, and only arrays come out of a pickle."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from entoptic.errors import BadWeights
from entoptic.networks.sources.weights import arrays, packaged

WEIGHTS = {
    "conv": [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.float16)],
    "half": (np.zeros((0, 2), np.float64), {"deep": np.asfortranarray(np.eye(3))}),
}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_in_containers_come_out_as_they_went_in(protocol: int) -> None:
    found = arrays(pickle.dumps(WEIGHTS, protocol))
    np.testing.assert_equal(found, WEIGHTS)
    assert found["conv"][1].dtype == np.float16


def test_pickles_of_an_older_numpy_are_read() -> None:
    new = pickle.dumps(WEIGHTS["conv"], 3)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_equal(arrays(old), WEIGHTS["conv"])


class Calls:
    """Pickles into a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (exec, "builtins.exec"), (eval, "builtins.eval"), (getattr, "getattr")],
)
def test_a_pickle_that_asks_for_a_function_is_refused(
    function: Callable[..., Any], name: str
) -> None:
    with pytest.raises(BadWeights, match=f"the pickle asks for .*{name}; only numpy arrays are"):
        arrays(pickle.dumps({"conv": Calls(function, "1")}))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_malicious_pickle_does_not_run(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    data = pickle.dumps([Calls(os.mkdir, str(trace))], protocol)
    pickle.loads(data)
    assert trace.exists()
    trace.rmdir()
    with pytest.raises(BadWeights):
        arrays(data)
    assert not trace.exists()


@pytest.mark.parametrize(
    "thing", [OrderedDict(a=1), Path("a"), np.float64(1), slice(3), print, Calls(np.load, "a")]
)
def test_nothing_but_arrays_and_plain_containers_is_made(thing: object) -> None:
    with pytest.raises(BadWeights):
        arrays(pickle.dumps(thing))


def test_a_truncated_pickle_is_told_as_damaged() -> None:
    data = pickle.dumps(WEIGHTS)
    for length in range(len(data)):
        with pytest.raises(BadWeights, match=r"damaged|asks for"):
            arrays(data[:length])


@given(st.binary())
def test_arbitrary_bytes_make_plain_things_or_are_told_as_damaged(data: bytes) -> None:
    with contextlib.suppress(BadWeights):
        arrays(data)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported."""
    folder = tmp_path / "a_package_of_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise AssertionError('imported')")
    (folder / "weights.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


KNOWN = hashlib.sha256(b"weights").hexdigest()


def test_the_known_file_is_read_without_importing_its_package(package: Path) -> None:
    assert packaged(package.name, "weights.bin", KNOWN) == b"weights"
    assert package.name not in sys.modules


def test_another_file_than_the_known_one_is_refused(package: Path) -> None:
    (package / "weights.bin").write_bytes(b"weightS")
    with pytest.raises(
        BadWeights, match=r"isn't the file that entoptic knows .*expected .*reinstall"
    ):
        packaged(package.name, "weights.bin", KNOWN)


def test_a_missing_file_is_told(package: Path) -> None:
    with pytest.raises(BadWeights, match=r"can't read .*other\.bin: No such file .*reinstall"):
        packaged(package.name, "other.bin", KNOWN)


@pytest.mark.parametrize("name", ["there_is_no_such_package", "this"])
def test_a_missing_package_is_told(name: str) -> None:
    with pytest.raises(BadWeights, match=f"the package '{name}' with the weights is missing"):
        packaged(name, "weights.bin", KNOWN)
