"""Names of clusters of texts, in any script: the words, phrases or pieces of running script that set each apart.

No list of words is used. A word that texts of every cluster have is as frequent in one as in the others and so names
none. Words that stand side by side far more often than by chance are one phrase; scripts that are written without
spaces are cut into pieces of two to four characters, of which those count that hold together in the same way.

Sources
-------
Grootendorst, "BERTopic", arXiv:2203.05794 (2022): class-based TF-IDF.
Bouma, "Normalized (pointwise) mutual information in collocation extraction", GSCL 2009.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, pairwise

from scipy.special import bdtrc

from embedscope.data.text_features import strip_diacritics, word_or_character

MAX_WORDS = 3
"""Words in a name of several terms; one phrase may be longer."""

LONGEST = 5
"""Words in a phrase."""

MAX_CHARACTERS = 400
"""Of a text: the beginning says what it is about."""

LEAST_LIFT = 3.0
"""How many times as many texts of a cluster hold a term of its name as texts of the same role elsewhere."""

MOST_BY_CHANCE = 0.5
"""Terms of a cluster, among all that it holds, that would gather there as much by chance: from this on, a term says
nothing. In a small set that is so of the commonest words, whatever the language."""

EDGE_LIFT = 1.5
"""The same of the first and last word of a phrase: one that is as common elsewhere is left out."""

COHESION = 0.5
"""Normalised pointwise mutual information, in [-1, 1], from which neighbours belong together: at 1 they never stand
apart, at 0 they meet by chance."""

WHOLE = 0.7
"""Share of the texts with a term in which the same neighbour makes it a longer one, from which it is only a part."""

_LEAST_TEXTS = 2
_LEAST_SHARE = 0.03  # of the texts of a cluster
_FAINT = 0.4  # of the weight of the first term: a weaker one is left out
_SHORTLIST = 40
_STEM, _ENDING = 3, 3  # letters that two forms of one word share at least, and in which they differ at most

_JOINTS = frozenset([" ", "-", "_", ".", "'", "’", "/", "::"])
"""What may stand within a phrase."""

Term = tuple[str, ...]
"""Words, or characters of a script without spaces, in lower case."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Words or characters of a text that follow one another, and where each begins and ends in it."""

    parts: Term
    spans: Sequence[tuple[int, int]]
    is_spaced: bool


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
        self._texts = [unicodedata.normalize("NFC", text[:MAX_CHARACTERS]) for text in texts]
        self._roles = roles
        segments = [list(_segments(text)) for text in self._texts]
        linked = _linked(segments)
        runs = [[run for segment in own for run in _runs(segment, linked)] for own in segments]
        found = [[term for run in own for term in _terms_of(run)] for own in runs]
        counts = Counter(chain.from_iterable({term for term, _ in own} for own in found))
        named = {term for term, n in counts.items() if n >= _LEAST_TEXTS and len(term) <= LONGEST}
        named -= _parts(counts) | _rarely_alone(runs)
        self._places = found
        self._of_text = [{term for term, _ in own if term in named} for own in found]
        self._words_of_text = [{(part,) for segment in own for part in segment.parts} for own in segments]

    def names(self, labels: Sequence[int], taken: Collection[str] = ()) -> dict[int, str]:
        """A name for each cluster that has terms of its own; no two are alike, and none is one of ``taken``.

        Weight of a term t in cluster c: ``tf(t, c) * log(1 + A / f(t))`` with tf the share of t among the terms of
        c, f its count over all clusters and A the mean number of terms a cluster. Each text counts a term once. The
        largest cluster chooses first.
        """
        size = Counter(labels)
        order = sorted(size, key=lambda label: (-size[label], label))
        lifted = _Lift(self._of_text, labels, self._roles)
        words = _Lift(self._words_of_text, labels, self._roles)
        by_cluster = {label: lifted.counts(label) for label in order}
        total: Counter[Term] = Counter()
        for counts in by_cluster.values():
            total.update(counts)
        mean = sum(total.values()) / max(len(order), 1)
        ranked: dict[int, list[tuple[Term, float]]] = {}
        for label, counts in by_cluster.items():
            n, least = sum(counts.values()), max(_LEAST_TEXTS, _LEAST_SHARE * size[label])
            weight = {t: count / n * math.log1p(mean / total[t]) for t, count in counts.items() if count >= least}
            strongest = sorted(weight, key=lambda term: (-weight[term], term))
            own = islice((term for term in strongest if lifted.tells(term, label, n_terms=len(weight))), _SHORTLIST)
            ranked[label] = [(words.trimmed(term, label), weight[term]) for term in own]
        chosen: dict[int, list[Term]] = {}
        used = {_key(name) for name in taken}
        for label in order:
            terms = _unused_terms(ranked[label], used)
            if terms:
                chosen[label] = terms
                used.add(_key(" ".join(chain.from_iterable(terms))))
        spelling = self._spelling(set(chain.from_iterable(chosen.values())))
        return {label: ", ".join(spelling[term] for term in terms) for label, terms in chosen.items()}

    def _spelling(self, wanted: set[Term]) -> dict[Term, str]:
        """How most texts spell each term."""
        forms: dict[Term, Counter[str]] = {term: Counter() for term in wanted}
        for text, places in zip(self._texts, self._places, strict=True):
            for term, (start, end) in places:
                if term in wanted:
                    forms[term][text[start:end]] += 1
        return {term: min(found, key=lambda form: (-found[form], form)) for term, found in forms.items()}


class _Lift:
    """How many texts hold each term, by cluster and by role."""

    def __init__(self, terms: Sequence[Collection[Term]], labels: Sequence[int], roles: Sequence[int]) -> None:
        self._roles = sorted(set(roles))
        self._size = Counter(zip(labels, roles, strict=True))
        self._size_of_role = Counter(roles)
        self._counts: defaultdict[tuple[int, int], Counter[Term]] = defaultdict(Counter)
        self._of_role: dict[int, Counter[Term]] = {role: Counter() for role in self._roles}
        for own, label, role in zip(terms, labels, roles, strict=True):
            self._counts[label, role].update(own)
            self._of_role[role].update(own)

    def counts(self, label: int) -> Counter[Term]:
        """Texts of a cluster that hold each term."""
        found: Counter[Term] = Counter()
        for role in self._roles:
            found.update(self._counts[label, role])
        return found

    def trimmed(self, phrase: Term, label: int) -> Term:
        """``phrase`` without words at its ends that are as common elsewhere; a number stays with its word."""
        while len(phrase) > 1 and not _is_unspaced(phrase[0]):
            shorter = (phrase[1:], phrase[:-1])
            edges = (phrase[:1], phrase[-1:])
            fits = [
                rest
                for rest, edge in zip(shorter, edges, strict=True)
                if _says_something(rest) and not edge[0][0].isdigit() and not self.is_lifted(edge, label, EDGE_LIFT)
            ]
            if not fits:
                break
            phrase = fits[0]
        return phrase

    def tells(self, term: Term, label: int, *, n_terms: int) -> bool:
        """Whether a cluster holds ``term`` so often that it is neither common elsewhere nor there by chance.

        Where the cluster has documents, one of them has to hold the term: "where can I" is how queries ask.

        ``n_terms * P(Binomial(n(t), n_c / n) >= n_c(t)) < MOST_BY_CHANCE`` with n texts in all, n_c in the cluster.
        """
        documents = label, self._roles[-1]
        is_only_asked = self._size[documents] > 0 and self._counts[documents][term] == 0
        if is_only_asked or not self.is_lifted(term, label, LEAST_LIFT):
            return False
        n_own = sum(self._counts[label, role][term] for role in self._roles)
        n_all = sum(counts[term] for counts in self._of_role.values())
        share = sum(self._size[label, role] for role in self._roles) / self._size_of_role.total()
        return n_terms * float(bdtrc(n_own - 1, n_all, share)) < MOST_BY_CHANCE

    def is_lifted(self, term: Term, label: int, lift: float) -> bool:
        """Whether a cluster holds ``term`` at least ``lift`` times as often as texts of the same roles elsewhere.

        ``n_c(t) >= lift * sum_r n_c,r * n_r(t) / n_r`` with the last fraction over the texts of role r elsewhere.
        """
        n, expected = 0, 0.0
        for role in self._roles:
            size = self._size[label, role]
            if not size:
                continue
            own, n_elsewhere = self._counts[label, role][term], self._size_of_role[role] - size
            n += own
            if n_elsewhere:
                expected += size * (self._of_role[role][term] - own) / n_elsewhere
        return n >= lift * expected


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
    return 1 if _is_unspaced(term[0]) else len(term)


def _are_alike(a: Term, b: Term) -> bool:
    """Whether two terms share a word, or forms of one; of scripts without spaces, a character."""
    if _is_unspaced(a[0]):
        return not set(a).isdisjoint(b)
    return any(_is_form(x, y) for x in a for y in b)


def _is_form(a: str, b: str) -> bool:
    n_shared = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a == b or (n_shared >= _STEM and max(len(a), len(b)) - n_shared <= min(_ENDING, n_shared - 2))


def _key(name: str) -> str:
    """What two names share that a reader would take for one."""
    return " ".join(sorted(re.findall(r"\w+", strip_diacritics(name).casefold())))


# --- what belongs together ----------------------------------------------------------------------------------------


def _linked(texts: Sequence[Sequence[_Segment]]) -> set[Term]:
    """Pairs of neighbours that belong together: NPMI is at least `COHESION`.

    ``npmi(x, y) = log(p(xy) / (p(x) p(y))) / -log p(xy)``, from counts among all words and characters.
    """
    single: Counter[str] = Counter()
    pairs: Counter[Term] = Counter()
    for segment in chain.from_iterable(texts):
        single.update(segment.parts)
        pairs.update(pairwise(segment.parts))
    n = single.total()
    return {
        (x, y)
        for (x, y), both in pairs.items()
        if both >= _LEAST_TEXTS and math.log(both * n / (single[x] * single[y])) >= COHESION * math.log(n / both)
    }


def _runs(segment: _Segment, linked: set[Term]) -> Iterator[_Segment]:
    """The parts of ``segment`` that belong together, each as long as it goes."""
    parts, spans = segment.parts, segment.spans
    first = 0
    for last in range(len(parts)):
        if last + 1 == len(parts) or (parts[last], parts[last + 1]) not in linked:
            yield _Segment(parts[first : last + 1], spans[first : last + 1], segment.is_spaced)
            first = last + 1


def _terms_of(run: _Segment) -> Iterator[tuple[Term, tuple[int, int]]]:
    """Each term within ``run`` that says something alone, with where it begins and ends in the text."""
    parts, spans = run.parts, run.spans
    least = 1 if run.is_spaced else 2
    for first in range(len(parts)):
        for end in range(first + least, min(first + LONGEST + 1, len(parts)) + 1):
            term = parts[first:end]
            if not run.is_spaced or _says_something(term):
                yield term, (spans[first][0], spans[end - 1][1])


def _rarely_alone(texts: Sequence[Sequence[_Segment]]) -> set[Term]:
    """Words that mostly stand within a phrase, whichever it is."""
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for run in chain.from_iterable(texts):
        (alone if len(run.parts) == 1 else within).update(run.parts)
    return {(word,) for word, n in within.items() if n >= WHOLE * (n + alone[word])}


def _says_something(words: Term) -> bool:
    """Whether one of the words is more than a letter or a number."""
    return any(len(word) > 1 and not word[0].isdigit() for word in words)


def _parts(counts: Counter[Term]) -> set[Term]:
    """Terms that the same neighbour makes longer in most texts."""
    found: set[Term] = set()
    for term, n in counts.items():
        if len(term) > 1:
            found.update(part for part in (term[1:], term[:-1]) if n >= WHOLE * counts.get(part, math.inf))
    return found


# --- where words are ----------------------------------------------------------------------------------------------


def _segments(text: str) -> Iterator[_Segment]:
    """The segments of ``text``: one ends at punctuation and where the script changes."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    was_spaced = True
    for match in word_or_character().finditer(text):
        start, end = span = match.span()
        is_spaced = match.lastindex == 2
        gap = text[spans[-1][1] : start] if spans else ""
        if spans and (is_spaced != was_spaced or (gap not in _JOINTS if is_spaced else gap != "")):
            yield _Segment(tuple(parts), spans, was_spaced)
            parts, spans = [], []
        parts.append(_folded(text[start:end]))
        spans.append(span)
        was_spaced = is_spaced
    if spans:
        yield _Segment(tuple(parts), spans, was_spaced)


@lru_cache(maxsize=1 << 16)
def _folded(word: str) -> str:
    return word.casefold()


def _is_unspaced(part: str) -> bool:
    match = word_or_character().match(part)
    return match is not None and match.lastindex == 1
