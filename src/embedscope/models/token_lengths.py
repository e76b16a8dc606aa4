"""How many tokens texts have, and which are longer than a model reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.data.collection import Collection
from embedscope.errors import importing

if TYPE_CHECKING:
    from embedscope.models.model import Model

_SPECIAL_TOKENS = 8
"""More than any tokenizer puts around a text."""


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """Tokens of each text, special tokens included, under the tokenizer of a model that reads ``max_length``."""

    model: str
    max_length: int
    n_tokens: Mapping[str, int]


def token_lengths(folder: Path, texts: Iterable[str], *, model: str, max_length: int) -> TokenLengths:
    """Lengths of ``texts`` under the tokenizer in ``folder``; ``MissingExtraError`` without a package to read it."""
    listed = list(dict.fromkeys(texts))
    count = _counter(folder)
    counts: dict[str, int] = {}
    for start in range(0, len(listed), 1024):
        part = listed[start : start + 1024]
        counts.update(zip(part, count(part), strict=True))
    return TokenLengths(model, max_length, counts)


def prompted_lengths(folder: Path, pairs: Iterable[tuple[str, str]], *, model: str, max_length: int) -> TokenLengths:
    """Lengths of texts by (prompt, text), prompt included; the greater where a text stands behind two prompts."""
    listed = list(pairs)
    whole = token_lengths(folder, (prompt + text for prompt, text in listed), model=model, max_length=max_length)
    longest: dict[str, int] = {}
    for prompt, text in listed:
        longest[text] = max(longest.get(text, 0), whole.n_tokens[prompt + text])
    return TokenLengths(model, max_length, longest)


def could_be_longer(text: str, max_length: int) -> bool:
    """Whether ``text`` could have more than ``max_length`` tokens: no tokenizer makes more of them than bytes.

    Measured on the decomposed compatible form, into which some tokenizers bring a text first.
    """
    return len(unicodedata.normalize("NFKD", text).encode()) + _SPECIAL_TOKENS > max_length


def _counter(folder: Path) -> Callable[[list[str]], list[int]]:
    """Tokens of each text, by the tokenizer's own file where there is one: transformers takes seconds to import."""
    fast = _fast_tokenizer(folder)
    if fast is not None:
        return lambda part: [len(encoded.ids) for encoded in fast.encode_batch(part)]
    with importing("transformers", needed_for="Counting tokens", extra="models"):
        from transformers import AutoTokenizer
    slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    return lambda part: [len(ids) for ids in slow(part, truncation=False, padding=False, verbose=False)["input_ids"]]


def _fast_tokenizer(folder: Path) -> Any:
    """The tokenizer of the file in ``folder``, which neither cuts nor pads; None where there is no such file."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    with importing("tokenizers", needed_for="Counting tokens", extra="models"):
        from tokenizers import Tokenizer
    fast = Tokenizer.from_file(str(file))
    fast.no_truncation()
    fast.no_padding()
    return fast


@lru_cache(maxsize=1)
def _truncating_tokenizer(folder: Path, limit: int) -> Any:
    """As `_fast_tokenizer`, but it cuts texts; kept, because a server asks it with every answer."""
    tokenizer = _fast_tokenizer(folder)
    if tokenizer is not None:
        tokenizer.enable_truncation(limit)
    return tokenizer


def _tokenizer_folder(model: Model) -> Path | None:
    from embedscope.models.encoders import SentenceTransformerEncoder

    encoder = model.encoder
    return encoder.tokenizer_folder if isinstance(encoder, SentenceTransformerEncoder) else None


def long_texts(model: Model, collection: Collection) -> Mapping[str, int]:
    """Tokens, prompt included, of every text of ``collection`` that could be longer than the model reads."""
    limit, folder = model.facts.max_length, _tokenizer_folder(model)
    if limit is None or folder is None:
        return {}
    roles = ((collection.documents, model.document_prompt), (collection.queries, model.query_prompt))
    pairs = [(prompt, text) for texts, prompt in roles for text in texts if could_be_longer(prompt + text, limit)]
    if not pairs:
        return {}
    return prompted_lengths(folder, pairs, model=model.facts.checkpoint, max_length=limit).n_tokens


def read_ends(model: Model, texts: Iterable[str], *, prompt: str | None = None) -> Mapping[str, int]:
    """Characters of each text that the model reads, of those that are too long for it; by default documents.

    Empty where the tokenizer does not say which characters a token stands for.
    """
    limit, folder = model.facts.max_length, _tokenizer_folder(model)
    tokenizer = None if folder is None or limit is None else _truncating_tokenizer(folder, limit)
    if tokenizer is None:
        return {}
    listed, prompt = sorted(texts), model.document_prompt if prompt is None else prompt
    encoded = tokenizer.encode_batch([prompt + text for text in listed])
    ends = {text: max(e for _, e in one.offsets) - len(prompt) for text, one in zip(listed, encoded, strict=True)}
    return {text: end for text, end in ends.items() if end < len(text.rstrip())}
