"""Digests of values: equal values have the same, others another, and what has no content has none."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from embedscope.kept.content import Digests, NoContentError
from embedscope.protocols import NO_ATTRIBUTES, Role
from embedscope.result import Estimate
from embedscope.result.codec import decode
from embedscope.stats.resampler import Resampler

VALUES: dict[str, Any] = {
    "none": None, "false": False, "zero": 0, "zero as a float": 0.0, "minus zero": -0.0, "a text": "0", "bytes": b"0",
    "nan": float("nan"), "a long number": 10**30, "no texts": (), "texts": ("ab", "c"), "cut elsewhere": ("a", "bc"),
    "nested": (("ab",), "c"), "a lone surrogate": "\udcff", "a mapping": {"a": 1, "b": 2},
    "its other order": {"b": 2, "a": 1}, "a set": frozenset({"a", "b"}), "float32": np.zeros(4, np.float32),
    "float64": np.zeros(2), "its shape": np.zeros((2, 1)), "integers": np.zeros(2, np.int64),
    "truths": np.zeros(2, np.bool_), "an estimate": Estimate(1.0), "another": Estimate(2.0),
    "a pattern": re.compile("a"), "with flags": re.compile("a", re.IGNORECASE), "rows": csr_array(np.eye(2)),
    "other rows": csr_array(np.ones((2, 2))), "columns": csc_array(np.eye(2)),
    "reads nothing": NO_ATTRIBUTES, "a function": decode,
}  # fmt: skip


def test_different_values_have_different_digests() -> None:
    digests = {name: Digests().of(value) for name, value in VALUES.items()}
    assert len(set(digests.values())) == len(VALUES)


def test_values_do_not_run_together() -> None:
    assert Digests().of("ab", "c") != Digests().of("a", "bc")
    assert Digests().of(("a",), ()) != Digests().of((), ("a",))


def test_equal_values_have_the_same_digest_whatever_their_layout_in_memory() -> None:
    table = np.arange(12.0).reshape(3, 4)
    assert Digests().of(table) == Digests().of(np.asfortranarray(table)) == Digests().of(np.tile(table, 2)[:, :4])
    assert Digests().of(1.5) == Digests().of(np.float64(1.5))
    assert Digests().of(["a", 1]) == Digests().of(("a", 1))
    assert Digests().of(Role.QUERY) == Digests().of(Role.QUERY.value)


def test_a_digest_is_the_same_in_every_process() -> None:
    code = (
        "from embedscope.kept.content import Digests\n"
        "print(Digests().of(frozenset('abcdef'), {'a': 1.5}, ('x', None)).hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert runs == {Digests().of(frozenset("abcdef"), {"a": 1.5}, ("x", None)).hex() + "\n"}


def test_what_is_remembered_of_a_large_value_is_no_other_s() -> None:
    digests = Digests()
    found = {digests.of(np.full(20_000, float(each))) for each in range(50)}
    assert len(found) == 50


def test_resamplers_differ_by_what_they_draw() -> None:
    clusters = np.arange(10)
    one = Resampler(clusters, 100, 1)
    digests = {Digests().of(each) for each in (one, Resampler(clusters, 100, 2), Resampler(clusters // 2, 100, 1))}
    assert len(digests) == 3
    assert Digests().of(one) == Digests().of(Resampler(clusters.copy(), 100, 1))


class _Foreign:
    """Not of the package: its source is in no digest."""


@dataclass
class _ForeignRecord:
    x: int = 0


@pytest.mark.parametrize(
    "value", [_Foreign(), _Foreign, _ForeignRecord(), lambda: None, np.array([object()]), Digests(), iter(())]
)
def test_what_is_known_by_more_than_its_content_has_none(value: object) -> None:
    with pytest.raises(NoContentError):
        Digests().of((value,))
