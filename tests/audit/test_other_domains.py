"""Files of other domains than that of any pack: the audit is silent on them, and corrects nothing in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from embedscope.audit import Subject, audit, repair
from embedscope.audit.raw_rows import RawRows
from embedscope.data.collection import Negative, Row
from embedscope.packs.rental_vi import PACK

FIRMS = ("Acme", "Borealis", "Cobalt", "Dynamo", "Ember", "Fathom", "Garnet", "Helix", "Indigo", "Juniper")
MAKES = ("Saab", "Volvo", "Skoda", "Fiat", "Lancia", "Opel", "Seat", "Honda", "Mazda", "Subaru")
COLOURS = ("red", "blue", "green", "white", "black", "silver", "brown", "yellow", "orange", "grey", "beige", "purple")


def fiscal_quarters() -> tuple[Row, ...]:
    """One hundred and twenty rows on revenues, of which each positive names the quarter before too."""
    rows = []
    for number in range(1, 121):
        firm, year, quarter = FIRMS[number % 10], 2012 + number // 10, 2 + number % 3
        amount = 37 * number % 89 + 11
        positive = f"{firm}: revenue of {amount} million in {year}, more than in Q{quarter - 1}"
        others = (
            Negative(f"Q{quarter} headcount {year} of {firm}: {amount}", ("period",), 1.0),
            Negative(f"{firm}: profit of {amount} million in {year}, more than in Q{quarter - 1}", ("location",), 1.0),
        )
        rows.append(Row(f"Q{quarter} revenue {year} of {firm}", (positive,), others, number))
    return tuple(rows)


def cars() -> tuple[Row, ...]:
    """One hundred and twenty rows on used cars, with hard negatives typed by what differs."""
    text = "{} {} of {}, {} km on the clock, price {},000,000"
    rows = []
    for number in range(1, 121):
        make, colour, year, km = MAKES[number % 10], COLOURS[number // 10 % 12], 1990 + number % 31, 100 * number
        others = (
            Negative(text.format(colour, make, year + 40, km, number), ("year",), 1.0),
            Negative(text.format(colour, make, year, km + 50_000, number), ("area",), 1.0),
            Negative(text.format("pink", make, year, km, number), ("price",), 1.0),
        )
        positive = text.format(colour, make, year, km, number)
        rows.append(Row(f"{make} in {colour} from Q{number % 12 + 1}, not of {year + 40}", (positive,), others, number))
    return tuple(rows)


def subject(rows: tuple[Row, ...]) -> Subject:
    return Subject(RawRows("test", "row", rows))


@pytest.mark.parametrize("rows", [fiscal_quarters, cars])
def test_no_value_of_another_domain_is_read_unless_its_pack_is_chosen(rows: Callable[[], tuple[Row, ...]]) -> None:
    assert audit(subject(rows())).findings == ()
    repaired = repair(subject(rows()))
    assert repaired.changes == ()
    assert repaired.rows == rows()


def test_the_pack_of_another_domain_reads_quarters_as_districts_which_is_why_it_has_to_be_chosen() -> None:
    found = audit(Subject(RawRows("test", "row", fiscal_quarters()), attributes=PACK)).findings
    assert {"positive-suspect", "location-negative-keeps-district"} <= {finding.code for finding in found}
