"""Packs that a user writes in TOML: patterns, units and synonyms by the name of a value.

A file names the pack, its values, and what the types of hard negatives are about::

    name = "cars"
    denials = ["no", "without"]

    [values.mileage]
    units = { km = 1, miles = 1.609 }

    [values.fuel]
    synonyms = { diesel = ["TDI"], petrol = ["gasoline", "gas"] }

    [values.plate]
    pattern = "[A-Z]{2} \\d{3}"

    [types]
    wrong_mileage = "mileage"
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.data.stated_values import ValueKind, another_spelling, number_in, stated_values
from embedscope.errors import InvalidOptionError
from embedscope.plain_files import parse_toml
from embedscope.protocols import AttributeKind, Perturbation, StatedValue

TOLERANCE = 0.1
"""How far a number that is asked for may be missed, relative."""

LONGEST_PATTERN = 300
MOST_CHARACTERS = 20_000
"""What stands further on in a text is not searched."""

SLOW_S = 0.1
"""Seconds that a pattern may take for a probe; a pattern that backtracks takes for ever on the next one."""

_KEYS = ("name", "units", "denials", "values", "types")
_FORMS = ("pattern", "units", "synonyms")
_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+(?:[.,'’]\d+)*")
_CHANGED = re.compile(r"wrong|different|other|another|changed|negative|[\W_]+", re.IGNORECASE)
_EXAMPLE = 'name = "cars", and a table [values.mileage] with units = { km = 1, miles = 1.609 }'


@dataclass(frozen=True, slots=True)
class ValuePattern:
    """How values of one kind are found, and what two of them have in common that are the same."""

    kind: AttributeKind
    pattern: re.Pattern[str]
    factors: Mapping[str, float] = field(default_factory=dict)  # unit in lower case -> how many of the first it is
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # any spelling in lower case -> all of them

    def find(self, text: str) -> list[StatedValue]:
        """The values of this kind, by their places."""
        found = []
        for match in self.pattern.finditer(text, 0, MOST_CHARACTERS):
            start, end = match.span("value") if "value" in self.pattern.groupindex else match.span()
            value = self._value(text[start:end])
            if value is not None and start < end:
                found.append(StatedValue(self.kind.name, start, end, value))
        return found

    def _value(self, span: str) -> str | None:
        folded = " ".join(span.casefold().split())
        if self.synonyms:
            return self.synonyms[folded][0] if folded in self.synonyms else None
        if self.kind.is_exact:
            return folded
        match = _NUMBER.search(folded)
        number = None if match is None else _plain_number(match[0])
        unit = _NUMBER.sub("", folded).strip()
        return None if number is None else f"{number * self.factors.get(unit, 1.0):.12g}"


@dataclass(frozen=True, slots=True)
class PatternPack:
    """An attribute reader made of patterns."""

    name: str
    patterns: tuple[ValuePattern, ...]
    units: Container[str] = frozenset()
    denials: Container[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)
    perturbations: tuple[Perturbation, ...] = ()

    @property
    def kinds(self) -> tuple[AttributeKind, ...]:
        """The kinds of values that it reads."""
        return tuple(pattern.kind for pattern in self.patterns)

    def language(self, text: str) -> str | None:
        """None: a file names no language."""
        return None

    def kind_of_type(self, type_name: str) -> AttributeKind | None:
        """The kind that ``[types]`` states, or whose name the type is, words such as "wrong" left out."""
        bare = _CHANGED.sub(" ", type_name).strip().casefold().replace(" ", "_")
        name = self.types.get(type_name, bare)
        return next((kind for kind in self.kinds if kind.name in (name, type_name)), None)

    def values(self, text: str) -> tuple[StatedValue, ...]:
        """The values in their order, the longest of those that overlap; none right after a word of denial."""
        found = [value for pattern in self.patterns for value in pattern.find(text)]
        kept: list[StatedValue] = []
        for value in sorted(found, key=lambda value: (value.start - value.end, value.start)):
            before = re.search(r"([^\W_]+)\W*$", text[max(0, value.start - 40) : value.start])
            is_denied = before is not None and before[1].casefold() in self.denials
            if not is_denied and all(value.end <= other.start or other.end <= value.start for other in kept):
                kept.append(value)
        return tuple(sorted(kept, key=lambda value: value.start))

    def respell(self, text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
        """A synonym, or the number written otherwise."""
        span = text[value.start : value.end]
        pattern = next(pattern for pattern in self.patterns if pattern.kind.name == value.kind)
        spellings = pattern.synonyms.get(" ".join(span.casefold().split()), ())
        others = [other for other in spellings if other.casefold() != span.casefold()]
        if others:
            return others[int(generator.integers(len(others)))]
        numbers = stated_values(span, self.units)
        if len(numbers) != 1 or (pattern.kind.is_exact and numbers[0].kind == ValueKind.NUMBER):
            return None
        other = another_spelling(span, numbers[0], generator)
        return None if other is None else span[: numbers[0].start] + other + span[numbers[0].end :]

    def keeps_value(self, type_name: str, positive: str, negative: str) -> bool | None:
        """Whether both texts state the same values of the kind of a type: None where that is unclear."""
        kind = self.kind_of_type(type_name)
        if kind is None:
            return None
        ours, theirs = (self._stated(text).get(kind.name, frozenset()) for text in (positive, negative))
        if not ours or not theirs:
            return None
        return True if ours == theirs else None if ours & theirs else False

    def conflicts(self, query: str, document: str) -> tuple[str, ...]:
        """Kinds that both state, no value of one being, within a tenth, one of the other."""
        ours, theirs = self._stated(query), self._stated(document)
        met = self.met_values(query, document, tolerance=TOLERANCE)
        return tuple(kind.name for kind in self.kinds if kind.name in ours.keys() & theirs.keys() - met)

    def met_values(self, query: str, document: str, *, tolerance: float) -> frozenset[str]:
        """Kinds of which both state the same value; numbers within a relative tolerance."""
        ours, theirs = self._stated(query), self._stated(document)
        return frozenset(
            kind.name
            for kind in self.kinds
            if any(
                _is_met(wish, offer, 0.0 if kind.is_exact else tolerance)
                for wish in ours.get(kind.name, ())
                for offer in theirs.get(kind.name, ())
            )
        )

    def _stated(self, text: str) -> dict[str, frozenset[str]]:
        values = self.values(text)
        return {kind: frozenset(v.value for v in values if v.kind == kind) for kind in {v.kind for v in values}}


def _plain_number(written: str) -> float | None:
    """The number; a mark before three digits groups thousands, as people write what has a unit."""
    digits = re.sub(r"\s", "", written)
    number = number_in(digits)
    if number == digits:
        number = re.sub(r"(?<=\d)[.,](?=\d{3}$)", "", number)
    return None if number is None else float(number)


def _is_met(wish: str, offer: str, tolerance: float) -> bool:
    if wish == offer or tolerance == 0.0:
        return wish == offer
    return abs(float(offer) - float(wish)) <= tolerance * abs(float(wish))


# --- from TOML ----------------------------------------------------------------------------------------------------


def load_pattern_pack(path: str | Path) -> PatternPack:
    """The pack of the TOML file at ``path``; raises InvalidOptionError, naming the key, where it is no pack."""
    try:
        table = parse_toml(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidOptionError(
            f"--attributes {path} could not be read as TOML ({error}). Expected {_EXAMPLE}."
        ) from None
    where = f"--attributes {path}"
    _require_keys(table, _KEYS, where)
    name, values = table.get("name"), table.get("values")
    if not isinstance(name, str) or not name or not isinstance(values, dict) or not values:
        raise InvalidOptionError(f"{where} states no name or no values. Expected {_EXAMPLE}.")
    units, denials = (_folded_list(table.get(key, []), f"{where}, {key}") for key in ("units", "denials"))
    patterns = tuple(_value_pattern(kind, each, f"{where}, [values.{kind}]", units) for kind, each in values.items())
    types = table.get("types", {})
    if not isinstance(types, dict) or not all(isinstance(kind, str) and kind in values for kind in types.values()):
        raise InvalidOptionError(
            f"{where}, [types]: expected the name of a value ({', '.join(values)}) for each type of hard negatives; "
            f"got {types!r}."
        )
    own_units = {unit for pattern in patterns for unit in pattern.factors}
    return PatternPack(name, patterns, units | own_units, denials, types)


def _value_pattern(name: str, table: object, where: str, units: frozenset[str]) -> ValuePattern:
    if not isinstance(table, dict):
        raise InvalidOptionError(f"{where}: expected a table with one of {', '.join(_FORMS)}; got {table!r}.")
    _require_keys(table, (*_FORMS, "exact"), where)
    form = [key for key in _FORMS if key in table]
    if len(form) != 1:
        raise InvalidOptionError(
            f"{where}: expected exactly one of pattern (how it is written), units (a number with one of them) and "
            f"synonyms (words that are the same); got {', '.join(form) or 'none'}."
        )
    exact = table.get("exact", form[0] != "units")
    if not isinstance(exact, bool):
        raise InvalidOptionError(f"{where}: exact must be true or false (a number that may be missed); got {exact!r}.")
    kind = AttributeKind(name, read=name, is_exact=exact)
    if form[0] == "units":
        factors = _factors(table["units"], where)
        return ValuePattern(kind, _numbers_with(factors), factors)
    if form[0] == "synonyms":
        synonyms = _synonyms(table["synonyms"], where)
        return ValuePattern(kind, _any_of(synonyms), synonyms=synonyms)
    return ValuePattern(kind, _safe_pattern(table["pattern"], where), dict.fromkeys(units, 1.0))


def _factors(table: object, where: str) -> dict[str, float]:
    is_table = isinstance(table, dict) and bool(table)
    if not is_table or not all(type(n) in (int, float) and 0 < n < float("inf") for n in table.values()):  # type: ignore[attr-defined]
        raise InvalidOptionError(f"{where}: units must be a table such as {{ km = 1, miles = 1.609 }}; got {table!r}.")
    return {str(unit).casefold(): float(n) for unit, n in table.items()}  # type: ignore[attr-defined]


def _numbers_with(factors: Mapping[str, float]) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w.,/-])(?<!\d[-–~] )(?:{_NUMBER.pattern})[ \u00a0]?(?:{_alternatives(factors)})(?!\w)", re.IGNORECASE
    )


def _synonyms(table: object, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict) or not table:
        raise InvalidOptionError(
            f'{where}: synonyms must be a table such as {{ petrol = ["gasoline", "gas"], diesel = [] }}; got {table!r}.'
        )
    found: dict[str, tuple[str, ...]] = {}
    for word, others in table.items():
        if not isinstance(others, list) or not all(isinstance(other, str) and other.strip() for other in others):
            raise InvalidOptionError(f"{where}, synonyms of '{word}': expected a list of words; got {others!r}.")
        group = (word, *others)
        for spelling in group:
            folded = " ".join(spelling.casefold().split())
            if folded in found:
                raise InvalidOptionError(f"{where}: '{spelling}' stands for two values. Keep one of them.")
            found[folded] = group
    return found


def _any_of(words: Mapping[str, object]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_alternatives(words)})(?!\w)", re.IGNORECASE)


def _alternatives(words: Mapping[str, object]) -> str:
    longest = sorted(words, key=lambda word: (-len(word), word))
    return "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest)


def _safe_pattern(pattern: object, where: str) -> re.Pattern[str]:
    """The pattern compiled, if it is one, not too long, and fast on what it almost matches."""
    if not isinstance(pattern, str) or not 0 < len(pattern) <= LONGEST_PATTERN:
        raise InvalidOptionError(
            f"{where}: pattern must be a regular expression of at most {LONGEST_PATTERN} characters; got "
            f"{str(pattern)[:80]!r}."
        )
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidOptionError(f"{where}: '{pattern}' is not a regular expression ({error}).") from None
    if _is_slow(lambda text: sum(1 for _ in compiled.finditer(text)), pattern):
        raise InvalidOptionError(
            f"{where}: '{pattern}' takes too long on some texts, because one repetition stands in or beside another "
            "that matches the same. Let each repetition match what the next one does not, or limit it: \\d{1,6} in "
            "place of (\\d+)+."
        )
    return compiled


def _is_slow(search: Callable[[str], int], pattern: str) -> bool:
    """Whether a search takes more than 0.1 s on repeated pieces of what the pattern is made of.

    The probes grow little by little, so that exponential time is met while it is still short.
    """
    pieces = {"1", "a", " ", "a ", "1 ", "1,", "A", *re.findall(r"[^\W_]+|[^\w\s\\]", pattern)}
    for piece in sorted(pieces):
        n = 4
        while n * len(piece) <= MOST_CHARACTERS // 10:
            started = time.perf_counter()
            search(piece * n + "\x00")
            if time.perf_counter() - started > SLOW_S:
                return True
            n = n + 1 if n < 40 else n + n // 2
    return False


def _folded_list(listed: object, where: str) -> frozenset[str]:
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise InvalidOptionError(f"{where}: expected a list of words; got {listed!r}.")
    return frozenset(word.casefold() for word in listed)


def _require_keys(table: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    unknown = [key for key in table if key not in keys]
    if unknown:
        raise InvalidOptionError(f"{where}: '{unknown[0]}' is not known here. Expected {', '.join(keys)}.")
