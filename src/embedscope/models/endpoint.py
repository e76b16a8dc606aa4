"""Vectors from an endpoint: a server that speaks the embeddings form of OpenAI.

``POST {address}/embeddings {"model", "input": [...]}`` gives ``{"data": [{"index", "embedding"}, ...], "model"}``. Such
are vLLM, Text Embeddings Inference, Infinity, Ollama, llama.cpp and OpenAI.

Before anything is cached, a few fixed texts are embedded twice, alone and in one batch. Their vectors show whether the
server can be measured, how long a vector is, and whether it is still the model of last time that goes by its name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np

from embedscope.errors import EndpointError, InvalidEmbeddingsError, InvalidOptionError
from embedscope.metrics.norms import Norms
from embedscope.models.endpoint_address import Address, Key
from embedscope.models.endpoint_client import Client, Patience, in_parallel
from embedscope.models.fingerprints import HashMemory
from embedscope.models.hub import MOST_SHOWN
from embedscope.protocols import Float32Array
from embedscope.result.formatting import count

N_PARALLEL = 4
"""Batches that are encoded side by side."""

PROBES = ("0 1 2 3", "a b c d e f g h i j k l m n o p q r s t u v w x y z", "α β γ", "! ? . , ; :")
"""Texts of several lengths and scripts."""

SAME = 1e-6
"""Distance of two vectors of one text up to which nothing is said of it."""

UNSTEADY = 1e-3
"""Distance above which two vectors of one text are of no use; servers in bfloat16 stay below."""

_REMEMBERED = 16  # models that went by one name
_BYTES_OF_A_VECTOR = 1 << 20  # as text, of up to 40,000 numbers


@dataclass(frozen=True, eq=False)
class EndpointEncoder:
    """Vectors as an endpoint gives them."""

    client: Client
    model: str
    dim: int
    probed: str  # digest of the vectors of `PROBES`
    prompt: str = ""  # stands before each text
    n_parallel: int = N_PARALLEL

    @property
    def fingerprint(self) -> str:
        """SHA-256 over address, name, prompt, length of a vector and the vectors of the probe texts."""
        said = ["endpoint", str(self.client.address), self.model, self.prompt, self.dim, self.probed]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def with_prompt(self, prompt: str) -> EndpointEncoder:
        """The same endpoint, with ``prompt`` before each text."""
        return replace(self, prompt=prompt)

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Vectors of shape (len(texts), dim), in the order of ``texts``; ``n_parallel`` batches are sent at a time.

        Raises
        ------
        EndpointError
            If the endpoint does not answer with as many vectors of this length.
        InvalidEmbeddingsError
            If a vector is zero or not finite.
        """
        prompted = [self.prompt + text for text in texts]
        parts = [prompted[start : start + batch_size] for start in range(0, len(prompted), batch_size)]

        def vectors(part: list[str], stop: Event) -> Float32Array:
            return read_answer(_asked(self.client, self.model, part, stop), part, self.client.address, dim=self.dim)

        found = in_parallel(vectors, parts, self.n_parallel)
        return np.concatenate(found) if found else np.zeros((0, self.dim), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Connected:
    """An endpoint that has been tried: its encoder, the norms of the probe texts, and what a person should know."""

    encoder: EndpointEncoder
    norms: Norms
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Address and model, as they can be passed again."""
        return f"{self.encoder.client.address}#{self.encoder.model}"


def connect(
    name: str, *, model: str | None = None, hashes: HashMemory | None = None, patience: Patience | None = None
) -> Connected:
    """The endpoint at the address ``name``, tried by a few texts.

    Parameters
    ----------
    model : str, optional
        Where the address names none; by default the only one that the endpoint lists.
    hashes : HashMemory, optional
        Remembers the vectors of the probe texts, so that a server whose numbers waver keeps its place in the cache.

    Raises
    ------
    InvalidOptionError
        If the address cannot be used, or it is not clear which model is meant.
    EndpointError
        If the endpoint does not answer with vectors, or gives one text two that are more than 1e-3 apart.
    InvalidEmbeddingsError
        If a vector is zero or not finite.
    """
    address = Address.parse(name)
    client = Client(address, Key.of_environment(), patience or Patience())
    chosen = address.model or model or _only_model(client)
    answer = _asked(client, chosen, PROBES, Event())
    batch = read_answer(answer, PROBES, address)
    alone = EndpointEncoder(client, chosen, batch.shape[1], "").encode(PROBES, batch_size=1)
    noise = float(apart(alone, batch).max())
    notes = [*_notes_of_answer(answer, chosen), *_notes_of_noise(noise, name), *_notes_of_key(client)]
    first = _first_seen(batch, f"endpoint {address} {chosen}", hashes or HashMemory(), max(SAME, 4 * noise))
    encoder = EndpointEncoder(client, chosen, batch.shape[1], hashlib.sha256(first.tobytes()).hexdigest())
    return Connected(encoder, Norms.of(np.concatenate([alone, batch])), tuple(notes))


def _only_model(client: Client) -> str:
    """The name of the only model that the endpoint lists; ``InvalidOptionError`` where it lists several or none."""
    try:
        answer = client.ask("/models", most_bytes=_BYTES_OF_A_VECTOR, stop=Event())
        names = [str(entry["id"])[:MOST_SHOWN] for entry in answer["data"]]
    except EndpointError as error:
        raise EndpointError(f"{error} It was asked which models it has, because no --model names one.") from error
    except (TypeError, KeyError):
        names = []
    if len(names) != 1:
        listed = ", ".join(f"'{one}'" for one in names[:20]) or "none"
        raise InvalidOptionError(f"Pass --model NAME: '{client.address}' lists {listed}.")
    return names[0]


def _asked(client: Client, model: str, texts: Sequence[str], stop: Event) -> Any:
    most_bytes = (len(texts) + 1) * _BYTES_OF_A_VECTOR
    return client.ask("/embeddings", {"model": model, "input": list(texts)}, most_bytes=most_bytes, stop=stop)


def read_answer(answer: Any, texts: Sequence[str], address: Address, *, dim: int | None = None) -> Float32Array:
    """The vectors in an answer by their indices, shape (len(texts), dim), float32.

    Raises EndpointError if they are not as many, not numbered from 0, or of another length; InvalidEmbeddingsError if
    one is zero or not finite.
    """
    rows = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise EndpointError(
            f'\'{address}\' should answer with {{"data": [{{"index", "embedding"}}, ...]}}; it answered with '
            f"{json.dumps(answer)[:200]}. Correct the address, which mostly ends in /v1."
        )
    if len(rows) != len(texts):
        raise EndpointError(
            f"'{address}' gave {count(len(rows), 'vector')} for {count(len(texts), 'text')}. Pass another "
            f"--batch-size, or look into the log of the server."
        )
    vectors: dict[Any, Float32Array] = {}
    for row in rows:
        index = row.get("index")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(texts) or index in vectors:
            raise EndpointError(
                f"'{address}' should number the vectors of {count(len(texts), 'text')} by \"index\" from 0 to "
                f"{len(texts) - 1}, each once; it gave the index {json.dumps(index)[:50]}"
                f"{' twice' if index in vectors else ''}."
            )
        vectors[index] = _vector(row.get("embedding"), texts[index], address)
    lengths = sorted({len(vector) for vector in vectors.values()} | ({dim} if dim is not None else set()))
    if len(lengths) > 1:
        raise EndpointError(
            f"'{address}' gave vectors of {' and of '.join(f'{length:,}' for length in lengths)} numbers: more than "
            f"one model answers. Start it with one."
        )
    return np.stack([vectors[place] for place in range(len(texts))])


def _vector(stated: Any, text: str, address: Address) -> Float32Array:
    """A vector that is stated as numbers or as float32 in base64."""
    try:
        if isinstance(stated, str):
            values: Any = np.frombuffer(base64.b64decode(stated, validate=True), dtype="<f4")
        else:
            values = np.asarray(stated)
        is_vector = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iuf"
    except ValueError:
        is_vector = False
    if not is_vector:
        raise EndpointError(
            f"'{address}' should give one list of numbers as \"embedding\"; for {text[:60]!r} it gave "
            f"{json.dumps(stated)[:100]}. A server that pools no tokens has to be started with pooling."
        )
    with np.errstate(over="ignore"):
        vector: Float32Array = values.astype(np.float32)
    if not np.isfinite(vector).all() or not vector.any():
        what = "zero" if np.isfinite(vector).all() else "not finite"
        raise InvalidEmbeddingsError(
            f"'{address}' gave a vector that is {what} for {text[:60]!r}: it has no direction and cannot be ranked. "
            f"Look into the log of the server; half precision overflows in some models."
        )
    return vector


def apart(one: Float32Array, other: Float32Array) -> np.ndarray:
    """``|u - v|^2 / (2 |u| |v|)`` of matched rows, shape (n,), float64: 1 - cosine where the norms are equal."""
    u, v = one.astype(np.float64), other.astype(np.float64)
    found: np.ndarray = np.square(u - v).sum(axis=1) / (2 * np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1))
    return found


def _first_seen(probed: Float32Array, key: str, hashes: HashMemory, tolerance: float) -> Float32Array:
    """The vectors of the probe texts as they were when this model was first seen, which is remembered."""
    known = (hashes.found(key) or {}).get("probes")
    known = known if isinstance(known, list) else []
    for text in known:
        with suppress(ValueError, TypeError):  # a damaged memory
            seen = np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(probed.shape)
            if float(apart(seen, probed).max()) <= tolerance:
                return seen
    kept = base64.b64encode(probed.astype("<f4").tobytes()).decode()
    hashes.keep(key, {"probes": [*known[1 - _REMEMBERED :], kept]})
    return probed


def _notes_of_answer(answer: Mapping[str, Any], model: str) -> tuple[str, ...]:
    own = answer.get("model")
    if not isinstance(own, str) or own == model:
        return ()
    return (f"The endpoint was asked for '{model}' and says that '{own[:200]}' answered.",)


def _notes_of_noise(noise: float, name: str) -> tuple[str, ...]:
    if noise > UNSTEADY:
        raise EndpointError(
            f"'{name}' gave the same text two vectors, alone and in a batch, with 1 - cosine = {noise:.1e}; expected "
            f"at most {UNSTEADY:.0e}. What it ranks would depend on what else is asked. Check how the server pads and "
            f"pools, and its number format."
        )
    if noise <= SAME:
        return ()
    return (
        f"The endpoint gives the same text two vectors, alone and in a batch, with 1 - cosine = {noise:.1e}: half "
        f"precision does that. Smaller differences of scores say nothing.",
    )


def _notes_of_key(client: Client) -> tuple[str, ...]:
    if client.key is None or client.address.is_secure or client.address.is_loopback:
        return ()
    return (f"The key in {client.key.variable} goes to '{client.address.host}' without encryption.",)
