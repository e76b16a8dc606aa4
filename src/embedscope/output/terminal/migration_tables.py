"""What a person sees of a swap of models."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from embedscope.output.path_rows import METRICS, change_of, cost_cells, cost_words, metric_of, path_name
from embedscope.output.terminal.hanging import Columns, Hanging, fits, heading, number_table, shorten
from embedscope.result import AdapterFit, Migration, MigrationPath, MovedQuery
from embedscope.result.formatting import ABSENT, estimate, number, percent_estimate, queries_of
from embedscope.units import format_count

_N_TEXTS = 5


def print_migration(found: Migration, results: Console) -> None:
    """Every path with its figures and its cost, the adapters, what moves, the cost, and what to do."""
    heading(results, f"Paths, over {queries_of(found.data)} and {found.data.n_documents:,} documents")
    _print_paths(found.paths, results)
    _print_costs(found, results)
    heading(results, "Adapters, from the NEW space to the OLD one")
    for fit in found.adapters:
        results.print(Hanging(f"  {fit.kind + ':':<12}", _fit_words(fit)))
    _print_moves(found, results)
    for note in found.notes:
        results.print(Hanging("Note: ", note))
    results.print()
    for place, sentence in enumerate(found.advice):
        results.print(Hanging("", Text(sentence, "bold" if place == 0 else "")))


def _print_paths(paths: Sequence[MigrationPath], results: Console) -> None:
    """MRR and its paired differences; the intervals of the levels give way where the terminal is too narrow."""
    changes: Columns = {
        "MRR - OLD's": [change_of(path) for path in paths],
        "MRR - NEW's": [change_of(path, from_new=True) for path in paths],
    }
    plain = {name: [number(metric_of(path, name).value) for path in paths] for name in METRICS}
    wide = {name: [estimate(metric_of(path, name)) for path in paths] for name in METRICS}
    names = [path_name(path) for path in paths]
    made = number_table(names, {**wide, **changes}, header="path")
    if not fits(made, results):
        made = number_table(names, {**plain, **changes}, header="path")
    if not fits(made, results):
        made = number_table(names, {"MRR": plain["MRR"], "MRR - OLD's": changes["MRR - OLD's"]}, header="path")
    results.print(made)
    for reason in dict.fromkeys(path.reason for path in paths if path.reason is not None):
        results.print(Hanging("  ", Text(f"{ABSENT} not measured: {reason}", "dim")))


def _print_costs(found: Migration, results: Console) -> None:
    cost = found.cost
    heading(results, f"Cost, for {format_count(cost.n_documents)} documents")
    shown = [path for path in found.paths if path.share in (0.0, 0.5, 1.0) and path.reason is None]
    cells = zip(*map(cost_cells, shown), strict=True)
    columns = dict(zip(("texts to encode", "vectors", "encodings a query"), map(list, cells), strict=True))
    results.print(number_table([path_name(path) for path in shown], columns, header="path"))
    for name, text in cost_words(cost).items():
        results.print(Hanging(f"  {name}: ", text))


def _fit_words(fit: AdapterFit) -> str:
    ridge = "" if fit.ridge is None else f", penalty {fit.ridge:.2g}"
    return (
        f"{percent_estimate(fit.identified)} of unseen documents nearest their own OLD vector, mean cosine "
        f"{estimate(fit.cosine)}; fitted on {fit.n_fitted:,} documents in two halves{ridge}"
    )


def _print_moves(found: Migration, results: Console) -> None:
    turnover = found.turnover
    heading(results, "What changes for the queries, from OLD alone to NEW alone")
    lines = {
        f"first {turnover.k}": f"{percent_estimate(turnover.changed)} of the documents are others",
        "first": f"{percent_estimate(turnover.first_changed)} of the queries have another first document",
        "overlap": f"rank-biased overlap {estimate(turnover.rank_biased_overlap)}",
    }
    for name, text in lines.items():
        results.print(Hanging(f"  {name + ':':<11}", text))
    for verb, n, moved in (("lost", found.n_lost, found.lost), ("gained", found.n_gained, found.gained)):
        results.print(Hanging(f"  {verb + ':':<11}", f"{n:,} queries at rank 1"))
        for query in moved[:_N_TEXTS]:
            results.print(Hanging("    ", _moved_words(query)))


def _moved_words(query: MovedQuery) -> Text:
    ranks = f"rank {query.old_rank:,.0f} to {query.new_rank:,.0f}: "
    return Text.assemble(ranks, shorten(query.text, 90))
