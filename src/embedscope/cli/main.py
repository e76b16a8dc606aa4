"""The command line: words in, an exit status out. No logic of its own.

Exit status: 0 done (with ``--gate``: deploy; for ``parity``: the same vectors), 1 ``--gate`` and retrain, 2 unusable
input, 3 ``--gate`` and undecided or unfit, ``audit --gate`` and a fault of high severity, or ``parity`` and vectors
that differ, 70 a fault of embedscope itself, 130 interrupted, 143 terminated. Only the settings are imported until the
arguments are known to be good, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from signal import SIGTERM

from embedscope import __version__
from embedscope.cli.arguments import COMMANDS, Command
from embedscope.errors import EmbedscopeError
from embedscope.output.silence import SILENCE
from embedscope.output.streams import STDERR, STDOUT, fill_standard_streams, say

DONE, RETRAIN, UNUSABLE, UNSETTLED = 0, 1, 2, 3
FAULT = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED, TERMINATED = 130, 143  # 128 + the number of the signal
REPORT_TO = "https://github.com/embedscope/embedscope/issues"

EPILOG = """\
Examples:
  embedscope demo                                                     see what comes out, on sample data
  embedscope visualize --checkpoint best.pt --data test.json          pictures, numbers, verdict, page
  embedscope evaluate  --checkpoint best.pt --data test.json --gate   numbers only, exit status for CI
  embedscope compare   old.pt new.pt --data test.json                 which one is better, and where
  embedscope parity    best.pt served/ --data test.json               is what is served what was measured?
  embedscope migrate   old.pt new.pt --data test.json                 what a swap does to the index in production
  embedscope serve     visualizations/                                ask the model yourself, in the browser
  embedscope mcp       runs/                                          let agents read runs on disk
  embedscope train     --data train.json --base-model BAAI/bge-m3     a projection head, in seconds
"""


atexit.register(gc.freeze)  # so that the interpreter does not look through all that was loaded for cycles as it ends


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. ``words`` default to those of the process."""
    fill_standard_streams()
    chosen = list(sys.argv[1:] if words is None else words)
    try:
        with _terminable():
            return _run(chosen)
    except EmbedscopeError as error:
        say(f"embedscope: {error}")
        return UNUSABLE
    except KeyboardInterrupt:
        say("embedscope: interrupted")
        return INTERRUPTED
    except Terminated:
        say("embedscope: terminated")
        return TERMINATED
    except MemoryError:
        say("embedscope: out of memory. Pass less at a time: --max-samples, --batch-size, --map-points.")
        return UNUSABLE
    except OSError as error:
        say(f"embedscope: {_place_of(error)}: {error.strerror or error}.")
        return UNUSABLE
    except Exception as error:  # never 1, the status that a CI job reads as "retrain"
        say(_fault_message(error, chosen))
        return FAULT
    finally:
        STDOUT.flush()  # help and version too, which argparse has written
        STDERR.flush()


def _run(words: Sequence[str]) -> int:
    parser = build_parser()
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return UNUSABLE
    with SILENCE.watched():
        return command_named(arguments.command).run(arguments)


class Terminated(BaseException):
    """SIGTERM came; as with an interrupt, what is half-done is cleared away."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM would end the process at once."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def terminate(number: int, frame: object) -> None:
        signal.signal(SIGTERM, signal.SIG_IGN)
        raise Terminated

    signal.signal(SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(SIGTERM, signal.SIG_DFL)


def _place_of(error: OSError) -> str:
    """The file that the system refused, or what the error calls itself."""
    return type(error).__name__ if error.filename is None else f"'{os.fsdecode(error.filename)}'"


def _fault_message(error: Exception, words: Sequence[str]) -> str:
    """What is said of an error that nobody expected; its traceback goes to a file."""
    import platform
    import shlex
    import tempfile
    import traceback

    story = "".join(traceback.format_exception(error))
    facts = f"embedscope {__version__}, Python {platform.python_version()}, {platform.platform()}"
    reason = f"embedscope: this is a fault of embedscope, not of your input ({type(error).__name__}: {error})."
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="embedscope-fault-", suffix=".txt", delete=False
        ) as file:
            file.write(f"{facts}\n{shlex.join(['embedscope', *words])}\n\n{story}")
    except OSError:
        return f"{story}{reason} Please report it with the lines above: {REPORT_TO}"
    return f"{reason} Please report it with '{file.name}': {REPORT_TO}"


def command_named(name: str) -> Command:
    """The command of this name."""
    return next(command for command in COMMANDS if command.name == name)


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command; names and defaults are the contract's."""
    parser = argparse.ArgumentParser(
        prog="embedscope",
        description="Look inside a retrieval embedding model after fine-tuning.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"embedscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands.add_parser(command.name, help=command.help))
    return parser


def build_original_parser() -> argparse.ArgumentParser:
    """The parser of ``visualize_embeddings.py``: the original command line, which is ``visualize`` by another name."""
    parser = argparse.ArgumentParser(
        prog="visualize_embeddings.py", description="Visualize a trained embedding space (embedscope visualize)."
    )
    command_named("visualize").add_to(parser)
    return parser


def main_original(words: Sequence[str] | None = None) -> int:
    """``visualize_embeddings.py``: the original flags, the same five files."""
    chosen = list(sys.argv[1:] if words is None else words)
    build_original_parser().parse_args(chosen)
    return main(["visualize", *chosen])
