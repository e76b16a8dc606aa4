"""One collection under one system, in whatever form the system comes: vectors, an endpoint, its run file, a dict."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.loopback import Loopback, made_up, serving
from tests.support.scene import write_rows, write_vectors

import embedscope
from embedscope.output.page.payload import page_payload
from embedscope.output.run_files import write_run
from embedscope.result import NO_VECTORS, Outcome, Result

OPTIONS = {"max_samples": 0, "draws": 300, "examples": 4, "explain": 0, "no_cache": True}

OF_THE_SYSTEM = r"report\.(model|inputs)\b.*|report\.comparisons\[\d+\]\.a|report\.maps\.\w+\.elapsed_s"
"""Parts of a page that say what the system is, or how long it took."""

OF_VECTORS = (
    r"(similarity|points|heatmap|explanations)\b.*|report\.(similarity|geometry|thresholds|maps|themes)\b.*"
    r"|report\.(tie_tolerance|not_measured\.\w+|data\.dim)|report\.negative_types\.\w+\.(margin|similarity)\b.*"
    r"|report\.weights\.kendall_tau\.reason|report\.(checklist|findings|verdict)\b.*"
)
"""Parts that a run has otherwise or not at all; of the checklist and the verdict see below."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    """The results by the form of the system; there are fewer documents than a run file is deep."""
    folder = tmp_path_factory.mktemp("systems")
    data = write_rows(folder / "data.json", 40)
    vectors = write_vectors(folder / "v.npz", data, 0.55)
    found = {"vectors": embedscope.run(embeddings=vectors, data=data, **OPTIONS)}
    write_run(found["vectors"], folder / "out", options={}, elapsed_s=0.0, page=False)
    found["run file"] = embedscope.run(run=folder / "out" / "run.trec", data=data, **OPTIONS)
    found["dict"] = embedscope.run(run=as_dict(found["vectors"]), data=data, **OPTIONS)
    with serving(Loopback(encode=stored(vectors))) as server:
        found["endpoint"] = embedscope.run(checkpoint=server.address, data=data, **OPTIONS)
    return found


def stored(file: Path) -> Callable[[Sequence[str]], np.ndarray]:
    """What gives the vectors in ``file``, and made-up ones for other texts."""
    with np.load(file) as arrays:
        known = dict(zip(arrays["texts"].tolist(), arrays["vectors"], strict=True))
    dim = len(next(iter(known.values())))
    return lambda texts: np.stack([known[text] if text in known else made_up([text], dim)[0] for text in texts])


def as_dict(result: Result) -> dict[str, dict[str, float]]:
    """Documents by query, by their texts, with the scores of the result."""
    table, texts = result.queries, result.documents.texts
    lists = zip(table.texts, table.listed_documents, table.listed_scores, strict=True)
    return {
        query: {texts[d]: float(s) for d, s in zip(documents, scores, strict=True) if d >= 0}
        for query, documents, scores in lists
    }


def differing(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two pages differ, numbers by more than 1e-6."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.get("dtype") == other.get("dtype") == "float32":
            one, other = numbers(one), numbers(other)
        for name in {**one, **other}:
            yield from differing(one.get(name), other.get(name), f"{place}.{name}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (own, their) in enumerate(zip(one, other, strict=True)):
            yield from differing(own, their, f"{place}[{number}]")
    elif isinstance(one, float) and isinstance(other, float):
        if not np.isclose(one, other, rtol=0, atol=1e-6, equal_nan=True):
            yield place
    elif one != other:
        yield place


def numbers(column: Mapping[str, Any]) -> dict[str, Any]:
    """The shape and the numbers of a column of a page."""
    data = base64.b64decode(column["data"])
    plain = zlib.decompress(data) if column["encoding"] == "deflate" else data
    return {"shape": column["shape"], "data": np.frombuffer(plain, dtype="<f4").astype(float).tolist()}


@pytest.mark.parametrize("form", ["run file", "dict", "endpoint"])
def test_one_system_has_one_page_in_whatever_form_it_comes_but_for_what_vectors_give(
    form: str, results: Mapping[str, Result]
) -> None:
    expected, found = results["vectors"], results[form]
    left_out = OF_THE_SYSTEM if form == "endpoint" else f"{OF_THE_SYSTEM}|{OF_VECTORS}"
    places = differing(page_payload(expected), page_payload(found))
    assert [place for place in places if not re.fullmatch(left_out, place)] == []
    assert found.verdict.outcome is expected.verdict.outcome
    assert found.verdict.headline == expected.verdict.headline
    if form == "endpoint":
        assert found.verdict == expected.verdict
        return
    levels = [check.title for check in found.checklist if check.outcome is Outcome.NOT_COMPUTABLE]
    assert len(levels) == 5
    assert {check.reason for check in found.checklist if check.title in levels} == {NO_VECTORS}
    ranks = [tuple(check for check in each.checklist if check.title not in levels) for each in (expected, found)]
    assert ranks[0] == ranks[1]
    reasons = [reason for reason in expected.verdict.reasons if not reason.startswith(tuple(levels))]
    assert list(found.verdict.reasons) == reasons
    of_vectors = {"space-collapsed", "theme-worse"}
    codes = [[each.code for each in result.findings if each.code not in of_vectors] for result in (expected, found)]
    assert codes[0] == codes[1]
