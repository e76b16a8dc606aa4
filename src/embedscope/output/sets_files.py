"""The files of a run on several sets: the report of all, and below it the folder of each set, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedscope.output.page import html, sets_payload
from embedscope.output.page.payload import PAGE_FILE, to_json
from embedscope.output.run_files import TABLES, write_run
from embedscope.output.run_folder import MANIFEST, manifest, staged_output, write_json, write_text
from embedscope.result import Result, SeveralSets
from embedscope.result.report import sets_report

_OWN = ("report.json", MANIFEST, "report.html", PAGE_FILE)


def write_sets(
    found: SeveralSets,
    results: Mapping[str, Result],
    folder: str | Path,
    *,
    options: Mapping[str, object],
    elapsed_s: float,
    more: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Write the report of all sets, and everything that the run on each leaves behind; what is there, for a person.

    Parameters
    ----------
    folder, options, elapsed_s
        As `write_run` takes them. The tables of a run on one set that was written there before are removed.
    more : mapping of name to keywords
        What else `write_run` is given for each set.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written; the folder is as it was then.
    """
    report = sets_report(found)
    names = list(_OWN)
    with staged_output(folder) as staging:
        write_json(staging / "report.json", report)
        files = {role: path for role, path in found.inputs.items() if role != "data"}
        inputs = files | {f"data: {each.name}": each.path for each in found.sets}
        write_json(
            staging / MANIFEST,
            manifest(inputs=inputs, options=options, seed=found.seed, elapsed_s=elapsed_s),
        )
        content = sets_payload.sets_payload(report)
        write_text(staging / PAGE_FILE, to_json(content))
        write_text(staging / "report.html", html.render(content, title=html.page_title(report)))
        for each in found.sets:
            own = {**options, "data": each.path}
            written = write_run(
                results[each.name], staging / each.folder, options=own, elapsed_s=elapsed_s, **more[each.name]
            )
            names.append(f"{each.folder}/ ({len(written)} files)")
    for name in set(TABLES) - set(_OWN):
        (Path(folder) / name).unlink(missing_ok=True)
    return names
