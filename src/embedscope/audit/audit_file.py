"""The audit of a data set, from settings to what was found, and the repaired file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from embedscope import __version__
from embedscope.attribute_packs import load_pack
from embedscope.audit import (
    AuditReport,
    SecondOpinion,
    Subject,
    audit,
    merged,
    repair,
    restored,
)
from embedscope.audit.patching import PATCHABLE, Change, RecordSource, patched
from embedscope.audit.raw_rows import RawRows, read_rows
from embedscope.audit.text_checks import texts_of
from embedscope.data.collection import identity
from embedscope.errors import InputError, InvalidOptionError
from embedscope.kept import KeptResults
from embedscope.log import Log
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.embed import embed_collection
from embedscope.models.model_folders import Layout
from embedscope.models.token_lengths import TokenLengths, prompted_lengths
from embedscope.output.run_folder import (
    MANIFEST,
    check_writable,
    manifest,
    require_apart,
    rows_text,
    staged_output,
    write_json,
    write_texts,
)
from embedscope.pipeline import TrainingFile
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION
from embedscope.settings import PROMPTS, Settings, require_unused
from embedscope.systems import load

FILES = ("report.json", MANIFEST)


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found, the repaired file where one was asked for, and the report."""

    found: AuditReport
    repaired: RepairedFile | None
    report: dict[str, Any]


def run_audit(settings: Settings, fix: str | None, log: Log, *, compared_queries: int | None = None) -> Audited:
    """Read, look, and write what was asked for.

    Raises
    ------
    InputError
        If the data cannot be read, or a file cannot be written or repaired.
    """
    started = time.perf_counter()
    _check_destinations(settings, fix)
    own, kept = settings.data, KeptResults.of(settings, log.warn)
    raw = read_rows(str(own.data), split=own.split, columns=own.columns, group=own.group, with_records=fix is not None)
    for warning in raw.warnings:
        log.warn(warning)
    source = None if fix is None else _patchable(raw, settings)
    training = TrainingFile.of(settings, log)
    train = None if training is None else (training.name, training.collection)
    checkpoint = _checkpoint(settings)
    subject = Subject(
        raw,
        _second_opinion(raw, checkpoint, settings, log),
        _lengths(raw, checkpoint),
        attributes=load_pack(settings.measure.attributes),
        seed=settings.measure.seed,
        n_draws=settings.measure.draws,
        n_compared=compared_queries,
        kept=kept,
    )
    found = audit(subject, train=train)
    subject.kept.tell(log.step)
    repaired = None
    if fix is not None and source is not None:
        rows = repair(subject, train=train)
        text, changes = patched(source, rows.changes, restore=restored)
        repaired = RepairedFile(Path(fix), changes, len(rows.rows))
        listed = rows_text([asdict(change) for change in changes])
        write_texts({repaired.path: text, _changes_file(repaired.path): listed}, option="--fix")
    report = audit_report(found, () if repaired is None else repaired.changes, inputs=settings.inputs())
    if settings.output.output is not None:
        record = manifest(
            inputs=settings.inputs(),
            options=settings.as_options(),
            seed=settings.measure.seed,
            elapsed_s=time.perf_counter() - started,
        )
        with staged_output(settings.output.output) as staging:
            write_json(staging / "report.json", report)
            write_json(staging / MANIFEST, record)
    return Audited(found, repaired, report)


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """The repaired file, every value that differs from the input, and how many rows are left."""

    path: Path
    changes: tuple[Change, ...]
    n_rows: int

    @property
    def files(self) -> list[str]:
        """The repaired file and the list of its changes."""
        return [str(self.path), str(_changes_file(self.path))]


def audit_report(found: AuditReport, changes: Sequence[Change], *, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The ``report.json`` of an audit: findings as every command lists them, with examples, facts and changes."""
    report: dict[str, Any] = encode(
        {
            "schema_version": SCHEMA_VERSION,
            "embedscope_version": __version__,
            "command": "audit",
            "inputs": inputs,
            "data": {
                "format": found.format,
                "n_rows": found.n_rows,
                "row_name": found.row_name,
                "columns": found.columns,
                "first_rows": found.first_rows,
            },
            "facts": found.facts,
            "findings": [{**encode(fault.finding), "examples": fault.examples} for fault in found.faults],
            "leakage": found.leakage,
            "second_opinion": found.second_opinion,
            "not_checked": found.not_checked,
            "changes": changes,
        }
    )
    return report


def _check_destinations(settings: Settings, fix: str | None) -> None:
    if settings.output.output is not None:
        check_writable(settings.output.output, FILES)
    if fix is not None:
        target = Path(fix)
        check_writable(target.parent, [target.name, _changes_file(target).name], option="--fix")
        require_apart([("--fix", target), ("--fix", _changes_file(target))], settings.inputs().values())
        split = settings.data.split
        if split is not None and Path(str(settings.data.data)).is_file():
            raise InvalidOptionError(
                f"--fix writes the whole file repaired, and --split {split} looks at a part of it, so that "
                "the other rows would be lost. Leave --split or --fix out."
            )


def _patchable(raw: RawRows, settings: Settings) -> RecordSource:
    """The file of the rows; refused where they do not come from one text file."""
    if raw.source is None:
        raise InvalidOptionError(
            f"--fix repairs a file of rows, and {settings.data.data} is a {raw.format}: its documents and judgments "
            "stand in several files, of which one file of rows would lose the pool. Run audit without --fix and "
            "correct the files by the rows of the findings (row n is the n-th judged query)."
        )
    if raw.source.container not in PATCHABLE:
        raise InvalidOptionError(
            f"--fix changes single values of a text file ({', '.join(PATCHABLE)}), and {settings.data.data} is "
            f"{raw.source.container}. Write it as JSONL first, with pandas: read_parquet(...).to_json(..., "
            "orient='records', lines=True, force_ascii=False); then repair that."
        )
    return raw.source


def _changes_file(target: Path) -> Path:
    return target.with_name(f"{target.stem}.changes.json")


def _checkpoint(settings: Settings) -> Checkpoint | None:
    """The model at hand: the checkpoint, or the base model alone."""
    own = settings.model
    path = own.checkpoint or own.base_model
    if path is None:
        require_unused("there is no model, so no text is encoded", (own, PROMPTS))
        return None
    base_model = None if own.checkpoint is None else own.base_model
    return load_checkpoint(path, **replace(own, base_model=base_model).reading)


def _lengths(raw: RawRows, checkpoint: Checkpoint | None) -> TokenLengths | None:
    """Tokens of every text, prompt included; None without a model, or where nothing limits a text."""
    if checkpoint is None or checkpoint.base.transformer is None or checkpoint.max_length is None:
        return None
    prompts = {"query": checkpoint.query_prompt}  # of the places that are no documents
    stated = {
        (prompts.get(place, checkpoint.document_prompt), identity(text))
        for row in raw.rows
        for place, text in texts_of(row)
    }
    return prompted_lengths(
        checkpoint.base.tokenizer or checkpoint.base.transformer,
        sorted((prompt, text) for prompt, text in stated if text),
        model=checkpoint.base.reference,
        max_length=checkpoint.max_length,
    )


def _second_opinion(raw: RawRows, checkpoint: Checkpoint | None, settings: Settings, log: Log) -> SecondOpinion | None:
    """Vectors under the base model; None where only the audited model itself is at hand, which is no second opinion."""
    own = settings.model
    if own.base_model is None and not _is_head_over_its_base(checkpoint):
        if own.checkpoint is not None:
            log.warn(
                "the encoder of the checkpoint is the audited one, so it gives no second opinion on the labels; "
                "character n-grams do. Pass --base-model for a better one."
            )
        return None
    try:
        collection = merged(raw)
    except InputError:
        return None
    name = own.base_model or own.checkpoint
    alone = settings if own.base_model is None else settings.with_options(base_model=None)
    store, model = load(str(name), alone)
    base = model.without_head()
    with log.progress("Encoding", unit="texts") as progress:
        found = embed_collection(collection, base, store, batch_size=own.batch_size, progress=progress)
    return SecondOpinion(base.facts.base_model or str(name), found.queries, found.documents)


def _is_head_over_its_base(checkpoint: Checkpoint | None) -> bool:
    """Whether the encoder is one that the audited training did not touch."""
    if checkpoint is None or checkpoint.encoder_state is not None:
        return False
    return checkpoint.layout in (Layout.STATE_DICT, Layout.HEAD_SAFETENSORS)
