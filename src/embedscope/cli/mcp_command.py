"""``embedscope mcp FOLDER...``: runs on disk for agents, by the Model Context Protocol."""

from __future__ import annotations

import signal

from embedscope.errors import importing
from embedscope.settings import McpSettings


def run(chosen: McpSettings) -> int:
    """Answer over standard input and output until the input ends."""
    with importing("mcp", needed_for="embedscope mcp", extra="mcp"):
        from embedscope.agents.mcp_server import server_of
    from embedscope.agents.readable_folders import ReadableFolders
    from embedscope.agents.run_answers import RunAnswers

    server = server_of(RunAnswers(ReadableFolders.of(chosen.folders)))
    # Nothing is half-done at any time, and Python's own handlers would wait for the next line of the input.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run("stdio")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0
