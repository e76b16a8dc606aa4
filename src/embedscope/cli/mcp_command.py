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
    # asyncio would end its tasks first, and the one that reads the input waits for a line.
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        server.run("stdio")
    finally:
        signal.signal(signal.SIGINT, before)
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
