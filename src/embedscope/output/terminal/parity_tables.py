"""What a person sees of a comparison of two ways to encode."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Hanging, heading, number_table, shorten
from embedscope.result import Evidence, Parity, ParityCause, ParityOutcome
from embedscope.result.formatting import count, number, percent

_ROLES = {"query": "queries", "document": "documents"}


def print_parity(found: Parity, results: Console) -> None:
    """Cosines by role, norms, ranks, the texts that differ, the cause, and the outcome."""
    if found.cosines:
        heading(results, "Cosine of the two vectors of each text")
        rows = found.cosines.values()
        columns = {
            "texts": [f"{row.n:,}" for row in rows],
            "the same": [f"{row.n_same:,}" for row in rows],
            "mean": [_cosine(row.mean) for row in rows],
            "median": [_cosine(row.median) for row in rows],
            "5 %": [_cosine(row.p05) for row in rows],
            "least": [_cosine(row.min) for row in rows],
        }
        results.print(number_table([_ROLES[role] for role in found.cosines], columns, header="role"))
    ranks = found.ranks
    heading(results, f"Ranks of {ranks.n_documents:,} documents for {count(ranks.n_queries, 'query', 'queries')}")
    lines = {
        "same first document": percent(ranks.top_1, 1),
        f"first {ranks.k} in common": percent(ranks.top_k, 1),
        "Kendall's tau-b": number(ranks.kendall),
    }
    if ranks.n_with_relevant:
        lines["MRR"] = f"MODEL {number(ranks.mrr['model'])}, SERVED {number(ranks.mrr['served'])}"
    for name, text in lines.items():
        results.print(Hanging(f"  {name + ':':<21}", text))
    _print_texts(found, results)
    for note in found.notes:
        results.print(Hanging("Note: ", note))
    results.print()
    results.print(Hanging(f"{found.outcome.value.upper()}: ", Text(_sentence(found), "bold")))


def _print_texts(found: Parity, results: Console) -> None:
    """The first text that differs, and the one that differs most."""
    if found.first is None or found.worst is None:
        return
    heading(results, "Texts that differ")
    for name, text in (("first", found.first), ("most", found.worst)):
        lead = f"  {name + ':':<8}{text.role}, cosine {_cosine(text.cosine)}: "
        results.print(Hanging(lead, shorten(text.text, 120)))


def _cosine(value: float) -> str:
    """Seven decimals: what differs by the precision of the numbers shows in the sixth."""
    return f"{value:.7f}"


def _sentence(found: Parity) -> str:
    if found.outcome is ParityOutcome.SAME:
        return f"every text has the same vector (1 - cosine of {found.tolerance:g} at most)"
    if found.cause is not None:
        return cause_sentence(found.cause)
    if found.n_tried:
        return f"no cause was found among {found.n_tried:,} other ways to encode"
    if found.cosines and all(row.n == row.n_same for row in found.cosines.values()):
        return "the directions of all vectors are the same, and their norms differ"
    return "both sides are vectors that were made before, so no other way to encode could be tried"


def cause_sentence(cause: ParityCause) -> str:
    """The likely cause in one sentence."""
    other = "SERVED" if cause.side == "MODEL" else "MODEL"
    how = {
        Evidence.REPRODUCED: f"gives the vectors of {other}",
        Evidence.NEARER: f"comes near to those of {other}, not all the way (mean cosine {_cosine(cause.mean_cosine)})",
        Evidence.MAGNITUDE: (
            f"moves its vectors about as far as those of {other} lie from them: the likely cause is rounding, by this "
            f"or another number format or by quantised weights"
        ),
    }[cause.evidence]
    options = f" ({' '.join(cause.options)})" if cause.options else ""
    return f"{cause.side} with {' and '.join(cause.changes)} {how}{options}"
