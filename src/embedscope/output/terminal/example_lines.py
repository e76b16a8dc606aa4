"""Queries worth looking at, with their documents."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Hanging, shorten
from embedscope.result import Example, Scored
from embedscope.result.formatting import number


def print_example(example: Example, run: Scored, results: Console) -> None:
    """A query with its positives and hard negatives, scores and margin."""
    q, row = run.queries, example.query
    results.print()
    rank = f", rank of the first relevant document: {q.rank[row]:g}"
    results.print(Text.assemble((example.kind.value.capitalize(), "bold"), rank))
    results.print(Hanging("  ", shorten(q.texts[row], results.width - 2)))
    for place in q.relevant_of(row):
        text = run.documents.texts[q.relevant_documents[place]]
        _print_scored("✓", "green", q.relevant_scores[place], text, "", results)
    for place in q.negatives_of(row):
        text, kinds = run.documents.texts[q.negative_documents[place]], " + ".join(q.negative_types[place])
        _print_scored("✗", "red", q.negative_scores[place], text, f" ({kinds})" if kinds else "", results)
    if not math.isnan(q.margin[row]):
        results.print(Hanging("  ", f"margin to the best hard negative: {number(q.margin[row], sign=True)}"))


def _print_scored(mark: str, style: str, score: float, text: str, label: str, results: Console) -> None:
    lead = f"  {mark} {number(score)}  "
    shown = shorten(text, results.width - len(lead) - len(label))
    results.print(Text.assemble((f"  {mark} ", style), f"{number(score)}  ", shown, label), soft_wrap=True)
