"""Criteria from a built-in profile or a TOML file of the user's own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from embedscope.errors import InvalidOptionError
from embedscope.metrics.metric_names import parse_measure
from embedscope.plain_files import parse_toml
from embedscope.result import Criteria, Criterion, Fitness, Similarity

Kind = TypeVar("Kind", Criterion, Fitness)

BUILT_IN = ("ranks", "checklist", "evidence")
NEEDED = ("MRR", "Success@1", "Success@10")
"""Rank metrics that every verdict needs: the primary ones, and that of the clustering."""

DIRECTIONS = (">", ">=", "<", "<=")
BOUNDS = ("interval", "value")
SIMILARITIES = ("cosine", "dot")
SIMILARITY_FIGURES = tuple(field.name for field in fields(Similarity) if field.type == "Estimate")
PATHS = {
    "clustering": r"clustering",
    "metrics.MEASURE": r"metrics\.[^.]+",
    "similarity.FIGURE": rf"similarity\.({'|'.join(SIMILARITY_FIGURES)})",
    "negative_types.TYPE.violation_rate": r"negative_types\..+\.violation_rate",
    "negative_types.TYPE.margin": r"negative_types\..+\.margin",
    "weights.FIGURE": r"weights\.(violation_rate|weighted_violation_rate|kendall_tau)",
    "comparisons.RUN.MEASURE": r"comparisons\..+\.[^.]+",
}
"""What a criterion can be about: the form as it is shown, and its pattern."""


def load_criteria(name_or_path: str) -> Criteria:
    """Criteria of the built-in profile of that name, or of the TOML file at that path.

    Raises
    ------
    InvalidOptionError
        If there is no such profile or file, or the file is not a table of criteria; the message names the key.
    """
    if name_or_path in BUILT_IN:
        text = (files("embedscope.decide") / "profiles" / f"{name_or_path}.toml").read_text(encoding="utf-8")
        return _parse(text, where=f"profile '{name_or_path}'", default_name=name_or_path)
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOptionError(
            f"--criteria expects one of {', '.join(BUILT_IN)} or a TOML file; '{name_or_path}' could not be read "
            f"as a file ({error.__class__.__name__}: {error})."
        ) from None
    return _parse(text, where=str(path), default_name=path.stem)


def _parse(text: str, *, where: str, default_name: str) -> Criteria:
    try:
        table = parse_toml(text)
    except ValueError as error:
        raise InvalidOptionError(f"{where} is not valid TOML: {error}.") from None
    _refuse_unknown(table, {"name", "must_beat_lexical", "gates_comparison", "fitness", "criterion"}, where=where)
    entries = table.get("criterion", [])
    if not isinstance(entries, list) or not entries:
        raise InvalidOptionError(f"{where} has no [[criterion]] table; at least one is needed to judge a checkpoint.")
    criteria = tuple(_criterion(entry, where=f"{where}, criterion {i}") for i, entry in enumerate(entries, start=1))
    ids = [criterion.id for criterion in criteria]
    repeated = sorted({identifier for identifier in ids if ids.count(identifier) > 1})
    if repeated:
        raise InvalidOptionError(f"{where} uses an id more than once: {', '.join(repeated)}.")
    return Criteria(
        name=_typed(table, "name", str, where=where, default=default_name),
        criteria=criteria,
        fitness=_fitness(table.get("fitness", {}), where=f"{where}, [fitness]"),
        must_beat_lexical=_typed(table, "must_beat_lexical", bool, where=where, default=True),
        gates_comparison=_typed(table, "gates_comparison", bool, where=where, default=True),
    )


def metrics_for(criteria: Criteria, named: Sequence[str]) -> tuple[str, ...]:
    """Rank metrics to compute: those that are ``named``, those that every verdict needs, and those of the criteria.

    Raises InvalidOptionError if a name is not one of a rank metric.
    """
    try:
        asked = [str(parse_measure(name)) for name in named]
    except InvalidOptionError as error:
        raise InvalidOptionError(f"--metrics: {error}") from None
    heads = ("metrics.", "comparisons.")
    own = [c.metric.rpartition(".")[2] for c in criteria.criteria if c.metric.startswith(heads)]
    return tuple(dict.fromkeys([*asked, *NEEDED, *own]))


def metrics_compared(criteria: Criteria) -> tuple[str, ...]:
    """Rank metrics whose paired differences the criteria ask for."""
    return tuple(c.metric.rpartition(".")[2] for c in criteria.criteria if c.metric.startswith("comparisons."))


def _criterion(entry: Any, *, where: str) -> Criterion:
    if not isinstance(entry, dict):
        raise InvalidOptionError(f"{where} must be a [[criterion]] table, not {entry!r}.")
    found = _record(Criterion, {"title": entry.get("id"), **entry}, where=where)
    if found.direction not in DIRECTIONS:
        raise InvalidOptionError(f"{where}: direction must be one of {' '.join(DIRECTIONS)}, not '{found.direction}'.")
    if found.bound not in BOUNDS:
        raise InvalidOptionError(f"{where}: bound must be 'interval' or 'value', not '{found.bound}'.")
    if found.similarity not in SIMILARITIES:
        raise InvalidOptionError(f"{where}: similarity must be 'cosine' or 'dot', not '{found.similarity}'.")
    return replace(found, metric=_metric(found.metric, where=where))


def _metric(path: str, *, where: str) -> str:
    """The path of an estimate; refused where no run can ever have it, because such a check would stay undecided."""
    if not any(re.fullmatch(pattern, path) for pattern in PATHS.values()):
        raise InvalidOptionError(
            f"{where}: there is no metric '{path}'. Known are {', '.join(PATHS)} (figures of similarity: "
            f"{', '.join(SIMILARITY_FIGURES)}; TYPE may be * for every type)."
        )
    head, _, measure = path.rpartition(".")
    if head == "metrics" or head.startswith("comparisons."):
        try:
            return f"{head}.{parse_measure(measure)}"
        except InvalidOptionError as error:
            raise InvalidOptionError(f"{where}: metric '{path}': {error}") from None
    return path


def _fitness(table: Any, *, where: str) -> Fitness:
    if not isinstance(table, dict):
        raise InvalidOptionError(f"{where} must be a table of limits, not {type(table).__name__}.")
    return _record(Fitness, table, where=where)


def _record(kind: type[Kind], table: dict[str, Any], *, where: str) -> Kind:
    """A record from the keys of a table, each of the type that its field has."""
    _refuse_unknown(table, {field.name for field in fields(kind)}, where=where)
    values: dict[str, Any] = {}
    types = get_type_hints(kind)
    for field in fields(kind):
        type_ = types[field.name]
        default = None if field.default is MISSING else field.default
        value = _typed(table, field.name, (int, float) if type_ is float else type_, where=where, default=default)
        values[field.name] = float(value) if type_ is float else value
    return kind(**values)


def _typed(table: dict[str, Any], key: str, kind: Any, *, where: str, default: Any = None) -> Any:
    value = table.get(key, default)
    if value is None:
        raise InvalidOptionError(f"{where}: the key '{key}' is missing.")
    # bool is an int in Python; a threshold of `true` is a mistake all the same.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise InvalidOptionError(f"{where}: '{key}' must be {names}, not {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidOptionError(f"{where}: '{key}' must be a finite number, not {value!r}: nothing can reach it.")
    return value


def _refuse_unknown(table: dict[str, Any], known: set[str], *, where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise InvalidOptionError(
            f"{where} has the unknown key{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}; "
            f"known are {', '.join(sorted(known))}."
        )
