"""The interactive page: one HTML file that holds its data, its program and its style, and asks no network for anything.

The payload stands in a data block, never in program text, and every character that could end the block is escaped.
A ``Content-Security-Policy`` lets the browser run this script and this style only (by their SHA-256) and refuses every
request, so a text of a data set can neither become program nor call anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from embedscope.errors import DataFormatError, InputError
from embedscope.output.page.payload import PAGE_FILE, PAGE_VERSION, to_json
from embedscope.plain_files import MOST_PAGE_BYTES, parse_json, read_json
from embedscope.publishing import require_complete
from embedscope.result.conformance import first_fault

_KINDS = {
    "embedscope-page": None,
    "embedscope-sets": "sets_payload",
    "embedscope-migration": "migration_payload",
}
"""Kinds of payload, each with its definition in the schema; None for the schema itself."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="embedscope {version}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div id="app"><p class="opening">Opening the report …</p></div>
<noscript><p class="opening">{summary}</p></noscript>
<script type="application/json" id="embedscope-payload">{payload}</script>
<script>{script}</script>
</body>
</html>
"""


def render(payload: Mapping[str, Any], *, title: str, is_served: bool = False) -> str:
    """The whole page as text, to be written as UTF-8.

    Parameters
    ----------
    payload : mapping
        What :func:`embedscope.output.page.payload.page_payload`, `sets_payload` or `migration_payload` returns.
    title : str
        Of the browser's tab; any text.
    is_served : bool
        Whether the page comes from a server, which it may ask; a file may ask nobody.

    Returns
    -------
    str
        HTML that can always be encoded: half surrogate pairs stand as escapes, or as a question mark in the title.

    Raises
    ------
    ValueError
        If the payload holds a number that is not finite.
    """
    script, style = _bundled("embedscope.js"), _bundled("embedscope.css")
    report = payload.get("report", {})
    summary = (
        f"{_said_first(report)} This page draws itself with JavaScript, which is switched off; the numbers stand in "
        f"{'migration.json' if 'advice' in report else 'report.json'}."
    )
    return _PAGE.format(
        policy=content_security_policy(script, style, is_served=is_served),
        version=as_text(str(report.get("embedscope_version", ""))),
        title=as_text(title),
        style=style,
        summary=as_text(summary),
        payload=as_data_block(payload),
        script=script,
    )


def _said_first(report: Mapping[str, Any]) -> str:
    """The verdict of a report, or what to do about a swap of models."""
    if "advice" in report:
        return str(report["advice"][0])
    verdict = report.get("verdict", {})
    return f"Verdict: {verdict.get('outcome', 'unknown')}. {verdict.get('headline', '')}"


def render_run_folder(folder: str | Path) -> str:
    """The page of a run that was made before, from the ``page.json`` in its folder.

    Raises
    ------
    InputError
        If the folder has no ``page.json``, or it cannot be read.
    DataFormatError
        If ``page.json`` is not the payload of a page, or of a version that this program does not know.
    """
    payload = read_page(folder)
    return render(payload, title=page_title(payload["report"]))


def read_page(folder: str | Path) -> dict[str, Any]:
    """The payload of the page of a run; raises as `render_run_folder`."""
    require_complete(Path(folder))
    return _read_payload(Path(folder) / PAGE_FILE)


def page_title(report: Mapping[str, Any]) -> str:
    """The title of the page of a report: the verdict and the name of the checkpoint, or both models of a swap."""
    if "advice" in report:
        old, new = (_last_part(report[role]["checkpoint"]) for role in ("old", "new"))
        return f"Migration: {old} to {new} · embedscope"
    word = str(report.get("verdict", {}).get("outcome", "report"))
    checkpoint = str(report.get("checkpoint") or report.get("model", {}).get("checkpoint", ""))  # several sets, or one
    name = _last_part(checkpoint)
    return f"{word.capitalize()}: {name} · embedscope" if name else f"{word.capitalize()} · embedscope"


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def as_data_block(payload: Mapping[str, Any]) -> str:
    """The payload as JSON that may stand in a ``<script type="application/json">`` element.

    ASCII only, so U+2028, U+2029 and half surrogate pairs are escapes; ``<``, ``>`` and ``&`` are escaped too, so no
    text can end the element or open a comment.
    """
    return to_json(payload).translate(_ESCAPES)


def content_security_policy(script: str, style: str, *, is_served: bool = False) -> str:
    """The policy under which only ``script`` and ``style`` run, and nothing is requested but of the page's server."""
    connect = "connect-src 'self'; " if is_served else ""
    return (
        f"default-src 'none'; script-src '{_source_hash(script)}'; style-src '{_source_hash(style)}'; img-src data:; "
        f"{connect}base-uri 'none'; form-action 'none'"
    )


def policy_of_served_page() -> str:
    """The policy of a page that is rendered with ``is_served``, for a header: no other page may frame it."""
    script, style = _bundled("embedscope.js"), _bundled("embedscope.css")
    return f"{content_security_policy(script, style, is_served=True)}; frame-ancestors 'none'"


def _source_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _bundled(name: str) -> str:
    # Newlines as in the file: the browser hashes what it reads, and it reads \r\n as \n.
    return files("embedscope.output.page").joinpath("bundle", name).read_bytes().decode().replace("\r\n", "\n")


def as_text(text: str) -> str:
    """Any text as that of an element or an attribute; half surrogate pairs become question marks."""
    return html.escape(text.encode("utf-8", "replace").decode())


def _read_payload(path: Path) -> dict[str, Any]:
    try:
        payload = read_json(path, most_bytes=MOST_PAGE_BYTES)
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist, and the page is drawn from it. Give the folder that visualize, evaluate or "
            f"compare wrote as --output; where an older version wrote it, run that again (the embeddings are in the "
            f"cache)."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}). Check that it is the file that the run wrote.") from error
    except ValueError as error:
        raise DataFormatError(
            f"{path} is not JSON ({error}), so the run was cut short or the file was changed. Run visualize again."
        ) from error
    if not isinstance(payload, dict) or payload.get("kind") not in _KINDS:
        raise DataFormatError(
            f'{path} is not the payload of a page: "kind" must be "embedscope-page". Give the output folder of '
            "'embedscope visualize'."
        )
    version = payload.get("page_version")
    if version != PAGE_VERSION:
        raise DataFormatError(
            f"{path} has page_version {str(version)[:40]}; this program draws version {PAGE_VERSION}. Draw it with the "
            "embedscope that wrote it, or run visualize again."
        )
    schema = parse_json(files("embedscope.output.page").joinpath("schema.json").read_text("utf-8"))
    definition = _KINDS[payload["kind"]]
    if definition is not None:
        schema = {**schema["$defs"][definition], "$defs": schema["$defs"]}
    fault = first_fault(payload, schema)
    if fault is not None:
        raise DataFormatError(f"{path} is not the payload of a page: {fault}. Run visualize again.")
    return payload
