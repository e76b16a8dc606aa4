"""What is wrong with a data set, found without the model that is trained or tested on it."""

from __future__ import annotations

from embedscope.diagnosis.audit.facts import Fact
from embedscope.diagnosis.audit.faults import Fault
from embedscope.diagnosis.audit.repair import Repair, repair_rows, restored, rows_as_json
from embedscope.diagnosis.audit.run import AuditReport, audit, repair
from embedscope.diagnosis.audit.subject import (
    SecondOpinion,
    Subject,
    TokenLengths,
    could_be_longer,
    merged,
    token_lengths,
)

__all__ = [
    "AuditReport",
    "Fact",
    "Fault",
    "Repair",
    "SecondOpinion",
    "Subject",
    "TokenLengths",
    "audit",
    "could_be_longer",
    "merged",
    "repair",
    "repair_rows",
    "restored",
    "rows_as_json",
    "token_lengths",
]
