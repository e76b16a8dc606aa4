"""Typed attributes of a text: its location, price and area, and whether two texts agree in them.

The readers know Vietnamese and English as rental advertisements and searches write them ("5tr5", "5,5 triệu",
"5.500.000đ", "VND 5,500,000"; "q10", "Quận 10", "District 10"). What they cannot read without doubt they leave out: a
value that is absent never makes a contradiction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np

from embedscope.packs.rental_vi.amounts import Stated, areas, prices
from embedscope.packs.rental_vi.districts import Places, places, respelt_district, stated_districts
from embedscope.packs.rental_vi.number_formats import other_formats
from embedscope.packs.rental_vi.vietnamese import written
from embedscope.protocols import StatedValue

TOLERANCE = 0.1
"""How far an exact wish may be missed, relative: a room at 5.2 million answers "about 5"."""


class Attribute(StrEnum):
    """What the readers can tell of a text."""

    LOCATION = "location"
    PRICE = "price"
    AREA = "area"


_NAMES: Mapping[Attribute, str] = {
    Attribute.LOCATION: "location, district, place, address, neighbourhood, neighborhood, vi tri, quan, quan huyen, "
    "huyen, dia diem, dia chi, khu vuc, noi o",
    Attribute.PRICE: "price, rent, cost, budget, monthly rent, rental price, gia, gia ca, gia thue, gia tien, "
    "gia phong, tien thue, tien phong, muc gia",
    Attribute.AREA: "area, floor area, size, surface, sqm, m2, square metres, square meters, dien tich, dt",
}
_ATTRIBUTE_OF = {name: kind for kind, names in _NAMES.items() for name in names.split(", ")}
_CHANGED = frozenset(
    [
        "wrong",
        "different",
        "other",
        "another",
        "changed",
        "mismatch",
        "conflict",
        "negative",
        "neg",
        "hard",
        "sai",
        "khac",
    ]
)


def attribute_of_type(name: str) -> Attribute | None:
    """The attribute that a type of negatives is about: "Price", "giá" and "wrong_price" are PRICE; None if no reader.

    Letter case, diacritics and punctuation do not matter, nor do words that say that the value is wrong.
    """
    listed = re.findall(r"[a-z]+2?", written(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).shown)
    return _ATTRIBUTE_OF.get(" ".join(word for word in listed if word not in _CHANGED))


_RANGES: Mapping[Attribute, Callable[[str], tuple[Stated, ...]]] = {Attribute.PRICE: prices, Attribute.AREA: areas}


def keeps_value(kind: str, positive: str, negative: str) -> bool | None:
    """Whether both texts state the same values of ``kind``: False where no value of one can be one of the other.

    None where the kind or a value cannot be read, where the values overlap (a range, one of two districts), and where
    a text names a city in which its district does not lie.
    """
    attribute = attribute_of_type(kind)
    if attribute is None:
        return None
    if attribute is Attribute.LOCATION:
        return _keeps_place(places(positive), places(negative))
    ours, theirs = _RANGES[attribute](positive), _RANGES[attribute](negative)
    if not ours or not theirs:
        return None
    if set(ours) == set(theirs):
        return True
    return None if any(_meets(a, b, 0.0) for a in ours for b in theirs) else False


def _keeps_place(ours: Places, theirs: Places) -> bool | None:
    if not (ours.is_clear and theirs.is_clear):
        return None
    if ours.stated == theirs.stated:
        return True
    return None if ours.may_agree(theirs) else False


def met_values(query: str, document: str, *, tolerance: float) -> frozenset[str]:
    """Kinds of attribute that ``query`` asks for and ``document`` offers: of location, price, area.

    ``tolerance`` is relative, for exact prices and areas.
    """
    wanted = places(query)
    found = {"location"} if (wanted.stated | wanted.near) & places(document).stated else set()
    for kind, reader in _RANGES.items():
        if any(_meets(wish, offer, tolerance) for wish in reader(query) for offer in reader(document)):
            found.add(kind.value)
    return frozenset(found)


def conflicts(query: str, document: str) -> tuple[str, ...]:
    """Kinds of attribute that ``query`` asks for and ``document`` states otherwise: of location, price, area.

    A price or an area is met within 10 % of an exact wish, and on the right side of a cap or a floor. What either
    side does not state, or states with doubt, is no conflict.
    """
    found = ["location"] if _keeps_place(places(query).exact, places(document).exact) is False else []
    for kind, reader in _RANGES.items():
        wishes, offers = reader(query), reader(document)
        if wishes and offers and not any(_meets(w, o, TOLERANCE) for w in wishes for o in offers):
            found.append(kind.value)
    return tuple(found)


def values(text: str) -> tuple[StatedValue, ...]:
    """Districts, prices and areas that ``text`` states one by one, with their places; ranges and lists left out."""
    found = [StatedValue(Attribute.LOCATION.value, *district) for district in stated_districts(text)]
    for kind, reader in _RANGES.items():
        for one in reader(text):
            is_end_of_range = one.low != one.high and one.low > 0.0 and one.high < math.inf
            if not is_end_of_range:
                found.append(StatedValue(kind.value, *one.span, f"{one.value:.12g}"))
    ordered = sorted(found, key=lambda one: (one.start, -one.end))
    return tuple(one for i, one in enumerate(ordered) if all(one.start >= before.end for before in ordered[:i]))


def respell(text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
    """What stands in the place of ``value`` when it is written in another of its ways, drawn at random."""
    span = text[value.start : value.end]
    if value.kind == Attribute.LOCATION:
        forms = respelt_district(text, value.start, value.end, value.value)
    elif value.kind == Attribute.PRICE:
        forms = other_formats(text, value.start, value.end)
    else:
        number, unit = re.split(r"(?<=\d)\s*(?=[^\d.,])", span, maxsplit=1)
        spaced, tight = f"{number} {unit}", f"{number}{unit}"
        forms = tuple(form for form in (spaced, tight, f"{number}m²", f"{number} m2") if form != span)
    return forms[int(generator.integers(len(forms)))] if forms else None


def _meets(wish: Stated, offer: Stated, tolerance: float) -> bool:
    """Whether some value of the offer lies in the wish, of which exact ends may be missed by ``tolerance``."""
    low = wish.low if wish.high == math.inf else wish.low * (1 - tolerance)
    high = wish.high if wish.low == 0.0 else wish.high * (1 + tolerance)
    return low <= offer.high and offer.low <= high
