"""Amounts of money as people write them, and the same amount written another way.

``5tr5``, ``5.5 triệu``, ``5,5tr``, ``5 triệu rưỡi``, ``5,500,000`` and ``5.500.000đ`` are one amount; so are ``500k``,
``500 nghìn`` and ``500,000``.
"""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np

from embedscope.data.text_features import has_diacritics
from embedscope.packs.rental_vi.vietnamese import is_vietnamese

MILLION, THOUSAND = Decimal(1_000_000), Decimal(1_000)

_NOT_AFTER = r"(?<![\w.,])(?<!\d[-–~])(?<!\d\s[-–~]\s)"  # the second end of a range shares the unit of the first
_MILLION_WORD = r"(?:tr(?:iệu|ieu)?|củ)"
_NO_REST = r"(?!\s+\d{1,3}(?:\s*(?:trăm|tram|k|nghìn|nghin|ngàn|ngan))?(?!\w))"  # "5 triệu 5": the amount goes on
_FORMS = {
    "tr": r"(?P<tr_whole>\d{1,4})tr(?P<tr_part>\d{1,3})(?!\w|[.,]\d)",
    "half": rf"(?P<half_whole>\d{{1,4}})\s*{_MILLION_WORD}\s+(?:rưỡi|ruoi)(?!\w)",
    "decimal": rf"(?P<decimal_whole>\d{{1,4}})(?:[.,](?P<decimal_part>\d{{1,2}}))?\s*{_MILLION_WORD}(?!\w){_NO_REST}",
    "thousand": r"(?P<thousand_whole>\d{2,3}(?=\s*k)|\d{1,3}(?=\s*n))\s*(?:k|nghìn|nghin|ngàn|ngan)(?!\w)",
    "grouped": r"(?P<grouped_whole>\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3}){2,}))(?:\s*(?:đ|vnđ|vnd|đồng|dong))?(?!\w|[.,]\d)",
}
AMOUNT = re.compile(f"{_NOT_AFTER}(?:{'|'.join(_FORMS.values())})", re.IGNORECASE)
_PRICE_BEFORE = re.compile(
    r"(?<!\w)(?:giá|gia|thuê|thue|tiền|tien|phí|phi|cọc|coc|lương|luong|học phí|tầm|tam|khoảng|khoang|dưới|duoi|trên|"
    r"tren|tối đa|toi da|chỉ|chi|từ|vnd|vnđ|price|rent|budget)(?:\s+[^\W\d]+){0,2}[\s:~=]*$",
    re.IGNORECASE,
)
_CURRENCY_AFTER = re.compile(r"\s*(?:đ|vnđ|vnd|đồng|dong)(?!\w)|\s*/?\s*(?:tháng|thang|th|month)(?!\w)", re.IGNORECASE)
_CURRENCY_SIGN = re.compile(r"\s*(?:đ|vnđ|vnd|đồng|dong|₫)(?!\w)", re.IGNORECASE)
_CURRENCY_WITHIN = re.compile(r"(?:đ|vnđ|vnd|đồng|dong)$", re.IGNORECASE)


def in_another_format(text: str, generator: np.random.Generator) -> str:
    """``text`` with each amount of money written in another of its formats, drawn at random.

    Millions move between ``5tr5``, ``5.5 triệu`` and ``5,500,000``, thousands between ``500k`` and ``500,000``. A
    text without diacritics is given none. Only Vietnamese texts are changed, and in them only money: ``5tr5``, or an
    amount with a currency, a word for a price before it, or a month after it; ``2 triệu người`` may become
    ``2,000,000 người``, which counts the same. Amounts that are not whole thousands stay as they are; so does ``4k``,
    which more often counts pixels.
    """
    if not is_vietnamese(text):
        return text
    is_plain = not has_diacritics(text)
    return AMOUNT.sub(lambda match: _rewritten(match, generator, is_plain), text)


def other_formats(text: str, start: int, end: int) -> tuple[str, ...]:
    """Other ways of writing the one amount of money that a part of ``text`` is; () of anything else.

    ``5tr5`` is ``5.5 triệu`` and ``5,500,000``; before a currency an amount stays written out, and in a text that is
    not Vietnamese millions are called so.
    """
    match = AMOUNT.fullmatch(text[start:end])
    if match is None:
        return ()
    formats = _formats(_amount(match), not has_diacritics(text))
    if _CURRENCY_SIGN.match(text, end):
        formats = {"grouped": formats["grouped"]} if "grouped" in formats else {}
    elif not is_vietnamese(text):
        decimal = formats.get("decimal", "").split(" ")[0]
        formats = {name: form for name, form in formats.items() if name == "grouped"}
        formats |= {"million": f"{decimal} million"} if decimal else {}
    return tuple(form for form in formats.values() if form != text[start:end])


def _rewritten(match: re.Match[str], generator: np.random.Generator, is_plain: bool) -> str:
    amount = _amount(match)
    written = _formats(amount, is_plain)
    if not _is_money(match):
        # "triệu" says the number whatever is counted; "củ" also counts onions.
        counts_millions = re.search(r"tri[ệe]u$", match[0], re.IGNORECASE) is not None
        written = {"grouped": written["grouped"]} if counts_millions and "grouped" in written else {}
    own = "grouped" if match["grouped_whole"] else "thousand" if match["thousand_whole"] else "decimal"
    own = "tr" if match["tr_whole"] else own
    others = [text for name, text in written.items() if name != own]
    return others[int(generator.integers(len(others)))] if others else match[0]


def _is_money(match: re.Match[str]) -> bool:
    """Whether an amount is one of money by how it is written or by what stands around it."""
    if match["tr_whole"] or re.search(r"\dtr$", match[0], re.IGNORECASE) or _CURRENCY_WITHIN.search(match[0]):
        return True
    before, after = match.string[max(0, match.start() - 30) : match.start()], match.string[match.end() :]
    return _PRICE_BEFORE.search(before) is not None or _CURRENCY_AFTER.match(after) is not None


def _amount(match: re.Match[str]) -> Decimal:
    if match["tr_whole"]:
        return (Decimal(match["tr_whole"]) + Decimal(f"0.{match['tr_part']}")) * MILLION
    if match["half_whole"]:
        return (Decimal(match["half_whole"]) + Decimal("0.5")) * MILLION
    if match["decimal_whole"]:
        return Decimal(f"{match['decimal_whole']}.{match['decimal_part'] or 0}") * MILLION
    if match["thousand_whole"]:
        return Decimal(match["thousand_whole"]) * THOUSAND
    return Decimal(re.sub(r"\D", "", match["grouped_whole"]))


def _formats(amount: Decimal, is_plain: bool) -> dict[str, str]:
    """The amount in each format that can write it exactly; none for 0 and for what is not whole thousands."""
    if amount <= 0 or amount % THOUSAND:
        return {}
    grouped = f"{int(amount):,}"
    if amount < MILLION:
        return {"thousand": f"{int(amount / THOUSAND)}k", "grouped": grouped}
    whole, part = divmod(int(amount / THOUSAND), 1000)
    digits = f"{part:03d}".rstrip("0")
    decimal = f"{whole}.{digits}" if digits else str(whole)
    formats = {"decimal": f"{decimal} {'trieu' if is_plain else 'triệu'}", "grouped": grouped}
    if digits:
        formats["tr"] = f"{whole}tr{digits}"
    return formats
