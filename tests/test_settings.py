"""The table of options: what a value may be, whoever passes it."""

from __future__ import annotations

from typing import Any

import pytest

from embedscope.errors import InvalidOptionError
from embedscope.settings import Settings


@pytest.mark.parametrize("name", ["checkpoint", "embeddings", "run", "baseline", "rerank", "data", "model", "output"])
def test_a_name_that_is_empty_is_refused_and_not_taken_for_the_current_folder(name: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"--{name} is empty; expected "):
        Settings.of(**{name: ""})


def test_a_list_with_an_empty_name_is_refused_and_a_text_may_be_empty() -> None:
    with pytest.raises(InvalidOptionError, match="--fuse is empty"):
        Settings.of(fuse=("bm25", ""))
    assert Settings.of(query_prompt="").model.query_prompt == ""


@pytest.mark.parametrize("options", [{"baseline": {"q": {"d": 1.0}}}, {"fuse": [{"q": {"d": 1.0}}]}, {"checkpoint": 7}])
def test_an_object_in_the_place_of_a_name_is_refused_by_its_kind(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match=r"expected PATH, came a (dict|int)\.$"):
        Settings.of(**options)


def test_one_name_by_itself_is_a_list_of_one() -> None:
    assert Settings.of(fuse="bm25").model.fuse == ("bm25",)
    assert Settings.of(metrics="MRR,nDCG@10").measure.metrics == ("MRR", "nDCG@10")


def test_every_fused_system_is_an_input_of_the_manifest() -> None:
    inputs = Settings.of(run="a.trec", fuse=("b.trec", "bm25"), rerank="cross").inputs()
    assert inputs == {"run": "a.trec", "fuse": "b.trec", "fuse_2": "bm25", "rerank": "cross"}
