"""``embedscope evaluate``: the numbers, the checklist and the verdict, without pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from embedscope.analysis.pipeline import analyse
from embedscope.commands import inputs, outputs
from embedscope.data.run_folder import staged_output
from embedscope.report.payload import report as report_of
from embedscope.verdict import judge


def run(options: argparse.Namespace) -> int:
    """Measure, judge, say; write where ``--output`` says so. The exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    checkpoint = inputs.checkpoint_of(options)
    criteria = inputs.read_criteria(options)
    outputs.check_destinations(options)
    collection = inputs.read_data(options, terminal)
    train = inputs.read_train(options)
    measured = inputs.embed(checkpoint, collection, options, terminal)
    baselines = inputs.embed_baselines(options, collection, terminal)
    findings = analyse(
        collection,
        measured.embeddings,
        options=inputs.analysis_options(options),
        base=measured.base,
        baselines=baselines,
        train=train,
        say=terminal.step,
    )
    checks, verdict = judge(findings, criteria)
    report = report_of(findings, checks, verdict, inputs=outputs.inputs_of(options))
    terminal.report(findings, checks, verdict)
    terminal.examples(findings)
    written = outputs.write_side_files(options, findings, checks, verdict)
    if options.output is not None:
        with staged_output(options.output) as staging:
            names = outputs.write_tables(staging, report, findings, options, started)
        terminal.files(Path(options.output), names)
    terminal.side_files(written)
    return outputs.finish(options, verdict, report, terminal, started)
