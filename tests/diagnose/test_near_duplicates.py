"""Near duplicates: the exhaustive search, MinHash and a plain loop agree."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.diagnose.minhash import BANDS, MOST_PARTNERS, GramSets
from embedscope.diagnose.near_duplicates import (
    ask_the_same,
    differ_by_slips,
    folded,
    near_duplicates,
    say_the_same,
    tells_apart,
)
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import Float64Array, IntArray


def jaccard(first: str, second: str) -> float:
    """By hand, of texts of lower-case letters and single spaces."""

    def grams(text: str) -> set[str]:
        padded = [f" {word} " for word in text.split()]
        return {word[i : i + 3] for word in padded for i in range(max(len(word) - 2, 1))}

    ours, theirs = grams(first), grams(second)
    return len(ours & theirs) / len(ours | theirs)


def corpus(n: int, seed: int = 0) -> list[str]:
    """Texts of random words, some of them with one word replaced."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("abcdefghij"))
    texts: list[str] = []
    for i in range(n):
        if i % 3 == 2:
            words = texts[-1].split()
            words[int(generator.integers(len(words)))] = "zz"
            texts.append(" ".join(words))
        else:
            texts.append(" ".join("".join(generator.choice(letters, 6)) for _ in range(20)))
    return texts


def test_the_search_finds_what_a_loop_over_all_pairs_finds() -> None:
    texts = corpus(60)
    expected = {(i, j) for i in range(60) for j in range(i + 1, 60) if jaccard(texts[i], texts[j]) >= 0.9}
    assert expected
    assert set(near_duplicates(texts)) == expected


def test_minhash_finds_no_other_pairs_and_nearly_all_of_them() -> None:
    texts = corpus(150, seed=1)
    exact, found = (set(near_duplicates(texts, exhaustive=n)) for n in (6_000, 10))
    assert found <= exact
    assert len(found) >= 0.95 * len(exact) > 0


@given(st.lists(st.text(max_size=20), max_size=8))
def test_every_text_is_near_to_itself(texts: list[str]) -> None:
    doubled = [*texts, *texts]
    found = set(near_duplicates(doubled))
    assert {(i, i + len(texts)) for i in range(len(texts))} <= found


def test_a_number_a_denial_and_an_amenity_tell_near_texts_apart() -> None:
    text = "phòng 25m2 có gác, máy lạnh, bếp riêng, gần chợ, quận 10, giá 5 triệu"
    assert tells_apart(text, text.replace("25", "30"))
    assert tells_apart(text, text.replace("có gác", "không gác"), PACK.denials)
    assert not tells_apart(text, text.replace("có gác", "không gác"))  # a word like another where no pack is chosen
    assert not say_the_same(text, text.replace("có gác", "có thang máy"))
    assert not say_the_same(text, text.replace("máy lạnh", "máy lạnh, tủ lạnh"))
    assert say_the_same(text, "Phòng 25m2: có máy lạnh, gác, bếp riêng, quận 10, gần chợ. Giá 5 triệu!")


def test_a_folded_text_has_no_case_and_no_punctuation_and_keeps_numbers_symbols_and_diacritics() -> None:
    assert folded("  Phòng  Q.10 - ĐẸP!") == folded("phòng q 10, đẹp") == "phòng q 10 đẹp"
    assert folded("25m²") == folded("25M2")
    assert folded("4-5tr") != folded("4.5tr")
    assert folded("bàn") != folded("bạn")
    assert folded("C++") != folded("C")
    assert folded("?!") != folded("...")


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_slip_is_one_letter_of_a_long_word() -> None:
    assert differ_by_slips("phòng có máy lạnh", "phòng có máy lạnhh")
    assert differ_by_slips("phòng rộng", "phòng rogn")
    assert differ_by_slips("phòng rộng", "phong rong")
    assert not differ_by_slips("phòng có gác", "phòng có bếp")
    assert not differ_by_slips("phòng 1000", "phòng 1001")
    assert not differ_by_slips("phòng có gác rộng", "phòng không gác rộng", PACK.denials)
    assert not differ_by_slips("phòng rộng", "phòng rộng thoáng")


def test_queries_that_differ_in_diacritics_alone_ask_the_same_only_where_one_has_none() -> None:
    assert ask_the_same("bán nhà quận 1", "ban nha quan 1")
    assert not ask_the_same("bán nhà quận 1", "bàn nhà quận 1")


@pytest.mark.parametrize("exhaustive", [6_000, 10])
def test_texts_that_are_all_alike_make_no_square_of_pairs(exhaustive: int) -> None:
    texts = ["a" * length for length in range(3, 1_003)]
    pairs = list(near_duplicates(texts, exhaustive=exhaustive))
    assert max(Counter(first if exhaustive > 10 else second for first, second in pairs).values()) == MOST_PARTNERS
    assert {place for pair in pairs for place in pair} == set(range(1_000))


def planted(n: int, seed: int) -> tuple[list[str], set[tuple[int, int]]]:
    """``n`` random texts, each followed by itself with a few letters changed, and the pairs that reach 0.9."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("abcdefghij"))
    texts: list[str] = []
    for _ in range(n):
        words = ["".join(generator.choice(letters, 6)) for _ in range(30)]
        texts.append(" ".join(words))
        for place in generator.integers(30, size=int(generator.integers(0, 3))):
            words[place] = words[place][:-1] + "z"  # two grams of six
        texts.append(" ".join(words))
    return texts, {(i, i + 1) for i in range(0, 2 * n, 2) if jaccard(texts[i], texts[i + 1]) >= 0.9}


def test_minhash_finds_97_of_100_planted_near_duplicates() -> None:
    texts, expected = planted(400, seed=3)
    assert len(expected) > 300
    found = set(near_duplicates(texts, exhaustive=10))
    assert found <= expected
    assert len(found) >= 0.97 * len(expected)


def test_texts_of_equal_grams_have_equal_keys_whatever_stands_beside_them() -> None:
    alone, beside = GramSets(["a b", "b a b"]), GramSets(["zz yy", "b a", "xyz"])
    for band in range(BANDS):
        ours, theirs = alone.band(band), beside.band(band)
        assert ours[0] == ours[1] == theirs[1]
        assert len(set(theirs)) == 3


def test_of_texts_all_alike_the_pairs_that_are_compared_grow_as_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    measured = GramSets.jaccard

    def counted(sets: GramSets, first: IntArray, second: IntArray) -> Float64Array:
        compared.append(len(first))
        return measured(sets, first, second)

    monkeypatch.setattr(GramSets, "jaccard", counted)
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(120)]
    texts = [" ".join(words[:i] + words[i + 1 :]) + "." * k for k in range(4) for i in range(120)]  # 480, each like all
    for n in (240, 480):
        compared.clear()
        pairs = list(near_duplicates(texts[:n], exhaustive=10))
        of_later = np.bincount([j for _, j in pairs], minlength=n)
        assert of_later.max() == MOST_PARTNERS
        assert (of_later[MOST_PARTNERS:] == MOST_PARTNERS).mean() > 0.9
        assert sum(compared) < 2 * MOST_PARTNERS * n  # and not as many again in each band


def test_the_similarity_of_pairs_is_that_of_their_sets() -> None:
    texts = corpus(30)
    first, second = np.triu_indices(30, k=1)
    expected = [jaccard(texts[i], texts[j]) for i, j in zip(first, second, strict=True)]
    np.testing.assert_allclose(GramSets(texts).jaccard(first, second), expected, rtol=1e-6)


def test_texts_without_letters_are_compared_too() -> None:
    texts = ["...", "   ", "", "!!", "a"] * 2
    assert set(near_duplicates(texts, exhaustive=2)) == set(near_duplicates(texts))
