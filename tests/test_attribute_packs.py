"""Packs: found by name, off unless chosen, refused in words that say what could be chosen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.attribute_packs import installed_packs, load_pack
from embedscope.errors import InvalidOptionError
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import NO_ATTRIBUTES


def test_a_pack_is_found_by_its_entry_point() -> None:
    assert "rental_vi" in installed_packs()
    assert load_pack("rental_vi") is PACK


def test_without_a_name_nothing_is_read() -> None:
    assert load_pack(None) is NO_ATTRIBUTES


@pytest.mark.parametrize("name", ["cars", "", "rental-vi", "embedscope.packs.rental_vi"])
def test_a_name_that_is_no_installed_pack_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InvalidOptionError, match=re.escape(f"--attributes {name}")) as caught:
        load_pack(name)
    assert "rental_vi" in str(caught.value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_reader_of_nothing_reads_nothing_in_any_text(first: str, second: str) -> None:
    assert NO_ATTRIBUTES.language(first) is None
    assert NO_ATTRIBUTES.kind_of_type(first) is None
    assert NO_ATTRIBUTES.keeps_value("price", first, second) is None
    assert NO_ATTRIBUTES.conflicts(first, second) == ()
    assert NO_ATTRIBUTES.met_values(first, second, tolerance=0.1) == frozenset()
    assert (NO_ATTRIBUTES.kinds, NO_ATTRIBUTES.perturbations) == ((), ())
    assert NO_ATTRIBUTES.values(first) == ()


@pytest.mark.parametrize("name", installed_packs())
def test_the_kinds_of_a_pack_are_types_by_their_own_names_and_its_ways_of_typing_have_distinct_ones(name: str) -> None:
    pack = load_pack(name)
    assert pack.name == name
    assert [pack.kind_of_type(kind.name) for kind in pack.kinds] == list(pack.kinds)
    names = [perturbation.name for perturbation in pack.perturbations]
    assert len(set(names)) == len(names)
