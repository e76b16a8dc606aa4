"""Prompts: the text that stands before every query or document, and what says so.

sentence-transformers keeps the prompts of a model by name in ``config_sentence_transformers.json``. Which of them is
served is decided in one place, `OwnPrompts.served`, for the command line and for the evaluator of a training alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.settings import flag, quoted

ROLES = ("query", "document")
"""What a text is, and the names under which sentence-transformers looks for its prompt."""

_WEB_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
_FOR_SEARCHING = "Represent this sentence for searching relevant passages: "

KNOWN_PROMPTS: tuple[tuple[tuple[str, ...], tuple[str, str]], ...] = (
    (("e5", "mistral"), (f"Instruct: {_WEB_SEARCH}\nQuery: ", "")),
    (("e5", "instruct"), (f"Instruct: {_WEB_SEARCH}\nQuery: ", "")),
    (("e5",), ("query: ", "passage: ")),
    (("bge", "en", "icl"), (f"<instruct>{_WEB_SEARCH}.\n<query>", "")),
    (("bge", "multilingual", "gemma2"), (f"<instruct>{_WEB_SEARCH}.\n<query>", "")),
    (("bge", "en"), (_FOR_SEARCHING, "")),
    (("bge", "zh"), ("为这个句子生成表示以用于检索相关文章：", "")),
    (("qwen3", "embedding"), (f"Instruct: {_WEB_SEARCH}\nQuery:", "")),
    (("snowflake", "arctic", "embed", "v2.0"), ("query: ", "")),
    (("snowflake", "arctic", "embed"), (_FOR_SEARCHING, "")),
    (("nomic", "embed"), ("search_query: ", "search_document: ")),
    (("gte", "instruct"), (f"Instruct: {_WEB_SEARCH}\nQuery: ", "")),
    (("mxbai", "embed"), (_FOR_SEARCHING, "")),
    (("embeddinggemma",), ("task: search result | query: ", "title: none | text: ")),
)
"""Segments of a name, in their order -> the prompts for queries and documents that the model cards of the family state
for retrieval; the first match counts. Of families that are not here (BGE-M3, GTE, MiniLM), none are known."""


@dataclass(frozen=True, slots=True)
class OwnPrompts:
    """The prompts of a model by their names, and the name of the one that plain ``encode`` falls back to."""

    by_name: Mapping[str, str] = field(default_factory=dict)
    default_name: str | None = None

    @classmethod
    def read(cls, general: Mapping[str, Any], file: Path) -> Self:
        """Those of ``config_sentence_transformers.json``; ``CheckpointError`` where that would not load for serving."""
        stated = general.get("prompts") or {}
        if not isinstance(stated, Mapping) or not all(isinstance(text, str | None) for text in stated.values()):
            raise CheckpointError(f"'{file}' should hold 'prompts' as texts by name; it holds {str(stated)[:200]}.")
        default = general.get("default_prompt_name")
        if default is not None and default not in {*stated, *ROLES}:
            raise CheckpointError(
                f"'{file}' names the default prompt '{default}', but its prompts are {_listed(stated) or 'none'}: "
                f"sentence-transformers refuses to load it. Correct the name, or remove the entry."
            )
        return cls.of(stated, default)

    @classmethod
    def of(cls, stated: Mapping[str, str | None], default_name: str | None = None) -> Self:
        """Those of a model in memory, whose empty prompts may be None."""
        return cls({str(name): text or "" for name, text in stated.items()}, default_name)

    def served(self, role: str) -> str:
        """The prompt of a "query" or "document", as ``encode_query`` and ``encode_document`` put it before a text.

        sentence-transformers 6 gives every model both of these names, empty where it states none. So neither "passage"
        and "corpus" nor the default prompt is ever reached by the two functions.
        """
        return self.by_name.get(role, "")

    @property
    def unserved(self) -> tuple[str, ...]:
        """Names of prompts that are stated and reached by neither of the two functions."""
        return tuple(name for name, text in self.by_name.items() if text and name not in ROLES)


NO_PROMPTS = OwnPrompts()


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """The prompts of a run, "" for none, and what a person should know of them."""

    query: str = ""
    document: str = ""
    notes: tuple[str, ...] = ()


def choose_prompts(
    reference: str,
    own: OwnPrompts,
    asked: Mapping[str, str | None],
    *,
    recorded: Mapping[str, str] | None = None,
    names: Iterable[str] = (),
    is_head: bool = False,
) -> PromptChoice:
    """The prompts that a model is measured with: as recorded, as asked, or as served.

    Parameters
    ----------
    reference : str
        The model, in messages.
    own : OwnPrompts
        Of its folder, or of the base model under a head, which is trained without them unless it records otherwise.
    asked : mapping
        By role: a text, the name of one of ``own``, "" for none, or None where nothing is asked for.
    recorded : mapping, optional
        By role, what a checkpoint says it was trained with.
    names : iterable of str
        Names under which the model goes, by which a family is known.
    is_head : bool
        Whether the model is a head, over the base model that ``own`` is of.

    Raises
    ------
    InvalidOptionError
        If the name of a prompt is asked for that the model does not have.
    CheckpointError
        If another prompt is asked for than the checkpoint records.
    """
    trained = recorded or {}
    chosen: dict[str, str] = {}
    for role in ROLES:
        wanted = _resolved(reference, own, role, asked.get(role))
        if role in trained:
            _refuse_other_prompt(reference, role, trained[role], wanted)
            chosen[role] = trained[role]
        else:
            chosen[role] = wanted if wanted is not None else "" if is_head else own.served(role)
    open_roles = [role for role in ROLES if role not in trained and asked.get(role) is None and not chosen[role]]
    return PromptChoice(**chosen, notes=_notes(reference, own, open_roles, names, is_head=is_head))


def _resolved(reference: str, own: OwnPrompts, role: str, asked: str | None) -> str | None:
    """The text of a prompt that is asked for by name or as it is.

    A single word is a name: as a text it would run into the first word of what it stands before.
    """
    if asked is None or asked == "":
        return asked
    if asked in own.by_name:
        return own.by_name[asked]
    if asked.isascii() and re.fullmatch(r"[\w.-]+", asked):
        known = _listed(own.by_name)
        raise InvalidOptionError(
            f"{_option(role)} '{asked}' names a prompt, and '{reference}' "
            + (f"has none of that name: its prompts are {known}." if known else "states no prompts of its own.")
            + f" Pass the text itself with what separates it from the {role}: '{asked}: '."
        )
    return asked


def _refuse_other_prompt(reference: str, role: str, trained: str, asked: str | None) -> None:
    if asked is not None and asked != trained:
        how = f"the prompt {trained!r} before each {role}" if trained else f"no prompt before a {role}"
        raise CheckpointError(
            f"'{reference}' was trained with {how}, but {_option(role)} asks for {asked!r}. Vectors of other texts "
            f"than in training measure another model. Leave {_option(role)} out."
        )


def _notes(
    reference: str, own: OwnPrompts, open_roles: Sequence[str], names: Iterable[str], *, is_head: bool
) -> tuple[str, ...]:
    """What is not applied to the roles for which nothing decides, and the options that apply it."""
    if not open_roles:
        return ()
    stated = [name for name, text in own.by_name.items() if text]
    if is_head and stated:
        return (
            f"The base model states {_prompts(stated)}. Nothing says that the head is trained so, and "
            f"none stands before a text. Pass {_named_options(own, open_roles, stated)} if it is.",
        )
    if own.unserved:
        return (_unserved_note(own, open_roles),)
    known = known_prompts(names)
    return () if known is None else _family_note(reference, known, open_roles)


def _unserved_note(own: OwnPrompts, open_roles: Sequence[str]) -> str:
    options = _named_options(own, open_roles, own.unserved)
    falls_back = own.default_name in own.unserved
    default = f" ('{own.default_name}' is what plain encode puts before every text)" if falls_back else ""
    return (
        f"The model states {_prompts(own.unserved)}, which encode_query and encode_document of sentence-transformers "
        f"never use{default}, so none stands before a {' or a '.join(open_roles)}. Pass {options} where that is what "
        f"is served."
    )


def _named_options(own: OwnPrompts, roles: Sequence[str], names: Sequence[str]) -> str:
    """Options that put the stated prompts before the texts of ``roles``, each by the likeliest of ``names``."""
    likely = {"query": ("query",), "document": ("document", "passage", "corpus")}
    found = {role: next((name for name in likely[role] if name in names), None) for role in roles}
    if not any(found.values()):
        chosen = own.default_name if own.default_name in names else "NAME"
        return " and ".join(f"{_option(role)} {chosen}" for role in roles)
    return " ".join(f"{_option(role)} {name}" for role, name in found.items() if name is not None)


def known_prompts(names: Iterable[str]) -> tuple[str, str] | None:
    """The prompts for queries and documents that the family of a model states, by any of its names; None if none."""
    listed = [re.split(r"[-_ ]", name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].lower()) for name in names]
    return next(
        (p for wanted, p in KNOWN_PROMPTS if any(_stand_in_order(wanted, segments) for segments in listed)), None
    )


def _stand_in_order(wanted: Sequence[str], segments: Sequence[str]) -> bool:
    rest = iter(segments)
    return all(word in rest for word in wanted)


def _family_note(reference: str, known: tuple[str, str], open_roles: Sequence[str]) -> tuple[str, ...]:
    missing = {role: text for role, text in zip(ROLES, known, strict=True) if text and role in open_roles}
    if not missing:
        return ()
    said = " and ".join(f"{text!r} before each {role}" for role, text in missing.items())
    options = " ".join(f"{_option(role)} {quoted(text)}" for role, text in missing.items())
    none = " ".join(f"{_option(role)} ''" for role in missing)
    return (
        f"'{reference}' has the name of a family whose model cards put {said}; nothing stands there now. "
        f"Pass {options} if it was trained so, {none} if it was not.",
    )


def _option(role: str) -> str:
    return flag(f"{role}_prompt")


def _prompts(names: Sequence[str]) -> str:
    return f"the prompt{'s' if len(names) > 1 else ''} {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    listed = [f"'{name}'" for name in names]
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return ", ".join(listed[:6]) + more
