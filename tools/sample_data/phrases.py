"""The words of the sample data: what a room has, how an advertisement says it, how people ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Write = Callable[[Mapping[str, str]], str]
"""Writes a text from its parts; a part that is not wanted is the empty string."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One feature in the words of one region or language."""

    present: tuple[str, ...]
    absent: str
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a room has or lacks."""

    southern: Wording
    northern: Wording
    english: Wording


def _w(present: str, absent: str, asked: str) -> Wording:
    return Wording(tuple(present.split("; ")), absent, tuple(asked.split("; ")))


FEATURES: dict[str, Feature] = {
    "cooling": Feature(
        _w("có máy lạnh; máy lạnh inverter", "chưa gắn máy lạnh", "có máy lạnh; máy lạnh"),
        _w("có điều hòa; điều hòa mới thay", "chưa lắp điều hòa", "có điều hòa; điều hòa"),
        _w("air conditioning; a new air conditioner", "a fan instead of air conditioning", "AC; air con"),
    ),
    "bathroom": Feature(
        _w("WC riêng trong phòng; toilet riêng", "WC dùng chung", "wc riêng; nhà vệ sinh riêng"),
        _w("vệ sinh khép kín; phòng khép kín", "vệ sinh dùng chung", "pn khép kín; khép kín; vskk"),
        _w("a private bathroom; an en-suite bathroom", "a shared bathroom", "private bathroom; own bathroom"),
    ),
    "loft": Feature(
        _w("có gác lửng; gác cao đứng thẳng người", "không có gác", "có gác; gác lửng"),
        _w("có gác xép; gác xép để đệm", "không có gác xép", "có gác xép; gác xép"),
        _w("a sleeping loft; a mezzanine", "no mezzanine", "with a loft; mezzanine"),
    ),
    "balcony": Feature(
        _w("ban công riêng; ban công thoáng gió", "không có ban công", "có ban công; ban công riêng"),
        _w("ban công phơi đồ riêng; ban công thoáng", "không có ban công", "có ban công; ban công"),
        _w("a private balcony; its own balcony", "no balcony", "balcony; with balcony"),
    ),
    "kitchen": Feature(
        _w("có kệ bếp nấu ăn; được nấu ăn thoải mái", "không cho nấu ăn", "nấu ăn được; có chỗ nấu ăn"),
        _w("có kệ bếp riêng; được đun nấu", "không cho đun nấu", "được nấu nướng; có bếp"),
        _w("a kitchenette; a small kitchen", "no cooking in the room", "kitchenette; can cook"),
    ),
    "washer": Feature(
        _w("máy giặt riêng; có sẵn máy giặt riêng", "máy giặt xài chung", "máy giặt riêng"),
        _w("máy giặt riêng; sẵn máy giặt riêng", "máy giặt dùng chung cả tầng", "máy giặt riêng"),
        _w("its own washing machine; a washing machine in the room", "a shared washing machine", "own washing machine"),
    ),
    "parking": Feature(
        _w("giữ xe miễn phí; không thu tiền xe", "giữ xe thu phí 150k", "free giữ xe; không tốn tiền gửi xe"),
        _w("gửi xe miễn phí; miễn phí một xe máy", "gửi xe 100k mỗi tháng", "free gửi xe; không mất tiền gửi xe"),
        _w("free motorbike parking; parking included", "paid motorbike parking", "free parking; free bike parking"),
    ),
    "pets": Feature(
        _w("cho nuôi thú cưng; chấp nhận chó mèo", "không nhận thú cưng", "nuôi mèo được; cho nuôi thú cưng"),
        _w("cho nuôi thú cưng; đồng ý nuôi mèo", "không nuôi thú cưng", "nuôi được mèo; cho nuôi chó mèo"),
        _w("pets allowed; pets welcome", "no pets", "pet friendly; can keep my cat"),
    ),
    "hours": Feature(
        _w("giờ giấc tự do; ra vào không giới hạn giờ", "đóng cổng lúc 23h", "giờ giấc tự do; về khuya được"),
        _w("giờ giấc thoải mái; ra vào tự do", "khóa cổng lúc 23h", "giờ giấc thoải mái; đi muộn về khuya được"),
        _w("no curfew; access day and night", "a gate that closes at 11 pm", "no curfew; 24/7 access"),
    ),
    "landlord": Feature(
        _w("không chung chủ; lối đi riêng biệt với chủ", "chung cổng với chủ nhà", "không chung chủ; k chung chủ"),
        _w("không chung chủ; chủ nhà ở chỗ khác", "ở cùng nhà với chủ", "không chung chủ; ko chung chủ"),
        _w(
            "no landlord on site; a landlord who lives elsewhere",
            "the landlord living downstairs",
            "no live-in landlord",
        ),
    ),
    "furniture": Feature(
        _w("full nội thất; nội thất đầy đủ", "giao phòng trống", "full nội thất; đủ nội thất"),
        _w("full đồ; đầy đủ nội thất", "giao phòng trống", "full đồ; đủ đồ"),
        _w("full furniture; fully furnished", "no furniture", "furnished; fully furnished"),
    ),
    "lift": Feature(
        _w("có thang máy; thang máy lên tận nơi", "chỉ có thang bộ", "có thang máy; thang máy"),
        _w("có thang máy; thang máy thẻ từ", "chỉ có thang bộ", "có thang máy; thang máy"),
        _w("a lift; a lift in the building", "stairs only", "lift; elevator"),
    ),
    "window": Feature(
        _w("cửa sổ lớn; cửa sổ đón nắng", "phòng không cửa sổ", "có cửa sổ; cửa sổ thoáng"),
        _w("cửa sổ rộng; cửa sổ hướng sân", "phòng không cửa sổ", "có cửa sổ; cửa sổ thoáng"),
        _w("a large window; a sunny window", "no window", "window; natural light"),
    ),
    "lock": Feature(
        _w("cổng khóa vân tay; cửa vân tay", "cổng khóa chìa thường", "khóa vân tay; cửa vân tay"),
        _w("cửa khóa vân tay; cổng vân tay", "cửa khóa chìa thường", "khóa vân tay; cửa vân tay"),
        _w("a fingerprint lock; fingerprint entry", "an ordinary key lock", "fingerprint lock"),
    ),
}

KINDS: dict[str, tuple[str, str, str]] = {  # southern, northern, English
    "room": ("phòng trọ", "phòng trọ", "room"),
    "new room": ("phòng mới xây", "phòng mới xây", "newly built room"),
    "studio": ("studio", "studio", "studio"),
    "flat": ("căn hộ mini", "chung cư mini", "mini apartment"),
    "serviced": ("căn hộ dịch vụ", "căn hộ dịch vụ", "serviced apartment"),
}

# Of each line an advertisement says one thing at most, so that it does not contradict itself.
SOUTHERN_EXTRAS = (
    "cọc 1 tháng; cọc 2 tháng",
    "điện 3k8 một số; điện nước theo giá nhà nước; wifi 50k một phòng",
    "lầu 1; lầu 2; lầu 3; tầng trệt",
    "ưu tiên sinh viên; ưu tiên người đi làm; ở tối đa 3 người",
    "hợp đồng tối thiểu 6 tháng; hợp đồng 1 năm",
    "dọn vào ở liền; xem phòng buổi tối; khu an ninh",
)
NORTHERN_EXTRAS = (
    "cọc 1 tháng; đóng tiền 3 tháng một lần",
    "điện 4k một số; nước 100k một người; mạng 100k một phòng",
    "tầng 2; tầng 3; tầng 5",
    "ưu tiên sinh viên; ưu tiên gia đình nhỏ; ở tối đa 2 người",
    "hợp đồng 6 tháng; hợp đồng 1 năm",
    "vào ở ngay được; xem phòng sau 18h; khu dân trí cao; ngõ ô tô đỗ cửa",
)
ENGLISH_EXTRAS = (
    "one month deposit; two months deposit",
    "electricity 4k per kWh; water 100k per person; Wi-Fi included",
    "first floor; second floor; third floor",
    "students preferred; two people at most",
    "six-month lease; one-year lease",
    "ready to move in; viewings after 6 pm; quiet alley; weekly cleaning",
)


def capitalised(text: str) -> str:
    """``text`` with a capital first letter and the rest as it is."""
    return text[:1].upper() + text[1:]


def listed(*parts: str) -> str:
    """The parts that are not empty, separated by commas."""
    return ", ".join(filter(None, parts))


def spaced(*parts: str) -> str:
    """The parts that are not empty, separated by spaces."""
    return " ".join(filter(None, parts))


# Parts of an advertisement: kind, alley, street, district, city, landmark, area, price, features, extras.
VIETNAMESE_LISTINGS: tuple[Write, ...] = (
    lambda p: (
        f"Còn trống một {p['kind']} trên đường {p['street']}, {p['district']}, {p['city']}. Diện tích {p['area']}, "
        f"{p['features']}. Giá thuê {p['price']} một tháng, chạy xe ra {p['landmark']} vài phút, {p['extras']}."
    ),
    lambda p: (
        f"{capitalised(p['kind'])} {p['area']} ở {p['district']} ({p['city']}), {p['alley']} {p['street']}, đi bộ ra "
        f"{p['landmark']}. Hiện trạng: {p['features']}. Tiền nhà {p['price']}/tháng, {p['extras']}."
    ),
    lambda p: (
        f"Mình cần nhượng lại {p['kind']} {p['area']}, {p['alley']} đường {p['street']}, {p['district']}: "
        f"{p['features']}. Giá gốc {p['price']}/tháng, {p['extras']}. Ngay khu {p['landmark']}, {p['city']}."
    ),
    lambda p: (
        f"CHÍNH CHỦ cho thuê {p['kind']} gần {p['landmark']}. Địa chỉ: {p['street']}, {p['district']}, {p['city']}. "
        f"DT: {p['area']}. Giá: {p['price']}. Mô tả: {p['features']}. Ghi chú: {p['extras']}."
    ),
    lambda p: (
        f"Nhà mình đang trống {p['kind']} {p['area']} tại {p['street']}, {p['district']}; {p['features']}; lấy "
        f"{p['price']} mỗi tháng. Ai học hay làm quanh {p['landmark']} ({p['city']}) thì rất tiện, {p['extras']}."
    ),
    lambda p: (
        f"Phòng như hình: {p['features']}. {capitalised(p['kind'])} {p['area']} nằm ở {p['alley']} {p['street']}, "
        f"{p['district']}, {p['city']}, sát {p['landmark']}. Mỗi tháng {p['price']}, {p['extras']}."
    ),
    lambda p: (
        f"{p['price']}/tháng có ngay {p['kind']} {p['area']} tại {p['district']}, {p['city']}: đường {p['street']}, "
        f"không xa {p['landmark']}. {capitalised(p['features'])}. {capitalised(p['extras'])}."
    ),
    lambda p: (
        f"Tòa nhà trên đường {p['street']} ({p['district']}, {p['city']}) vừa trống {p['kind']}: {p['area']}, "
        f"{p['features']}, {p['extras']}. Giá {p['price']}, qua {p['landmark']} rất gần."
    ),
)

ENGLISH_LISTINGS: tuple[Write, ...] = (
    lambda p: (
        f"{capitalised(p['kind'])} for rent on {p['street']} Street, {p['district']}, {p['city']}, close to "
        f"{p['landmark']}. Size {p['area']}; {p['features']}. Rent {p['price']} a month, {p['extras']}."
    ),
    lambda p: (
        f"Now vacant in {p['district']} ({p['city']}), a short ride from {p['landmark']}: {p['kind']} of {p['area']} "
        f"at {p['street']} Street. What to expect: {p['features']}. {p['price']} per month; {p['extras']}."
    ),
    lambda p: (
        f"{p['price']} per month: {p['kind']}, {p['area']}, off {p['street']} Street in {p['district']}, {p['city']}. "
        f"The place: {p['features']}. Landmark nearby: {p['landmark']}. Terms: {p['extras']}."
    ),
    lambda p: (
        f"Lease takeover, I am leaving my {p['kind']} near {p['landmark']}, {p['street']} Street, "
        f"{p['district']}, {p['city']}. Size {p['area']}, price {p['price']} monthly, {p['features']}; {p['extras']}."
    ),
)

# Parts of a query: kind, place, price, area, features; area and features may be empty.
VIETNAMESE_QUERIES: tuple[Write, ...] = (
    lambda p: listed(f"Cần thuê {p['kind']} {p['place']}", p["price"], p["area"], p["features"]),
    lambda p: spaced("Tìm", p["kind"], p["features"], p["place"], p["price"], p["area"]),
    lambda p: listed(
        spaced("Có ai biết", p["kind"], "nào", p["place"], p["price"], p["features"], "không ạ"), p["area"]
    ),
    lambda p: listed(
        f"Mình đang kiếm {p['kind']} {p['place']}", p["features"] and f"ưu tiên {p['features']}", p["price"], p["area"]
    ),
    lambda p: spaced(p["kind"], p["place"], p["area"], p["price"], p["features"]),
    lambda p: listed(
        spaced("Bên mình còn", p["kind"], p["place"], p["price"], "không"),
        p["area"],
        p["features"] and f"cần {p['features']}",
    ),
    lambda p: listed(f"2 sinh viên cần {p['kind']} {p['place']}", p["features"], p["price"], p["area"]),
    lambda p: listed(
        spaced("Tháng sau mình chuyển chỗ, muốn thuê", p["kind"], p["place"]), p["price"], p["features"], p["area"]
    ),
    lambda p: listed(f"Nhờ mọi người chỉ giúp {p['kind']} {p['place']}", p["area"], p["features"], p["price"]),
    lambda p: listed(spaced("Vợ chồng mình muốn thuê", p["kind"], p["area"], p["place"]), p["features"], p["price"]),
    lambda p: spaced(p["price"], p["kind"], p["features"], p["area"], p["place"]),
)

ENGLISH_QUERIES: tuple[Write, ...] = (
    lambda p: listed(f"Looking for a {p['kind']} {p['place']}", p["price"], p["area"], p["features"]),
    lambda p: spaced(p["kind"], p["place"], p["area"], p["price"], p["features"]),
    lambda p: listed(spaced("Any", p["kind"], p["place"], p["price"]), p["area"], p["features"]) + "?",
    lambda p: (
        listed(f"I need a {p['kind']} {p['place']}", p["area"], p["price"])
        + (p["features"] and f" (must-haves: {p['features']})")
    ),
    lambda p: listed(f"My budget is {p['price']}", f"{p['kind']} {p['place']}", p["features"], p["area"]),
    lambda p: listed(f"Moving next month, want a {p['kind']} {p['place']}", p["area"], p["features"], p["price"]),
)
