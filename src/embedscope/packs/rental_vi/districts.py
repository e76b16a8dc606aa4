"""Districts and cities that a text names: where something is, apart from what is only near it or bears the name.

Districts of Ho Chi Minh City are read by number and by name, those of Hanoi, Da Nang, Can Tho and Hai Phong by name.
Most of these names are also streets, wards, or, without their marks, everyday words ("hai cháu", "đã lát"); a name
counts only where it can mean nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from embedscope.data.text_features import has_diacritics, strip_diacritics
from embedscope.packs.rental_vi.vietnamese import READ, Written, is_spelling_of, is_vietnamese, syllables, written

HO_CHI_MINH = "hcm"
LAST_NUMBER = 12
"""Districts with numbers are those of Ho Chi Minh City, 1 to 12."""

_BY_CITY: Mapping[str, tuple[str, ...]] = {
    HO_CHI_MINH: (
        "bình thạnh", "gò vấp", "tân bình", "tân phú", "phú nhuận", "bình tân", "thủ đức", "bình chánh", "hóc môn",
        "củ chi", "nhà bè", "cần giờ",
    ),
    "hanoi": (
        "ba đình", "hoàn kiếm", "tây hồ", "long biên", "cầu giấy", "đống đa", "hoàng mai", "thanh xuân", "hà đông",
        "nam từ liêm", "bắc từ liêm", "gia lâm", "đông anh", "thanh trì", "hai bà trưng",
    ),
    "danang": ("hải châu", "thanh khê", "sơn trà", "ngũ hành sơn", "liên chiểu", "cẩm lệ", "hòa vang"),
    "cantho": ("ninh kiều", "bình thủy", "cái răng", "ô môn", "thốt nốt"),
    "haiphong": ("kiến an", "hải an", "đồ sơn", "dương kinh", "hồng bàng", "lê chân", "ngô quyền"),
}  # fmt: skip
_CITY_OF = {name: city for city, names in _BY_CITY.items() for name in names}
_STREETS_TOO = frozenset({"hai bà trưng", "hồng bàng", "lê chân", "ngô quyền"})
"""Districts that bear the name of a common street: only a word for "district" tells them apart."""

_WORDS_TOO = frozenset({"thanh xuân", "cái răng", "đông anh"})
"""Names that are everyday words as they stand (youth, a tooth, winter and I)."""

_PLAIN_WORDS_TOO = _WORDS_TOO | {
    "đống đa", "nhà bè", "hải châu", "gia lâm", "hải an", "củ chi", "cần giờ", "hóc môn", "hòa vang", "đồ sơn",
    "ô môn", "cẩm lệ", "dương kinh", "tây hồ", "kiến an", "đà nẵng", "cần thơ", "hải phòng", "huế", "đà lạt",
}  # fmt: skip
"""Names that are everyday words without their marks."""

_CITIES: Mapping[str, str] = {
    "hồ chí minh": HO_CHI_MINH, "sài gòn": HO_CHI_MINH, "hà nội": "hanoi", "đà nẵng": "danang", "cần thơ": "cantho",
    "hải phòng": "haiphong", "biên hòa": "bien hoa", "thủ dầu một": "thu dau mot", "vũng tàu": "vung tau",
    "nha trang": "nha trang", "huế": "hue", "đà lạt": "da lat",
}  # fmt: skip
_CITY_SHORT = re.compile(
    r"(?<![^\W_])(?:(?P<hcm>tp\.?\s?hcm|hcmc?|saigon)|(?P<hanoi>hanoi|hn)|(?P<danang>danang))(?![^\W_])"
)
_MERGED = {"2": "thu duc", "9": "thu duc"}
"""Districts that became part of the city of Thu Duc in 2021: either name may stand for the other's ground."""


def _name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    bare = sorted({strip_diacritics(name) for name in names}, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(name.replace(' ', chr(92) + 's+') for name in bare)})(?![^\W_])")


def _ends_with(*phrases: str) -> re.Pattern[str]:
    """A pattern of text that ends with one of the phrases, with their marks or without any."""
    spelt = sorted({form for phrase in phrases for form in (phrase, strip_diacritics(phrase))}, key=len, reverse=True)
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, spelt))})\.?\s*$")


_DISTRICT_NAMES = _name_pattern(_CITY_OF)
_CITY_NAMES = _name_pattern(_CITIES)
_BY_BARE_NAME = {strip_diacritics(name): name for name in (*_CITY_OF, *_CITIES)}
_NUMBERED = re.compile(r"(?<![^\W_])(?P<word>quan|q|district|dist)\s*[.:]?\s*(?P<number>\d{1,2})(?!\d)")
_MORE = re.compile(r"\s*(?P<between>,|;|\+|&|/|-|–|,?\s*(?:hoac|hay|va|or|and)(?=\s))\s*(?P<number>\d{1,2})(?!\d)")
_LOOSE = ("/", "-", "–")
"""Signs that also stand in house numbers and ranges."""

_COUNTED = re.compile(
    r"[.,]\d|\s*(?:tr|trieu|cu|ty|k|nghin|ngan|tram|m|m2|met|km|pn|wc|phong|ngu|nguoi|ng|tang|lau|giuong|thang|may|nam|"
    r"phut|p|xe|ban|can|nha|toa|mil|million|bed\w*|rooms?|floors?|min\w*|people|baths?\w*)(?:\d+\w*)?(?![^\W_])"
)
_UNIT = re.compile(r"[.,]\d|\s*(?:tr|trieu|m2|m)(?:\d+\w*)?(?![^\W_])")
_ALONE = re.compile(r"\s*(?:$|[.,;)\]|\n]|hoac(?!\w)|hay(?!\w)|va(?!\w)|or(?!\w)|and(?!\w)|&|\+)")
_ONLY_BETWEEN = re.compile(r"[\s,;/&+–-]*(?:(?:hoac|hay|va|or|and)\s+)?")

_PREFIX = _ends_with("quận", "q", "huyện", "thị xã", "thành phố", "tp", "district", "dist")
_SUFFIX = re.compile(r"\s+district(?![^\W_])")
_NEAR = re.compile(
    _ends_with(
        "gần", "sát", "giáp", "giáp ranh", "kế", "cạnh", "kế bên", "cách", "tới", "đến", "qua", "sang", "ra", "vào",
        "đi", "lên", "không xa", "near", "close to", "next to", "to", "from", "nearby", "từ",
    ).pattern.removesuffix(r"\.?\s*$")
    + r"\s*(?:(?:với|voi|trung tâm|trung tam|khu vực|khu vuc|khu|the|downtown|central?|center of)\s+)*$"
)  # fmt: skip
_NEAR_LANDMARK = re.compile(
    r"(?<![^\W_])(?:gan|canh|sat|doi dien|sau lung|cach|near|close to|next to)"
    r"(?:\s+[^\W_]+){1,6}\s+(?:(?:o|tai|in)\s+)?$"
)
_OTHER_THAN = _ends_with("trừ", "ngoài", "không phải", "khác", "not", "except", "outside", "không ở", "ko ở")
_STREET_BEFORE = _ends_with(
    "đường", "đ", "phố", "street", "cầu", "ngõ", "hẻm", "chợ", "ga", "hồ", "xa lộ", "đại lộ", "quốc lộ", "phường", "p",
    "xã", "ward", "thị trấn", "ấp", "thôn", "khu phố", "kp", "ngã tư", "ngã ba", "ngã năm", "ngã sáu", "vòng xoay",
    "sông", "kênh", "d",
    # Surnames: what follows is the rest of a person's name, and so a street's.
    "nguyễn", "trần", "phạm", "phan", "huỳnh", "đặng", "bùi", "võ", "vũ", "lê", "lý", "hoàng", "trương", "đinh",
)  # fmt: skip
_LANDMARK_BEFORE = _ends_with(
    "bến xe", "bx", "công viên", "đại học", "đh", "cao đẳng", "trường", "thpt", "thcs", "bệnh viện", "bv", "chung cư",
    "cc", "kcn", "khu công nghiệp", "siêu thị", "coopmart", "aeon", "aeon mall", "big c", "lotte", "emart", "vincom",
    "mall", "sân vận động", "nhà thờ", "chùa", "kdc", "khu dân cư", "ktx", "ký túc xá", "tòa nhà", "cư xá", "cụm",
)  # fmt: skip
_STREET_AFTER = re.compile(r"\s*(?:street|st|road|bridge|market|park|ward|station|university)(?![^\W_])")
_APARTMENT = re.compile(r"(?<![^\W_])can ho\s*$")


class _Sense(Enum):
    STATED = "it is there"
    NEAR = "it is near it"
    UNSURE = "it may be there: a landmark bears the name, or a number may count something else"
    NONE = "it is elsewhere"


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int
    values: tuple[str, ...]
    sense: _Sense
    is_of_landmark: bool = False
    """Whether it says where a landmark is that something is near: "gần chợ Bà Chiểu Bình Thạnh"."""


@dataclass(frozen=True, slots=True)
class Places:
    """Districts of a text by what is said of them, and its cities. Districts are "10" or "binh thanh"."""

    stated: frozenset[str]
    near: frozenset[str]
    unsure: frozenset[str]
    cities: frozenset[str]
    by_landmark: frozenset[str] = frozenset()
    """Those of the stated that are where a landmark is that something is near: it may lie across the border."""

    @property
    def is_clear(self) -> bool:
        """Whether districts are stated and no city is named that they do not lie in."""
        return bool(self.stated) and self.cities <= {city_of(district) for district in self.stated}

    @property
    def exact(self) -> Places:
        """The same with what a landmark locates unsure."""
        return replace(self, stated=self.stated - self.by_landmark, unsure=self.unsure | self.by_landmark)

    def may_agree(self, other: Places) -> bool:
        """Whether one place can lie in a district of both."""
        ours, theirs = self.stated | self.unsure, other.stated | other.unsure
        return any(a == b or _MERGED.get(a) == b or a == _MERGED.get(b) for a in ours for b in theirs)


def city_of(district: str) -> str:
    """The city in which ``district`` lies."""
    return HO_CHI_MINH if district.isdigit() else _CITY_OF[_BY_BARE_NAME[district]]


def stated_districts(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and district of each mention that says where something is, lists left out."""
    for mention in _mentions(written(text)):
        if mention.sense is _Sense.STATED and len(mention.values) == 1:
            yield mention.start, mention.end, mention.values[0]


def respelt_district(text: str, start: int, end: int, district: str) -> tuple[str, ...]:
    """Other ways of writing ``district``, which a part of ``text`` names: in short or in full, its marks left out."""
    span = text[start:end]
    plain = strip_diacritics(span)
    if district.isdigit():
        in_full = "District" if not is_vietnamese(text) else "quận" if has_diacritics(text) else "quan"
        forms = (f"{in_full} {district}", f"Q.{district}", f"q{district}")
        return tuple(form for form in forms if form.casefold() != span.casefold())
    return (plain,) if plain != span else ()


def _mentions(spelt: Written) -> list[_Mention]:
    return _chained(spelt, sorted([*_numbers(spelt), *_names(spelt)], key=lambda mention: mention.start))


@lru_cache(READ)
def places(text: str) -> Places:
    """What ``text`` says of districts and cities."""
    spelt = written(text)
    mentions = _mentions(spelt)
    by_sense = {
        sense: frozenset(value for mention in mentions if mention.sense is sense for value in mention.values)
        for sense in _Sense
    }
    direct = {v for m in mentions if m.sense is _Sense.STATED and not m.is_of_landmark for v in m.values}
    stated = by_sense[_Sense.STATED]
    return Places(stated, by_sense[_Sense.NEAR], by_sense[_Sense.UNSURE], _cities(spelt), stated - direct)


def _numbers(spelt: Written) -> list[_Mention]:
    found = []
    for match in _NUMBERED.finditer(spelt.shown):
        word = spelt.folded[match.start("word") : match.end("word")]
        number = int(match["number"])
        if word not in ("quận", "quan", "q", "district", "dist") or not 1 <= number <= LAST_NUMBER:
            continue  # "quán 3" is a shop
        stated, unsure, end = _list_after(spelt.shown, match.end())
        if not (stated or unsure) and _UNIT.match(spelt.shown, match.end()):
            continue  # "q 5tr5", "q 5.5tr"
        sense = _sense_before(spelt, match.start())
        found.append(_Mention(match.start(), end, (str(number), *stated), sense, _is_of_landmark(spelt, match.start())))
        if unsure:
            found.append(_Mention(end, end, tuple(unsure), _Sense.UNSURE))
    return found


def _list_after(shown: str, end: int) -> tuple[list[str], list[str], int]:
    """Further numbers of a list ("quận 1, 3"): those that are districts, those that may count a noun, and the end."""
    stated: list[str] = []
    unsure: list[str] = []
    while (more := _MORE.match(shown, end)) is not None:
        after = _MORE.match(shown, more.end())
        is_list = after is not None and after["between"] not in _LOOSE
        if after is not None and after["between"] == "/":
            break  # a house number
        if not 1 <= int(more["number"]) <= LAST_NUMBER or (not is_list and _COUNTED.match(shown, more.end())):
            break
        is_sure = more["between"] not in _LOOSE and (
            is_list or _ALONE.match(shown, more.end()) is not None or (bool(stated) and not unsure)
        )
        (stated if is_sure else unsure).append(str(int(more["number"])))
        end = more.end()
    return stated, unsure, end


def _names(spelt: Written) -> list[_Mention]:
    found = []
    for match in _DISTRICT_NAMES.finditer(spelt.shown):
        name = _BY_BARE_NAME[" ".join(match[0].split())]
        before = spelt.folded[: match.start()]
        prefix = _PREFIX.search(before)
        has_prefix = prefix is not None or _SUFFIX.match(spelt.shown, match.end()) is not None
        if not _is_name(spelt, match, name, has_prefix, _city_follows(spelt, match.end(), name)):
            continue
        start = prefix.start() if prefix else match.start()
        sense = _sense_before(spelt, start)
        if not has_prefix:
            if name in _STREETS_TOO or _bears_name(spelt, match):
                continue
            if _LANDMARK_BEFORE.search(before):
                sense = _Sense.UNSURE
        found.append(_Mention(start, match.end(), (strip_diacritics(name),), sense, _is_of_landmark(spelt, start)))
    return found


def _is_name(spelt: Written, match: re.Match[str], name: str, has_prefix: bool, has_city: bool = False) -> bool:
    """Whether the letters of a match spell ``name`` and no other words."""
    typed = " ".join(spelt.folded[match.start() : match.end()].split())
    if not is_spelling_of(typed, name):
        return False
    if has_prefix or has_city:
        return True
    is_plain = typed == strip_diacritics(typed)
    is_in_full = syllables(typed) == syllables(name)
    if is_in_full and (spelt.is_marked or not is_plain):
        is_doubtful = name in _WORDS_TOO
    else:
        is_doubtful = spelt.is_marked or name in _PLAIN_WORDS_TOO
    return not is_doubtful or _is_capitalised(spelt.letters, match.start(), match.end())


def _is_capitalised(letters: str, start: int, end: int) -> bool:
    """Whether each word begins with a capital and the rest is small, and the next word does not go on like that."""
    own = letters[start:end].split()
    goes_on = re.match(r"[ \t]+(\w)", letters[end:])
    return all(word.istitle() for word in own) and not (goes_on and goes_on[1].isupper())


def _bears_name(spelt: Written, match: re.Match[str]) -> bool:
    """Whether a street, bridge, market, ward or person bears the name."""
    street = _STREET_BEFORE.search(spelt.folded[: match.start()])
    is_apartment = _APARTMENT.search(spelt.shown[: match.start()]) is not None  # no lake ("căn hộ", typed "can ho")
    return (street is not None and not is_apartment) or _STREET_AFTER.match(spelt.shown, match.end()) is not None


def _sense_before(spelt: Written, start: int) -> _Sense:
    before = spelt.folded[max(0, start - 40) : start]
    if _OTHER_THAN.search(before):
        return _Sense.NONE
    return _Sense.NEAR if _NEAR.search(before) else _Sense.STATED


def _is_of_landmark(spelt: Written, start: int) -> bool:
    return _NEAR_LANDMARK.search(spelt.shown[max(0, start - 60) : start]) is not None


def _chained(spelt: Written, mentions: Sequence[_Mention]) -> list[_Mention]:
    """The mentions, where each takes the sense of the one that it continues: "gần q1, q3" is near both."""
    chained: list[_Mention] = []
    for mention in mentions:
        last = chained[-1] if chained else None
        sense = mention.sense
        if last is not None and sense is not _Sense.NONE and last.sense in (_Sense.NEAR, _Sense.NONE):
            between = spelt.shown[last.end : mention.start]
            # A comma may also begin the address: "gần q1, Quận 3" names one of the two, and nobody knows which.
            sense = last.sense if _ONLY_BETWEEN.fullmatch(between) else sense
        chained.append(replace(mention, sense=sense))
    return chained


def _city_follows(spelt: Written, end: int, name: str) -> bool:
    gap = re.match(r"[\s,.-]*", spelt.shown[end:])
    start = end + (gap.end() if gap else 0)
    short = _CITY_SHORT.match(spelt.shown, start)
    full = _CITY_NAMES.match(spelt.shown, start)
    found = short.lastgroup if short else _CITIES[_BY_BARE_NAME[" ".join(full[0].split())]] if full else None
    return found == _CITY_OF[name]


def _cities(spelt: Written) -> frozenset[str]:
    found = {str(match.lastgroup) for match in _CITY_SHORT.finditer(spelt.shown)}
    for match in _CITY_NAMES.finditer(spelt.shown):
        name = _BY_BARE_NAME[" ".join(match[0].split())]
        has_prefix = _PREFIX.search(spelt.folded[: match.start()]) is not None
        if _is_name(spelt, match, name, has_prefix) and (has_prefix or not _bears_name(spelt, match)):
            found.add(_CITIES[name])
    return frozenset(found)
