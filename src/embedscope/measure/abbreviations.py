"""What people write in full and in short: a map in TOML, applied to texts in either direction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedscope.data.text_features import has_diacritics, strip_diacritics
from embedscope.errors import InvalidOptionError
from embedscope.plain_files import parse_toml
from embedscope.protocols import Perturbation

NUMBER = "{n}"
_AFTER_NUMBER = re.compile(r"(?<![^\W_])\d+(?:[.,]\d+)*\s*$")


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """A wording in full and its short forms, the first of which is the one that is written."""

    full: str
    short: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abbreviations:
    """A map between wordings in full and in short, applied to whole words, the longest wording first."""

    entries: tuple[Abbreviation, ...]
    applies_to: Callable[[str], bool] = lambda text: True
    """Which texts are changed: in those of another language the same letters may mean something else."""

    @property
    def perturbations(self) -> tuple[Perturbation, Perturbation]:
        """Both directions as ways in which another hand would type a text."""
        return (
            Perturbation("abbreviated", "words abbreviated", lambda text, _: self.shortened(text)),
            Perturbation("spelled-out", "abbreviations spelled out", lambda text, _: self.spelled_out(text)),
        )

    def shortened(self, text: str) -> str:
        """``text`` with every wording that the map knows in short: ``platform 10`` becomes ``p10``."""
        forms = {entry.full: entry.short[0] for entry in self.entries}
        return _replaced(text, forms, spares_units=False) if self.applies_to(text) else text

    def spelled_out(self, text: str) -> str:
        """``text`` with every short form in full: ``p10`` becomes ``platform 10``.

        A short form right after a number is a unit (``500 ml``) and stays, unless the number is part of it.
        """
        forms = {short: entry.full for entry in self.entries for short in entry.short}
        return _replaced(text, forms, spares_units=True) if self.applies_to(text) else text


def load_abbreviations(path: str | Path) -> Abbreviations:
    """The map of the TOML file at ``path``.

    Raises InvalidOptionError if the file cannot be read, or is not a table ``[pairs]`` of wordings and short forms; the
    entry is named.
    """
    try:
        return parse_abbreviations(Path(path).read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOptionError(
            f"The abbreviations in {path} could not be read ({error.__class__.__name__}: {error}). Expected a TOML "
            'file with a table [pairs] and lines such as "air conditioning" = "ac".'
        ) from None


def parse_abbreviations(
    text: str, where: str, *, applies_to: Callable[[str], bool] = lambda text: True
) -> Abbreviations:
    """The map that TOML holds; ``where`` names it in errors, which are those of :func:`load_abbreviations`."""
    try:
        table = parse_toml(text)
    except ValueError as error:
        raise InvalidOptionError(f"{where} is not valid TOML: {error}.") from None
    pairs = table.get("pairs")
    if not isinstance(pairs, dict) or not pairs or set(table) != {"pairs"}:
        raise InvalidOptionError(
            f'{where} must hold one table, [pairs], with lines such as "air conditioning" = "ac" or '
            f'"platform {{n}}" = ["p{{n}}"]; '
            f"it holds {', '.join(map(repr, table)) or 'nothing'}."
        )
    entries = tuple(_entry(full, short, where) for full, short in pairs.items())
    meanings: dict[str, str] = {}
    for entry in entries:
        for short in entry.short:
            other = meanings.setdefault(short.casefold(), entry.full)
            if other != entry.full:
                raise InvalidOptionError(
                    f"{where} gives '{short}' two meanings, '{other}' and '{entry.full}', so that it could not be "
                    "spelled out. Keep one of them."
                )
    return Abbreviations(entries, applies_to)


def _entry(full: str, short: object, where: str) -> Abbreviation:
    forms = [short] if isinstance(short, str) else short
    is_list = isinstance(forms, list) and bool(forms) and all(isinstance(form, str) and form.strip() for form in forms)
    if not is_list or not full.strip():
        raise InvalidOptionError(f"{where}, entry '{full}': expected one short form or a list of them, got {short!r}.")
    texts = [unicodedata.normalize("NFC", str(form)).strip() for form in (full, *forms)]  # type: ignore[misc]
    if len({text.count(NUMBER) for text in texts}) > 1 or texts[0].count(NUMBER) > 1:
        raise InvalidOptionError(
            f"{where}, entry '{full}': {NUMBER} must stand in the full and in every short form, once, or in none of "
            "them; else a number would be lost."
        )
    return Abbreviation(texts[0], tuple(texts[1:]))


def _replaced(text: str, forms: Mapping[str, str], *, spares_units: bool) -> str:
    """``text`` with whole-word occurrences of the keys replaced by the values, in one pass from left to right.

    A key is found with its diacritics or with none at all; where two keys are then the same, the first one stands.
    """
    is_plain = not has_diacritics(text)
    targets: dict[str, str] = {}
    for spelling in (str, strip_diacritics):
        for source, target in forms.items():
            targets.setdefault(spelling(source).casefold(), strip_diacritics(target) if is_plain else target)
    pattern = "|".join(
        r"\s+".join(re.escape(word).replace(re.escape(NUMBER), r"\d+") for word in source.split())
        for source in sorted(targets, key=lambda source: (-len(source), source))
    )

    def written(match: re.Match[str]) -> str:
        is_unit = spares_units and not match[0][0].isdigit() and _AFTER_NUMBER.search(text[: match.start()])
        return match[0] if is_unit else _target(match[0], targets)

    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", written, text, flags=re.IGNORECASE)


def _target(found: str, targets: Mapping[str, str]) -> str:
    folded = " ".join(found.casefold().split())
    number = re.search(r"\d+", folded)
    key = folded if folded in targets or number is None else folded.replace(number[0], NUMBER, 1)
    # A pattern that ignores case finds a few letters (dotless i) that do not fold to those of the key.
    return targets.get(key, found).replace(NUMBER, number[0] if number else "")
