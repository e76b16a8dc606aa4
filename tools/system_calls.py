"""What a child asks of the file system, call by call: it can be killed before any of these calls, or one can fail.

The calls themselves are seen, by ``ptrace``, whichever library makes them and in whatever thread or process below the
child: between two calls that change a file, no file changes, so a kill before each of them is a kill anywhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

IS_SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"

FILES = {1: "write", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 77: "ftruncate", 91: "fchmod",
         285: "fallocate", 296: "pwritev", 328: "pwritev2"}  # fmt: skip
"""Calls whose first argument is an open file, by their number (asm/unistd_64.h)."""

PATHS = {2: "open", 76: "truncate", 82: "rename", 83: "mkdir", 84: "rmdir", 85: "creat", 86: "link", 87: "unlink",
         90: "chmod"}  # fmt: skip
"""Calls whose first argument is a path."""

PATHS_AT = {257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat",
            268: "fchmodat", 280: "utimensat", 316: "renameat2"}  # fmt: skip
"""Calls whose first argument is an open folder and whose second is a path in it."""

CALLS = FILES | PATHS | PATHS_AT
TAKES_NO_SPACE = {"unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat", "utimensat", "truncate", "ftruncate"}
"""Calls that a full disk still grants."""

_TRACEME, _SETOPTIONS, _GETREGS, _SETREGS, _SYSCALL, _SYSCALL_INFO = 0, 0x4200, 12, 13, 24, 0x420E  # linux/ptrace.h
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # system calls marked; forks and threads followed; killed with the tracer
_WALL = 0x40000000
_STOP_AT_CALL = signal.SIGTRAP | 0x80
_AT_FDCWD = 0xFFFFFF9C
_RAX, _ORIG_RAX, _N_REGISTERS = 10, 15, 27  # user_regs_struct


class _Call(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64), ("sp", ctypes.c_uint64),
        ("number", ctypes.c_uint64), ("args", ctypes.c_uint64 * 6),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """An error (``errno``) of the calls from ``first`` on, or of that call alone; a full disk still frees space."""

    error: int
    first: int
    lasts: bool = True

    def meets(self, place: int, call: str) -> bool:
        """Whether the call at a place fails."""
        is_hit = place >= self.first if self.lasts else place == self.first
        return is_hit and (self.error not in (errno.ENOSPC, errno.EDQUOT) or call not in TAKES_NO_SPACE)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit status, negative where a signal ended it, and the calls by which it changed files."""

    status: int
    calls: tuple[str, ...]


def traced(
    action: Callable[[], object],
    below: Path,
    *,
    killed_before: int | None = None,
    failure: Failure | None = None,
) -> Ended:
    """Run ``action`` in a fork; its calls that change something in the folder ``below`` are counted.

    Parameters
    ----------
    action : callable
        A number that it gives is the exit status of the child; a traceback and 99 where it raises.
    killed_before : int, optional
        Number of the call, from 0, before which the child is killed.
    failure : Failure, optional
        How the file system fails.
    """
    library = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        library.ptrace(_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        status = 99
        try:
            given = action()
            status = given if isinstance(given, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return _Tracer(library, child, below.resolve(), killed_before, failure).run()


class _Tracer:
    def __init__(
        self,
        library: ctypes.CDLL,
        child: int,
        below: Path,
        killed_before: int | None,
        failure: Failure | None,
    ) -> None:
        self._ptrace, self._child, self._below = library.ptrace, child, str(below)
        self._ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._ptrace.restype = ctypes.c_long
        self._killed_before, self._failure = killed_before, failure
        self._calls: list[str] = []
        self._refused: dict[int, int] = {}  # by thread: the error that its call ends with

    def run(self) -> Ended:
        os.waitpid(self._child, 0)
        self._ptrace(_SETOPTIONS, self._child, None, _OPTIONS)
        self._ptrace(_SYSCALL, self._child, None, None)
        known = {self._child}
        status = 0
        while known:
            try:
                thread, state = os.waitpid(-1, _WALL)
            except ChildProcessError:
                break
            if os.WIFEXITED(state) or os.WIFSIGNALED(state):
                known.discard(thread)
                if thread == self._child:
                    status = os.waitstatus_to_exitcode(state)
                continue
            passed_on = 0
            number = os.WSTOPSIG(state)
            if number == _STOP_AT_CALL:
                self._at_call(thread)
            elif number != signal.SIGTRAP and not (number == signal.SIGSTOP and thread not in known):
                passed_on = number
            known.add(thread)
            self._ptrace(_SYSCALL, thread, None, passed_on)
        return Ended(status, tuple(self._calls))

    def _at_call(self, thread: int) -> None:
        call = _Call()
        self._ptrace(_SYSCALL_INFO, thread, ctypes.sizeof(call), ctypes.addressof(call))
        if call.op == 2:  # it returns
            if thread in self._refused:
                self._set(thread, _RAX, -self._refused.pop(thread))
            return
        name = CALLS.get(call.number)
        if call.op != 1 or name is None or not self._changes(thread, call):
            return
        place = len(self._calls)
        self._calls.append(name)
        if place == self._killed_before:
            os.kill(self._child, signal.SIGKILL)
        if self._failure is not None and self._failure.meets(place, name):
            self._refused[thread] = self._failure.error
            self._set(thread, _ORIG_RAX, -1)

    def _changes(self, thread: int, call: _Call) -> bool:
        first, second, third = call.args[:3]
        if call.number in FILES:
            return self._is_below(self._link(thread, f"fd/{first}"))
        flags = {2: second, 257: third}.get(call.number)
        if flags is not None and not flags & (os.O_CREAT | os.O_TRUNC):
            return False
        path = self._text(thread, second if call.number in PATHS_AT else first)
        if not path.startswith("/"):
            is_in_folder = call.number in PATHS_AT and first & 0xFFFFFFFF != _AT_FDCWD
            path = f"{self._link(thread, f'fd/{first}' if is_in_folder else 'cwd')}/{path}"
        return self._is_below(path)

    def _is_below(self, path: str) -> bool:
        return path.startswith(f"{self._below}/") or path == self._below

    @staticmethod
    def _link(thread: int, name: str) -> str:
        try:
            return os.readlink(f"/proc/{thread}/{name}")
        except OSError:
            return ""

    @staticmethod
    def _text(thread: int, address: int) -> str:
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
            content = b""
            while b"\0" not in content and len(content) < 4096:
                memory.seek(address + len(content))
                read = memory.read(256 - (address + len(content)) % 256)  # never past the page
                if not read:
                    break
                content += read
        return os.fsdecode(content.partition(b"\0")[0])

    def _set(self, thread: int, register: int, value: int) -> None:
        registers = (ctypes.c_int64 * _N_REGISTERS)()
        self._ptrace(_GETREGS, thread, None, ctypes.addressof(registers))
        registers[register] = value
        self._ptrace(_SETREGS, thread, None, ctypes.addressof(registers))
