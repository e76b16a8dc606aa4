"""``embedscope migrate``: what a swap of models does to the index in production."""

from __future__ import annotations

import json
import time
from typing import Any

from embedscope import __version__
from embedscope.cli.ending import terminal_of, write_record
from embedscope.cli.main import DONE
from embedscope.migration import migrate
from embedscope.output.markdown import migration_markdown
from embedscope.output.page import html
from embedscope.output.page.migration_payload import migration_payload
from embedscope.output.page.payload import PAGE_FILE, to_json
from embedscope.output.run_folder import MANIFEST, check_writable
from embedscope.result import Migration
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION
from embedscope.settings import MigrateSettings, OutputSettings, Settings


def run(settings: Settings, chosen: MigrateSettings) -> int:
    """Measure every path, print, and write what was asked for; the exit status."""
    started = time.perf_counter()
    terminal = terminal_of(settings)
    folder = settings.output.output
    names = ("migration.json", "migration.md", f"migration.{settings.output.format}", "report.html", PAGE_FILE)
    if folder is not None:
        check_writable(folder, (*names, MANIFEST))
    found = migrate(settings, chosen, terminal)
    terminal.migration(found)
    report = migration_report(found)
    if folder is not None:
        page = migration_payload(found, report)
        contents = (
            report,
            migration_markdown(found),
            _picture(found, settings.output),
            html.render(page, title=html.page_title(report)),
            to_json(page),
        )
        files = dict(zip(names, contents, strict=True))
        write_record(files, settings, chosen, terminal, started, old=chosen.old, new=chosen.new)
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return DONE


def migration_report(found: Migration) -> dict[str, Any]:
    """``migration.json``: the record, with the versions and, under ``data``, the ``dim`` that every report carries."""
    versions = {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, "command": "migrate"}
    table: dict[str, Any] = encode(found)
    return {**versions, **table, "data": {**table["data"], "dim": found.new.dim}}


def _picture(found: Migration, output: OutputSettings) -> bytes:
    from embedscope.output import pictures

    return pictures.drawn(pictures.draw_migration(found), dpi=output.dpi, format=output.format)()
