"""An agent of the tests: a client of the Model Context Protocol, with ``embedscope mcp`` as a program of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 240.0
"""Until a start or an answer is given up."""


@dataclass(frozen=True)
class Agent:
    """Calls tools from any thread; the session lives in a loop of its own."""

    loop: asyncio.AbstractEventLoop
    client: Any

    def tools(self) -> dict[str, Any]:
        """The tools by name."""
        return {tool.name: tool for tool in self._wait(self.client.list_tools()).tools}

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool that succeeds."""
        answer = self._wait(self.client.call_tool(tool, arguments))
        assert not answer.is_error, answer.content[0].text
        return dict(answer.structured_content)

    def refusal(self, tool: str, **arguments: Any) -> str:
        """What a tool says that refuses."""
        answer = self._wait(self.client.call_tool(tool, arguments))
        assert answer.is_error
        return str(answer.content[0].text)

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)


@contextmanager
def agent_of(*folders: Path) -> Iterator[Agent]:
    """An agent whose server may read ``folders``; both are gone at the end."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    started: Future[Agent] = Future()
    ended = threading.Event()
    source = str(Path(__file__).resolve().parents[2] / "src")
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "embedscope", "mcp", *map(str, folders)],
        env={**os.environ, "PYTHONPATH": source},
    )

    async def session() -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), Client(stdio_client(program)) as client:
                started.set_result(Agent(asyncio.get_running_loop(), client))
                while not ended.is_set():
                    await asyncio.sleep(0.02)
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(session()), daemon=True)
    thread.start()
    try:
        yield started.result(PATIENCE_S)
    finally:
        ended.set()
        thread.join(PATIENCE_S)
