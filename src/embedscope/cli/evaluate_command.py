"""``embedscope evaluate``: the numbers, the checklist and the verdict, without pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from embedscope.cli import inputs, outputs
from embedscope.cli.corpus_command import measure_shards, refuse_shard_options
from embedscope.cli.measured import Measured, measure
from embedscope.data.run_folder import staged_output
from embedscope.output.terminal import Terminal
from embedscope.scale.remote_storage import is_remote
from embedscope.scale.shard_folder import is_shard_folder


def run(options: argparse.Namespace) -> int:
    """Measure, judge, say; write where ``--output`` says so. The exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    measured = _measured(options, terminal)
    result, report = measured.result, measured.report
    terminal.report(result, measured.checks, measured.verdict, has_evidence=options.findings)
    terminal.examples(result)
    written = outputs.write_side_files(options, result, measured.checks, measured.verdict)
    if options.output is not None:
        with staged_output(options.output) as staging:
            names = outputs.write_tables(staging, report, result, options, started)
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
