"""The audit: each fault alone, healthy data in silence, the repaired file without what can be fixed."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedscope.audit import (
    AuditReport,
    SecondOpinion,
    Subject,
    audit,
    merged,
    repair,
)
from embedscope.audit.attribute_checks import query_tells_apart
from embedscope.audit.raw_rows import RawRows, read_rows
from embedscope.data.collection import Negative, Row, build_collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.diagnose.failing_rows import rows_as_json
from embedscope.models.token_lengths import TokenLengths, could_be_longer, token_lengths
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import Float64Array
from embedscope.result import Finding, Severity

WEIGHTS = {"location": 3.0, "price": 2.0}


def row(number: int, query: str, positive: str, *negatives: Negative) -> Row:
    return Row(query, (positive,), negatives, number)


def negative(text: str, *types: str, weight: float | None = None) -> Negative:
    return Negative(text, types, WEIGHTS[types[0]] if weight is None else weight)


def healthy() -> list[Row]:
    """Six rows without a fault, one a district."""
    names = ("bàn gỗ", "tủ áo", "máy giặt", "hồ bơi", "sân vườn", "gác xép")
    return [
        row(
            i,
            f"phòng quận {i} có {name} giá {i + 1} triệu",
            f"Cho thuê phòng có {name} tại Quận {i}, giá {i + 1} triệu",
            negative(f"Cho thuê phòng có {name} tại Quận {i + 6}, giá {i + 1} triệu", "location"),
            negative(f"Cho thuê phòng có {name} tại Quận {i}, giá {i + 9} triệu", "price"),
        )
        for i, name in enumerate(names, start=1)
    ]


def subject_of(rows: Iterable[Row], **more: object) -> Subject:
    return Subject(RawRows("test", "row", tuple(rows)), attributes=PACK, **more)  # type: ignore[arg-type]


def report(rows: list[Row], **more: object) -> AuditReport:
    return audit(subject_of(rows, **more))


def codes(rows: list[Row]) -> dict[str, Finding]:
    return {d.code: d for d in report(rows).findings}


def test_healthy_rows_and_the_sample_files_yield_no_finding() -> None:
    assert codes(healthy()) == {}
    assert audit(Subject(read_rows(sample_path("test")), attributes=PACK)).findings == ()


HARD_TO_COUNT = ("", "phòng trọ quận 10, 5tr5", "ﷺ" * 20, "日本語テキスト", "a" * 300, "e\u0301 " * 50, "🏠" * 30)


def test_tokens_are_counted_as_transformers_counts_them(minilm: str) -> None:
    transformers = pytest.importorskip("transformers")
    slow = transformers.AutoTokenizer.from_pretrained(minilm, local_files_only=True)
    expected = {text: len(slow(text, truncation=False)["input_ids"]) for text in HARD_TO_COUNT}
    found = token_lengths(Path(minilm), [*HARD_TO_COUNT, ""], model="MiniLM", max_length=16)
    assert found == TokenLengths("MiniLM", 16, expected)


def test_no_text_that_is_taken_for_short_has_more_tokens_than_the_limit(minilm: str) -> None:
    counts = token_lengths(Path(minilm), HARD_TO_COUNT, model="MiniLM", max_length=16).n_tokens
    for text, n in counts.items():
        assert could_be_longer(text, n - 1)
    assert not could_be_longer("phòng trọ", 64)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("empty-text", "  "),
        ("placeholder-text", "{pos}"),
        ("mojibake", "phÃ²ng cÃ³ gÃ¡c táº¡i Quáº\xadn 1"),
        ("not-nfc", unicodedata.normalize("NFD", "Phòng có gác tại Quận 1")),
    ],
)
def test_a_broken_text_is_found_and_mended_or_removed(code: str, text: str) -> None:
    rows = healthy()
    rows[2] = replace(rows[2], positives=(text,))
    found = codes(rows)[code]
    assert (found.rows, found.n) == ((3,), 6)
    assert found.effect == pytest.approx(1 / 6)
    fixed = repair(subject_of(rows))
    assert code not in codes(list(fixed.rows))
    assert {change.row for change in fixed.changes} == {3}
    assert len(fixed.rows) == (5 if code in {"empty-text", "placeholder-text"} else 6)


def test_a_positive_among_its_own_negatives_is_found_across_rows_and_removed() -> None:
    rows = healthy()
    rows.append(row(7, rows[0].query, "Phòng khác có bàn gỗ, Quận 1, giá 2 triệu", Negative(rows[0].positives[0])))
    found = codes(rows)["positive-also-negative"]
    assert (found.rows, found.severity) == ((7,), Severity.HIGH)
    assert repair(subject_of(rows)).rows[-1].negatives == ()


def test_a_location_negative_in_the_same_district_is_judged_by_what_the_query_names() -> None:
    rows = healthy()
    street = "Cho thuê phòng có bàn gỗ, đường {}, Quận 1, giá 2 triệu"
    for number, query in ((1, "phòng quận 1 có bàn gỗ"), (7, "phòng quận 1 có bàn gỗ, đường Cô Giang")):
        made = row(number, query, street.format("Cô Giang"), negative(street.format("Đề Thám"), "location"))
        rows[number - 1 :] = [made, *rows[number:]]
    found = codes(rows)["location-negative-keeps-district"]
    assert found.rows == (1, 7)  # the one that the query does not tell apart comes first
    assert "2 of 7" in found.title
    assert "for 1 of them" in found.title
    fixed = repair(subject_of(rows))
    assert [len(r.negatives) for r in fixed.rows] == [0, 2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize(
    ("query", "positive", "other", "is_apart"),
    [
        ("phòng P.25 Bình Thạnh", "phòng 25m2 ở P.25, Bình Thạnh", "phòng 25m2 ở P.12, Bình Thạnh", True),
        ("phòng 25m2 Bình Thạnh", "phòng 25m2 ở P.25, Bình Thạnh", "phòng 25m2 ở P.12, Bình Thạnh", False),
        ("phong q10 gan dhbk", "phòng quận 10 gần ĐH Bách Khoa", "phòng quận 10 gần chợ Hòa Hưng", True),
        ("phong q10 gan dhbk", "phòng quận 10 gần Đại học Bách Khoa", "phòng quận 10 gần Đại học Kinh tế", True),
        ("phong q10 co gac", "phòng quận 10 có gác gần ĐH Bách Khoa", "phòng quận 10 có gác gần chợ", False),
    ],
)
def test_a_ward_or_an_initialism_of_the_query_tells_two_places_apart(
    query: str, positive: str, other: str, is_apart: bool
) -> None:
    assert query_tells_apart(row(1, query, positive), other) is is_apart


def test_a_price_negative_at_the_same_price_in_other_words_loses_the_type_and_keeps_its_weight() -> None:
    rows = healthy()
    same = Negative("Cho thuê phòng có bàn gỗ tại Quận 7, giá 2.000.000đ", ("location", "price"), 4.0)
    rows[0] = replace(rows[0], negatives=(same,))
    assert codes(rows)["price-negative-keeps-price"].rows == (1,)
    (kept,) = repair(subject_of(rows)).rows[0].negatives
    assert (kept.types, kept.weight) == (("location",), 4.0)


def test_weights_that_are_no_weights_take_the_usual_one_of_their_type_and_zeros_stay() -> None:
    rows = healthy()
    for place, weight in enumerate((float("nan"), -1.0, 0.0)):
        bad = replace(rows[place].negatives[0], weight=weight)
        rows[place] = replace(rows[place], negatives=(bad, *rows[place].negatives[1:]))
    found = codes(rows)
    assert found["broken-weights"].rows == (1, 2)
    assert found["zero-weights"].rows == (3,)
    fixed = repair(subject_of(rows))
    assert [r.negatives[0].weight for r in fixed.rows[:3]] == [3.0, 3.0, 0.0]
    assert [(change.row, change.code, change.value) for change in fixed.changes] == [
        (1, "broken-weights", 3.0),
        (2, "broken-weights", 3.0),
    ]
    assert set(codes(list(fixed.rows))) == {"zero-weights"}


def test_a_broken_weight_of_types_that_no_other_negative_has_is_taken_out() -> None:
    rows = healthy()
    rows[0] = replace(rows[0], negatives=(negative("Cho thuê nhà phố", "kind", weight=float("nan")),))
    (change,) = repair(subject_of(rows)).changes
    assert (change.code, change.value) == ("broken-weights", None)


def test_weights_of_which_nearly_all_are_zero_are_placeholders_and_become_one_one_by_one() -> None:
    rows = [replace(healthy()[i % 6], number=i + 1, query=f"phòng số {i}") for i in range(60)]
    rows = [replace(r, negatives=tuple(replace(n, weight=0.0) for n in r.negatives)) for r in rows]
    rows[0] = replace(rows[0], negatives=(replace(rows[0].negatives[0], weight=2.5), *rows[0].negatives[1:]))
    found = codes(rows)["all-weights-zero"]
    assert found.title.startswith("119 of 120 hard negatives")
    assert (len(found.rows), found.low is not None) == (60, True)
    fixed = repair(subject_of(rows))
    weighed = [change for change in fixed.changes if change.code == "all-weights-zero"]
    assert [change.value for change in weighed] == [1.0] * 119
    assert fixed.rows[0].negatives[0].weight == 2.5


def test_weights_that_are_all_zero_are_one_finding_and_become_one() -> None:
    rows = [replace(r, negatives=tuple(replace(n, weight=0.0) for n in r.negatives)) for r in healthy()]
    assert set(codes(rows)) == {"all-weights-zero"}
    fixed = repair(subject_of(rows))
    assert {n.weight for r in fixed.rows for n in r.negatives} == {1.0}


def test_a_weight_unlike_that_of_its_type_is_found() -> None:
    rows = healthy()
    rows[4] = replace(rows[4], negatives=(replace(rows[4].negatives[0], weight=9.0), rows[4].negatives[1]))
    assert codes(rows)["weights-not-by-type"].rows == (5,)


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": (("source", "web"),)},
        {"group": "b"},
        {"negatives": tuple(replace(n, weight=9.0) for n in healthy()[1].negatives)},
    ],
)
def test_a_row_with_the_texts_of_another_and_other_weights_or_columns_is_reported_and_stays(
    other: dict[str, object],
) -> None:
    rows = [*healthy(), replace(healthy()[1], number=7, **other)]  # type: ignore[arg-type]
    found = codes(rows)["duplicate-rows"]
    assert found.rows == (7,)
    assert "1 of them with other weights or columns" in found.title
    assert len(repair(subject_of(rows)).rows) == 7


def test_rows_that_differ_in_a_field_that_is_no_metadata_stay_and_rows_that_differ_in_their_id_do_not(
    tmp_path: Path,
) -> None:
    made = [{**one, "id": i, "tags": ["a"]} for i, one in enumerate(rows_as_json([*healthy(), healthy()[1]]))]
    for tags, n_left in ((["a"], 6), (["b"], 7)):
        made[-1]["tags"] = tags
        file = tmp_path / "rows.json"
        file.write_text(json.dumps(made), encoding="utf-8")
        assert len(repair(Subject(read_rows(file), attributes=PACK)).rows) == n_left


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(",", " -") + "!",
        lambda text: text.replace(" ", "\u00a0 "),
        lambda text: unicodedata.normalize("NFD", text).upper(),
    ],
)
def test_a_negative_that_is_the_positive_in_another_form_is_that_and_no_negative_at_the_positives_price(
    change: Callable[[str], str],
) -> None:
    rows = healthy()
    rows[0] = replace(rows[0], negatives=(negative(change(rows[0].positives[0]), "price"),))
    found = codes(rows)
    assert found["positive-also-negative"].rows == (1,)
    assert "price-negative-keeps-price" not in found
    assert found["near-duplicate-documents"].rows == (1,)
    fault = next(f for f in report(rows).faults if f.finding.code == "positive-also-negative")
    assert "but for case, punctuation, white space or Unicode form" in fault.examples[0]
    fixed = repair(subject_of(rows))
    assert fixed.rows[0].negatives == ()


def test_a_negative_with_another_number_or_other_diacritics_is_another_text() -> None:
    rows = healthy()
    rows[0] = replace(
        rows[0],
        negatives=(
            Negative(rows[0].positives[0].replace("2 triệu", "2.5 triệu")),
            Negative(rows[0].positives[0].replace("bàn", "bạn")),
        ),
    )
    assert "positive-also-negative" not in codes(rows)


def test_queries_that_say_the_same_and_have_other_positives_are_found_and_crossed_labels_come_first() -> None:
    rows = healthy()
    other = "Phòng khác hẳn, có bàn gỗ, Quận 1, giá 2 triệu, hẻm rộng"
    rows.append(row(7, rows[1].query.upper() + "!", "Căn phòng thứ hai có tủ áo ở Quận 2 giá 3 triệu"))
    rows.append(row(8, "giá 2 triệu, phòng quận 1 có bàn gỗ", other, Negative(rows[0].positives[0])))
    found = codes(rows)["near-duplicate-queries"]
    assert found.rows == (8, 7)
    assert "1 of them cross-labelled" in found.title
    assert found.low is not None
    rows[6:] = [row(7, rows[1].query.upper(), rows[1].positives[0]), row(8, rows[0].query + " 5 triệu", other)]
    assert "near-duplicate-queries" not in codes(rows)


def test_a_repeated_row_is_found_and_removed() -> None:
    rows = [*healthy(), replace(healthy()[1], number=7)]
    assert codes(rows)["duplicate-rows"].rows == (7,)
    assert len(repair(subject_of(rows)).rows) == 6


def test_a_positive_in_another_district_than_the_query_asks_for_is_suspect() -> None:
    rows = healthy()
    rows[0] = replace(rows[0], positives=rows[3].positives, negatives=())
    found = codes(rows)["positive-suspect"]
    assert found.rows[0] == 1


def answered(other: str) -> list[Row]:
    """Ten rows whose negative is ``other`` with the row's own district and price."""
    return [
        row(
            i,
            f"cho thuê phòng quận {i} giá {i + 1} triệu",
            f"Cho thuê phòng quận {i} giá {i + 1} triệu, có bàn gỗ",
            Negative(other.format(i, i + 1)),
        )
        for i in range(1, 11)
    ]


def test_a_negative_that_answers_the_query_is_suspected() -> None:
    found = codes(answered("Cho thuê phòng quận {} giá {} triệu, có tủ áo"))["negative-answers-query"]
    assert found.rows == tuple(range(1, 11))
    assert found.effect == 1.0
    assert "negative-answers-query" not in codes(answered("Cho thuê phòng quận {} giá 2{} triệu, có tủ áo"))
    assert "negative-answers-query" not in codes(answered("Không cho thuê phòng quận {} giá {} triệu, có tủ áo"))


def test_near_duplicates_that_no_query_tells_apart_are_found() -> None:
    rows = healthy()
    copy = rows[0].positives[0].replace(",", " -").upper()
    rows.append(row(7, "tìm phòng có bàn gỗ quận 1 giá 2 triệu", copy))
    assert "near-duplicate-documents" in codes(rows)


def test_texts_beyond_the_maximum_length_are_found_by_the_counts_of_the_tokenizer() -> None:
    rows = healthy()
    lengths = TokenLengths("model", 512, {rows[1].positives[0]: 600, rows[3].query: 700, rows[4].query: 512})
    (found,) = report(rows, lengths=lengths).findings
    assert (found.code, found.rows) == ("over-long-text", (4, 2))  # the longest first
    assert "700" in found.action


def test_leakage_is_counted_exactly_and_after_normalisation_and_removed() -> None:
    rows, train = healthy(), healthy()[:2]
    train[1] = replace(train[1], query=train[1].query.upper() + "!", positives=("Phòng khác",))
    trained = build_collection(train, format="test")
    subject = subject_of(rows)
    found = audit(subject, train=("train.json", trained))
    by_code = {d.code: d for d in found.findings}
    assert by_code["query-in-training"].rows == (1, 2)
    assert by_code["positive-in-training"].rows == (1,)
    assert found.leakage is not None
    assert found.leakage.queries["exact"] == 1
    fixed = repair(subject, train=("train.json", trained))
    assert [r.number for r in fixed.rows] == [3, 4, 5, 6]


def test_texts_that_stand_nearly_in_the_training_file_are_found_with_their_rows_and_left() -> None:
    rows = [
        row(i, f"phòng có ban công máy lạnh gần trường số {i * 7919}, rộng rãi thoáng mát", f"tin đăng {i * 31} {i}")
        for i in range(1, 60)
    ]
    train = [replace(r, query=r.query.replace("thoáng", "thoángg"), positives=(f"x{r.number}",)) for r in rows[:4]]
    train += [replace(r, query=r.query.replace("số ", "số 9"), positives=("khác",)) for r in rows[4:]]
    trained = build_collection(train, format="test")
    subject = subject_of(rows)
    found = {d.code: d for d in audit(subject, train=("train.json", trained)).findings}
    leak = found["query-in-training-nearly"]
    assert leak.rows == (1, 2, 3, 4)
    assert leak.low is not None
    assert leak.low > 0
    assert len(repair(subject, train=("train.json", trained)).rows) == 59


def test_the_sample_test_file_does_not_stand_in_the_sample_training_file() -> None:
    train = merged(read_rows(sample_path("train")))
    assert audit(Subject(read_rows(sample_path("test")), attributes=PACK), train=("train", train)).findings == ()


def test_negatives_that_share_no_letters_with_the_query_are_a_shortcut() -> None:
    rows = [row(i, f"mã {i}{i}x{i} xin", f"phòng mã {i}{i}x{i}", Negative(f"zzz {i}")) for i in range(60)]
    assert "lexical-shortcut" in codes(rows)
    honest = [replace(r, negatives=(Negative(r.query + " khác"),)) for r in rows]
    assert "lexical-shortcut" not in codes(honest)


def test_the_base_model_decides_on_suspicions_where_it_is_there() -> None:
    rows = healthy()
    raw = RawRows("test", "row", tuple(rows))
    collection = merged(raw)
    generator = np.random.default_rng(0)
    opinion = SecondOpinion(
        "base", generator.standard_normal((6, 8)), generator.standard_normal((len(collection.documents), 8))
    )
    found = audit(Subject(raw, opinion, attributes=PACK))
    assert found.second_opinion == "base"
    assert "positive-suspect" not in {d.code for d in found.findings}  # letters and base must agree


def paraphrased(*, is_good_model: bool, n_planted: int = 6) -> tuple[RawRows, SecondOpinion]:
    """Two hundred rows of which some have a negative in other words that a model finds nearer than the positive."""
    rows = [
        row(i, f"câu hỏi thứ {i * 13}", f"lời đáp {i * 17} đầy đủ", Negative(f"văn bản {i * 19} nói khác"))
        for i in range(1, 201)
    ]
    raw = RawRows("test", "row", tuple(rows))
    collection = merged(raw)
    generator = np.random.default_rng(0)
    queries = unit_rows(generator.standard_normal((200, 64)))
    documents = unit_rows(generator.standard_normal((400, 64)))
    place = {text: d for d, text in enumerate(collection.documents)}
    for q, one in enumerate(rows):
        nearer = one.negatives[0].text if q < n_planted or not (is_good_model or q % 4) else one.positives[0]
        documents[place[nearer]] = 0.8 * queries[q] + 0.6 * documents[place[nearer]]
    return raw, SecondOpinion("base", queries.astype(np.float32), unit_rows(documents).astype(np.float32))


def unit_rows(rows: Float64Array) -> Float64Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_a_paraphrase_that_the_base_model_clearly_prefers_is_a_suspected_false_negative() -> None:
    found = {d.code: d for d in audit(Subject(*paraphrased(is_good_model=True), attributes=PACK)).findings}
    assert found["negative-answers-query"].rows == (1, 2, 3, 4, 5, 6)
    assert "clearly preferred by base" in found["negative-answers-query"].title
    healthy_data = audit(Subject(*paraphrased(is_good_model=True, n_planted=0), attributes=PACK))
    assert "negative-answers-query" not in {d.code for d in healthy_data.findings}


def test_a_base_model_that_often_prefers_the_negatives_is_not_believed_and_that_is_said() -> None:
    found = audit(Subject(*paraphrased(is_good_model=False), attributes=PACK))
    assert "negative-answers-query" not in {d.code for d in found.findings}
    assert any("its preference is no evidence" in reason for reason in found.not_checked)


def test_what_makes_a_text_a_negative_by_its_values_is_not_overruled_by_a_model() -> None:
    raw, opinion = paraphrased(is_good_model=True)
    changed = list(raw.rows)
    for place in range(6):
        changed[place] = replace(changed[place], query=f"{changed[place].query} quận 1")
    texts = {one.negatives[0].text: f"{one.negatives[0].text}, quận 7" for one in changed[:6]}
    changed = [
        replace(one, negatives=tuple(replace(n, text=texts.get(n.text, n.text)) for n in one.negatives))
        for one in changed
    ]
    found = audit(Subject(replace(raw, rows=tuple(changed)), opinion, attributes=PACK))
    assert "negative-answers-query" not in {d.code for d in found.findings}


def test_faults_are_ordered_by_the_share_of_all_rows_that_they_concern_times_their_severity() -> None:
    rows = healthy()
    rows[0] = replace(rows[0], negatives=(*rows[0].negatives, Negative(rows[0].positives[0])))
    rows[1] = replace(rows[1], query=unicodedata.normalize("NFD", rows[1].query))
    gains = {fault.finding.code: fault.candidate.gain for fault in report(rows).faults}
    assert gains["positive-also-negative"] == pytest.approx(1 / 6)  # one row of six, although 1 of 13 negatives
    assert gains["not-nfc"] == pytest.approx(0.05 / 6)


def test_text_that_is_broken_in_part_is_restored_as_far_as_it_can_be_read() -> None:
    rows = healthy()
    rows[2] = replace(rows[2], positives=("PhÃ²ng trọ â€œmá»›iâ€",))
    assert codes(rows)["mojibake"].rows == (3,)
    assert repair(subject_of(rows)).rows[2].positives == ("Phòng trọ “mớiâ€",)


def test_a_text_that_speaks_of_a_template_is_kept_and_one_that_is_nothing_else_is_removed() -> None:
    rows = [row(1, "how does {name} work in python f-string", "An f-string replaces {name} by its value"), *healthy()]
    assert "placeholder-text" not in codes(rows)
    rows[3] = replace(rows[3], positives=("{{title}} in {{city}}",))
    rows[4] = replace(rows[4], positives=("{pos}",))
    assert len(codes(rows)["placeholder-text"].rows) == 2
    left = repair(subject_of(rows)).rows
    assert [r.positives[0] for r in left if "{" in r.positives[0]] == [rows[0].positives[0], "{{title}} in {{city}}"]


def test_rows_that_cannot_be_merged_are_audited_as_far_as_possible() -> None:
    found = report([row(1, "", "")])
    assert [d.code for d in found.findings] == ["empty-text"]
    assert any("second opinion" in reason for reason in found.not_checked)


def test_findings_are_ordered_by_cost_and_every_code_is_unique() -> None:
    rows = healthy()
    rows[0] = replace(rows[0], positives=(unicodedata.normalize("NFD", rows[0].positives[0]),))
    rows[1] = replace(rows[1], positives=("{pos}",))
    found = list(codes(rows))
    assert found.index("placeholder-text") < found.index("not-nfc")
    assert len(set(found)) == len(report(rows).findings)


def test_the_repaired_rows_are_in_the_original_format(tmp_path: Path) -> None:
    rows = [*healthy(), Row("hai đáp án", ("một", "hai"), (), 7, "nhóm")]
    file = tmp_path / "fixed.json"
    file.write_text(json.dumps(rows_as_json(rows), ensure_ascii=False), encoding="utf-8")
    again = read_rows(file)
    assert again.format == "original JSON"
    assert [replace(r, number=0) for r in again.rows] == [replace(r, number=0) for r in rows]


def test_a_type_listed_twice_is_read_from_the_file(tmp_path: Path) -> None:
    made = rows_as_json(healthy())
    made[3]["hard_neg"][0]["type"] = ["location", "location"]
    file = tmp_path / "twice.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    (found,) = audit(Subject(read_rows(file), attributes=PACK)).findings
    assert (found.code, found.rows) == ("type-listed-twice", (4,))


def test_a_judged_folder_is_read_as_rows(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    corpus = "\n".join(json.dumps({"_id": f"d{i}", "title": "", "text": f"văn bản {i}"}) for i in range(3))
    queries = "\n".join(json.dumps({"_id": f"q{i}", "text": f"câu hỏi {i}"}) for i in range(2))
    (tmp_path / "corpus.jsonl").write_text(corpus, encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(queries, encoding="utf-8")
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n", encoding="utf-8")
    raw = read_rows(tmp_path)
    assert [(r.query, r.positives) for r in raw.rows] == [("câu hỏi 0", ("văn bản 0",)), ("câu hỏi 1", ("văn bản 1",))]
    assert raw.extra_documents == ("văn bản 2",)


def test_the_real_test_file_is_described_as_it_is(real_data: Path) -> None:
    found = audit(Subject(read_rows(real_data / "test.json"), attributes=PACK))
    facts = {fact.code: fact.n for fact in found.facts}
    by_code = {d.code: d for d in found.findings}
    assert facts["distinct-positives"] == 237
    assert 620 <= facts["queries-without-diacritics"] <= 635
    assert facts["most-shared-positive"] == 15
    kept = by_code["location-negative-keeps-district"]
    assert kept.n == 1539
    assert kept.effect is not None
    assert kept.effect * kept.n >= 176
    assert by_code["placeholder-text"].rows[0] == 137
    assert found.faults[0].examples


def test_the_zero_weights_of_the_real_training_file_are_found(real_data: Path) -> None:
    found = audit(Subject(read_rows(real_data / "train.json", split="first:300"), attributes=PACK))
    zero = next(d for d in found.findings if d.code in {"zero-weights", "all-weights-zero"})
    assert zero.effect is not None
    assert zero.effect > 0.9
    assert zero.severity is Severity.HIGH


def test_an_audit_reads_what_an_evaluation_refuses(tmp_path: Path) -> None:
    rows = rows_as_json(healthy())
    rows[0]["hard_neg"][0]["weight"] = float("nan")
    rows[1]["pos"] = ""
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(Exception, match=r"weight|empty"):
        read_collection(file)
    assert {"broken-weights", "empty-text"} <= {
        d.code for d in audit(Subject(read_rows(file), attributes=PACK)).findings
    }


def test_another_seed_moves_neither_an_interval_nor_what_is_found() -> None:
    rows = [row(i, f"câu hỏi thứ {i * 13}", f"lời đáp {i // 3 * 17} đầy đủ") for i in range(1, 121)]
    rows = [replace(r, query=unicodedata.normalize("NFD", r.query)) if r.number % 7 < 2 else r for r in rows]
    first, same, other = (audit(subject_of(rows, seed=seed, n_draws=500)).findings for seed in (1, 1, 2))
    assert "not-nfc" in {finding.code for finding in first}
    assert first == same
    assert [(f.code, f.n, f.effect, f.rows) for f in first] == [(f.code, f.n, f.effect, f.rows) for f in other]
    assert [(f.low, f.high) for f in first] == [(f.low, f.high) for f in other]


def plain_rows(n: int = 30) -> list[Row]:
    """Rows whose positive repeats half of the words of its query, and whose negative repeats one."""
    generator = np.random.default_rng(5)
    words = ["".join(generator.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(16 * n)]
    rows = []
    for i in range(n):
        own = words[16 * i : 16 * i + 16]
        texts = own[:6], [*own[6:9], *own[:3]], [*own[9:14], own[5]]
        query, positive, other = map(" ".join, texts)
        rows.append(row(i + 1, query, positive, Negative(other)))
    return rows


def without_pack(rows: list[Row]) -> Subject:
    return Subject(RawRows("test", "row", tuple(rows)))


@pytest.mark.parametrize("form", ["{}", "  {} ", "{}\n"])
def test_rows_with_their_own_query_as_hard_negative_are_counted_and_repaired(form: str) -> None:
    rows = plain_rows()
    for place in range(17):
        own = Negative(form.format(rows[place].query))
        rows[place] = replace(rows[place], negatives=(own,) if place % 2 else (*rows[place].negatives, own))
    findings = audit(without_pack(rows)).findings
    (found,) = [finding for finding in findings if finding.code == "negative-is-query"]
    assert (found.n, found.severity, found.rows) == (17, Severity.HIGH, tuple(range(1, 18)))
    assert (found.effect, found.low) == (None, None)
    assert "17 rows have the query itself as a hard negative (of 30)" in found.title
    assert {finding.code for finding in findings} == {"negative-is-query"}
    fixed = repair(without_pack(rows))
    assert {(edit.row, edit.code) for edit in fixed.changes} == {(number, "negative-is-query") for number in found.rows}
    assert audit(without_pack(list(fixed.rows))).findings == ()


def test_rows_with_their_own_query_as_positive_are_counted() -> None:
    rows = plain_rows()
    for place in range(3):
        rows[place] = replace(rows[place], positives=(rows[place].query, *rows[place].positives[place % 2 :]))
    (found,) = audit(without_pack(rows)).findings
    assert (found.code, found.n, found.rows) == ("positive-is-query", 3, (1, 2, 3))
    assert repair(without_pack(rows)).changes == ()


def test_the_query_itself_among_the_documents_is_no_unlabelled_answer() -> None:
    rows = plain_rows()
    rows += [row(31 + i, one.positives[0], one.query) for i, one in enumerate(rows)]
    assert audit(without_pack(rows)).findings == ()
