"""Files of other domains than that of any pack: the audit is silent on them, and corrects nothing in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedscope.audit import Subject, audit, repair
from embedscope.audit.raw_rows import RawRows
from embedscope.cli import main as cli
from embedscope.data.collection import Negative, Row
from embedscope.data.stated_values import ValueKind
from embedscope.diagnose.failing_rows import EDITED, MINED, rows_as_json
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


@pytest.mark.parametrize("rows", [fiscal_quarters, cars])
def test_the_repaired_file_of_another_domain_is_the_file(rows: Callable[[], tuple[Row, ...]], tmp_path: Path) -> None:
    file, fixed = tmp_path / "rows.json", tmp_path / "fixed.json"
    file.write_text(json.dumps(rows_as_json(rows()), indent=1), encoding="utf-8")
    assert cli.main(["audit", "--data", str(file), "--fix", str(fixed), "--quiet"]) == 0
    assert fixed.read_bytes() == file.read_bytes()
    assert json.loads((tmp_path / "fixed.changes.json").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("rows", [fiscal_quarters, cars])
def test_the_next_training_file_of_another_domain_names_no_type_that_the_data_does_not(
    rows: Callable[[], tuple[Row, ...]], tmp_path: Path
) -> None:
    file, vectors, failures = (tmp_path / name for name in ("rows.json", "vectors.npz", "failures.json"))
    untyped = [replace(row, negatives=()) for row in rows()]
    file.write_text(json.dumps(rows_as_json(untyped)), encoding="utf-8")
    texts = sorted({text for row in untyped for text in (row.query, *row.positives)})
    drawn = np.random.default_rng(0).standard_normal((len(texts), 16)).astype(np.float32)
    np.savez(vectors, texts=np.array(texts), vectors=drawn)
    arguments = ["--embeddings", str(vectors), "--data", str(file), "--export-failures", str(failures), "--quiet"]
    assert cli.main(["evaluate", *arguments]) == 0
    written = json.loads(failures.read_text(encoding="utf-8"))
    types = {name for row in written for negative in row["hard_neg"] for name in negative["type"]}
    assert MINED in types
    assert types <= {MINED, EDITED, *map(str, ValueKind)}  # values that are written alike in all domains
