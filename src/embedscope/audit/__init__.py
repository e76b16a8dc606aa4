"""What is wrong with a data set, found without the model that is trained or tested on it."""

from __future__ import annotations

from embedscope.audit.checks import AuditReport, audit
from embedscope.audit.facts import Fact
from embedscope.audit.faults import Fault
from embedscope.audit.repair import Repair, repair, restored
from embedscope.audit.subject import SecondOpinion, Subject, merged

__all__ = [
    "AuditReport",
    "Fact",
    "Fault",
    "Repair",
    "SecondOpinion",
    "Subject",
    "audit",
    "merged",
    "repair",
    "restored",
]
