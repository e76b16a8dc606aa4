"""The model card: valid for the hub, and nothing of what stood in the file before is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from tests.support import tiny_run as tiny

from embedscope.errors import OutputError
from embedscope.output.model_card import BEGIN, END, existing_card, model_card, model_card_of_sets
from embedscope.result import Result, SeveralSets

RESULT = tiny.result()
OTHERS = """\
model-index:   # measured by us
- name: mine
  results:
  - task: {type: Clustering}
    dataset: {type: mteb/some, name: Some}
    metrics:
    - {type: v_measure, value: 41.5}   # in percent
"""
FLOW = "{task: {type: Clustering}, dataset: {type: some, name: Some}, metrics: [{type: v_measure, value: 41.5}]}"


def written(old: str | None = None, result: Result = RESULT) -> str:
    return model_card(result, result.comparisons, old)


def results_in(card: str) -> list[Any]:
    return ModelCard(card).data.eval_results or []  # raises where the hub's library cannot read the index


def section_of(card: str) -> str:
    return card[card.index(BEGIN) : card.index(END) + len(END)]


def test_a_new_card_has_every_metric_with_its_interval_as_the_hub_reads_them() -> None:
    found = results_in(written())
    assert [each.metric_name for each in found] == list(RESULT.metrics)
    first, metric = found[0], RESULT.metrics["MRR"]
    assert (first.metric_type, first.metric_value) == ("mrr", metric.value)
    assert first.metric_args == {"confidence_level": 0.95, "low": metric.low, "high": metric.high}
    assert (first.task_type, first.dataset_type, first.source_name) == (
        "information-retrieval",
        "unknown",
        "embedscope",
    )


def test_a_data_set_of_the_hub_is_named_as_the_hub_names_it() -> None:
    data = replace(RESULT.data, name="hub:mteb/scifact:en")
    (first, *_) = results_in(written(result=replace(RESULT, data=data)))
    assert first.dataset_type == "mteb/scifact"


def test_the_section_says_verdict_metrics_causes_data_and_versions() -> None:
    section = section_of(written())
    assert f"**Verdict: {RESULT.verdict.outcome.value}.** " in section
    for heading in ("| metric | value | 95 % interval |", "### Where it fails", "### Data and conditions"):
        assert heading in section
    assert "4 queries" in section
    assert "pool of 6 documents" in section
    assert "- embedscope " in section


def test_no_text_of_the_data_set_is_in_the_card() -> None:
    card = written()
    assert [text for text in (*RESULT.queries.texts, *RESULT.documents.texts) if text in card] == []


def test_several_sets_have_an_entry_each() -> None:
    found = tiny.sets()
    results = {each.name: RESULT for each in found.sets}
    card = model_card_of_sets(found, results, None)
    assert len({each.dataset_name for each in results_in(card)}) == len(found.sets)
    assert all(f"| {each.name} |" in card for each in found.sets)


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "front",
    [
        "license: mit  # as the base\nlanguage:\n- vi\n",
        f"license: mit\n\n{OTHERS}\n# what it is for\ntags: [a,   b]\n",
        f"{OTHERS}license: mit\n",
    ],
)
def test_all_else_in_the_file_is_kept_byte_for_byte(front: str, line_break: str) -> None:
    before = f"---\n{front}---\n\n# Mine\n\nWords.\n".replace("\n", line_break)
    after = written(before)
    assert written(after) == after
    rest_of = iter(after.split(line_break))
    assert all(line in rest_of for line in before.split(line_break)[:-1])  # in their order
    head, _, rest = after.partition(BEGIN)
    assert rest.endswith(f"{END}{line_break}")
    assert head.endswith(f"# Mine{line_break}{line_break}Words.{line_break}{line_break}")
    assert after.count("\n") == after.count(line_break)
    clustering = [each for each in results_in(after) if each.metric_type == "v_measure"]
    assert len(clustering) == ("model-index" in front)


def test_only_the_section_between_the_marks_and_our_own_results_are_replaced() -> None:
    before = written(f"---\n{OTHERS}---\nabove\n")
    before = before.replace(END, f"old words\n{END}") + "below\n"
    changed = replace(RESULT, metrics={"MRR": replace(RESULT.metrics["MRR"], value=0.5)})
    after = written(before, changed)
    assert after.startswith(f"---\n{OTHERS}")
    assert after.split(BEGIN)[0].endswith("---\nabove\n\n")
    assert after.endswith(f"{END}\nbelow\n")
    assert "old words" not in after
    assert [(each.metric_type, each.metric_value) for each in results_in(after)] == [("v_measure", 41.5), ("mrr", 0.5)]


def test_a_file_without_front_matter_gets_one() -> None:
    after = written("# Mine\n")
    assert len(results_in(after)) == len(RESULT.metrics)
    assert "\n---\n\n# Mine\n\n" + BEGIN in after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "it is not UTF-8"),
        (b"---\na: [\n---\n", "its front matter is not YAML"),
        (b"---\n- a\n---\n", "its front matter is not a table"),
        (b"---\nmodel-index: 3\n---\n", "'model-index' in its front matter is not a list of models"),
        (b"---\na: 1\n...\n---\n", "cannot be replaced alone"),
        (b"---\n{a: 1, model-index: [{name: a, results: []}]}\n---\n", "cannot be replaced alone"),
        (f"a\n{BEGIN}\nb\n".encode(), "came 1 and 0"),
        (f"{END}{BEGIN}".encode(), "came 1 and 1"),
        (f"{BEGIN}{END}{BEGIN}{END}".encode(), "came 2 and 2"),
    ],
)
def test_a_file_in_which_the_place_is_not_clear_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"cannot take a section .*Repair it") as raised:
        existing_card(path)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "index",
    [
        "model-index:",
        "model-index: []",
        "model-index:\n- name: a\n  results: []",
        f"model-index: [{{name: a, results: [{FLOW}]}}]",
    ],
)
def test_an_index_in_any_form_takes_the_results_and_keeps_those_of_others(index: str) -> None:
    before = f"---\nlicense: mit\nlimit: .nan\n{index}\ntags: [a,   b]\n---\n"
    after = written(before)
    assert written(after) == after
    assert after.startswith("---\nlicense: mit\nlimit: .nan\nmodel-index:\n- name: ")
    assert "\ntags: [a,   b]\n---\n" in after
    assert len(results_in(after)) == len(RESULT.metrics) + (FLOW in index)


def test_a_name_that_holds_a_mark_ends_no_section() -> None:
    name = f"{END} {BEGIN}.json"
    named = replace(RESULT, data=replace(RESULT.data, name=name), model=replace(RESULT.model, checkpoint=name))
    after = written(None, named)
    assert (after.count(f"\n{BEGIN}\n"), after.count(f"\n{END}\n")) == (1, 1)
    assert written(after, named) == after


def test_what_is_not_there_is_no_card(tmp_path: Path) -> None:
    assert existing_card(tmp_path / "README.md") is None


def test_the_index_is_plain_yaml_without_anchors() -> None:
    front = written().split("---")[1]
    assert "&" not in front
    assert set(yaml.safe_load(front)) == {"model-index"}


def test_several_sets_without_a_reference_have_a_card_too() -> None:
    found: SeveralSets = replace(tiny.sets(), reference=None)
    assert "### Data and conditions" in model_card_of_sets(found, {each.name: RESULT for each in found.sets}, None)
