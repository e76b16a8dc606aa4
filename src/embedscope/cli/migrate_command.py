"""``embedscope migrate``: what a swap of models does to the index in production."""

from __future__ import annotations

import json
import time
from typing import Any

from embedscope import __version__
from embedscope.cli.ending import terminal_of
from embedscope.cli.main import DONE
from embedscope.migration import migrate
from embedscope.output.markdown import migration_markdown
from embedscope.output.run_folder import check_writable, manifest, staged_output, write_bytes, write_json, write_text
from embedscope.result import Migration
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION
from embedscope.settings import MigrateSettings, OutputSettings, Settings


def run(settings: Settings, chosen: MigrateSettings) -> int:
    """Measure every path, print, and write what was asked for; the exit status."""
    started = time.perf_counter()
    terminal = terminal_of(settings)
    folder = settings.output.output
    names = ("migration.json", "migration.md", f"migration.{settings.output.format}", "manifest.json")
    if folder is not None:
        check_writable(folder, names)
    found = migrate(settings, chosen, terminal)
    terminal.migration(found)
    report = migration_report(found)
    if folder is not None:
        record = manifest(
            inputs={"old": str(chosen.old), "new": str(chosen.new), **settings.inputs()},
            options=settings.as_options() | encode(chosen),
            seed=settings.measure.seed,
            elapsed_s=time.perf_counter() - started,
        )
        with staged_output(folder) as staging:
            write_json(staging / names[0], report)
            write_text(staging / names[1], migration_markdown(found))
            write_bytes(staging / names[2], _picture(found, settings.output))
            write_json(staging / names[3], record)
        terminal.files(folder, names)
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return DONE


def migration_report(found: Migration) -> dict[str, Any]:
    """``migration.json``: the record, with the versions that every report carries."""
    versions = {"schema_version": SCHEMA_VERSION, "embedscope_version": __version__, "command": "migrate"}
    return {**versions, **encode(found)}


def _picture(found: Migration, output: OutputSettings) -> bytes:
    from embedscope.output import pictures

    return pictures.drawn(pictures.draw_migration(found), dpi=output.dpi, format=output.format)()
