"""``embedscope plan``: what evaluating a corpus would take, on one machine, one GPU and several nodes."""

from __future__ import annotations

import json

from embedscope.cli.ending import terminal_of
from embedscope.scale.plan_lines import plan
from embedscope.settings import PlanSettings, Settings


def run(settings: Settings, options: PlanSettings) -> int:
    """Measure, count, print; the exit status."""
    terminal = terminal_of(settings)
    found = plan(settings, options, terminal)
    for line in found.lines:
        terminal.line(line)
    terminal.json(json.dumps(found.figures, indent=2, allow_nan=False))
    return 0
