"""Words that decide more failures than chance allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from embedscope.diagnose.evidence import LEAST_CASES, Candidate, candidate, missing_rank, severity_of
from embedscope.diagnose.text_parts import word_spans
from embedscope.protocols import Float64Array
from embedscope.result import ROLE_WORDS, Explanation, Explanations, Scored, TextRole
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler

LEAST_SHARE = 0.05
"""Of the failures looked at, lower end, from which a deciding word is a finding."""

LIFT = 2.0
"""How many times more failures a word decides than it would if every word of their texts did as often."""

LEVEL = 0.01
"""Of the test that says so, over all words that were left out (Bonferroni)."""

_ACTIONS = {
    TextRole.QUERY: "The model weighs it above what is asked: add training rows whose hard negatives hold it too.",
    TextRole.RIGHT: "The model takes it for what was not asked for: add positives that hold it.",
    TextRole.WRONG: "Documents win by it: add hard negatives that hold it and are wrong in something else.",
}


def deciding_word_findings(
    explanations: Explanations | None, scored: Scored, resampler: Resampler
) -> Iterator[Candidate]:
    """Words whose deletion helps most in more failures than how often they are left out would have it.

    Left aside are words of a document that the other one holds too: nothing between the two hangs on them, although
    taking them from one alone moves it. A word with the share ``p_i`` of the other deletions of failure i would decide
    it with that probability if all words did alike; the failures that it decides are held against the sum of such
    draws. One failure a cluster counts.
    """
    if explanations is None:
        return
    looked_at = _one_a_cluster(explanations.failures, scored)
    changes = [_changes(each, scored) for each in looked_at]
    left_out = [Counter(key for key, _ in own) for own in changes]
    best = [max(own, key=lambda pair: pair[1], default=None) for own in changes]
    deciding = [None if found is None or found[1] <= 0 else found[0] for found in best]
    n_words = len(set().union(*left_out))
    rows = np.array([each.query for each in looked_at], dtype=np.int64)
    for key, n in Counter(key for key in deciding if key is not None).items():
        chances = np.array([own[key] / max(own.total(), 1) for own in left_out])
        if n < LEAST_CASES or n < LIFT * chances.sum() or _at_least(n, chances) * n_words > LEVEL:
            continue
        is_decided = np.array([own == key for own in deciding])
        share = resampler.among(rows).share(is_decided)
        if share.at_least <= LEAST_SHARE:
            continue
        word, role = key
        yield candidate(
            "word-decides",
            f"'{word}' decides {percent(share.value)} of the {len(rows):,} failures looked at: without it in "
            f"{ROLE_WORDS[role]} the right document gains most ({percent(float(chances.mean()))} by chance)",
            severity_of(share.value or 0.0),
            share,
            _ACTIONS[role],
            gain=missing_rank(scored.queries, rows[is_decided]),
            n=len(rows),
            rows=rows[is_decided],
            documents=np.array([each.wrong for each in looked_at], dtype=np.int64)[is_decided],
        )


def _changes(explanation: Explanation, scored: Scored) -> list[tuple[tuple[str, TextRole], float]]:
    """What leaving out each word changes, in lower case by its role, without words that both documents hold."""
    queries, documents = scored.queries, scored.documents
    texts = [explanation.text(role, queries, documents).casefold() for role in (TextRole.RIGHT, TextRole.WRONG)]
    right, wrong = ({text[start:end] for start, end in word_spans(text)} for text in texts)
    changes = [
        ((explanation.word(one, queries, documents).casefold(), one.role), one.change) for one in explanation.deletions
    ]
    return [(key, change) for key, change in changes if key[1] is TextRole.QUERY or key[0] not in right & wrong]


def _one_a_cluster(failures: Sequence[Explanation], scored: Scored) -> list[Explanation]:
    first: dict[int, Explanation] = {}
    for each in failures:
        first.setdefault(int(scored.queries.clusters[each.query]), each)
    return list(first.values())


def _at_least(n: int, chances: Float64Array) -> float:
    """Probability of ``n`` hits or more in independent draws with these chances of a hit."""
    counts = np.ones(1)
    for chance in chances:
        counts = np.convolve(counts, (1 - chance, chance))
    return float(counts[n:].sum())
