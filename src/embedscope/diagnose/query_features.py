"""Yes-or-no features of queries, by which slices are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.text_features import (
    DiacriticWords,
    has_abbreviation,
    has_diacritics,
    has_digits,
    has_unit,
    script,
    words,
)
from embedscope.diagnose.themes import ThemeLevel
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, BoolArray, IntArray
from embedscope.result import MOST_VALUES


@dataclass(frozen=True, slots=True)
class Feature:
    """Which queries have a property; features of one family exclude one another or say the same."""

    family: str
    name: str
    rows: BoolArray  # (Q,)


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What is known of each query besides its scores; sequences have one entry a query."""

    texts: Sequence[str]
    documents: Sequence[str]  # of the pool: they show how words are spelt
    positive_frequency: IntArray  # (Q,) queries that share the best-known positive
    negative_types: Sequence[frozenset[str]]
    metadata: Mapping[str, Sequence[str | None]]
    themes: ThemeLevel | None = None  # the broad ones, of these queries


def query_features(facts: QueryFacts, *, attributes: AttributeReader = NO_ATTRIBUTES) -> list[Feature]:
    """Length, script, language, diacritics, digits, units, abbreviations, frequency, types, metadata, theme.

    A feature that all queries have, or none, is left out.
    """
    counts, types = facts.positive_frequency, facts.negative_types
    features = [
        *_text_features(facts, attributes),
        *_languages(facts.texts, attributes),
        Feature("frequency", "whose positive no other query has", counts <= 1),
        Feature("frequency", "whose positive is shared by five or more", counts >= 5),
        *(
            _flags(f"type {name}", f"with a '{name}' negative", [name in own for own in types])
            for name in sorted(frozenset().union(*types))
        ),
        *_metadata(facts),
        *_themes(facts.themes),
    ]
    return [feature for feature in features if 0 < feature.rows.sum() < len(feature.rows)]


def _text_features(facts: QueryFacts, attributes: AttributeReader) -> list[Feature]:
    texts = facts.texts
    lengths = np.array([len(words(text)) for text in texts])
    short, long = np.quantile(lengths, (0.25, 0.75)) if len(lengths) else (0, 0)
    spelt = DiacriticWords([*texts, *facts.documents])
    return [
        Feature("length", f"of {short:.0f} words or fewer", lengths <= short),
        Feature("length", f"of {long:.0f} words or more", lengths >= long),
        _flags("diacritics", "typed without diacritics", [spelt.lacks(text) for text in texts]),
        _flags("diacritics", "with diacritics", [has_diacritics(text) for text in texts]),
        _flags("digits", "with digits", [has_digits(text) for text in texts]),
        _flags("digits", "without digits", [not has_digits(text) for text in texts]),
        _flags("units", "with a unit or a currency", [has_unit(text, attributes.units) for text in texts]),
        _flags("abbreviations", "with an abbreviation", [has_abbreviation(text) for text in texts]),
    ]


def _languages(texts: Sequence[str], attributes: AttributeReader) -> list[Feature]:
    """Scripts, and the languages that are recognised."""
    scripts = [script(text) for text in texts]
    spoken = [attributes.language(text) for text in texts]
    found = [_flags("language", f"in {name} script", [s == name for s in scripts]) for name in sorted(set(scripts))]
    named = sorted({name for name in spoken if name is not None})
    return found + [_flags("language", f"in {name}", [s == name for s in spoken]) for name in named]


def _metadata(facts: QueryFacts) -> list[Feature]:
    found = []
    for column, values in facts.metadata.items():
        counts = Counter(value for value in values if value is not None)
        if len(counts) <= MOST_VALUES:
            found += [
                _flags(f"column {column}", f"with {column} = {name}", [v == name for v in values]) for name in counts
            ]
    return found


def _themes(themes: ThemeLevel | None) -> list[Feature]:
    if themes is None:
        return []
    return [Feature("theme", f"about '{name}'", themes.queries == place) for place, name in enumerate(themes.names)]


def _flags(family: str, name: str, flags: Sequence[bool]) -> Feature:
    return Feature(family, name, np.array(flags, dtype=bool))
