"""What was measured of one run: similarities, metrics, baselines, hard negatives by type, leakage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Columns, Hanging, heading, indented, print_columns, table
from embedscope.output.terminal.wording import COMPARISON_HEADER, comparison_row, rated, weight_sentences
from embedscope.result import Comparison, Distribution, Estimate, Leakage, NegativeType, Scored, run_label
from embedscope.result.formatting import band, count, interval, number, percent, queries_of, similarity_name


def print_similarity(run: Scored, results: Console) -> None:
    """Means of the populations, and how far they lie apart."""
    s = run.similarity
    if s is None:
        return
    is_cosine = run.model.similarity == "cosine"
    heading(results, "Similarity statistics" + ("" if is_cosine else f": {similarity_name(run.model.similarity)}"))
    lines = {"Positive": _population(s.positive), "Negative": _population(s.negative)}
    if s.hard_negative is not None:
        lines["Hard negative"] = _population(s.hard_negative)
    lines["Margin"] = rated("margin" if is_cosine else None, s.margin)  # the bands are levels of cosines
    lines["Separation"] = rated("separation", s.separation, unit="σ")
    lines |= {"AUC": rated(None, s.auc), "Overlap": rated(None, s.overlap)}
    for name, text in lines.items():
        results.print(Hanging(f"  {name + ':':<15}", text))


def _population(found: Distribution) -> str:
    return f"{number(found.mean)} ± {number(found.std)}   ({count(found.n, 'pair')})"


def ranking_title(run: Scored) -> str:
    """What a table of metrics is about."""
    data = run.data
    return f"Ranking of {data.n_documents:,} documents for {queries_of(data)}"


def print_metrics(run: Scored, results: Console) -> None:
    """Every metric with its interval, beside chance, the baselines and the references."""
    metrics = run.metrics
    heading(results, ranking_title(run))
    numbered = {name: name if name.isalpha() else f"({i})" for i, name in enumerate(run.references, start=1)}
    references = {
        numbered[name]: [number(values.get(metric)) for metric in metrics] for name, values in run.references.items()
    }
    print_columns(metrics, *own_columns(run, list(metrics)), references, results=results)
    for name, place in numbered.items():
        if name != place:
            results.print(Hanging(f"  {place} ", run_label(name)))
    if "MRR" in metrics:
        results.print(Hanging("  ", Text(f"MRR is {band('MRR', metrics['MRR'].value)} on the rated bands", "dim")))


def own_columns(run: Scored, names: Sequence[str]) -> tuple[Columns, Columns]:
    """The metrics ``names`` with their intervals and chance, and the baselines beside them."""
    metrics = [run.metrics[name] for name in names]
    columns = {
        "value": [number(m.value) for m in metrics],
        "95 % interval": [interval(m) for m in metrics],
        "chance": [number(m.chance) for m in metrics],
    }
    baselines = {name: [values.get(m.name) for m in metrics] for name, values in run.lexical_columns.items()}
    baselines["base model"] = [m.base for m in metrics]
    known = {name: values for name, values in baselines.items() if any(value is not None for value in values)}
    return columns, {name: [number(value) for value in values] for name, values in known.items()}


def print_baselines(run: Scored, results: Console) -> None:
    """Paired differences to what the model has to beat."""
    if run.comparisons:
        heading(results, "Against what it has to beat, on the same queries")
        names = {c.b: run.baseline_names.get(c.b, run_label(c.b)) for c in run.comparisons}
        print_comparisons(run.comparisons, names, "b", results)


def print_comparisons(comparisons: Sequence[Comparison], names: Mapping[str, str], side: str, results: Console) -> None:
    """Paired differences, grouped by the run that they have on ``side`` ("a" or "b")."""
    results.print(COMPARISON_HEADER)
    for run in dict.fromkeys(getattr(c, side) for c in comparisons):
        results.print(Hanging("  ", names[run]))
        for comparison in comparisons:
            if getattr(comparison, side) == run:
                results.print(comparison_row(comparison))


def print_negative_types(types: Mapping[str, NegativeType], weights: Mapping[str, Estimate], results: Console) -> None:
    """How often each type reaches the positive, the most often first, and what the weights of the negatives say."""
    if not types:
        return
    heading(results, "Hard negatives that score at or above the positive")
    made = table(["  type", "share", "95 % interval", "pairs", "mean margin"], texts=["  type"])
    for negative in sorted(types.values(), key=lambda t: -(t.violation_rate.value or 0)):
        made.add_row(
            indented(negative.name),
            percent(negative.violation_rate.value, 1),
            interval(negative.violation_rate, 1, scale=100),
            f"{negative.n:,}",
            number(negative.margin.value, sign=True),
        )
    results.print(made)
    for sentence in weight_sentences(weights):
        results.print(Hanging("  ", sentence))


def print_leakage(leakage: Leakage | None, results: Console) -> None:
    """How many texts stand in the training file, and how closely."""
    if leakage is None:
        return
    heading(results, f"Overlap with the training file {leakage.train}")
    for name, counts, total in (
        ("queries", leakage.queries, leakage.n_queries),
        ("positives", leakage.positives, leakage.n_positives),
    ):
        found = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        results.print(Hanging(f"  {name + ':':<11}", f"{found} of {total:,}"))
