"""Values of typed attributes read from a text: districts, prices, areas. A text may state none, one or several.

The readers know Vietnamese and English as rental advertisements and searches write them ("5tr5", "5,5 triệu",
"5.500.000đ", "VND 5,500,000"; "q10", "Quận 10", "District 10"). What they cannot read they leave out: a value that is
absent never makes a contradiction.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MILLION = 1_000_000
LEAST_PRICE = 300_000
"""Smaller amounts are fees (electricity, water), not rents."""

_NUMBERED = re.compile(r"(?<![a-z0-9])(?:quan|q|district|dist)\s*[.:]?\s*(\d{1,2})(?![\d.,]*\d|\s*(?:tr|m2|trieu))")
_NAMES = re.compile(
    r"(?<![a-z])(?:(?P<sure>"
    "binh thanh|go vap|tan binh|tan phu|phu nhuan|binh tan|thu duc|binh chanh|hoc mon|cu chi|nha be|can gio|"
    "ba dinh|hoan kiem|tay ho|long bien|cau giay|dong da|hoang mai|thanh xuan|ha dong|nam tu liem|bac tu liem|gia lam|"
    "dong anh|thanh tri|hai chau|thanh khe|son tra|ngu hanh son|lien chieu|cam le|hoa vang|ninh kieu|binh thuy|"
    "cai rang|o mon|thot not|kien an|hai an|do son|duong kinh"
    r")|(?P<street>hai ba trung|hong bang|le chan|ngo quyen))(?![a-z])"
)
_CITIES = re.compile(
    r"(?<![a-z])(?:(?P<hcm>tp\.?\s?hcm|hcm|ho chi minh|sai gon|saigon)|(?P<hanoi>ha noi|hanoi|hn)"
    r"|(?P<danang>da nang|danang)|(?P<cantho>can tho)|(?P<haiphong>hai phong)"
    r"|(?P<other>bien hoa|thu dau mot|vung tau|nha trang|hue|da lat))(?![a-z])"
)
_STREET_BEFORE = re.compile(r"(?:duong|pho|d\.|street|cau|ben xe|ngo|hem|cho|ga|ho|cong vien)\s*$")
_STREET_AFTER = re.compile(r"\s*(?:street|st\b|road|bridge|market|park)")
_DISTRICT_BEFORE = re.compile(r"(?:quan|q\.?|huyen|thi xa|thanh pho|tp\.?|district|dist\.?)\s*$")

_NUMBER = r"\d{1,3}(?:[.,]\d{1,2})?"
_MILLIONS = re.compile(
    rf"(?<![\d.,])(?:(?P<from>{_NUMBER})\s*[-–~]\s*)?(?P<value>{_NUMBER})\s*"
    r"(?:(?P<spoken>tr|trieu|cu)(?:(?P<rest>\d{1,3})(?!\d|m)|\s(?P<loose>\d)(?=\s*(?:$|[,.;/]))|\s?(?P<half>ruoi))?"
    r"|million|mil)(?![a-z])"
)
_CAPITAL_MILLIONS = re.compile(
    rf"(?<![\d.,])(?P<value>{_NUMBER})\s?M(?![a-zA-Z0-9²])|(?<![\d.,])(?P<lower>{_NUMBER})\s?m\s(?:vnd|a month|/)"
    rf"|(?:(?<=about )|(?<=around )|(?<=under )|(?<=up to )|(?<=at most ))(?P<about>{_NUMBER})\s?m(?![a-z0-9²])"
)
_THOUSANDS = re.compile(r"(?<![\d.,])(?P<value>\d{1,2}[.,]?\d{3}|\d{3})\s?k(?![a-z/])")
_FULL = re.compile(r"(?<![\d.,])(?P<value>\d{1,3}(?:[.,]\d{3}){1,3}|\d{6,9})(?![\d.,]*\d)")
_AREA = re.compile(
    r"(?<![\d.,])(?:(?P<from>\d{1,4})\s*[-–~]\s*)?(?P<value>\d{1,4}(?:[.,]\d{1,2})?)\s*"
    r"(?:m2|m\^2|sqm|sq\.?\s?m|met vuong|m vuong|square (?:met(?:er|re)s?|m))(?![a-z0-9])"
    r"|(?:dt|dien tich|rong)\s*:?\s*(?:tu|toi thieu|tren|khoang|tam)?\s*(?P<wide>\d{1,4})\s*(?:m|met)(?![a-z0-9])"
)
_CAP = re.compile(r"(?:duoi|khong qua|toi da|max|<=?|under|up to|at most|below|no more than|tro xuong)\s*(?:gia\s*)?$")
_FLOOR = re.compile(r"(?:tren|toi thieu|tu|min|>=?|over|at least|above|hon)\s*$")
_OR_MORE = re.compile(r"\s*(?:/\s*thang\s*)?(?:tro len|or more|\+|and up)")
_OR_LESS = re.compile(r"\s*(?:/\s*thang\s*)?(?:tro xuong|do lai|or less)")


@dataclass(frozen=True, slots=True)
class Stated:
    """A number that a text states, as the range that it means: exact, a cap or a floor."""

    value: float
    low: float
    high: float


def plain(text: str) -> str:
    """Lower case without diacritics, punctuation kept, "²" as 2: what the readers look at."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).replace("đ", "d")
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def locations(text: str) -> frozenset[str]:
    """Districts that ``text`` names: by number ("10") or by name ("binh thanh").

    Names of the districts of Ho Chi Minh City, Hanoi, Da Nang, Can Tho and Hai Phong are known. A name that follows a
    word for a street, bridge or market is that street's; a district that bears the name of a common street counts
    only after a word for "district".
    """
    shown = plain(text)
    found = {str(int(match.group(1))) for match in _NUMBERED.finditer(shown)}
    for match in _NAMES.finditer(shown):
        before, after = shown[max(0, match.start() - 14) : match.start()], shown[match.end() : match.end() + 10]
        named = _DISTRICT_BEFORE.search(before) is not None
        is_street = _STREET_BEFORE.search(before) is not None or _STREET_AFTER.match(after) is not None
        if named or (match["sure"] and not is_street):
            found.add(match.group(0))
    return frozenset(found)


def cities(text: str) -> frozenset[str]:
    """Cities that ``text`` names, of the largest in Vietnam."""
    return frozenset(
        match.lastgroup if match.lastgroup != "other" else match.group(0)
        for match in _CITIES.finditer(plain(text))
        if match.lastgroup is not None
    )


def prices(text: str) -> tuple[Stated, ...]:
    """Monthly amounts that ``text`` states, in VND; amounts under 300,000 are fees and left out."""
    shown = plain(text)
    found: list[tuple[int, int, list[float]]] = []
    for match in _MILLIONS.finditer(shown):
        values = [_decimal(match["from"])] if match["from"] else []
        values.append(_decimal(match["value"]) + _spoken_rest(match))
        found.append((match.start(), match.end(), [MILLION * v for v in values]))
    original = unicodedata.normalize("NFC", text)
    if len(original) == len(shown):  # places agree, so that letter case can be consulted
        for match in _CAPITAL_MILLIONS.finditer(original):
            number = match["value"] or match["lower"] or match["about"]
            found.append((match.start(), match.end(), [MILLION * _decimal(number)]))
    found += [(m.start(), m.end(), [1000 * _whole(m["value"])]) for m in _THOUSANDS.finditer(shown)]
    found += [(m.start(), m.end(), [_whole(m["value"])]) for m in _FULL.finditer(shown)]
    return _stated(shown, found, least=LEAST_PRICE)


def areas(text: str) -> tuple[Stated, ...]:
    """Floor areas that ``text`` states with a unit, in square metres."""
    shown = plain(text)
    found = [
        (m.start(), m.end(), [_decimal(number) for number in (m["from"], m["value"], m["wide"]) if number])
        for m in _AREA.finditer(shown)
    ]
    return _stated(shown, found, least=1)


def _decimal(number: str) -> float:
    return float(number.replace(",", "."))


def _whole(number: str) -> float:
    return float(re.sub(r"[.,]", "", number))


def _spoken_rest(match: re.Match[str]) -> float:
    """What follows the word for million: "5tr5" and "5 triệu 5" are half, "5tr500" and "5 triệu rưỡi" too."""
    digits = match["rest"] or match["loose"]
    if digits:
        return float("0." + digits)
    return 0.5 if match["half"] else 0.0


def _stated(shown: str, found: list[tuple[int, int, list[float]]], *, least: float) -> tuple[Stated, ...]:
    stated = []
    for start, end, values in found:
        before, after = shown[max(0, start - 16) : start].rstrip() + " ", shown[end : end + 14]
        low, high = min(values), max(values)
        if len(values) == 1 and (_CAP.search(before) or _OR_LESS.match(after)):
            low = 0.0
        elif len(values) == 1 and (_FLOOR.search(before) or _OR_MORE.match(after)):
            high = math.inf
        stated += [Stated(value, low, high) for value in values if value >= least]
    return tuple(stated)


def _values(stated: tuple[Stated, ...]) -> frozenset[str]:
    return frozenset(f"{s.value:g}" for s in stated)


VALUES: Mapping[str, Callable[[str], frozenset[str]]] = {
    "location": locations,
    "district": locations,
    "price": lambda text: _values(prices(text)),
    "area": lambda text: _values(areas(text)),
}
"""Readers of the values of a type, by the name that data sets give it."""

_RANGES: Mapping[str, Callable[[str], tuple[Stated, ...]]] = {"price": prices, "area": areas}
TOLERANCE = 0.1
"""How far an exact wish may be missed, relative: a room at 5.2 million answers "about 5"."""


def keeps_value(kind: str, positive: str, negative: str) -> bool | None:
    """Whether both texts state the same values of ``kind``; None where the kind or a value cannot be read.

    Districts are compared only within one city: where one text names a city that the other does not, there is None.
    """
    reader = VALUES.get(kind)
    if reader is None or (reader is locations and cities(positive) != cities(negative)):
        return None
    ours, theirs = reader(positive), reader(negative)
    return ours == theirs if ours and theirs else None


def met_values(query: str, document: str, *, tolerance: float) -> frozenset[str]:
    """Kinds of attribute that ``query`` asks for and ``document`` offers: of location, price, area.

    ``tolerance`` is relative, for exact prices and areas.
    """
    found = {"location"} if locations(query) & locations(document) else set()
    for kind, reader in _RANGES.items():
        if any(_meets(wish, offer, tolerance) for wish in reader(query) for offer in reader(document)):
            found.add(kind)
    return frozenset(found)


def conflicts(query: str, document: str) -> tuple[str, ...]:
    """Kinds of attribute that ``query`` asks for and ``document`` states otherwise: of location, price, area.

    A price or an area is met within 10 % of an exact wish, and on the right side of a cap or a floor. What either
    side does not state is no conflict.
    """
    wanted, offered = locations(query), locations(document)
    found = ["location"] if wanted and offered and not wanted & offered else []
    for kind, reader in _RANGES.items():
        wishes, offers = reader(query), reader(document)
        if wishes and offers and not any(_meets(w, o, TOLERANCE) for w in wishes for o in offers):
            found.append(kind)
    return tuple(found)


def _meets(wish: Stated, offer: Stated, tolerance: float) -> bool:
    low = wish.low if wish.high == math.inf else wish.low * (1 - tolerance)
    high = wish.high if wish.low == 0.0 else wish.high * (1 + tolerance)
    return low <= offer.value <= high
