"""The paths of a migration as rows of text, which the terminal, the Markdown table and the picture share."""

from __future__ import annotations

from embedscope.result import Estimate, HeadProduct, MigrationCost, MigrationPath, PathKind
from embedscope.result.formatting import ABSENT, difference, estimate, number, percent
from embedscope.units import format_bytes, format_count, format_seconds

METRICS = ("MRR", "Success@1", "nDCG@10")

NAMES = {
    PathKind.OLD: "OLD alone",
    PathKind.NEW: "NEW alone, everything encoded again",
    PathKind.UNADAPTED: "NEW queries as they are, OLD index",
    PathKind.ORTHOGONAL: "NEW queries, orthogonal adapter, OLD index",
    PathKind.AFFINE: "NEW queries, affine adapter, OLD index",
    PathKind.MIXED_UNADAPTED: "{share} NEW: NEW queries as they are",
    PathKind.MIXED_ADAPTED: "{share} NEW: NEW queries, adapted for OLD, scaled",
    PathKind.MIXED_BOTH: "{share} NEW: both queries, raw scores",
    PathKind.MIXED_SCALED: "{share} NEW: both queries, NEW scores scaled",
    PathKind.FUSED: "both indexes whole, fused",
}


def path_name(path: MigrationPath) -> str:
    """The path in a few words."""
    return NAMES[path.kind].format(share=percent(path.share))


def metric_of(path: MigrationPath, metric: str) -> Estimate:
    """A metric of the path, absent with the path's own reason."""
    return path.metrics.get(metric, Estimate.absent(path.reason or ""))


def change_of(path: MigrationPath, metric: str = "MRR", *, from_new: bool = False) -> str:
    """``+0.0312 [-0.0104, 0.0728]``: the paired difference to OLD, or to NEW."""
    found = path.from_new if from_new else path.from_old
    return next((difference(each) for each in found if each.metric == metric), ABSENT)


def cost_cells(path: MigrationPath) -> tuple[str, str, str]:
    """Documents to encode before the path serves, bytes of the vectors, encodings of a query."""
    return format_count(path.n_texts), format_bytes(path.n_bytes), str(path.query_encodings)


def metric_cells(path: MigrationPath) -> list[str]:
    """MRR with its interval, and the other metrics."""
    return [estimate(metric_of(path, METRICS[0])), *(number(metric_of(path, name).value) for name in METRICS[1:])]


def cost_words(cost: MigrationCost) -> dict[str, str]:
    """How long the NEW encoder takes for all documents, and the product that gives the NEW index where there is one."""
    words = {"encoding all": _encoding_words(cost)}
    return words if cost.head is None else {**words, "or a product": _product_words(cost.head)}


def _encoding_words(cost: MigrationCost) -> str:
    if cost.hours is None or cost.texts_per_s is None:
        return f"no rate is known ({cost.rate_source})"
    return f"{format_seconds(3600 * cost.hours)} at {number(cost.texts_per_s, 1)} texts/s ({cost.rate_source})"


def _product_words(head: HeadProduct) -> str:
    stored = "which the OLD index holds" if head.is_old_index_enough else f"{format_bytes(head.base_bytes)} if stored"
    return (
        f"OLD and NEW share the encoder: base vectors of {head.dim_in:,} numbers ({stored}) times the NEW head, to "
        f"{head.dim_out:,}: {head.flops / 1e9:,.3g} GFLOP, {format_seconds(head.seconds)}, no text encoded"
    )
