"""All checks of a data set in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from embedscope.audit.attribute_checks import check_attributes
from embedscope.audit.duplicate_checks import check_duplicates
from embedscope.audit.facts import Fact, state_facts
from embedscope.audit.faults import Fault
from embedscope.audit.label_checks import SUSPECTED_POSITIVE, check_labels
from embedscope.audit.leaks import check_leakage, check_shortcut
from embedscope.audit.subject import Subject
from embedscope.audit.text_checks import check_texts
from embedscope.audit.weight_checks import check_weights
from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.evidence import ordered
from embedscope.result import Finding, Leakage, Severity
from embedscope.result.formatting import percent


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found: facts that are no faults, faults with the costliest first, leakage, what was not checked.

    ``columns`` are those of a file by role, ``first_rows`` what stands in each of them, texts cut.
    """

    format: str
    row_name: str
    n_rows: int
    facts: tuple[Fact, ...]
    faults: tuple[Fault, ...]
    leakage: Leakage | None
    second_opinion: str | None  # what scored the suspicions
    not_checked: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    first_rows: tuple[Mapping[str, str], ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The faults as report.json lists them."""
        return tuple(fault.finding for fault in self.faults)

    @property
    def is_faulty(self) -> bool:
        """Whether a finding of high severity is more than a suspicion, which rests on a second opinion and may err."""
        return any(one.severity is Severity.HIGH and one.code != SUSPECTED_POSITIVE for one in self.findings)


def audit(subject: Subject, *, train: tuple[str, Collection] | None = None) -> AuditReport:
    """Everything that can be found wrong with the data set.

    The subject has vectors of the base model and token lengths where a model is at hand; ``train``, the training file
    by its name, is for the leakage check.
    """
    checks = (check_texts, check_weights, check_labels, check_attributes, check_shortcut)
    faults = [fault for check in checks for fault in check(subject)]
    second_opinion = None if subject.scorer is None else subject.scorer.name
    subject.forget_labels()  # the search for near duplicates has n-grams of its own
    faults += check_duplicates(subject)
    leakage = None
    if train is not None:
        leakage, leaks = check_leakage(subject, train[1], name=train[0])
        faults += leaks
    places = {finding: place for place, finding in enumerate(ordered(fault.candidate for fault in faults))}
    return AuditReport(
        format=subject.raw.format,
        row_name=subject.raw.row_name,
        n_rows=len(subject.rows),
        facts=tuple(state_facts(subject)),
        faults=tuple(sorted(faults, key=lambda fault: places[fault.finding])),
        leakage=leakage,
        second_opinion=second_opinion,
        not_checked=_not_checked(subject, has_train=train is not None),
        columns=subject.raw.columns,
        first_rows=tuple({field: _cut(value) for field, value in row.items()} for row in subject.raw.first_records),
    )


def _cut(value: object) -> str:
    return excerpt(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _not_checked(subject: Subject, *, has_train: bool) -> tuple[str, ...]:
    missing = []
    if subject.collection is None:
        missing.append("labels against a second opinion: fewer than two queries have a usable positive")
    opinion = subject.preferences
    if opinion is not None and not opinion.is_believed:
        wrong = percent(1 - (opinion.prefers_positive.value or 0.0))
        missing.append(
            f"false negatives by the scores of {opinion.name}: it prefers the hard negative to the positive in {wrong} "
            f"of {opinion.n:,} pairs, so that its preference is no evidence; the words of the texts decided alone"
        )
    if subject.collection is not None and subject.is_sampled:
        missing.append(_of_the_others(subject, subject.collection))
    if subject.lengths is None:
        missing.append("texts that are cut off: pass --base-model or --checkpoint, whose tokenizer counts")
    if not has_train:
        missing.append("leakage: pass --train with the training file")
    return tuple(missing)


def _of_the_others(subject: Subject, collection: Collection) -> str:
    n, n_queries = len(subject.compared), len(collection.queries)
    return (
        f"the labels of {n_queries - n:,} of {n_queries:,} queries against the documents: {n:,}, drawn with the seed "
        f"{subject.seed}, were compared with all {len(collection.documents):,}; pass --compared-queries N for more, or "
        "0 for all"
    )
