"""Pages that are generated: the command line, the settings, the names of the package, `report.json`.

They are Markdown, made when the site is built from what the program itself uses: the parser, the dataclasses of
`embedscope.settings`, `embedscope.__all__` and the schema of `tools.schema`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any

from tools.schema import schema
from tools.site.docstrings import as_markdown

import embedscope
from embedscope import integrations
from embedscope import settings as declared
from embedscope.cli.main import build_parser
from embedscope.settings import Option, Settings, options_of

BAR = re.compile(r"(`[^`]*`)|\|")
DEFAULT = re.compile(r"^(.*) \(default: (.*)\)$", re.DOTALL)
FIRST_NAMES = ("Result", "Settings", "compare", "evaluate", "run")
"""Names that most programs use: they stand before the others on the page of the API."""

REPORTS = ("report", "sets_report", "timeline_report")
"""Definitions of the schema that `report.json` is an instance of."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; vertical bars are escaped where they are not code."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(BAR.sub(_escaped, cell) for cell in row) + " |" for row in lines)


def _escaped(match: re.Match[str]) -> str:
    return match[1] or "\\|"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *filter(None, parts)]) + "\n"


# --- the command line ---------------------------------------------------------------------------------------------


def command_line() -> str:
    """Every command with every option: values, default, meaning."""
    parser = build_parser()
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    listed = [(f"[`{name}`](#embedscope-{name})", summary) for name, summary in summaries.items()]
    return _page(
        "Command line",
        "Generated from the parser. `embedscope COMMAND --help` prints the same, and the "
        "[guide](../visualization-guide.md#5-all-options) has one table of all options with links to what they do.",
        table(("command", "what it does"), listed),
        "Exit status: 0 done; with `--gate` 1 retrain, 3 undecided or unfit; 2 unusable input or arguments; 70 a fault "
        "of embedscope. [The gate in CI](../ci.md) says what a job should do with each.",
        *(part for name, command in commands.choices.items() for part in _command(name, summaries[name], command)),
    )


def _command(name: str, summary: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    needed = [
        action.metavar or "" if not action.option_strings else f"{action.option_strings[0]} {action.metavar}"
        for action in actions
        if action.required or not action.option_strings
    ]
    yield f"## embedscope {name}"
    yield f"{summary[0].upper()}{summary[1:]}{'' if summary.endswith('?') else '.'}"
    yield "```text\n" + " ".join(["embedscope", name, *map(str, needed), "[options]"]) + "\n```"
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if action in actions]
        if shown:
            yield f"**{(group.title or '').capitalize()}**"
            yield table(("option", "value", "default", "meaning"), [_option(action) for action in shown])


def _option(action: argparse.Action) -> tuple[str, str, str, str]:
    said = (action.help or "").replace("%%", "%")
    match = DEFAULT.match(said)
    meaning, default = (match[1], match[2]) if match else (said, "required" if action.required else "")
    if action.choices is not None:
        value = ", ".join(f"`{choice}`" for choice in action.choices)
    elif action.nargs == 0:
        value = ""
    else:
        value = f"`{action.metavar}`" + (" ..." if action.nargs in ("*", "+") else "")
    name = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar}`"
    repeatable = "; repeatable" if isinstance(action, argparse._AppendAction) else ""
    return name, value, default, meaning + repeatable


# --- the settings -------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every class of settings: the names of its fields, types, defaults, meanings."""
    sections = {each.type: each.name for each in fields(Settings)}
    classes = [each for each in vars(declared).values() if is_dataclass(each) and options_of(each)]
    of_run = [each for each in classes if each.__name__ in sections]
    others = [each for each in classes if each.__name__ not in sections]
    return _page(
        "Settings",
        "Generated from `embedscope.settings`, the one table of options: the [command line](cli.md) and the keywords "
        "of `embedscope.run` and `embedscope.compare` are made from it. A value that the command line would refuse "
        "raises `InvalidOptionError` here too.",
        "## Settings of a run",
        "The five sections of `embedscope.Settings`. Their names are the keywords of `run`, and "
        "options of the command line: `--max-samples` for `max_samples`.",
        *(part for each in of_run for part in _settings_class(each, f"`settings.{sections[each.__name__]}`. ")),
        "## Settings of single commands",
        *(part for each in others for part in _settings_class(each, "")),
    )


def _settings_class(kind: type[Any], place: str) -> Iterator[str]:
    known = options_of(kind)
    rows = [_setting(each, known.get(each.name)) for each in fields(kind)]
    yield f"### {kind.__name__}"
    yield place + as_markdown(kind.__doc__)
    yield table(("name", "type", "default", "meaning"), rows)


def _setting(each: Field[Any], option: Option | None) -> tuple[str, str, str, str]:
    kind = str(each.type)
    if option is None:
        return f"`{each.name}`", f"`{kind}`", _value(each.default), "no option: from Python only"
    for choice in option.choices and re.findall(r"\w+", kind):
        enum = getattr(declared, choice, None)
        if isinstance(enum, type) and issubclass(enum, StrEnum):
            kind = kind.replace(choice, " | ".join(f'"{value}"' for value in option.choices))
    default = option.shown_default if each.default in (None, ()) and option.shown_default else _value(each.default)
    return f"`{each.name}`", f"`{kind}`", default, option.help


def _value(default: Any) -> str:
    if default is MISSING:
        return "required"
    return f"`{default.value!r}`" if isinstance(default, StrEnum) else f"`{default!r}`"


# --- the names of the package -------------------------------------------------------------------------------------


def python() -> str:
    """A page on which mkdocstrings shows the public names from their docstrings."""
    public = [name for name in embedscope.__all__ if not name.startswith("__")]
    names = [f"embedscope.{name}" for name in sorted(public, key=lambda name: (name not in FIRST_NAMES, name))]
    functions = [name for name in names if name.rpartition(".")[2][0].islower()]
    classes = [name for name in names if name not in functions]
    others = [*(f"embedscope.integrations.{name}" for name in integrations.__all__), "embedscope.errors"]
    return _page(
        "Python API",
        "Generated from the docstrings of the public names. [Python](../api.md) shows how they are used, and the "
        "[deprecation policy](../deprecation.md) says what may change.",
        *(f"::: {name}" for name in [*functions, *classes, *others]),
    )


# --- report.json --------------------------------------------------------------------------------------------------


def report_json() -> str:
    """Every table of `report.json`: keys, types, and whether a key is always there."""
    definitions = schema()["$defs"]
    reached: list[str] = []
    waiting = list(REPORTS)
    while waiting:
        name = waiting.pop(0)
        if name not in reached:
            reached.append(name)
            waiting += re.findall(r"'#/\$defs/(\w+)'", str(definitions[name]))
    return _page(
        "report.json",
        "Generated from the JSON Schema of the records (`src/embedscope/output/page/schema.json`). `report` is the "
        "file of one run, `sets_report` that of several data sets; `timeline_report` stands under `timeline` where "
        "epochs of one training were compared. The other tables are parts of these. `[number, ...]` is an array of "
        "any length, `{name: number}` an object whose keys are not fixed. A number that could not be measured is "
        "null. [Files](../formats.md#outputs) says what the keys mean, [Conventions](../conventions.md) how each "
        "number is defined.",
        *(part for name in reached for part in _definition(name, definitions[name])),
    )


def _definition(name: str, definition: dict[str, Any]) -> Iterator[str]:
    required = definition.get("required", ())
    rows = [
        (f"`{key}`", _type(kind), "yes" if key in required else "no") for key, kind in definition["properties"].items()
    ]
    yield f"## {name}"
    yield as_markdown(definition["description"])
    yield table(("key", "type", "always there"), rows)


def _type(kind: dict[str, Any]) -> str:
    """A schema in words, with links to the tables that it refers to."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "anyOf" in kind:
        return " or ".join(map(_type, kind["anyOf"]))
    if "enum" in kind or "const" in kind:
        return " or ".join(f"`{value}`" for value in kind.get("enum", [kind.get("const")]))
    if isinstance(kind.get("type"), list):
        return " or ".join(kind["type"])
    if kind.get("type") == "array":
        item, n = _type(kind["items"]), kind.get("minItems")
        return f"[{item}, ...]" if n is None else f"[{', '.join([item] * n)}]"
    if kind.get("type") == "object":
        return f"{{name: {_type(kind['additionalProperties'])}}}"
    return kind.get("type", "any")
