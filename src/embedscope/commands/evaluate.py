"""``embedscope evaluate``: the numbers, the checklist and the verdict, without pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from embedscope.commands import inputs, outputs
from embedscope.commands.corpus import measure_shards, refuse_shard_options
from embedscope.commands.measured import Measured, measure
from embedscope.data.places import is_remote
from embedscope.data.run_folder import staged_output
from embedscope.data.shards import is_shard_folder
from embedscope.terminal import Terminal


def run(options: argparse.Namespace) -> int:
    """Measure, judge, say; write where ``--output`` says so. The exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    measured = _measured(options, terminal)
    findings, report = measured.findings, measured.report
    terminal.report(findings, measured.checks, measured.verdict, has_evidence=options.findings)
    terminal.examples(findings)
    written = outputs.write_side_files(options, findings, measured.checks, measured.verdict)
    if options.output is not None:
        with staged_output(options.output) as staging:
            names = outputs.write_tables(staging, report, findings, options, started)
        terminal.files(Path(options.output), names)
    terminal.side_files(written)
    return outputs.finish(options, measured.verdict, report, terminal, started)


def _measured(options: argparse.Namespace, terminal: Terminal) -> Measured:
    """A shard folder is read from disk in one pass; everything else is measured in memory."""
    given = options.embeddings
    if given is not None and (is_remote(given) or is_shard_folder(given)):
        return measure_shards(options, terminal)
    refuse_shard_options(options)
    return measure(options, terminal)
