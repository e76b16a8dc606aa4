"""``embedscope audit``: what is wrong with a data set, without any model and with one."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from embedscope import __version__
from embedscope.audit import (
    AuditReport,
    SecondOpinion,
    Subject,
    TokenLengths,
    audit,
    merged,
    repair,
    restored,
    token_lengths,
)
from embedscope.audit.patching import PATCHABLE, Change, patched
from embedscope.audit.text_checks import texts_of
from embedscope.cli import inputs, outputs
from embedscope.data.collection import Collection, identity
from embedscope.data.readers.raw import RawRows, read_rows
from embedscope.errors import InputError, InvalidOptionError
from embedscope.models.cache import EmbeddingStore
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.embed import embed_collection
from embedscope.models.model import load_model
from embedscope.models.model_folders import Layout
from embedscope.output.run_folder import check_writable, manifest, staged_output, write_json, write_text
from embedscope.output.terminal import Terminal
from embedscope.output.terminal.finding_lines import effect_line
from embedscope.output.terminal.hanging import Hanging, console
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION

FILES = ("report.json", "manifest.json")


def run(options: argparse.Namespace) -> int:
    """Read, look, say, and write what was asked for; the exit status is 0 whatever is found."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    _check_destinations(options)
    raw = read_rows(options.data, split=options.split)
    for warning in raw.warnings:
        terminal.warn(warning)
    if options.fix is not None:
        _require_patchable(raw, options)
    train = inputs.read_train(options)
    subject = Subject(raw, _second_opinion(raw, options, terminal), _lengths(raw, options))
    found = audit(subject, train=train)
    mended = _mend(subject, train) if options.fix is not None else None
    changes = () if mended is None else mended.changes
    report = audit_report(found, changes, inputs=outputs.inputs_of(options))
    say(found, options)
    if options.output is not None:
        with staged_output(options.output) as staging:
            write_json(staging / "report.json", report)
            write_json(staging / "manifest.json", _manifest(options, started))
        terminal.files(Path(options.output), FILES)
    if mended is not None:
        terminal.side_files(_write_repair(mended, Path(options.fix)))
        terminal.step(f"{len(mended.changes):,} changes; {mended.n_rows:,} of {found.n_rows:,} rows stay")
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return 0


@dataclass(frozen=True, slots=True)
class _Mended:
    """The repaired file as text, every value that differs from the input, and the rows that are left."""

    text: str
    changes: tuple[Change, ...]
    n_rows: int


def _mend(subject: Subject, train: tuple[str, Collection] | None) -> _Mended | None:
    """The file without what can be mended; None where it is none that can be patched."""
    if subject.raw.source is None:
        return None
    found = repair(subject, train=train)
    text, changes = patched(subject.raw.source, found.changes, restore=restored)
    return _Mended(text, changes, len(found.rows))


def audit_report(found: AuditReport, changes: Sequence[Change], *, inputs: dict[str, str | None]) -> dict[str, Any]:
    """The ``report.json`` of an audit: findings as every command lists them, with examples, facts and changes."""
    report: dict[str, Any] = encode(
        {
            "schema_version": SCHEMA_VERSION,
            "embedscope_version": __version__,
            "command": "audit",
            "inputs": inputs,
            "data": {"format": found.format, "n_rows": found.n_rows, "row_name": found.row_name},
            "facts": found.facts,
            "findings": [{**encode(fault.finding), "examples": fault.examples} for fault in found.faults],
            "leakage": found.leakage,
            "second_opinion": found.second_opinion,
            "not_checked": found.not_checked,
            "changes": changes,
        }
    )
    return report


def say(found: AuditReport, options: argparse.Namespace) -> None:
    """Facts, findings with their first examples, and what was not looked at."""
    results = console(quiet=options.quiet or options.json)
    results.print(f"{options.data}: {found.n_rows:,} rows ({found.format})", style="bold", soft_wrap=True)
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
        for example in fault.examples[: options.examples]:
            results.print(Hanging("        ", example))
    for reason in found.not_checked:
        results.print(Hanging("Not checked: ", reason))


def _check_destinations(options: argparse.Namespace) -> None:
    if options.output is not None:
        check_writable(options.output, FILES)
    if options.fix is not None:
        target = Path(options.fix)
        check_writable(target.parent, [target.name, _changes_file(target).name], option="--fix")
        _refuse_inputs_as_output(options, target)
        if options.split is not None and Path(options.data).is_file():
            raise InvalidOptionError(
                f"--fix writes the whole file repaired, and --split {options.split} looks at a part of it, so that "
                "the other rows would be lost. Leave --split or --fix out."
            )


def _refuse_inputs_as_output(options: argparse.Namespace, target: Path) -> None:
    for option in ("data", "train"):
        given = getattr(options, option)
        for made in (target, _changes_file(target)):
            if given is not None and made.exists() and Path(given).exists() and made.samefile(given):
                raise InvalidOptionError(
                    f"--fix would write {made}, which is the file of --{option}. The input stays as it is, so that the "
                    "changes can be looked at beside it: give another name."
                )


def _require_patchable(raw: RawRows, options: argparse.Namespace) -> None:
    """Refuse to repair what is not one text file of rows."""
    if raw.source is None:
        raise InvalidOptionError(
            f"--fix mends a file of rows, and {options.data} is a {raw.format}: its documents and judgments stand in "
            "several files, of which one file of rows would lose the pool. Run audit without --fix and correct the "
            "files by the rows of the findings (row n is the n-th judged query)."
        )
    if raw.source.container not in PATCHABLE:
        raise InvalidOptionError(
            f"--fix changes single values of a text file ({', '.join(PATCHABLE)}), and {options.data} is "
            f"{raw.source.container}. Write it as JSONL first, with pandas: read_parquet(...).to_json(..., "
            "orient='records', lines=True, force_ascii=False); then mend that."
        )


def _changes_file(target: Path) -> Path:
    return target.with_name(f"{target.stem}.changes.json")


def _write_repair(mended: _Mended, target: Path) -> list[str]:
    write_text(target, mended.text)
    outputs.write_rows(_changes_file(target), [asdict(change) for change in mended.changes])
    return [str(target), str(_changes_file(target))]


def _manifest(options: argparse.Namespace, started: float) -> dict[str, Any]:
    return manifest(
        inputs=outputs.inputs_of(options),
        options={key: value for key, value in vars(options).items() if key != "command"},
        seed=0,
        elapsed_s=time.perf_counter() - started,
    )


def _checkpoint(options: argparse.Namespace) -> Checkpoint | None:
    """The model at hand: the checkpoint, or the base model alone."""
    path = options.checkpoint or options.base_model
    if path is None:
        return None
    given = {**inputs.model_options(options)}
    del given["device"]
    if options.checkpoint is None:
        given["base_model"] = None
    return load_checkpoint(path, **given)


def _lengths(raw: RawRows, options: argparse.Namespace) -> TokenLengths | None:
    """Tokens of every text; None without a model, or where nothing limits a text."""
    checkpoint = _checkpoint(options)
    if checkpoint is None or checkpoint.base.transformer is None or checkpoint.max_length is None:
        return None
    texts = {identity(text) for row in raw.rows for _, text in texts_of(row)} - {""}
    return token_lengths(
        checkpoint.base.transformer, sorted(texts), model=checkpoint.base.reference, max_length=checkpoint.max_length
    )


def _second_opinion(raw: RawRows, options: argparse.Namespace, terminal: Terminal) -> SecondOpinion | None:
    """Vectors under the base model; None where only the audited model itself is at hand, which is no second opinion."""
    if options.base_model is None and not _is_head_over_its_base(_checkpoint(options)):
        if options.checkpoint is not None:
            terminal.warn(
                "the encoder of the checkpoint is the audited one, so it gives no second opinion on the labels; "
                "character n-grams do. Pass --base-model for a better one."
            )
        return None
    try:
        collection = merged(raw)
    except InputError:
        return None
    store = EmbeddingStore(
        None if options.cache_dir is None else Path(options.cache_dir),
        warn=terminal.warn,
        is_enabled=not options.no_cache,
    )
    given = inputs.model_options(options)
    path = options.base_model or options.checkpoint
    if options.base_model is not None:
        given["base_model"] = None
    model = load_model(path, **given, hashes=store.hashes).without_head()
    with terminal.progress("Encoding", unit="texts") as progress:
        found = embed_collection(collection, model, store, batch_size=options.batch_size, progress=progress)
    return SecondOpinion(model.facts.base_model or str(path), found.queries, found.documents)


def _is_head_over_its_base(checkpoint: Checkpoint | None) -> bool:
    """Whether the encoder is one that the audited training did not touch."""
    is_head = checkpoint is not None and checkpoint.layout in (Layout.STATE_DICT, Layout.HEAD_SAFETENSORS)
    return is_head and checkpoint is not None and checkpoint.encoder_state is None
