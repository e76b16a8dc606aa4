"""Several sets in one table, the means over them, and the verdict on all."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from embedscope.output.streams import escaped
from embedscope.output.terminal.hanging import Columns, Hanging, heading, number_table, print_columns, shorten
from embedscope.output.terminal.run_tables import print_comparisons
from embedscope.output.terminal.verdict_lines import print_verdict
from embedscope.result import SeveralSets, run_labels
from embedscope.result.formatting import ABSENT, interval, number, p_value
from embedscope.result.several_sets import SHOWN

_WIDTH = 28
_FIXED = "intervals rest on the queries within the sets, which are no sample of others"


def print_sets(found: SeveralSets, results: Console) -> None:
    """A row a set and one of the means, the other metrics as means, and the verdict."""
    labels = run_labels(filter(None, (found.checkpoint, found.reference)))
    against = "" if found.reference is None else f", against {labels[found.reference]}"
    heading(results, f"{labels[found.checkpoint]} on {len(found.sets)} sets{against}")
    names = [shorten(escaped(each.name), _WIDTH).plain for each in found.sets] + ["mean of the sets"]
    differences = _difference_columns(found) if found.reference is not None else {}
    verdicts = {"verdict": [each.verdict.outcome.value for each in found.sets] + [""]}
    print_columns(names, _own_columns(found), differences, verdicts, results=results, header="set")
    heading(results, "Means over the sets, each counted once")
    metrics = found.macro.metrics
    columns = {
        "mean": [number(mean.value) for mean in metrics.values()],
        "95 % interval": [interval(mean) for mean in metrics.values()],
        "lexical": [number(found.macro.lexical.get(name)) for name in metrics],
    }
    results.print(number_table(metrics, columns))
    lexical = found.lexical_names
    for note in (_FIXED, *([f"lexical is the stronger baseline on each set: {lexical}"] if lexical else [])):
        results.print(Hanging("  ", Text(note, "dim")))
    if found.macro.comparisons:
        heading(results, "Mean differences, each set counted once")
        print_comparisons(found.macro.comparisons, run_labels(c.a for c in found.macro.comparisons), "a", results)
    print_verdict(found.verdict, results)


def _own_columns(found: SeveralSets) -> Columns:
    scores = [each.metrics.get(SHOWN) for each in found.sets]
    mean = found.macro.metrics.get(SHOWN)
    lexical = [None if score is None else score.lexical for score in scores]
    n_effective = [each.n_effective for each in found.sets]
    total = sum(each.n_queries for each in found.sets)
    return {
        "queries": [f"{each.n_queries:,}" for each in found.sets] + [f"{total:,}"],
        "independent": [ABSENT if n is None else f"{n:,.0f}" for n in n_effective] + [""],
        SHOWN: [number(None if score is None else score.value) for score in scores]
        + [number(None if mean is None else mean.value)],
        "95 % interval": ["" if score is None else interval(score) for score in scores]
        + ["" if mean is None else interval(mean)],
        "lexical": [number(value) for value in lexical] + [number(found.macro.lexical.get(SHOWN))],
    }


def _difference_columns(found: SeveralSets) -> Columns:
    rows = [found.deciding(each.comparisons) for each in found.sets]
    rows.append(found.deciding(found.macro.comparisons))
    return {
        "difference": [number(None if row is None else row.difference, 4, sign=True) for row in rows],
        "95 % interval ": ["" if row is None else interval(row, 4, sign=True) for row in rows],
        "p (Holm)": [ABSENT if row is None else p_value(row.p_adjusted) for row in rows],
    }
