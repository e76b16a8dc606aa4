"""Names of clusters of texts, in any script: the words, phrases or pieces of running script that set each apart.

No list of words is used. A word that texts of every cluster have is as frequent in one as in the others and so names
none.

Source
------
Grootendorst, "BERTopic", arXiv:2203.05794 (2022): class-based TF-IDF.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np
from scipy.special import bdtrc

from embedscope.data.text_features import is_character, strip_diacritics
from embedscope.diagnose.theme_terms import LEAST_TEXTS, Holdings, Term, TermPlaces
from embedscope.protocols import BoolArray, Float64Array, IntArray

MAX_WORDS = 3
"""Words in a name of several terms; one phrase may be longer."""

LEAST_LIFT = 3.0
"""How many times as many texts of a cluster hold a term of its name as texts of the same role elsewhere."""

MOST_BY_CHANCE = 0.5
"""Terms of a cluster, among all that it holds, that would gather there as much by chance: from this on, a term says
nothing. In a small set that is so of the commonest words, whatever the language."""

EDGE_LIFT = 1.5
"""The same of the first and last word of a phrase: one that is as common elsewhere is left out."""

_LEAST_SHARE = 0.03  # of the texts of a cluster
_FAINT = 0.4  # of the weight of the first term: a weaker one is left out
_SHORTLIST = 40
_STEM, _ENDING = 3, 3  # letters that two forms of one word share at least, and in which they differ at most


class TermCounts:
    """The terms of texts, cut once: what belongs together is known from all of them.

    Parameters
    ----------
    texts : sequence of str
    roles : sequence of int
        The role of each text, 0 for a query and 1 for a document: queries ask in words that documents lack, and those
        name no theme.
    """

    def __init__(self, texts: Sequence[str], roles: Sequence[int]) -> None:
        self._terms = TermPlaces(texts)
        self._roles = np.array(roles, dtype=np.int64)

    def names(self, labels: Sequence[int], taken: Collection[str] = ()) -> dict[int, str]:
        """A name for each cluster that has terms of its own; no two are alike, and none is one of ``taken``.

        Weight of a term t in cluster c: ``tf(t, c) * log(1 + A / f(t))`` with tf the share of t among the terms of
        c, f its count over all clusters and A the mean number of terms a cluster. Each text counts a term once. The
        largest cluster chooses first.
        """
        size = Counter(labels)
        order = sorted(size, key=lambda label: (-size[label], label))
        lifted = _Lift(self._terms.held, labels, self._roles)
        words = _Lift(self._terms.held_parts, labels, self._roles)
        ranked = {label: self._ranked(label, size[label], len(order), lifted, words) for label in order}
        chosen: dict[int, list[Term]] = {}
        used = {_key(name) for name in taken}
        for label in order:
            terms = _unused_terms(ranked[label], used)
            if terms:
                chosen[label] = terms
                used.add(_key(" ".join(chain.from_iterable(terms))))
        spelling = self._terms.spelling(set(chain.from_iterable(chosen.values())))
        return {label: ", ".join(spelling[term] for term in terms) for label, terms in chosen.items()}

    def _ranked(
        self, label: int, n_texts: int, n_clusters: int, lifted: _Lift, words: _Lift
    ) -> list[tuple[Term, float]]:
        """The terms that tell a cluster from the others, each with its weight, the strongest first."""
        own, total = lifted.own(label), lifted.n_texts
        counts = own.sum(axis=0)
        common = np.flatnonzero(counts >= max(LEAST_TEXTS, _LEAST_SHARE * n_texts))
        mean = int(total.sum()) / max(n_clusters, 1)
        share = counts[common] / max(int(counts.sum()), 1)
        telling = lifted.tells(label, own[:, common], common, n_terms=len(common))
        weight = {
            self._terms.named(term): part * math.log1p(mean / n)
            for term, part, n in zip(
                common[telling].tolist(), share[telling].tolist(), total[common[telling]].tolist(), strict=True
            )
        }
        strongest = sorted(weight, key=lambda term: (-weight[term], term))[:_SHORTLIST]
        is_own = words.are_lifted(label, words.own(label), EDGE_LIFT)
        return [(self._trimmed(term, is_own), weight[term]) for term in strongest]

    def _trimmed(self, phrase: Term, is_own: BoolArray) -> Term:
        """``phrase`` without words at its ends that are as common elsewhere; a number stays with its word."""
        numbers, says = self._terms.numbers(phrase), self._terms.says
        while len(numbers) > 1 and not is_character(phrase[0][0]):
            shorter = (slice(1, None), slice(None, -1))
            fits = [
                rest
                for rest, edge in zip(shorter, (0, -1), strict=True)
                if says[numbers[rest]].any() and not phrase[edge][0].isdigit() and not is_own[numbers[edge]]
            ]
            if not fits:
                break
            phrase, numbers = phrase[fits[0]], numbers[fits[0]]
        return phrase


class _Lift:
    """How many texts hold each term, by cluster and by role."""

    def __init__(self, held: Holdings, labels: Sequence[int], roles: IntArray) -> None:
        self._held = held
        self._labels, self._roles = np.array(labels, dtype=np.int64), roles
        self._kinds = np.unique(roles).tolist()
        order = np.argsort(self._labels[held.texts], kind="stable")
        self._texts, self._of = held.texts[order], held.terms[order]
        self._sorted = self._labels[self._texts]
        self._of_role = np.stack([self._counts(slice(None), role) for role in self._kinds])  # (roles, terms)
        self.n_texts = self._of_role.sum(axis=0)
        """Texts that hold each term, (terms,)."""

    def own(self, label: int) -> IntArray:
        """Texts of a cluster that hold each term, by role, (roles, terms)."""
        first, end = np.searchsorted(self._sorted, [label, label + 1])
        return np.stack([self._counts(slice(first, end), role) for role in self._kinds])

    def _counts(self, rows: slice, role: int) -> IntArray:
        terms = self._of[rows][self._roles[self._texts[rows]] == role]
        return np.bincount(terms, minlength=self._held.n_terms)

    def tells(self, label: int, own: IntArray, terms: IntArray, *, n_terms: int) -> BoolArray:
        """Whether a cluster holds each of some terms so often that it is neither common elsewhere nor there by chance.

        Where the cluster has documents, one of them has to hold the term: "where can I" is how queries ask.

        ``n_terms * P(Binomial(n(t), n_c / n) >= n_c(t)) < MOST_BY_CHANCE`` with n texts in all, n_c in the cluster.
        """
        sizes = self._sizes(label)
        is_only_asked = (own[-1] == 0) & (sizes[-1] > 0)
        share = sum(sizes) / len(self._roles)
        chance = bdtrc(own.sum(axis=0) - 1, self.n_texts[terms], share)
        is_lifted = self.are_lifted(label, own, LEAST_LIFT, terms)
        return np.asarray(is_lifted & ~is_only_asked & (n_terms * chance < MOST_BY_CHANCE))

    def are_lifted(self, label: int, own: IntArray, lift: float, terms: IntArray | None = None) -> BoolArray:
        """Whether a cluster holds terms, all or some, ``lift`` times as often as texts of the same roles elsewhere.

        ``n_c(t) >= lift * sum_r n_c,r * n_r(t) / n_r`` with the last fraction over the texts of role r elsewhere.
        """
        of_role = self._of_role if terms is None else self._of_role[:, terms]
        expected: Float64Array = np.zeros(own.shape[1])
        sizes = self._sizes(label)
        for place, (role, size) in enumerate(zip(self._kinds, sizes, strict=True)):
            n_elsewhere = int(np.count_nonzero(self._roles == role)) - size
            if size and n_elsewhere:
                expected += size * (of_role[place] - own[place]) / n_elsewhere
        return np.asarray(own.sum(axis=0) >= lift * expected)

    def _sizes(self, label: int) -> list[int]:
        """Texts of a cluster by role."""
        own = self._roles[self._labels == label]
        return [int(np.count_nonzero(own == role)) for role in self._kinds]


def _unused_terms(ranked: Sequence[tuple[Term, float]], used: Collection[str]) -> list[Term]:
    """The strongest terms that fit, none a form of another; beginning with the next one where the name is in use."""
    for skipped in range(len(ranked)):
        chosen: list[Term] = []
        for term, weight in ranked[skipped:]:
            n_left = MAX_WORDS - sum(map(_n_words, chosen))
            if weight < _FAINT * ranked[skipped][1] or n_left <= 0:
                break
            if not chosen or (_n_words(term) <= n_left and not any(_are_alike(term, other) for other in chosen)):
                chosen.append(term)
        if _key(" ".join(chain.from_iterable(chosen))) not in used:
            return chosen
    return []


def _n_words(term: Term) -> int:
    return 1 if is_character(term[0][0]) else len(term)


def _are_alike(a: Term, b: Term) -> bool:
    """Whether two terms share a word, or forms of one; of scripts without spaces, a character."""
    if is_character(a[0][0]):
        return not set(a).isdisjoint(b)
    return any(_is_form(x, y) for x in a for y in b)


def _is_form(a: str, b: str) -> bool:
    n_shared = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a == b or (n_shared >= _STEM and max(len(a), len(b)) - n_shared <= min(_ENDING, n_shared - 2))


def _key(name: str) -> str:
    """What two names share that a reader would take for one."""
    return " ".join(sorted(re.findall(r"\w+", strip_diacritics(name).casefold())))
