"""Packs written in TOML: what they read, and what is refused in which words."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from embedscope.attribute_packs import load_pack
from embedscope.errors import InvalidOptionError
from embedscope.protocols import AttributeReader

CARS = Path(__file__).resolve().parents[1] / "examples" / "cars.toml"
CAR = "2015 Golf TDI, 5-door, 120,000 km, 110 hp, no gas"


@pytest.fixture(scope="module")
def cars() -> AttributeReader:
    return load_pack(str(CARS))


def written(folder: Path, text: str) -> str:
    path = folder / "pack.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_example_is_a_pack_of_some_twenty_lines_with_its_kinds_as_types(cars: AttributeReader) -> None:
    assert len(CARS.read_text(encoding="utf-8").splitlines()) <= 22
    assert cars.name == "cars"
    assert [cars.kind_of_type(kind.name) for kind in cars.kinds] == list(cars.kinds)
    assert {kind.name: kind.is_exact for kind in cars.kinds} == {
        "mileage": False, "fuel": True, "doors": True, "power": False,
    }  # fmt: skip


def test_values_are_read_with_their_places_and_none_that_is_denied(cars: AttributeReader) -> None:
    assert [(value.kind, CAR[value.start : value.end], value.value) for value in cars.values(CAR)] == [
        ("fuel", "TDI", "diesel"),
        ("doors", "5", "5"),
        ("mileage", "120,000 km", "120000"),
        ("power", "110 hp", "110"),
    ]


@pytest.mark.parametrize(
    ("text", "km"), [("80 000 miles", 128_720), ("12.5 mi", 20.1125), ("99.000 km", 99_000), ("1,5 km", 1.5)]
)
def test_a_number_is_compared_in_the_first_unit_whatever_groups_its_thousands(
    cars: AttributeReader, text: str, km: float
) -> None:
    (value,) = cars.values(text)
    assert float(value.value) == pytest.approx(km)


def test_texts_agree_in_synonyms_and_conflict_in_other_values(cars: AttributeReader) -> None:
    assert cars.keeps_value("fuel", "a petrol car", "GAS, cheap") is True
    assert cars.keeps_value("wrong_km", "120,000 km", "90000 km") is False
    assert cars.keeps_value("fuel", "petrol or diesel", "diesel") is None
    assert cars.keeps_value("colour", "red", "blue") is None
    assert cars.conflicts("diesel around 115,000 km", CAR) == ()
    assert cars.conflicts("EV with 50,000 km", CAR) == ("mileage", "fuel")
    assert cars.met_values("diesel around 115,000 km", CAR, tolerance=0.1) == {"mileage", "fuel"}
    assert cars.met_values("diesel around 115,000 km", CAR, tolerance=0.02) == {"fuel"}


def test_what_is_respelt_has_the_same_value(cars: AttributeReader) -> None:
    respelt = {}
    for value in cars.values(CAR):
        other = cars.respell(CAR, value, np.random.default_rng(1))
        if other is not None:
            respelt[value.kind] = other
            assert cars.keeps_value(value.kind, CAR, CAR[: value.start] + other + CAR[value.end :]) is True
    assert respelt == {"fuel": "diesel", "mileage": "120,000km", "power": "110hp"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name =", "could not be read as TOML"),
        ("values = 1", "states no name or no values"),
        ('name = "a"\n[values.b]\nsynonyms = {x = []}\n[more]', "'more' is not known here"),
        ('name = "a"\n[values.b]\npatern = "x"', "[values.b]: 'patern' is not known here"),
        ('name = "a"\n[values.b]\nexact = true', "expected exactly one of pattern"),
        ('name = "a"\n[values.b]\npattern = "x"\nunits = {km = 1}', "got pattern, units"),
        ('name = "a"\n[values.b]\npattern = "("', "is not a regular expression"),
        ('name = "a"\n[values.b]\npattern = 3', "must be a regular expression"),
        (f'name = "a"\n[values.b]\npattern = "{"x" * 301}"', "at most 300 characters"),
        ('name = "a"\n[values.b]\nunits = {km = 0}', "units must be a table such as"),
        ('name = "a"\n[values.b]\nsynonyms = {x = ["y"], y = []}', "'y' stands for two values"),
        ('name = "a"\n[values.b]\nsynonyms = {x = "y"}', "expected a list of words"),
        ('name = "a"\n[values.b]\nsynonyms = {x = []}\nexact = 1', "exact must be true or false"),
        ('name = "a"\n[values.b]\nsynonyms = {x = []}\n[types]\nt = "c"', "expected the name of a value (b)"),
        ('name = "a"\ndenials = "no"\n[values.b]\nsynonyms = {x = []}', "denials: expected a list of words"),
        ('name = "a"\nvalues = {b = 1}', "expected a table with one of"),
    ],
)
def test_a_file_that_is_no_pack_is_refused_by_the_key_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidOptionError, match=re.escape(said)) as caught:
        load_pack(path)
    assert path in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="could not be read"):
        load_pack(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(\d+[ ,]?)+km", r"(\w+\s?)+:", r"(x|x)*y", r".*.*.*="])
def test_a_pattern_that_backtracks_without_end_is_refused_before_it_does(tmp_path: Path, pattern: str) -> None:
    path = written(tmp_path, f"name = 'a'\n[values.b]\npattern = '{pattern}'")
    started = time.perf_counter()
    with pytest.raises(InvalidOptionError, match="takes too long"):
        load_pack(path)
    assert time.perf_counter() - started < 20
