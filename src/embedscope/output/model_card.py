"""The section of a model card, between two marks, and the results in the front matter above it.

What else stands in the file stays as it is, byte for byte: the section is replaced between its marks, or appended; of
the front matter only ``model-index`` changes, and of that only what embedscope wrote before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from embedscope import __version__
from embedscope.errors import OutputError, importing
from embedscope.output.leaderboards import SOURCE, index_entry, yaml_text
from embedscope.output.markdown import cell, code, comparison_table, metric_table, other_reasons, set_tables
from embedscope.output.run_folder import library_versions
from embedscope.result import Comparison, Result, SeveralSets, Verdict, run_label
from embedscope.result.formatting import count, interval, percent, queries_of, sentence

OPTION = "--model-card"
BEGIN, END = "<!-- embedscope: begin -->", "<!-- embedscope: end -->"
INDEX = "model-index"
N_CAUSES = 6
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "numpy")
_FRONT = re.compile(r"\A(\ufeff?\s*---(?:\r\n|\r|\n))(.*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z))", re.DOTALL)
"""Front matter as the hub finds it: its first line, what it holds, its last line."""


class _Card(NamedTuple):
    """A file in its parts, which together are the file."""

    head: str  # all before the content of the front matter
    front: str
    body: str  # from the end of the front matter

    @classmethod
    def of(cls, text: str) -> _Card:
        found = _FRONT.match(text)
        return cls("", "", text) if found is None else cls(found[1], found[2], text[found.end(2) :])


def model_card(result: Result, comparisons: Sequence[Comparison], old: str | None) -> str:
    """A model card with the results of one run: a new one, or ``old`` with its section replaced."""
    name = run_label(result.model.checkpoint)
    lines = [
        *_verdict(result.verdict),
        *metric_table(result),
        "",
        *([*comparison_table("compared with", comparisons, result.baseline_names), ""] if comparisons else []),
        *_failures(result),
        *_conditions(result),
    ]
    return _written(name, lines, [index_entry(result.data.name, result.metrics)], old)


def model_card_of_sets(found: SeveralSets, results: Mapping[str, Result], old: str | None) -> str:
    """The same of several sets, each an entry of the ``model-index``."""
    conditions = [_measured(results[each.name], cell(each.name)) for each in found.sets]
    first = next(iter(results.values()))
    lines = [
        *_verdict(found.verdict),
        *set_tables(found),
        "### Data and conditions",
        "",
        *conditions,
        _encoded(first),
        _versions(first),
    ]
    return _written(run_label(found.checkpoint), lines, [index_entry(e.path, e.metrics) for e in found.sets], old)


def existing_card(path: str | Path) -> str | None:
    """The text of the card at ``path``; None where there is no file.

    Raises
    ------
    OutputError
        If it is not UTF-8, its front matter cannot be read, or its marks do not enclose one section.
    MissingExtraError
        If PyYAML is not installed.
    """
    path = Path(path)
    with importing("pyyaml", needed_for=OPTION, extra="hub"):
        import yaml  # noqa: F401
    if not path.is_file():
        return None
    try:
        text = path.read_bytes().decode()
        _updated(text, "", [{"source": dict(SOURCE)}])
    except (OSError, ValueError) as error:
        said = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise OutputError(
            f"{path} cannot take a section ({said}); it is unchanged. Repair it, or choose another {OPTION}."
        ) from error
    return text


# --- the section --------------------------------------------------------------------------------------------------


def _verdict(verdict: Verdict) -> list[str]:
    return [
        "## Evaluation",
        "",
        f"**Verdict: {verdict.outcome.value}.** {cell(sentence(verdict.headline))}.",
        "",
        *other_reasons(verdict),
    ]


def _failures(result: Result) -> list[str]:
    """Why queries fail, the commonest cause first, and the types of hard negatives that outrank the positive."""
    causes = sorted(result.failure_modes.items(), key=lambda cause: -cause[1])[:N_CAUSES]
    lines = []
    if causes:
        total = f"{sum(result.failure_modes.values()):,} of {count(result.data.n_queries, 'query', 'queries')}"
        lines += [
            f"| cause, of {total} not right at rank 1 | queries |",
            "|---|---:|",
            *(f"| {cell(name)} | {n:,} |" for name, n in causes),
            "",
        ]
    if result.negative_types:
        lines += [
            "| hard negatives | pairs | score at or above the positive | 95 % interval |",
            "|---|---:|---:|---:|",
            *(
                f"| {cell(name)} | {kind.n:,} | {percent(kind.violation_rate.value, 1)} "
                f"| {interval(kind.violation_rate, 1, scale=100)} |"
                for name, kind in result.negative_types.items()
            ),
            "",
        ]
    return ["### Where it fails", "", *lines] if lines else []


def _conditions(result: Result) -> list[str]:
    name = f"`{code(run_label(result.data.name))}`" if result.data.name else "data set"
    return ["### Data and conditions", "", _measured(result, name), _encoded(result), _versions(result)]


def _measured(result: Result, name: str) -> str:
    """The data set in one line: how many queries, how many of them independent, among how many documents."""
    data = result.data
    sampled = (
        "" if data.n_queries >= data.n_queries_available else f" drawn at random from {data.n_queries_available:,}"
    )
    digest = f"; SHA-256 of queries, documents and judgments `{data.digest}`" if data.digest else ""
    return f"- {name}: {queries_of(data)}{sampled}, pool of {count(data.n_documents, 'document')}{digest}"


def _encoded(result: Result) -> str:
    model = result.model
    said = {
        "base model": model.base_model,
        "pooling": model.pooling,
        "dimensions": f"{model.dim:,}" if model.dim else None,
        "longest text": f"{model.max_length:,} tokens" if model.max_length else None,
        "number format": model.dtype,
        "similarity": model.similarity,
        "query prompt": repr(model.query_prompt) if model.query_prompt else None,
        "document prompt": repr(model.document_prompt) if model.document_prompt else None,
    }
    facts = "; ".join(f"{what} `{code(str(value))}`" for what, value in said.items() if value is not None)
    return f"- `{code(run_label(model.checkpoint))}`: {facts}"


def _versions(result: Result) -> str:
    versions = library_versions()
    others = "".join(f", {name} {versions[name]}" for name in _LIBRARIES if name in versions)
    return f"- embedscope {__version__}{others}; seed {result.seed}; 95 % intervals, which rest on independent queries"


# --- the file -----------------------------------------------------------------------------------------------------


def _written(name: str, lines: Sequence[str], entries: Sequence[dict[str, Any]], old: str | None) -> str:
    section = "\n".join([BEGIN, *lines, END])
    if old:
        return _updated(old, section, entries, name)
    index = yaml_text({INDEX: [{"name": name, "results": [*entries]}]}, needed_for=OPTION)
    return f"---\n{index}---\n\n# `{code(name)}`\n\n{section}\n"


def _updated(text: str, section: str, entries: Sequence[dict[str, Any]], name: str = "") -> str:
    """``text`` with section and entries in it; raises ValueError where it is not clear where they stand."""
    card = _Card.of(text)
    line_break = "\r\n" if "\r\n" in text else "\n"
    front = _with_entries(card.front.replace("\r\n", "\n"), entries, name)
    body = _with_section(card.body, section.replace("\n", line_break), line_break)
    if not card.head:
        return f"---\n{front}\n---\n\n".replace("\n", line_break) + body
    kept = card.front if front == card.front.replace("\r\n", "\n") else front.replace("\n", line_break)
    return f"{card.head}{kept}{body}"


def _with_section(body: str, section: str, line_break: str) -> str:
    starts, ends = body.count(BEGIN), body.count(END)
    if (starts, ends) == (0, 0):
        gap = "" if not body or body.endswith(line_break) else line_break
        return f"{body}{gap}{line_break}{section}{line_break}"
    start, end = body.find(BEGIN), body.find(END)
    if (starts, ends) != (1, 1) or end < start:
        raise ValueError(f"expected one '{BEGIN}' and one '{END}' after it, came {starts} and {ends}")
    return body[:start] + section + body[end + len(END) :]


def _with_entries(front: str, entries: Sequence[dict[str, Any]], name: str) -> str:
    """Front matter with ``entries`` in its ``model-index``, in the place of those that embedscope wrote before."""
    import yaml

    try:
        content, tree = yaml.safe_load(front) or {}, yaml.compose(front)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"its front matter is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ValueError("its front matter is not a table of YAML")
    index = _merged(content.get(INDEX), entries, name)
    place = None if INDEX not in content else next(pair for pair in tree.value if pair[0].value == INDEX)
    is_own = [_is_own(entry) for entry in content[INDEX][0]["results"]] if content.get(INDEX) else []
    for attempt in (partial(_spliced, front, place, is_own, entries), partial(_as_block, front, place, index)):
        with suppress(yaml.YAMLError, LookupError, StopIteration):
            changed = attempt()
            if repr(yaml.safe_load(changed)) == repr({**content, INDEX: index}):  # of NaN, == would be false
                return changed
    raise ValueError(f"'{INDEX}' in its front matter cannot be replaced alone: write it as a block of its own")


def _as_block(front: str, place: tuple[Any, Any] | None, index: Sequence[dict[str, Any]]) -> str:
    """``front`` with ``index`` in ``place``, the nodes of its key and value; at the end where it has none."""
    block = yaml_text({INDEX: [*index]}, needed_for=OPTION).rstrip("\n")
    if place is None:
        return f"{front}\n{block}" if front.strip() else block
    key, old = place
    end = old.end_mark.line + (old.end_mark.column > 0)
    return _with_lines(front, (key.start_mark.line, end), block.split("\n"))


def _spliced(
    front: str, place: tuple[Any, Any] | None, is_own: Sequence[bool], entries: Sequence[dict[str, Any]]
) -> str:
    """``front`` with ``entries`` behind the results that others wrote, whose lines stay; raises where it has none."""
    models = [] if place is None else place[1].value
    results = next(value for key, value in models[0].value if key.value == "results")
    lines, starts = front.split("\n"), [item.start_mark.line for item in results.value]
    end = _trimmed(lines, results.end_mark.line + (results.end_mark.index == len(front)))
    spans = zip(is_own, pairwise([*starts, end]), strict=True)
    kept = [line for own, (first, after) in spans if not own for line in lines[first:after]]
    indent = " " * results.start_mark.column
    added = [indent + line for line in yaml_text([*entries], needed_for=OPTION).splitlines()]
    return _with_lines(front, (starts[0], end), [*kept, *added])


def _with_lines(front: str, span: tuple[int, int], lines: Sequence[str]) -> str:
    old = front.split("\n")
    return "\n".join([*old[: span[0]], *lines, *old[_trimmed(old, span[1]) :]])


def _trimmed(lines: Sequence[str], end: int) -> int:
    """``end`` without the blank lines and comments before it, which belong to what follows."""
    while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
        end -= 1
    return end


def _merged(index: Any, entries: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The index with ``entries`` in its first model in the place of our old ones; what others wrote stays."""
    if index is None or index == []:
        return [{"name": name, "results": [*entries]}]
    is_index = isinstance(index, list) and index and isinstance(index[0], dict)
    if not is_index or not isinstance(index[0].get("results"), list):
        raise ValueError(f"'{INDEX}' in its front matter is not a list of models with their results")
    first, *others = index
    kept = [entry for entry in first["results"] if not _is_own(entry)]
    return [{**first, "results": [*kept, *entries]}, *others]


def _is_own(entry: Any) -> bool:
    source = entry.get("source") if isinstance(entry, dict) else None
    return isinstance(source, dict) and source.get("name") == SOURCE["name"]
