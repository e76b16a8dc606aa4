"""How fast an encoder reads, measured once and remembered."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from embedscope.models.fingerprints import HashMemory
from embedscope.protocols import Encoder

_OVERHEAD = 20
"""Characters that every text costs beside its own: special tokens, and the calls of a batch."""

_CHARACTERS_OF_A_TOKEN = 4


def reading_cost(text: str, max_length: int | None) -> int:
    """What encoding a text costs, in characters: those that are read, and an overhead."""
    longest = math.inf if max_length is None else max_length * _CHARACTERS_OF_A_TOKEN
    return int(min(len(text), longest)) + _OVERHEAD


def encoding_rate(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    max_length: int | None,
    batch_size: int,
    memory: HashMemory,
    again: bool = False,
) -> float:
    """Characters a second (`reading_cost`) that ``encoder`` reads, rounded down to a power of the square root of 2.

    Measured on ``texts`` past the store, after a first one that loads the model, and kept in ``memory``: a run whose
    texts are all in the store plans with the number of runs before, the highest: a machine that was busy once is
    no slow one. ``again`` measures in any case.
    """
    key = f"encoding rate {encoder.fingerprint} {getattr(encoder, 'device', '')}"
    known = (memory.found(key) or {}).get("characters_per_s")
    if isinstance(known, float) and known > 0 and not again:
        return known
    encoder.encode(texts[:1], batch_size=batch_size)
    started = time.perf_counter()
    encoder.encode(texts, batch_size=batch_size)
    elapsed_s = max(time.perf_counter() - started, 1e-6)
    rate = sum(reading_cost(text, max_length) for text in texts) / elapsed_s
    rounded = float(2 ** (math.floor(2 * math.log2(rate)) / 2))
    fastest = max(rounded, known) if isinstance(known, float) else rounded
    memory.keep(key, {"characters_per_s": fastest})
    return fastest
