"""``embedscope audit``: what is wrong with a data set, without any model and with one."""

from __future__ import annotations

import json
import time

from rich.text import Text

from embedscope.audit import AuditReport
from embedscope.audit.audit_file import FILES, run_audit
from embedscope.cli.ending import terminal_of
from embedscope.cli.main import DONE, UNSETTLED
from embedscope.data.collection import columns_line
from embedscope.output.terminal.finding_lines import effect_line
from embedscope.output.terminal.hanging import Hanging, console
from embedscope.settings import AuditSettings, SetsSettings, Settings, require_unused


def run(settings: Settings, sets: SetsSettings, own: AuditSettings) -> int:
    """Audit each file, print, and write what was asked for.

    The exit status is 0 whatever is found, and with ``--gate`` 3 where a finding is of high severity and no suspicion.
    """
    if len(sets.data) > 1:
        reason = "one file is repaired, reported or printed as JSON at a time"
        require_unused(reason, (settings.output, ("output", "json")), (own, ("fix",)))
    found = [_audited(settings.with_options(data=path), own) for path in sets.data]
    return UNSETTLED if settings.output.gate and any(each.is_faulty for each in found) else DONE


def _audited(settings: Settings, own: AuditSettings) -> AuditReport:
    started = time.perf_counter()
    terminal = terminal_of(settings)
    done = run_audit(settings, own.fix, terminal, compared_queries=own.compared_queries)
    print_audit(done.found, settings)
    if settings.output.output is not None:
        terminal.files(settings.output.output, FILES)
    if done.repaired is not None:
        terminal.side_files(done.repaired.files)
        n_changes = len(done.repaired.changes)
        terminal.step(f"{n_changes:,} changes; {done.repaired.n_rows:,} of {done.found.n_rows:,} rows stay")
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(done.report, ensure_ascii=False, indent=2, allow_nan=False))
    return done.found


def print_audit(found: AuditReport, settings: Settings) -> None:
    """What the columns are, facts, findings with their first examples, and what was not looked at."""
    results = console(quiet=settings.output.quiet or settings.output.json)
    results.print(f"{settings.data.data}: {found.n_rows:,} rows ({found.format})", style="bold", soft_wrap=True)
    if found.columns:
        results.print(Hanging("  columns: ", columns_line(found.columns)))
    for row in found.first_rows:
        results.print(Hanging("           ", Text(" | ".join(f"{name} = {text}" for name, text in row.items()), "dim")))
    for fact in found.facts:
        results.print(Hanging(f"  {fact.n:>8,}  ", fact.title))
    results.print()
    n = len(found.faults)
    results.print(f"{n} finding{'s' * (n != 1)}, the costliest first" if n else "No findings", style="bold")
    for place, fault in enumerate(found.faults, start=1):
        finding = fault.finding
        results.print(Hanging(f"{place:>3}. ", f"{finding.title} [{finding.severity.value}: {finding.code}]"))
        results.print(Hanging("     -> ", finding.action))
        results.print(Hanging("     ", Text(effect_line(finding), "dim")))
        for example in fault.examples[: settings.measure.examples]:
            results.print(Hanging("        ", example))
    for reason in found.not_checked:
        results.print(Hanging("Not checked: ", reason))
