"""A transformer and its pooling, run by transformers and torch alone: sentence-transformers takes seconds to import.

What is computed is what ``SentenceTransformer.encode`` computes from the same modules: the tokenizer's ids, cut to the
greatest length; the last hidden states; and the pooled vector. Batches are made by tokens: `TokenisedTexts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.models.model_folders import ModelFolder
from embedscope.models.pooling import PoolingSpec
from embedscope.protocols import Float32Array, Float64Array, IntArray

_PLAIN_TYPES = (
    *("albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta"),
    *("xlm-roberta", "xlm-roberta-xl"),
)
"""Types of models that sentence-transformers loads as ``AutoModel`` does, and whose texts it leaves as they are."""

_TOKENISED_AT_ONCE = 1024

_TOKENS_OF_A_THREAD, _MOST_TOKENS = 1024, 4096


def tokens_of_a_batch() -> int:
    """Tokens of a batch on a CPU, at most: few enough for the caches, and enough that each thread has rows to multiply.

    1,024 for each thread of torch, and 4,096 in all. ``benchmarks/encoding.py`` times what is chosen here.
    """
    import torch

    return min(_TOKENS_OF_A_THREAD * torch.get_num_threads(), _MOST_TOKENS)


def is_plain(folder: ModelFolder) -> bool:
    """Whether the transformer of ``folder`` needs nothing of sentence-transformers: no class, no change of texts."""
    return folder.config.get("model_type") in _PLAIN_TYPES and not folder.do_lower_case


class TextTransformer:
    """Texts to token ids, and token ids to the last hidden states; ``report`` is transformers' account of its weights.

    ``path`` holds the transformer, ``tokenizer_path`` the tokenizer; ``model_options`` go to ``from_pretrained``.
    """

    def __init__(self, path: Path, tokenizer_path: Path, **model_options: Any) -> None:
        from transformers import AutoModel, AutoTokenizer

        found: Any = AutoModel.from_pretrained(str(path), output_loading_info=True, **model_options)
        self.model, self.report = found
        self.model.eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(
            str(tokenizer_path), trust_remote_code=False, local_files_only=True
        )
        n_positions = getattr(self.model.config, "max_position_embeddings", -1)
        if n_positions != -1:
            self.max_seq_length = min(self.max_seq_length, n_positions)

    @property
    def max_seq_length(self) -> int:
        """Tokens that a text is cut to, special tokens included."""
        return int(self.tokenizer.model_max_length)

    @max_seq_length.setter
    def max_seq_length(self, n_tokens: int) -> None:
        self.tokenizer.model_max_length = n_tokens

    @property
    def width(self) -> int:
        """Length of a token's vector."""
        return int(self.model.config.hidden_size)

    def has_one_segment(self) -> bool:
        """Whether the tokenizer gives each token of a text the type 0, as is taken for granted when ids are padded."""
        return not any(self.tokenizer("a").get("token_type_ids", ()))

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, special tokens included, cut to the greatest length."""
        taken = {"padding": False, "truncation": "longest_first", "return_attention_mask": False}
        found = self.tokenizer(list(texts), return_token_type_ids=False, **taken)
        return list(found["input_ids"])

    def prompt_length(self, prompt: str) -> int:
        """Tokens of ``prompt`` before a text: without the special token that would end it."""
        (ids,) = self.token_ids([prompt])
        return len(ids) - (bool(ids) and ids[-1] in self.tokenizer.all_special_ids)

    def padded(self, ids: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
        """``ids`` padded to the longest on the tokenizer's side, and 1 where a token is; both (n, tokens).

        ``ValueError`` where the tokenizer has no padding token, also for a single text: as sentence-transformers.
        """
        if self.tokenizer.pad_token_id is None:
            raise ValueError("its tokenizer has no padding token (expected: pad_token in tokenizer_config.json)")
        longest = max(map(len, ids))
        rows = np.full((len(ids), longest), self.tokenizer.pad_token_id, dtype=np.int64)
        is_token = np.zeros_like(rows)
        for row, own in enumerate(ids):
            place = slice(longest - len(own), None) if self.tokenizer.padding_side == "left" else slice(len(own))
            rows[row, place], is_token[row, place] = own, 1
        return rows, is_token

    def hidden(self, rows: IntArray, is_token: IntArray) -> Any:
        """The last hidden states of padded ids, a tensor (n, tokens, width) on the model's device."""
        import torch

        device = self.model.device
        with torch.inference_mode():
            ids, mask = torch.from_numpy(rows).to(device), torch.from_numpy(is_token).to(device)
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


@dataclass(frozen=True, slots=True, eq=False)
class PooledTransformer:
    """A `TextTransformer` whose token vectors are pooled into one vector a text."""

    transformer: TextTransformer
    pooling: PoolingSpec

    @property
    def tokenizer(self) -> Any:
        return self.transformer.tokenizer

    def get_embedding_dimension(self) -> int:
        """Length of a pooled vector."""
        return self.transformer.width * len(self.pooling.modes)

    def vectors(self, ids: Sequence[IntArray], n_left_out: int = 0) -> Float32Array:
        """Pooled vectors of texts by their token ids, one batch; the first ``n_left_out`` tokens are not pooled."""
        import torch

        rows, is_token = self.transformer.padded(ids)
        hidden = self.transformer.hidden(rows, is_token)
        with torch.inference_mode():
            pooled = pool(hidden, torch.from_numpy(is_token).to(hidden.device), self.pooling.modes, n_left_out)
            return np.asarray(pooled.float().cpu().numpy(), dtype=np.float32)

    def tokenised(self, texts: Sequence[str], prompt: str) -> TokenisedTexts:
        """``texts`` behind ``prompt``, ready to be encoded in any order."""
        n_left_out = self.transformer.prompt_length(prompt) if prompt and not self.pooling.include_prompt else 0
        parts, lengths = [np.zeros(0, np.int32)], [0]
        for start in range(0, len(texts), _TOKENISED_AT_ONCE):
            found = self.transformer.token_ids([prompt + text for text in texts[start : start + _TOKENISED_AT_ONCE]])
            lengths.extend(map(len, found))
            parts.extend(np.asarray(own, dtype=np.int32) for own in found)
        return TokenisedTexts(self, texts, np.concatenate(parts), np.cumsum(lengths), n_left_out)


@dataclass(frozen=True, slots=True, eq=False)
class TokenisedTexts:
    """The token ids of texts, one after the other: four bytes a token, less than the texts themselves."""

    model: PooledTransformer
    texts: Sequence[str]
    ids: Any  # (tokens of all texts,), int32
    indptr: IntArray  # (n + 1,)
    n_left_out: int  # tokens of the prompt that are not pooled

    @property
    def n_tokens(self) -> IntArray:
        """Tokens of each text, shape (n,)."""
        return np.diff(self.indptr)

    @property
    def cost(self) -> Float64Array:
        """The work that each text makes, in tokens of a short text, shape (n,).

        Per layer of width H a token takes ``24 H^2`` operations in the matrices of the layer, and ``4 L H`` in
        attention over L tokens: ``L (1 + L / 6H)``. Attention runs at about half the speed of the matrices.
        """
        return np.asarray(self.n_tokens * (1.0 + self.n_tokens / (3.0 * self.model.transformer.width)))

    def n_in_batch(self, longest: int, batch_size: int) -> int:
        """How many texts, none with more tokens than the text at ``longest``, are encoded at a time.

        At most ``batch_size``; on a CPU also at most `tokens_of_a_batch` tokens, but one text at least.
        """
        if self.model.transformer.model.device.type != "cpu":
            return batch_size
        n_tokens = max(1, int(self.indptr[longest + 1] - self.indptr[longest]))
        return max(1, min(batch_size, tokens_of_a_batch() // n_tokens))

    def encode(self, rows: IntArray) -> Float32Array:
        """Pooled vectors of the texts at ``rows``, one batch, shape (len(rows), dim)."""
        ids = [self.ids[self.indptr[row] : self.indptr[row + 1]] for row in rows]
        return self.model.vectors(ids, self.n_left_out)


def pool(hidden: Any, is_token: Any, modes: Sequence[str], n_left_out: int = 0) -> Any:
    """One vector a text from token vectors (n, tokens, width), the outputs of several ``modes`` side by side.

    As the Pooling module of sentence-transformers, which names the modes: sums are in float32 at least,
    ``weightedmean`` weights a token by its place in the text, from 1, and ``n_left_out`` first tokens do not count.
    """
    import torch

    first = is_token.int().argmax(dim=1, keepdim=True)  # (n, 1); above 0 where texts are padded on the left
    places = torch.arange(is_token.shape[1], device=is_token.device)[None, :] - first  # (n, tokens)
    counted = (is_token > 0) & (places >= n_left_out)
    exact = torch.promote_types(hidden.dtype, torch.float32)
    outputs = []
    for mode in modes:
        if mode in ("cls", "lasttoken"):
            weights = counted.int() if mode == "cls" else counted * (places + 1)
            at = weights.argmax(dim=1)
            found = hidden[torch.arange(len(hidden), device=hidden.device), at]
            outputs.append(found if mode == "cls" else found * counted.any(dim=1, keepdim=True))
        elif mode == "max":
            outputs.append(hidden.masked_fill(~counted[..., None], float("-inf")).max(dim=1).values)
        elif mode == "weightedmean":
            weights = (counted * (places + 1)).to(exact)[..., None]
            outputs.append(((hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)).to(hidden.dtype))
        else:
            mask = counted.to(hidden.dtype)[..., None]
            count = mask.sum(dim=1, dtype=exact).clamp(min=1e-9)
            total = (hidden * mask).sum(dim=1, dtype=exact)
            outputs.append((total / (count if mode == "mean" else count.sqrt())).to(hidden.dtype))
    return torch.cat(outputs, dim=-1)
