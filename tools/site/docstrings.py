"""Docstrings as Markdown, for mkdocstrings and for the generated pages."""

from __future__ import annotations

import inspect
import re
from typing import Any

import griffe

REWRITTEN = (
    (re.compile(r"``"), "`"),
    (re.compile(r":\w+:`[~.]?(.+?)`"), r"`\1`"),  # a role of Sphinx: what it names stays
    (re.compile(r"^::\n|(?<=:):$", re.MULTILINE), ""),  # an indented block of code follows, as in Markdown
    (re.compile(r"^>>> (?:.+\n?)+", re.MULTILINE), lambda match: f"```pycon\n{match[0].rstrip()}\n```\n"),
)
SEVERAL = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)+)( : .+)?\n((?: {4}.*\n?)+)", re.MULTILINE)
"""Parameters that are explained together: "seed, n_draws : int", and the indented lines below."""


def as_markdown(docstring: str | None) -> str:
    """A docstring without indentation, its code and references between single backticks, doctests as blocks."""
    text = inspect.cleandoc(docstring or "")
    for pattern, replacement in REWRITTEN:
        text = pattern.sub(replacement, text)
    return text


class PlainDocstrings(griffe.Extension):
    """Rewrites the docstrings that mkdocstrings shows; each parameter gets an entry, with its own type and default."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it has read."""
        if obj.docstring is not None:
            obj.docstring.value = SEVERAL.sub(_one_each, as_markdown(obj.docstring.value))


def _one_each(match: re.Match[str]) -> str:
    return "\n".join(f"{name}{match[2] or ''}\n{match[3].rstrip()}" for name in match[1].split(", ")) + "\n"
