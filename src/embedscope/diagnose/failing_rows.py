"""Failed queries as training rows: the documents that won become hard negatives of a type."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from embedscope.data.collection import Negative, Row
from embedscope.diagnose.edited_values import ValueEditor
from embedscope.diagnose.second_opinion import answers_as_well
from embedscope.diagnose.unjudged import DOUBTFUL
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader
from embedscope.result import DocumentTable, Explanation, QueryTable

N_WINNERS = 5
"""Documents above the positive that are taken from one query at most."""

MINED = "mined"
"""Type of a winner that differs in no attribute that can be read."""


EDITED = "edited"
"""Second type of a positive in which one value was changed, beside the kind of the value."""


def failing_rows(
    queries: QueryTable,
    documents: DocumentTable,
    attributes: AttributeReader = NO_ATTRIBUTES,
    *,
    explanations: Sequence[Explanation] = (),
    seed: int = 0,
) -> tuple[Row, ...]:
    """One row a failed query: its positives, and as hard negatives its own and the documents that beat the positive.

    Left out are queries whose failure mode accuses the label, and winners that state all that query and positive
    share: a person has to read those first. A winner that is a stated hard negative keeps its types and weight;
    another is typed by the kinds of value in which it differs from the positive, where ``attributes`` reads any, else
    "mined", and weighs what most negatives of its types weigh, 1 where there are none. Further hard negatives are the
    best positive with one value changed, of the types "edited" and the kind of the value; they weigh what negatives of
    that kind do. Group and other columns of the query stay; the word that decides a failure of ``explanations`` and the
    text that it stands in are two more. The query table has its failure modes.

    ``seed`` determines which values stand in the place of others.
    """
    weights = usual_weights(zip(queries.negative_types, queries.negative_weights.tolist(), strict=True))
    failed = [
        row
        for row, mode in enumerate(queries.failure_modes)
        if mode and mode not in DOUBTFUL and queries.n_relevant[row] > 0
    ]
    editor = ValueEditor(queries, documents, attributes, seed)
    deciding = {
        each.query: {
            "deciding_word": each.word(each.best, queries, documents),
            "deciding_text": each.best.role.value,
        }
        for each in explanations
        if each.best is not None
    }
    return tuple(_row(row, queries, documents, weights, editor, deciding.get(row, {})) for row in failed)


def _row(
    row: int,
    queries: QueryTable,
    documents: DocumentTable,
    weights: Mapping[frozenset[str], float],
    editor: ValueEditor,
    deciding: Mapping[str, str],
) -> Row:
    text, attributes = queries.texts[row], editor.attributes
    relevant = slice(queries.relevant_indptr[row], queries.relevant_indptr[row + 1])
    best_first = np.argsort(-queries.relevant_scores[relevant], kind="stable")
    positives = [documents.texts[d] for d in queries.relevant_documents[relevant][best_first]]
    own = slice(queries.negative_indptr[row], queries.negative_indptr[row + 1])
    stated = {
        int(document): Negative(documents.texts[document], types, float(weight))
        for document, types, weight in zip(
            queries.negative_documents[own], queries.negative_types[own], queries.negative_weights[own], strict=True
        )
    }
    unstated = [documents.texts[document] for document in _winners(queries, row) if document not in stated]
    mined = [
        _mined(winner, positives[0], weights, attributes)
        for winner in unstated
        if not any(answers_as_well(text, positive, winner, attributes) for positive in positives)
    ]
    known = {*positives, *(negative.text for negative in (*stated.values(), *mined))}
    edited = [
        Negative(edit.changed, (edit.kind, EDITED), weights.get(frozenset((edit.kind,)), 1.0))
        for edit in editor.edits(row)
        if edit.negative < 0 and edit.changed not in known
    ]
    group = queries.groups[row] if queries.groups else None
    columns = {name: value for name, values in queries.metadata.items() if (value := values[row]) is not None}
    negatives = (*stated.values(), *mined, *edited)
    return Row(text, tuple(positives), negatives, group=group, metadata=tuple({**columns, **deciding}.items()))


def _winners(queries: QueryTable, row: int) -> list[int]:
    """Documents of the top list that stand above the best relevant one, the best first; at least one wrong one."""
    is_above = ~(queries.top_scores[row] < queries.positive_similarity[row]) & (queries.top_documents[row] >= 0)
    chosen = queries.top_documents[row][is_above & ~queries.top_is_relevant[row]][:N_WINNERS].tolist()
    wrong = int(queries.wrong_document[row])
    return [int(d) for d in chosen] or ([wrong] if wrong >= 0 else [])


def _mined(text: str, positive: str, weights: Mapping[frozenset[str], float], attributes: AttributeReader) -> Negative:
    differing = [kind.name for kind in attributes.kinds if attributes.keeps_value(kind.name, positive, text) is False]
    types = tuple(differing) or (MINED,)
    return Negative(text, types, weights.get(frozenset(types), 1.0))


def usual_weights(pairs: Iterable[tuple[tuple[str, ...], float]]) -> dict[frozenset[str], float]:
    """The positive weight that most hard negatives of a set of types have, from the types and the weight of each."""
    found: dict[frozenset[str], Counter[float]] = defaultdict(Counter)
    for types, weight in pairs:
        if 0 < weight < math.inf:
            found[frozenset(types)][weight] += 1
    return {types: counts.most_common(1)[0][0] for types, counts in found.items()}


def rows_as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows in the original JSON format: ``query``, ``pos``, ``hard_neg`` with ``text``, ``type``, ``weight``.

    ``pos`` is a string where there is one positive; a group and other columns stay.
    """
    return [
        {
            "query": row.query,
            "pos": row.positives[0] if len(row.positives) == 1 else list(row.positives),
            "hard_neg": [{"text": n.text, "type": list(n.types), "weight": n.weight} for n in row.negatives],
            **({} if row.group is None else {"group": row.group}),
            **dict(row.metadata),
        }
        for row in rows
    ]
