"""``embedscope parity``: whether two ways to encode give the same vectors, and the likely cause where they do not."""

from __future__ import annotations

import json
import time
from typing import Any

from embedscope import __version__
from embedscope.cli.ending import terminal_of, write_record
from embedscope.cli.main import DONE, UNSETTLED
from embedscope.output.run_folder import MANIFEST, check_writable
from embedscope.parity import compare_served
from embedscope.result import Parity, ParityOutcome
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION
from embedscope.settings import ParitySettings, Settings

FILES = ("parity.json", MANIFEST)


def run(settings: Settings, chosen: ParitySettings) -> int:
    """Compare, print, and write what was asked for; 0 where the vectors are the same, else 3."""
    started = time.perf_counter()
    terminal = terminal_of(settings)
    folder = settings.output.output
    if folder is not None:
        check_writable(folder, FILES)
    found = compare_served(settings, chosen, terminal)
    terminal.parity(found)
    report = parity_report(found)
    if folder is not None:
        files = {FILES[0]: report}
        write_record(files, settings, chosen, terminal, started, model=chosen.measured, served=chosen.served)
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return DONE if found.outcome is ParityOutcome.SAME else UNSETTLED


def parity_report(found: Parity) -> dict[str, Any]:
    """``parity.json``: the record, with the versions that every report carries."""
    versions = {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, "command": "parity"}
    return {**versions, **encode(found)}
