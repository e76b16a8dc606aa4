"""How much of the package one command walks through: functions and modules entered, depth of calls.

    python -m tools.trace_command visualize --embeddings vectors.npz --data test.json --output /tmp/out

Counts this process, its threads included; the second process, which draws, is left out. A function that calls itself
stands on the stack once. To compare two versions, run
it with each of them on the module path.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from embedscope import __file__ as package_file

PACKAGE = str(Path(package_file).parent)


class Trace:
    """Counts calls of functions of the package, and how many different ones stand on the stack at once."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.deepest = 0
        self._stacks: dict[int, list[tuple[str, str]]] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE) or frame.f_code.co_name.endswith(">"):  # bodies of modules, comprehensions
            return
        stack = self._stacks.setdefault(threading.get_ident(), [])
        if event == "call":
            module = str(Path(file).relative_to(PACKAGE))
            function = module, frame.f_code.co_qualname
            self.calls[function] += 1
            stack.append(function)
            if len(stack) > self.deepest:
                self.deepest = max(self.deepest, len(set(stack)))
        elif event == "return" and stack:
            stack.pop()


def main(words: list[str]) -> int:
    try:
        from embedscope.cli.main import main as run
    except ImportError:  # where the command line is one module
        from embedscope.cli import main as run
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        status: int = run(words)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    modules = {module for module, _ in trace.calls}
    print(
        f"functions entered {len(trace.calls):,}, modules {len(modules):,}, calls {trace.calls.total():,}, "
        f"deepest stack of the package's own functions {trace.deepest}"
    )
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
