"""``embedscope serve RUN_FOLDER``: the page of a run, with a query typed in, on this machine."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from embedscope.cli import ending
from embedscope.errors import InputError
from embedscope.output.streams import STDOUT
from embedscope.settings import ServeSettings, Settings


def run(settings: Settings, chosen: ServeSettings, stated: Collection[str]) -> int:
    """Serve until the process is interrupted or terminated."""
    from embedscope.serve import server
    from embedscope.serve.bounds import Limits
    from embedscope.serve.guard import is_loopback
    from embedscope.serve.loading import load_served

    server.require_extra()
    terminal = ending.terminal_of(settings)
    with server.listening(chosen.host, chosen.port) as bound:
        address = bound.getsockname()[0]
        host = address if is_loopback(address) else chosen.host
        warning = server.warning_of(host)
        if warning is not None:
            terminal.warn(warning)
        served = load_served(settings, stated, chosen, terminal)
        terminal.step("Reading the weights of the model")
        with suppress(InputError):
            served.answers.search("a")  # now, while nobody waits

        def ready(address: str) -> None:
            STDOUT.write(f"{address}\n")
            STDOUT.flush()
            terminal.waits("Serving until Ctrl-C")
            if chosen.open:
                import webbrowser

                webbrowser.open(address)

        server.serve(served, bound, host, limits=Limits(rate=chosen.rate), log=terminal, on_ready=ready)
    return 0
