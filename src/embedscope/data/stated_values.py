"""Values that a text of any language states: numbers, quantities, amounts, dates and times.

They are read by general rules, in the digits of any script, and left out where a rule could be wrong: numbers that are
part of a name, a version, an address or a range. `another_value` puts another value of the same form in the place of
one, `another_spelling` the same value written otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from enum import StrEnum

import numpy as np

from embedscope.protocols import StatedValue


class ValueKind(StrEnum):
    """What a value is, by how it is written."""

    NUMBER = "number"
    QUANTITY = "quantity"  # a number with the symbol of a unit
    AMOUNT = "amount"  # a number with the sign of a currency
    DATE = "date"
    YEAR = "year"
    TIME = "time"


FIRST_YEAR, LAST_YEAR = 1500, 2100
"""Whole numbers of four digits between these, with no unit, are years more often than not."""

LEAST_CHANGE = 0.2
"""By how much another number differs, relative: less might still be what was asked for."""

_SYMBOLS = (
    "m g s h l mm cm dm km nm µm m2 m^2 cm2 km2 m3 cm3 mg kg ml cl ms min kb mb gb tb kib mib gib hz khz mhz ghz "
    "kw mw kwh mah kj kcal hpa kpa mpa km/h m/s mph ft lb oz px dpi rpm db % ‰ ° °c °f"
)
UNITS = frozenset(_SYMBOLS.split())
"""Symbols of units that are the same in every language, in lower case."""

_DECIMAL, _GROUPING = ".,٫", ".,'’٬\u00a0\u2009\u202f"
_DIGITS = re.compile(rf"\d+(?:[{_DECIMAL}{_GROUPING}]\d+)*")
_UNIT = re.compile(
    r"[ \u00a0\u202f]?("
    r"[A-Za-zµ]{1,6}(?:\^?[23]|[²³])?(?=[\u3040-\u9fff])"  # Chinese and Japanese put no space behind it
    r"|(?:[^\W\d_]{1,8}(?:/[^\W\d_]{1,2})?(?:\^?[23]|[²³])?|[%‰]|°[CF]?)(?!\w)|[%‰](?=[\u3040-\u9fff]))"
)
_FREE_BEFORE = frozenset("([{\"'“‘«<>≤≥=~≈±+*•|;:!?-–—,.…、。：，（「『《")
_CODE = re.compile(r"\S*(?:://|www\.|[@\\_{}`]|[^\W\d_][(=.][^\W_]|[)\]]\.[^\W\d])\S*")
_ISO = re.compile(r"(?<![\w.,/:-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\w/:-]|[.,]\d)")
_ORDERED = re.compile(r"(?<![\w.,/:-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|(?<=/)\d{2})(?![\w/:-]|[.,]\d)")
_TIME = re.compile(r"(?<![\w.,/:-])([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?![\w/:-]|[.,]\d)")
_GOES_ON_BEFORE = re.compile(r"\d\s*[-–—~]\s*$|(?<![\w.,])\d{1,3} $")
_GOES_ON_AFTER = re.compile(r"\s*[-–—~]\s*\d|[/:^]\s*\d|\.\w|['’]\w| \d{3}(?!\d)")
"""The other end of a range, a fraction, or digits grouped by a space, which may be two numbers."""

_SPACES = " \u00a0\u202f"


def stated_values(text: str, units: Container[str] = frozenset()) -> tuple[StatedValue, ...]:
    """The values that ``text`` states, in its order, none overlapping another.

    Parameters
    ----------
    text : str
        In NFC; the places of the values count its characters.
    units : container of str
        Words in lower case that are units in these texts, beside the symbols that all languages share.
    """
    pasted = [match.span() for match in _CODE.finditer(text)]
    found = [value for value in (*_dates(text), *_times(text)) if not _overlaps(value.start, value.end, pasted)]
    taken = [*pasted, *((value.start, value.end) for value in found)]
    for match in _DIGITS.finditer(text):
        if _overlaps(*match.span(), taken):
            continue
        value = _number(text, match, units)
        if value is not None and not _overlaps(value.start, value.end, taken):  # a sign between two numbers: "0€0"
            found.append(value)
            taken.append((value.start, value.end))
    return tuple(sorted(found, key=lambda value: value.start))


def _overlaps(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < last and first < end for first, last in spans)


def _dates(text: str) -> Iterator[StatedValue]:
    for match in _ISO.finditer(text):
        year, month, day = (int(match[part]) for part in (1, 3, 4))
        if FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31:
            yield StatedValue(ValueKind.DATE, *match.span(), f"{year:04d}-{month:02d}-{day:02d}")
    for match in _ORDERED.finditer(text):
        first, second, year = (int(match[part]) for part in (1, 3, 4))
        if min(first, second) >= 1 and min(first, second) <= 12 and max(first, second) <= 31:
            order = (second, first) if first > 12 else (first, second) if second > 12 else None
            value = f"{year}-{order[0]:02d}-{order[1]:02d}" if order else f"{first}/{second}/{year}"
            yield StatedValue(ValueKind.DATE, *match.span(), value)


def _times(text: str) -> Iterator[StatedValue]:
    for match in _TIME.finditer(text):
        seconds = int(match[3] or 0)
        shown = f"{int(match[1])}:{int(match[2]):02d}" + (f":{seconds:02d}" if seconds else "")
        yield StatedValue(ValueKind.TIME, *match.span(), shown)


def _number(text: str, match: re.Match[str], units: Container[str]) -> StatedValue | None:
    start, end = match.span()
    value = number_in(match[0])
    is_code = re.fullmatch(r"0\d+", _ascii(match[0])) is not None
    if value is None or is_code or not _is_free_before(text, start):
        return None
    unit = _UNIT.match(text, end)
    symbol = None if unit is None else _symbol(unit, units)
    if unit is not None and symbol is not None:
        return StatedValue(ValueKind.QUANTITY, start, unit.end(), f"{value} {symbol}")
    currency = _currency(text, start, end)
    if currency is not None:
        return StatedValue(ValueKind.AMOUNT, *currency, f"{value} {_sign(text[slice(*currency)])}")
    if not _is_free_after(text, end):
        return None
    is_year = match[0].isdigit() and len(match[0]) == 4 and FIRST_YEAR <= int(match[0]) <= LAST_YEAR
    return StatedValue(ValueKind.YEAR if is_year else ValueKind.NUMBER, start, end, value)


def _symbol(unit: re.Match[str], units: Container[str]) -> str | None:
    """The unit as it is compared; a single letter is one only in lower case ("5 M" may be five of a kind)."""
    shown = unit[1].translate(_RAISED)
    folded = shown.lower()
    is_known = folded in units or (folded in UNITS and (len(shown) > 1 or shown == folded))
    return folded.replace("^", "") if is_known else None


_RAISED = str.maketrans("²³", "23")


def _currency(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Start and end of the number with the sign of its currency, which stands before or after it."""
    for first in (start - 1, start - 2):
        if first >= 0 and unicodedata.category(text[first]) == "Sc" and not text[first + 1 : start].strip(_SPACES):
            return (first, end) if _is_free_after(text, end) else None
    for last in (end, end + 1):
        if last < len(text) and unicodedata.category(text[last]) == "Sc" and not text[end:last].strip(_SPACES):
            return start, last + 1
    return None


def _sign(span: str) -> str:
    return next(letter for letter in span if unicodedata.category(letter) == "Sc")


def _is_free_before(text: str, start: int) -> bool:
    """Whether no name, code or range goes on into the number; letters of scripts without case may touch it."""
    if start == 0 or text[start - 1].isspace():
        return _GOES_ON_BEFORE.search(text[max(0, start - 8) : start]) is None
    last = text[start - 1]
    if last in "-–—,.:" and start > 1 and not text[start - 2].isspace():
        return last in ",:." and not text[start - 2].isalnum()
    return last in _FREE_BEFORE or unicodedata.category(last) in ("Lo", "Sc")


def _is_free_after(text: str, end: int) -> bool:
    following = text[end : end + 1]
    if following.isalnum() or following == "_":
        return unicodedata.category(following) == "Lo"
    return _GOES_ON_AFTER.match(text[end : end + 8]) is None


def number_in(written: str) -> str | None:
    """The number that digits and separators write, in plain digits: "1,234.50" gives "1234.5".

    None where they write something else ("1.2.3"). Of "1.500" and "1,500" nobody knows whether they group thousands:
    they are compared as they are written.
    """
    digits = _ascii(written)
    parts, marks = re.split(r"\D", digits), [c for c in digits if not c.isdecimal()]
    if not marks:
        return str(int(digits))
    is_grouped = len(parts[0]) <= 3 and not parts[0].startswith("0") and all(len(part) == 3 for part in parts[1:])
    if len(set(marks)) == 1 and (len(marks) > 1 or marks[0] not in _DECIMAL):
        return str(int("".join(parts))) if is_grouped else None
    if len(marks) == 1:
        return digits if _is_unclear(digits) else _plain(parts[0], parts[1])
    whole = [len(part) == 3 for part in parts[1:-1]]
    if len(set(marks[:-1])) > 1 or marks[-1] not in _DECIMAL or marks[-1] in marks[:-1] or not all(whole):
        return None
    return _plain("".join(parts[:-1]), parts[-1])


def _is_unclear(digits: str) -> bool:
    """Whether the one mark may group thousands or begin the decimals."""
    return re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", digits) is not None


def _ascii(digits: str) -> str:
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits)


def _plain(whole: str, part: str) -> str:
    kept = part.rstrip("0")
    return f"{int(whole)}.{kept}" if kept else str(int(whole))


# --- another value, another spelling ------------------------------------------------------------------------------


_OTHER_MARK = str.maketrans(".,", ",.")


def another_value(text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
    """What stands in the place of ``value`` when ``text`` states another one of the same form; None where none does.

    Numbers keep their digits in number, their separators and their zeros at the end, and change by a fifth at least;
    dates stay valid, in whatever order day and month stand.
    """
    span = text[value.start : value.end]
    if value.kind == ValueKind.DATE:
        return _another_date(span, generator)
    if value.kind == ValueKind.TIME:
        hour = re.match(r"\d+", span)
        return None if hour is None else _like(hour[0], _hours(hour[0]), generator) + span[hour.end() :]
    if value.kind == ValueKind.YEAR:
        near = [year for year in range(int(span) - 30, min(int(span) + 30, LAST_YEAR) + 1) if abs(year - int(span)) > 2]
        return _in_digits_of(span, str(near[int(generator.integers(len(near)))]))
    return another_number(span, generator)


def another_number(span: str, generator: np.random.Generator) -> str | None:
    """``span`` with another number in the place of its first, of the same form; None of zero or of no number."""
    match = _DIGITS.search(span)
    if match is None:
        return None
    digits = re.sub(r"\D", "", _ascii(match[0]))
    head = digits.strip("0")
    if not head:
        return None
    low, size = 10 ** (len(head) - 1), int(head)
    far = [n for n in _candidates(low, generator) if abs(n - size) >= LEAST_CHANGE * size and (n % 10 or low == 1)]
    drawn = iter(digits.replace(head, str(far[int(generator.integers(len(far)))]), 1))
    changed = "".join(next(drawn) if c.isdecimal() else c for c in match[0])
    return span[: match.start()] + _in_digits_of(match[0], changed) + span[match.end() :]


def _candidates(low: int, generator: np.random.Generator) -> list[int]:
    """Whole numbers of as many digits as ``low``: all of them where they are few."""
    if low <= 10:
        return list(range(low, 10 * low))
    return [low + int(generator.random() * 9 * low) for _ in range(64)] + [low + 1, 5 * low + 1, 9 * low + 1]


def _another_date(span: str, generator: np.random.Generator) -> str:
    """Day and month changed, the year kept."""
    parts = re.split(r"(\D)", span)
    places = (2, 4) if len(parts[0]) == 4 else (0, 2)
    old = {int(parts[place]) for place in places}
    for place in places:
        own = parts[place]
        largest = 28 if int(own) > 12 or (len(parts[0]) == 4 and place == 4) else 12
        parts[place] = _like(own, [n for n in range(1, largest + 1) if n not in old], generator, least=int(own) > 12)
    return "".join(parts)


def _hours(hour: str) -> list[int]:
    return [n for n in range(24) if abs(n - int(hour)) > 1]


def _like(own: str, numbers: list[int], generator: np.random.Generator, *, least: bool = False) -> str:
    """One of the numbers as ``own`` is written: as many digits, a zero in front where it has one.

    ``least`` keeps those above 12 alone, so that a day cannot be read as a month.
    """
    fitting = [str(n) for n in numbers if len(str(n)) == len(own) and (not least or n > 12)]
    if int(own) < 10 and len(own) == 2:
        fitting = [f"0{n}" for n in numbers if n < 10]
    fitting = fitting or [str(n) for n in numbers if not least or n > 12]
    return _in_digits_of(own, fitting[int(generator.integers(len(fitting)))])


def _in_digits_of(span: str, number: str) -> str:
    """``number`` in the script of the digits of ``span``."""
    first = next(c for c in span if c.isdecimal())
    zero = ord(first) - unicodedata.decimal(first)
    return "".join(chr(zero + unicodedata.decimal(c)) if c.isdecimal() else c for c in number)


def another_spelling(text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
    """What stands in the place of ``value`` when ``text`` writes it otherwise; None where it is written in one way.

    Thousands are grouped by a no-break space or not at all, the space before a unit or a sign comes or goes, a whole
    number gets the decimal 0, a decimal the other mark, dates another separator; in Chinese and Japanese texts digits
    become full-width. A year and a number that can be read in two ways have no other spelling in other scripts.
    """
    span = text[value.start : value.end]
    found = sorted(set(_spellings(span, value)) - {span})
    around = text[max(0, value.start - 2) : value.end + 2]
    is_wide = any(unicodedata.name(c, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH")) for c in around)
    if is_wide and value.kind in (ValueKind.NUMBER, ValueKind.YEAR) and span.isascii():
        found = ["".join(chr(ord(c) + 0xFEE0) if c.isdecimal() else c for c in span)]
    return found[int(generator.integers(len(found)))] if found else None


def _spellings(span: str, value: StatedValue) -> Iterator[str]:
    if value.kind == ValueKind.YEAR:
        return
    if value.kind == ValueKind.TIME:
        if span.count(":") == 1:
            yield f"{span}:{_in_digits_of(span, '00')}"
    elif value.kind == ValueKind.DATE:
        parts = re.split(r"\D", span)
        if len(parts[2]) != 2 or len(parts[0]) == 4:
            yield from (mark.join(parts) for mark in "-/.")
    else:
        yield from _number_spellings(span, value)


def _number_spellings(span: str, value: StatedValue) -> Iterator[str]:
    match = _DIGITS.search(span)
    if match is None:
        return
    before, digits, after = span[: match.start()], match[0], span[match.end() :]
    if before or after:  # a unit, or the sign of a currency
        tight = before.strip(_SPACES) + digits + after.strip(_SPACES)
        loose = f"{before.strip(_SPACES)} {digits} {after.strip(_SPACES)}".strip()
        yield loose if span == tight else tight
    number, marks = number_in(digits), {c for c in digits if not c.isdecimal()}
    if number is None or _is_unclear(_ascii(digits)):
        return
    whole, _, part = number.partition(".")
    if len(whole) > 3 and not part:
        grouped = f"{int(whole):,}".replace(",", "\u00a0")
        yield before + _in_digits_of(digits, whole if marks else grouped) + after
    elif not marks and value.kind == ValueKind.NUMBER:
        yield f"{digits}.{_in_digits_of(digits, '0')}"
    elif marks <= {".", ","} and len(marks) == 1 and part and len(part) != 3:
        yield before + digits.translate(_OTHER_MARK) + after
