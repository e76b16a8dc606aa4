"""Test sets that a fresh machine has: questions to a town's services, and the help topics of Python."""

from __future__ import annotations

import json
import pydoc
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

QUESTIONS = Path(__file__).with_name("questions.tsv")
"""Eighty questions, each with the sentence that answers it in other words."""

MOST_PARAGRAPHS, SHORTEST, LONGEST = 6, 80, 400
"""Paragraphs of a topic, and their characters."""

OWN, RELATED = 2, 1
"""Grades: a paragraph of the topic itself, and one of a topic that its page refers to."""


def questions(n: int | None = None) -> list[dict[str, Any]]:
    """Rows of query and positive; the first ``n``, or all."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()[:n]
    return [dict(zip(("query", "pos"), line.split("\t"), strict=True)) for line in lines]


def blind_to(rows: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """The rows as one labels them who does not look at ``name``.

    A hard negative that differs in ``name`` alone is a positive in a row of its own; others that differ in it too are
    left out.
    """
    kept = [{**row, "hard_neg": [each for each in row["hard_neg"] if name not in each["type"]]} for row in rows]
    more = [
        {**less, "pos": each["text"]}
        for row, less in zip(rows, kept, strict=True)
        for each in row["hard_neg"]
        if each["type"] == [name]
    ]
    return kept + more


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """The rows as a JSON list; the folder is made where it is absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), ensure_ascii=False), encoding="utf-8")


def write_help_topics(folder: Path) -> None:
    """The help of Python as a BEIR folder: the title of a topic asks for its paragraphs.

    Judged 2 are the paragraphs of the topic, 1 those of the topics that ``help()`` names as related.
    """
    pages = {label: page for label in sorted(topics) if (page := _page_of(label))[1]}
    related = {label: _related(names) for label, names in _entries() if label in pages}
    documents = {f"{label}-{i}": text for label, (_, texts) in pages.items() for i, text in enumerate(texts)}
    judged = ["query-id\tcorpus-id\tscore"]
    for label, others in related.items():
        for document in documents:
            owner = document.rpartition("-")[0]
            grade = OWN if owner == label else RELATED if owner in others else 0
            if grade:
                judged.append(f"{label}\t{document}\t{grade}")
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "corpus.jsonl", ({"_id": name, "text": text} for name, text in documents.items()))
    _write_lines(folder / "queries.jsonl", ({"_id": label, "text": pages[label][0]} for label in related))
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged) + "\n", encoding="utf-8")


def _entries() -> list[tuple[str, str]]:
    """Label and related names of each topic and keyword of ``help()``, each label once."""
    known = {**pydoc.Helper.keywords, **pydoc.Helper.topics}
    return list({entry[0]: entry for entry in known.values() if isinstance(entry, tuple)}.values())


def _related(names: str) -> set[str]:
    known = {**pydoc.Helper.keywords, **pydoc.Helper.topics}
    found = (known.get(known[name], known[name]) if isinstance(known.get(name), str) else known.get(name)
             for name in names.split())  # fmt: skip
    return {entry[0] for entry in found if isinstance(entry, tuple)}


def _page_of(label: str) -> tuple[str, list[str]]:
    """The title of a topic, and its first paragraphs, without lists of grammar."""
    title, *blocks = topics[label].strip().split("\n\n")
    texts = (" ".join(block.split()) for block in blocks if "::=" not in block and not block.startswith(" "))
    kept = [text[:LONGEST] for text in texts if len(text) >= SHORTEST]
    return title.splitlines()[0].replace('"', ""), kept[:MOST_PARAGRAPHS]


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
