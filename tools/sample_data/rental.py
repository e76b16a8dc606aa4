"""Sample data: people looking for a room in Vietnam, the advertisement that answers them, and near misses.

A listing is a set of attributes. Its advertisement, its queries and its hard negatives are written from them, so what
a hard negative is typed with (location, price, area, amenity) is exactly what differs, every query of a listing asks
for all that its negatives lack, and within a file each query is answered by one advertisement only; the generator
checks that and draws a listing again when it does not hold. Listings, not rows, are divided among the files.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tools.sample_data.phrases import (
    ENGLISH_EXTRAS,
    ENGLISH_LISTINGS,
    ENGLISH_QUERIES,
    FEATURES,
    KINDS,
    NORTHERN_EXTRAS,
    SOUTHERN_EXTRAS,
    VIETNAMESE_LISTINGS,
    VIETNAMESE_QUERIES,
    Wording,
    Write,
    spaced,
)
from tools.sample_data.places import CITIES, City, District, Landmark

from embedscope.data.text_features import strip_diacritics

SEED = 20240611
ROWS = {"rental_train.json": 720, "rental_valid.json": 180, "rental_test.json": 300}
WEIGHTS = {"location": 3.0, "price": 2.0, "area": 1.5, "amenity": 1.0}

NO_LIMIT = 999  # m2

T = TypeVar("T")


class Dice:
    """Random choices built on ``random.Random.random`` alone, the one stream that Python keeps between versions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sample data, not secrets

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def below(self, n: int) -> int:
        return int(self._random.random() * n)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def some(self, items: Iterable[T], n: int) -> list[T]:
        """``n`` different items (or all of them), in random order."""
        pool = list(items)
        return [pool.pop(self.below(len(pool))) for _ in range(min(n, len(pool)))]


@dataclass(frozen=True, slots=True)
class Room:
    """What an advertisement states."""

    city: City
    district: District
    street: str
    landmark: Landmark
    kind: str
    price: int  # in units of 100 000 VND a month
    area: int  # m2
    features: tuple[tuple[str, bool], ...]  # name, and whether the room has it

    def has(self, feature: str) -> bool:
        return (feature, True) in self.features


@dataclass(frozen=True, slots=True)
class Wish:
    """What a query asks for; None where it does not say."""

    district: str
    street: str | None = None
    landmark: str | None = None
    price: tuple[int, int] | None = None  # lowest and highest, in units of 100 000 VND
    area: tuple[int, int] | None = None  # m2
    features: tuple[str, ...] = ()

    def is_met_by(self, room: Room) -> bool:
        """Whether the room has everything that is asked for."""
        return (
            room.district.name == self.district
            and self.street in (None, room.street)
            and self.landmark in (None, room.landmark.name)
            and (self.price is None or self.price[0] <= room.price <= self.price[1])
            and (self.area is None or self.area[0] <= room.area <= self.area[1])
            and all(room.has(feature) for feature in self.features)
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """How an advertisement is worded: everything about it that no attribute decides."""

    is_english: bool
    write: Write
    price_form: int
    area_form: int
    wording: int
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A query in words, and what it asks for."""

    text: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An advertisement that lacks what ``types`` name."""

    text: str
    room: Room
    types: tuple[str, ...]

    @property
    def weight(self) -> float:
        """The weight of the gravest difference and half of the other's."""
        weights = sorted((WEIGHTS[name] for name in self.types), reverse=True)
        return weights[0] + sum(weights[1:]) / 2


@dataclass(frozen=True, slots=True)
class Listing:
    """An advertisement with its queries and near misses; ``chosen`` says which near misses stand in which row."""

    room: Room
    text: str
    queries: tuple[Query, ...]
    near_misses: tuple[NearMiss, ...]
    chosen: tuple[tuple[int, ...], ...]

    def texts(self) -> set[str]:
        """Every text of the listing."""
        return {self.text, *(q.text for q in self.queries), *(n.text for n in self.near_misses)}

    def rows(self) -> list[dict[str, Any]]:
        """The listing in the original JSON format, a row a query."""
        return [
            {
                "query": query.text,
                "pos": self.text,
                "hard_neg": [
                    {"text": miss.text, "type": list(miss.types), "weight": miss.weight}
                    for miss in (self.near_misses[i] for i in chosen)
                ],
            }
            for query, chosen in zip(self.queries, self.chosen, strict=True)
        ]


def generate(seed: int = SEED) -> dict[str, list[Listing]]:
    """Listings of every file: the same ones for the same seed, whatever the Python version."""
    dice = Dice(seed)
    used: set[str] = set()
    return {name: _draw_listings(dice, n_rows, used) for name, n_rows in ROWS.items()}


def write_files(directory: str | Path, seed: int = SEED) -> list[Path]:
    """Write the files of :data:`ROWS` into ``directory``, one row a line; returns their paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, listings in generate(seed).items():
        rows = [json.dumps(row, ensure_ascii=False) for listing in listings for row in listing.rows()]
        path = directory / name
        path.write_bytes(("[\n" + ",\n".join(rows) + "\n]\n").encode("utf-8"))
        paths.append(path)
    return paths


def _draw_listings(dice: Dice, n_rows: int, used: set[str]) -> list[Listing]:
    """Listings with ``n_rows`` queries in all, no text of which is in ``used``; adds their texts to it."""
    listings: list[Listing] = []
    missing = n_rows
    while missing:
        n_queries = min(2 + dice.below(5), missing)
        if missing - n_queries == 1:  # no listing has a single query
            n_queries = missing if missing <= 6 else n_queries - 1
        listing = _draw_listing(dice, n_queries)
        if listing.texts() & used or not _is_unambiguous(listing, listings):
            continue
        used |= listing.texts()
        listings.append(listing)
        missing -= n_queries
    return listings


def _is_unambiguous(new: Listing, others: Sequence[Listing]) -> bool:
    """Whether every query is answered by the advertisement of its own listing and by no other text."""
    distinct = {new.text, *(miss.text for miss in new.near_misses)}
    return (
        len(distinct) == 1 + len(new.near_misses)
        and all(query.wish.is_met_by(new.room) for query in new.queries)
        and not _answers(new.queries, [miss.room for miss in new.near_misses])
        and not any(_answers(new.queries, _rooms(other)) or _answers(other.queries, _rooms(new)) for other in others)
    )


def _rooms(listing: Listing) -> list[Room]:
    return [listing.room, *(miss.room for miss in listing.near_misses)]


def _answers(queries: Iterable[Query], rooms: Sequence[Room]) -> bool:
    return any(query.wish.is_met_by(room) for query in queries for room in rooms)


def _draw_listing(dice: Dice, n_queries: int) -> Listing:
    room = _draw_room(dice)
    asked = _draw_asked(dice, room)
    is_english = dice.chance(0.22)
    manner = _draw_manner(dice, room.city, is_english=is_english)
    near_misses = tuple(_draw_near_misses(dice, room, asked, manner))
    return Listing(
        room,
        _advertise(room, manner),
        tuple(_draw_queries(dice, n_queries, room, asked, is_english=is_english)),
        near_misses,
        tuple(
            tuple(sorted(dice.some(range(len(near_misses)), 4 if dice.chance(0.25) else 3))) for _ in range(n_queries)
        ),
    )


def _draw_room(dice: Dice) -> Room:
    city = dice.pick((CITIES[0], CITIES[0], CITIES[0], CITIES[1], CITIES[1], CITIES[2]))
    district = dice.pick(city.districts)
    kind = dice.pick(("room", "room", "room", "new room", "studio", "flat", "serviced"))
    is_flat = kind in ("studio", "flat", "serviced")
    area = 24 + dice.below(19) if is_flat else 14 + dice.below(17)
    price = district.rent * (1.35 if is_flat else 0.85) * dice.between(0.8, 1.2) + 0.03 * (area - 20)
    names = dice.some(FEATURES, 4 + dice.below(3))
    return Room(
        city,
        district,
        dice.pick(district.streets),
        dice.pick(district.landmarks),
        kind,
        round(10 * price),
        area,
        tuple((name, i < 3 or dice.chance(0.6)) for i, name in enumerate(names)),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every query of a listing asks for, and so what its near misses may lack."""

    price: tuple[int, int]
    area: tuple[int, int] | None
    features: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def is_capped(self) -> bool:
        """Whether any lower price would do."""
        return self.price[0] == 0

    @property
    def is_least(self) -> bool:
        """Whether any larger area would do."""
        return self.area is not None and self.area[1] == NO_LIMIT


def _draw_asked(dice: Dice, room: Room) -> _Asked:
    types = ["price", *(name for name, chance in (("area", 0.6), ("amenity", 0.85)) if dice.chance(chance))]
    if len(types) == 1:
        types.append("amenity")
    price = (0, 5 * (room.price // 5 + 1)) if dice.chance(0.35) else (room.price - 2, room.price + 2)
    area = (5 * (room.area // 5), NO_LIMIT) if dice.chance(0.35) else (room.area, room.area)
    wanted = dice.some((name for name, present in room.features if present), 1 + dice.below(3))
    return _Asked(
        price,
        area if "area" in types else None,
        tuple(wanted) if "amenity" in types else (),
        ("location", *types),
    )


def _draw_manner(dice: Dice, city: City, *, is_english: bool) -> Manner:
    extras = ENGLISH_EXTRAS if is_english else NORTHERN_EXTRAS if city.is_northern else SOUTHERN_EXTRAS
    return Manner(
        is_english,
        dice.pick(ENGLISH_LISTINGS if is_english else VIETNAMESE_LISTINGS),
        dice.below(3),
        dice.below(3),
        dice.below(2),
        tuple(dice.pick(line.split("; ")) for line in dice.some(extras, 1 + dice.below(2))),
    )


def _draw_near_misses(dice: Dice, room: Room, asked: _Asked, manner: Manner) -> Iterable[NearMiss]:
    """One near miss for each single type (two for location) and two that differ in two types."""
    pairs = [(a, b) for i, a in enumerate(asked.types) for b in asked.types[i + 1 :]]
    for types in ("location",), *((name,) for name in asked.types), *dice.some(pairs, 2):
        changed = room
        for name in types:
            changed = _CHANGES[name](dice, changed, asked)
        worded = manner
        if dice.chance(0.3):  # the same attributes in other words: similarity of wording is no evidence
            worded = replace(_draw_manner(dice, room.city, is_english=manner.is_english), extras=manner.extras)
        yield NearMiss(_advertise(changed, worded), changed, types)


def _move(dice: Dice, room: Room, asked: _Asked) -> Room:
    district = dice.pick([other for other in room.city.districts if other is not room.district])
    return replace(room, district=district, street=dice.pick(district.streets), landmark=dice.pick(district.landmarks))


def _reprice(dice: Dice, room: Room, asked: _Asked) -> Room:
    factor = dice.between(1.3, 1.6) if asked.is_capped or dice.chance(0.6) else dice.between(0.6, 0.75)
    return replace(room, price=round(room.price * factor))


def _resize(dice: Dice, room: Room, asked: _Asked) -> Room:
    factor = dice.between(0.5, 0.7) if asked.is_least or dice.chance(0.5) else dice.between(1.3, 1.6)
    return replace(room, area=round(room.area * factor))


def _remove(dice: Dice, room: Room, asked: _Asked) -> Room:
    lost = set(dice.some(asked.features, 2 if len(asked.features) > 2 else 1))
    return replace(room, features=tuple((name, present and name not in lost) for name, present in room.features))


_CHANGES: dict[str, Callable[[Dice, Room, _Asked], Room]] = {
    "location": _move,
    "price": _reprice,
    "area": _resize,
    "amenity": _remove,
}


def _advertise(room: Room, manner: Manner) -> str:
    """The advertisement of a room."""
    wordings = [(_wording(room.city, name, is_english=manner.is_english), present) for name, present in room.features]
    phrases = [w.present[manner.wording % len(w.present)] if present else w.absent for w, present in wordings]
    parts = {
        "kind": _kind(room, is_english=manner.is_english),
        "features": ", ".join(phrases),
        "extras": ", ".join(manner.extras),
    }
    return manner.write(parts | (_english_parts if manner.is_english else _vietnamese_parts)(room, manner))


def _english_parts(room: Room, manner: Manner) -> dict[str, str]:
    million = f"{room.price / 10:g}"
    prices = f"{million} million VND", f"{million}M VND", f"VND {room.price * 100_000:,}"
    areas = f"{room.area} sqm", f"{room.area} m2", f"{room.area} square metres"
    return {
        "street": strip_diacritics(room.street),
        "district": room.district.english,
        "city": room.city.english,
        "landmark": room.landmark.english,
        "price": prices[manner.price_form],
        "area": areas[manner.area_form],
    }


def _vietnamese_parts(room: Room, manner: Manner) -> dict[str, str]:
    prices = _with_comma(room.price) + " triệu", _spoken(room.price), f"{room.price * 100_000:,}đ".replace(",", ".")
    areas = f"{room.area}m²", f"{room.area}m2", f"{room.area} mét vuông"
    return {
        "alley": room.city.alley,
        "street": room.street,
        "district": room.district.name,
        "city": room.city.name,
        "landmark": room.landmark.name,
        "price": prices[manner.price_form],
        "area": areas[manner.area_form],
    }


def _wording(city: City, feature: str, *, is_english: bool) -> Wording:
    words = FEATURES[feature]
    return words.english if is_english else words.northern if city.is_northern else words.southern


def _kind(room: Room, *, is_english: bool) -> str:
    southern, northern, english = KINDS[room.kind]
    return english if is_english else northern if room.city.is_northern else southern


def _with_comma(price: int) -> str:
    """A price in millions, as Vietnamese writes decimals: 55 is "5,5"."""
    return f"{price / 10:g}".replace(".", ",")


def _spoken(price: int) -> str:
    """A price as people type it: 55 is "5tr5", 40 is "4tr"."""
    million, rest = divmod(price, 10)
    return f"{million}tr{rest}" if rest else f"{million}tr"


def _draw_queries(dice: Dice, n: int, room: Room, asked: _Asked, *, is_english: bool) -> Iterable[Query]:
    """``n`` queries with different texts; a few ask for a Vietnamese advertisement in English."""
    seen: set[str] = set()
    while len(seen) < n:
        query = _draw_english_query(dice, room, asked) if is_english or dice.chance(0.07) else None
        query = query or _draw_vietnamese_query(dice, room, asked)
        if query.text not in seen:
            seen.add(query.text)
            yield query


def _draw_vietnamese_query(dice: Dice, room: Room, asked: _Asked) -> Query:
    place, wish = _vietnamese_place(dice, room)
    phrases = [dice.pick(_wording(room.city, name, is_english=False).asked) for name in asked.features]
    parts = {
        "kind": dice.pick((_kind(room, is_english=False), "phòng", "phòng trọ" if "room" in room.kind else "phòng")),
        "place": place,
        "price": _vietnamese_price(dice, room, asked),
        "area": _vietnamese_area(dice, room, asked),
        "features": dice.pick((", ", " ")).join(phrases),
    }
    text = dice.pick(VIETNAMESE_QUERIES)(parts)
    if dice.chance(0.25):
        text = strip_diacritics(text).lower()
    elif dice.chance(0.5):
        text = text.lower()
    return Query(text, replace(wish, price=asked.price, area=asked.area, features=asked.features))


def _vietnamese_place(dice: Dice, room: Room) -> tuple[str, Wish]:
    """Where the query looks, in words: a district, a landmark in it, or a street in it."""
    district = dice.pick((room.district.name, room.district.short))
    wish = Wish(room.district.name)
    way = dice.below(5)
    if way < 2:
        landmark = dice.pick((room.landmark.name, room.landmark.short))
        if room.district.short in landmark.lower():  # "cầu Cẩm Lệ" already says where
            district = ""
        words = spaced(dice.pick(("gần", "quanh", "ngay")), landmark, district)
        return words, replace(wish, landmark=room.landmark.name)
    if way == 2:
        stretch = dice.pick(("đường", "đường", "mạn" if room.city.is_northern else "đoạn"))
        return f"{stretch} {room.street} {district}", replace(wish, street=room.street)
    city = dice.pick(("", f" {room.city.short}", f" {room.city.name}"))
    return f"{dice.pick(('ở', 'khu', 'khu vực'))} {district}{city}", wish


def _vietnamese_price(dice: Dice, room: Room, asked: _Asked) -> str:
    if asked.is_capped:
        cap = _amount(dice, asked.price[1])
        return f"{dice.pick(('dưới', 'không quá', 'tối đa', 'giá dưới'))} {cap}"
    return f"{dice.pick(('giá', 'tầm', 'khoảng', 'giá tầm'))} {_amount(dice, room.price)}"


def _amount(dice: Dice, price: int) -> str:
    return dice.pick((_spoken(price), _spoken(price), f"{_with_comma(price)} triệu", f"{_with_comma(price)}tr"))


def _vietnamese_area(dice: Dice, room: Room, asked: _Asked) -> str:
    if asked.area is None:
        return ""
    if asked.is_least:
        return dice.pick(("từ {}m2 trở lên", "trên {}m2", "dt tối thiểu {}m2", "rộng từ {} mét")).format(asked.area[0])
    return dice.pick(("dt {}m2", "{}m2", "diện tích {}m²", "rộng {}m2")).format(room.area)


def _draw_english_query(dice: Dice, room: Room, asked: _Asked) -> Query:
    place, wish = _english_place(dice, room)
    phrases = [dice.pick(_wording(room.city, name, is_english=True).asked) for name in asked.features]
    parts = {
        "kind": dice.pick((_kind(room, is_english=True), "room", "place")),
        "place": place,
        "price": _english_price(dice, room, asked),
        "area": _english_area(dice, room, asked),
        "features": dice.pick((", ", " + ")).join(phrases),
    }
    text = dice.pick(ENGLISH_QUERIES)(parts)
    if dice.chance(0.4):
        text = text.lower()
    return Query(text, replace(wish, price=asked.price, area=asked.area, features=asked.features))


def _english_place(dice: Dice, room: Room) -> tuple[str, Wish]:
    district = room.district.english
    wish = Wish(room.district.name)
    way = dice.below(5)
    if way < 2:
        words = f"{dice.pick(('near', 'close to', 'around'))} {room.landmark.english}, {district}"
        return words, replace(wish, landmark=room.landmark.name)
    if way == 2:
        return f"on {strip_diacritics(room.street)} Street, {district}", replace(wish, street=room.street)
    return f"in {district}" + dice.pick(("", f", {room.city.english}")), wish


def _english_price(dice: Dice, room: Room, asked: _Asked) -> str:
    million = (asked.price[1] if asked.is_capped else room.price) / 10
    amount = dice.pick((f"{million:g} million VND", f"{million:g}M", f"{million:g} mil a month"))
    return f"{dice.pick(('under', 'up to', 'at most')) if asked.is_capped else dice.pick(('around', 'about'))} {amount}"


def _english_area(dice: Dice, room: Room, asked: _Asked) -> str:
    if asked.area is None:
        return ""
    if asked.is_least:
        return dice.pick(("at least {} sqm", "{} sqm or more", "over {} m2")).format(asked.area[0])
    return dice.pick(("{} sqm", "{} m2", "size {} sqm")).format(room.area)
