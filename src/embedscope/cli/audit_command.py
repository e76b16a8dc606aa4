"""``embedscope audit``: what is wrong with a data set, without any model and with one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from embedscope import __version__
from embedscope.attribute_packs import load_pack
from embedscope.audit import (
    AuditReport,
    SecondOpinion,
    Subject,
    audit,
    merged,
    restored,
)
from embedscope.audit import repair as repaired
from embedscope.audit.patching import PATCHABLE, Change, patched
from embedscope.audit.raw_rows import RawRows, read_rows
from embedscope.audit.text_checks import texts_of
from embedscope.cli.ending import terminal_of, write_rows
from embedscope.data.collection import Collection, identity
from embedscope.errors import InputError, InvalidOptionError
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.embed import embed_collection
from embedscope.models.model_folders import Layout
from embedscope.models.token_lengths import TokenLengths, token_lengths
from embedscope.output.run_folder import check_writable, manifest, staged_output, write_json, write_text
from embedscope.output.terminal import Terminal
from embedscope.output.terminal.finding_lines import effect_line
from embedscope.output.terminal.hanging import Hanging, console
from embedscope.pipeline import TrainingFile, load
from embedscope.result.codec import encode
from embedscope.result.report import SCHEMA_VERSION
from embedscope.settings import RepairSettings, Settings

FILES = ("report.json", "manifest.json")


def run(settings: Settings, repair: RepairSettings) -> int:
    """Read, look, print, and write what was asked for; the exit status is 0 whatever is found."""
    started = time.perf_counter()
    terminal = terminal_of(settings)
    _check_destinations(settings, repair)
    raw = read_rows(str(settings.data.data), split=settings.data.split)
    for warning in raw.warnings:
        terminal.warn(warning)
    if repair.fix is not None:
        _require_patchable(raw, settings)
    training = TrainingFile.of(settings)
    train = None if training is None else (training.name, training.collection)
    subject = Subject(
        raw,
        _second_opinion(raw, settings, terminal),
        _lengths(raw, settings),
        attributes=load_pack(settings.measure.attributes),
        seed=settings.measure.seed,
        n_draws=settings.measure.draws,
    )
    found = audit(subject, train=train)
    fixed = _fixed(subject, train) if repair.fix is not None else None
    changes = () if fixed is None else fixed.changes
    report = audit_report(found, changes, inputs=settings.inputs())
    print_audit(found, settings)
    folder = settings.output.output
    if folder is not None:
        with staged_output(folder) as staging:
            write_json(staging / "report.json", report)
            write_json(staging / "manifest.json", _manifest(settings, started))
        terminal.files(folder, FILES)
    if fixed is not None:
        terminal.side_files(_write_repair(fixed, Path(str(repair.fix))))
        terminal.step(f"{len(fixed.changes):,} changes; {fixed.n_rows:,} of {found.n_rows:,} rows stay")
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return 0


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The repaired file as text, every value that differs from the input, and the rows that are left."""

    text: str
    changes: tuple[Change, ...]
    n_rows: int


def _fixed(subject: Subject, train: tuple[str, Collection] | None) -> _Fixed | None:
    """The file without what can be fixed; None where it is none that can be patched."""
    if subject.raw.source is None:
        return None
    found = repaired(subject, train=train)
    text, changes = patched(subject.raw.source, found.changes, restore=restored)
    return _Fixed(text, changes, len(found.rows))


def audit_report(found: AuditReport, changes: Sequence[Change], *, inputs: Mapping[str, str]) -> dict[str, Any]:
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


def print_audit(found: AuditReport, settings: Settings) -> None:
    """Facts, findings with their first examples, and what was not looked at."""
    results = console(quiet=settings.output.quiet or settings.output.json)
    results.print(f"{settings.data.data}: {found.n_rows:,} rows ({found.format})", style="bold", soft_wrap=True)
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


def _check_destinations(settings: Settings, repair: RepairSettings) -> None:
    if settings.output.output is not None:
        check_writable(settings.output.output, FILES)
    if repair.fix is not None:
        target = Path(repair.fix)
        check_writable(target.parent, [target.name, _changes_file(target).name], option="--fix")
        _refuse_inputs_as_output(settings, target)
        split = settings.data.split
        if split is not None and Path(str(settings.data.data)).is_file():
            raise InvalidOptionError(
                f"--fix writes the whole file repaired, and --split {split} looks at a part of it, so that "
                "the other rows would be lost. Leave --split or --fix out."
            )


def _refuse_inputs_as_output(settings: Settings, target: Path) -> None:
    for option in ("data", "train"):
        source = getattr(settings.data, option)
        for made in (target, _changes_file(target)):
            if source is not None and made.exists() and Path(source).exists() and made.samefile(source):
                raise InvalidOptionError(
                    f"--fix would write {made}, which is the file of --{option}. The input stays as it is, so that the "
                    "changes can be looked at beside it: give another name."
                )


def _require_patchable(raw: RawRows, settings: Settings) -> None:
    """Refuse to repair what is not one text file of rows."""
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


def _changes_file(target: Path) -> Path:
    return target.with_name(f"{target.stem}.changes.json")


def _write_repair(fixed: _Fixed, target: Path) -> list[str]:
    write_text(target, fixed.text)
    write_rows(str(_changes_file(target)), [asdict(change) for change in fixed.changes])
    return [str(target), str(_changes_file(target))]


def _manifest(settings: Settings, started: float) -> dict[str, Any]:
    return manifest(
        inputs=settings.inputs(),
        options=settings.as_options(),
        seed=settings.measure.seed,
        elapsed_s=time.perf_counter() - started,
    )


def _checkpoint(settings: Settings) -> Checkpoint | None:
    """The model at hand: the checkpoint, or the base model alone."""
    own = settings.model
    path = own.checkpoint or own.base_model
    if path is None:
        return None
    base_model = None if own.checkpoint is None else own.base_model
    return load_checkpoint(path, base_model=base_model, pooling=own.pooling, max_length=own.max_length)


def _lengths(raw: RawRows, settings: Settings) -> TokenLengths | None:
    """Tokens of every text; None without a model, or where nothing limits a text."""
    checkpoint = _checkpoint(settings)
    if checkpoint is None or checkpoint.base.transformer is None or checkpoint.max_length is None:
        return None
    texts = {identity(text) for row in raw.rows for _, text in texts_of(row)} - {""}
    return token_lengths(
        checkpoint.base.transformer, sorted(texts), model=checkpoint.base.reference, max_length=checkpoint.max_length
    )


def _second_opinion(raw: RawRows, settings: Settings, terminal: Terminal) -> SecondOpinion | None:
    """Vectors under the base model; None where only the audited model itself is at hand, which is no second opinion."""
    own = settings.model
    if own.base_model is None and not _is_head_over_its_base(_checkpoint(settings)):
        if own.checkpoint is not None:
            terminal.warn(
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
    with terminal.progress("Encoding", unit="texts") as progress:
        found = embed_collection(collection, base, store, batch_size=own.batch_size, progress=progress)
    return SecondOpinion(base.facts.base_model or str(name), found.queries, found.documents)


def _is_head_over_its_base(checkpoint: Checkpoint | None) -> bool:
    """Whether the encoder is one that the audited training did not touch."""
    is_head = checkpoint is not None and checkpoint.layout in (Layout.STATE_DICT, Layout.HEAD_SAFETENSORS)
    return is_head and checkpoint is not None and checkpoint.encoder_state is None
