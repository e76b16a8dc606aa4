"""Rents and floor areas that a text states, as people write them: exact, a range, a cap or a floor."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from embedscope.packs.rental_vi.vietnamese import READ, Written, written

MILLION, THOUSAND = 1_000_000, 1_000
LEAST_PRICE = 300_000
"""Smaller amounts are fees (electricity, water), not rents."""

LEAST_LINEAR = 10
"""A room said to be so many metres wide has that floor area from here on; below, it is its width."""

_NUMBER = r"\d{1,4}(?:[.,]\d{1,2})?"
_START = r"(?<![\w.,/])"
_REST = (
    r"(?:\s*(?P<thousands>\d{2,3})\s*(?:k|nghin|ngan)(?![a-z])|\s*(?P<hundreds>\d)\s*tram(?![a-z])"
    r"|(?P<rest>\d{1,3})(?![\d]|m|\s?pn)|\s(?P<loose>\d(?:[05]0)?)(?=\s*(?:$|[,.;/)\n]))|\s?(?P<half>ruoi)(?![a-z]))?"
)
_AMOUNT = re.compile(
    rf"{_START}(?:"
    rf"(?P<millions>{_NUMBER})\s*(?P<unit>trieu|tr(?![a-z])|cu(?!\s*xa)(?![a-z])|r(?=\d)){_REST}"
    rf"|(?P<english>{_NUMBER})\s*(?:million|mil)"
    r"|(?P<k>\d{1,2}[.,]?\d{3}|\d{3})\s?(?:k|nghin|ngan)(?!\s*/\s*(?!th))"
    r"|(?P<full>\d{1,3}(?:(?:\.\d{3}){1,3}|(?:,\d{3}){1,3}|(?:\ \d{3}){2,3})|\d{6,9})(?![\d.,]*\d)"
    r"(?=(?:d|vnd|dong)?(?![a-z])))(?![a-ce-uw-z]|(?<=\d)m)"
)
_CAPITAL_MILLIONS = re.compile(
    rf"{_START}(?P<value>{_NUMBER})\s?M(?![a-zA-Z0-9²])|{_START}(?P<lower>{_NUMBER})\s?m\s(?:vnd|a month|/)"
    rf"|(?:(?<=about )|(?<=around )|(?<=under )|(?<=up to )|(?<=at most ))(?P<about>{_NUMBER})\s?m(?![a-z0-9²])"
)
_AREA = re.compile(
    r"(?<![\w.,/])(?P<value>\d{1,4}(?:[.,]\d{1,2})?)\s*"
    r"(?:m2|m\^2|sqm|sq\.?\s?m|met vuong|m vuong|square (?:met(?:er|re)s?|m))(?![a-z0-9])"
)
_WIDE = re.compile(
    r"(?<![^\W_])(?:dt|dien tich|rong)\s*:?\s*(?:tu|toi thieu|tren|khoang|tam)?\s*"
    r"(?P<value>\d{1,4})\s*(?:m|met)(?![a-z0-9])"
)
_FIRST_OF_RANGE = re.compile(rf"{_START}(?P<value>{_NUMBER})\s*(?:-|–|~|den|toi|to)\s*$")
_ORDINAL = re.compile(r"(?<![^\W_])(?:quan|q|district|phuong|p|tang|lau|so|hem|ngo)\.?\s*$")
"""Before a number that is a name: "quận 3 - 5tr" is no range."""

_BETWEEN = re.compile(r"\s*(?:-|–|~|den|toi|to)\s*")
_CAP = re.compile(
    r"(?<![a-z])(?:duoi|khong qua|ko qua|k qua|toi da|max|<=?|under|up to|at most|below|no more than|tro xuong)"
    r"\s*(?:gia\s*|khoang\s*|tam\s*)?$|<=?\s*$"
)
_FLOOR = re.compile(r"(?<![a-z])(?:tren|toi thieu|min|over|at least|above|hon|from)\s*$|(?<![-=])>=?\s*$")
_FROM = re.compile(r"(?:^|[^\w\s]|(?<![a-z])(?:gia|thue|tam|khoang|tich|dt))\s*(?P<word>tu)\s*$")
_PER = r"\s*(?:/\s*(?:1\s*)?(?:thang|th|month)|(?:1|mot|mo[ti]) thang|vnd|d)?\s*"
_OR_MORE = re.compile(_PER + r"(?:tro len|do len|or more|\+|and up)")
_OR_LESS = re.compile(_PER + r"(?:(?:tro|do) (?:xuong|lai)|or less|max(?![a-z]))")
_NAMED_PRICE = re.compile(
    r"(?<![a-z])(?:gia|price|rent|thue|tam|khoang|vnd|duoi|tren|toi da|chi|tu|luong|cost)\W*(?:\w+\W*)?$"
)
_CURRENCY = re.compile(r"\s*(?:d|vnd|dong|₫)(?![a-z])|\s*/\s*(?:thang|th|month)")
_CODE = re.compile(
    r"(?<![a-z])(?:ma|ma tin|ma so|ma can|ms|id|code|ref|so|sdt|dt|zalo|lh|lien he|hotline|call|tel|stk)\W*$"
)
_COUNTED = re.compile(r"\s*(?:people|users?|views?|followers?|nguoi|dan|luot|km|cu dan|followers|subs?)(?![a-z])")
_FEE = re.compile(
    r"(?<!mien )(?<![a-z])(?:"
    r"(?P<fee>phi(?:\s+(?:quan ly|dich vu|gui xe|giu xe|ve sinh|moi gioi|rac|internet|wifi|thang may|xe|khac))?"
    r"|tien\s+(?:dien|nuoc|coc|mang|wifi|internet|rac|xe|giu xe|gui xe|dich vu)|(?:dat\s+)?coc(?:\s+truoc)?"
    r"|(?:\w+\s+)?(?:deposit|fees?)(?:\s+of)?)"
    r"|(?P<service>dien(?:\s+nuoc)?|nuoc|internet|wifi|(?:gui|giu)\s+xe|dich vu|quan ly|rac|electricity|water|parking|"
    r"ve sinh)"
    r")\s*[:=]?\s*(?:la|khoang|tam|chi|gia|dong gia|is|about)?\s*$"
)
_INCLUDED = re.compile(r"(?<![a-z])(?:bao|gom|ca|free|incl\w*|mien phi)\s+(?:\w+\s+){0,2}$")
LEAST_RENT_AFTER_SERVICE = 1_000_000
"""An amount below this that follows the word for a service is its fee; above, the rent of a room that has it."""

_STREET_WIDTH = re.compile(
    r"(?<![a-z])(?:hem|duong|ngo|ngach|pho|mat tien|mat duong|lo gioi|via he|cong|cua|san)(?![a-z])"
)
_CLAUSE = re.compile(r"[,;\n()]|\.\s")


@dataclass(frozen=True, slots=True)
class Stated:
    """A number that a text states, as the range that it means: exact, a cap, a floor, or one end of a range."""

    value: float
    low: float
    high: float
    span: tuple[int, int] = field(default=(0, 0), compare=False)
    """Start and end of what states it, of a range that of the end, in characters of the text in NFC."""


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    value: float
    is_first: bool = False
    """Whether it is the bare first number of a range, the unit of which follows."""


@lru_cache(READ)
def prices(text: str) -> tuple[Stated, ...]:
    """Monthly rents that ``text`` states, in VND; fees, deposits and amounts under 300,000 are left out."""
    spelt = written(text)
    found = [amount for amount in _amounts(spelt) if not _is_fee(spelt.shown, amount)]
    return _stated(spelt, found, least=LEAST_PRICE)


@lru_cache(READ)
def areas(text: str) -> tuple[Stated, ...]:
    """Floor areas that ``text`` states with a unit, in square metres; widths of streets and doors are left out."""
    spelt = written(text)
    found = [_Found(m.start("value"), m.end(), _decimal(m["value"])) for m in _AREA.finditer(spelt.shown)]
    for match in _WIDE.finditer(spelt.shown):
        clause = _CLAUSE.split(spelt.shown[: match.start()])[-1]
        if _decimal(match["value"]) >= LEAST_LINEAR and _STREET_WIDTH.search(clause) is None:
            found.append(_Found(match.start("value"), match.end(), _decimal(match["value"])))
    return _stated(spelt, _with_first_of_ranges(spelt.shown, found, 1), least=1)


def _amounts(spelt: Written) -> list[_Found]:
    found = []
    for match in _AMOUNT.finditer(spelt.shown):
        value = _value(spelt, match)
        if value is not None:
            found.append(_Found(match.start(), match.end(), value))
    for match in _CAPITAL_MILLIONS.finditer(spelt.letters):  # where letter case tells millions from metres
        number = match["value"] or match["lower"] or match["about"]
        found.append(_Found(match.start(), match.end(), MILLION * _decimal(number)))
    return _with_first_of_ranges(spelt.shown, found, MILLION)


def _value(spelt: Written, match: re.Match[str]) -> float | None:
    """What an amount is worth in VND; None where it counts something else."""
    if match["millions"]:
        if spelt.folded[match.start("unit") : match.end("unit")] not in ("tr", "triệu", "trieu", "củ", "cu", "r"):
            return None
        if match["unit"] == "cu" and spelt.is_marked and spelt.folded[match.start("unit") + 1] != "ủ":
            return None  # "cũ" is old, "cư" a dwelling
        return MILLION * _decimal(match["millions"]) + _rest(match)
    if match["english"]:
        return MILLION * _decimal(match["english"])
    if match["k"]:
        return THOUSAND * _whole(match["k"])
    return _full(spelt.shown, match)


def _rest(match: re.Match[str]) -> float:
    """What follows the word for million: "5tr5", "5 triệu 5", "5tr500", "5 triệu rưỡi", "5 triệu 500 nghìn"."""
    if match["thousands"]:
        return THOUSAND * float(match["thousands"])
    if match["hundreds"]:
        return 100 * THOUSAND * float(match["hundreds"])
    digits = match["rest"] or match["loose"]
    return MILLION * float("0." + digits) if digits else MILLION / 2 if match["half"] else 0.0


def _full(shown: str, match: re.Match[str]) -> float | None:
    """An amount written out; without groups of digits it needs a currency, a word for a price, or round thousands."""
    before, after = shown[max(0, match.start() - 24) : match.start()], shown[match.end() :]
    number = match["full"]
    is_named = _NAMED_PRICE.search(before) is not None or _CURRENCY.match(after) is not None
    if _COUNTED.match(after) or (_CODE.search(before) and not is_named):
        return None
    is_clear = is_named or (not number.startswith("0") and (not number.isdigit() or number.endswith("000")))
    return _whole(number) if is_clear else None


def _with_first_of_ranges(shown: str, found: Sequence[_Found], unit: int) -> list[_Found]:
    """With the bare number before "-" or "đến", which shares the unit of what follows ("từ 5 đến 6 triệu")."""
    ordered = sorted(found, key=lambda one: one.start)
    taken = {place for one in ordered for place in range(one.start, one.end)}
    firsts = []
    for one in ordered:
        match = _FIRST_OF_RANGE.search(shown[max(0, one.start - 24) : one.start])
        if match is None:
            continue
        offset = max(0, one.start - 24)
        if _ORDINAL.search(shown[: offset + match.start()]):
            continue
        value = _decimal(match["value"]) * (unit if one.value >= unit else THOUSAND)
        if value < one.value and offset + match.start() not in taken:
            firsts.append(_Found(offset + match.start(), offset + match.end("value"), value, is_first=True))
    return sorted([*ordered, *firsts], key=lambda one: one.start)


def _is_fee(shown: str, amount: _Found) -> bool:
    before = shown[max(0, amount.start - 40) : amount.start]
    fee = _FEE.search(before)
    if fee is None or _INCLUDED.search(before[: fee.start()]):
        return False
    return fee["fee"] is not None or amount.value < LEAST_RENT_AFTER_SERVICE


def _stated(spelt: Written, found: Sequence[_Found], *, least: float) -> tuple[Stated, ...]:
    return tuple(one for group in _ranges(spelt.shown, found) for one in _meant(spelt, group) if one.value >= least)


def _ranges(shown: str, found: Sequence[_Found]) -> Iterator[tuple[_Found, ...]]:
    """The amounts one by one, or two where they are the ends of a range."""
    place = 0
    while place < len(found):
        first, second = found[place], found[place + 1] if place + 1 < len(found) else None
        if second is not None and first.value < second.value and _BETWEEN.fullmatch(shown[first.end : second.start]):
            yield first, second
            place += 2
            continue
        if not first.is_first:
            yield (first,)
        place += 1


def _meant(spelt: Written, ends: tuple[_Found, ...]) -> tuple[Stated, ...]:
    low, high = ends[0].value, ends[-1].value
    if len(ends) > 1:
        spans = [(one.start, one.end) for one in ends]
        return Stated(low, low, high, spans[0]), Stated(high, low, high, spans[1])
    start, end = ends[0].start, ends[0].end
    before, after = spelt.shown[max(0, start - 20) : start], spelt.shown[end : end + 24]
    if _CAP.search(before) or _OR_LESS.match(after):
        return (Stated(high, 0.0, high, (start, end)),)
    if _FLOOR.search(before) or _is_from(spelt, start) or _OR_MORE.match(after):
        return (Stated(low, low, math.inf, (start, end)),)
    return (Stated(low, low, high, (start, end)),)


def _is_from(spelt: Written, start: int) -> bool:
    """Whether "từ" stands before; typed "tu" it may also be a wardrobe, so then only after a word for a price."""
    if spelt.folded[:start].rstrip().endswith("từ"):
        return True
    match = _FROM.search(spelt.shown[max(0, start - 20) : start])
    return match is not None and not spelt.folded[:start].rstrip().endswith(("tủ", "tư", "tự"))


def _decimal(number: str) -> float:
    return float(number.replace(",", "."))


def _whole(number: str) -> float:
    return float(re.sub(r"[., ]", "", number))
