"""What makes two encodings differ, found by trying: one side is encoded in other ways, to give the other's vectors.

Each way changes one thing: a prompt, the pooling, the length, the number format, the head, the weights. A change that
brings the vectors much nearer is kept, and the search goes on from there, because two things can be wrong at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from embedscope.errors import InputError
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.model import Model
from embedscope.models.model_folders import position_capacity
from embedscope.models.pooling import PoolingSpec
from embedscope.models.projectors import ACTIVATIONS, Linear, Normalize, Step, Truncate
from embedscope.models.prompts import ROLES, known_prompts
from embedscope.models.token_lengths import could_be_longer
from embedscope.parity.agreement import apart_by_role
from embedscope.parity.encodings import Vectors
from embedscope.protocols import Float64Array, ProgressCallback
from embedscope.result import Evidence, ParityCause
from embedscope.settings import Backend, Pooling, Precision, flag, quoted

MOST_CHANGES = 3
MUCH_NEARER = 0.5
"""Share of the distance of a role that a change leaves at most, to be kept while more is changed."""

NEARLY_ALL = 0.1
"""Share of the whole distance that all changes leave at most, to be called the cause without reproducing a vector."""

ALIKE = 4.0
"""Ratio up to which two sizes of rounding are of one number format; those of two formats differ by 64."""

LENGTHS = (32, 64, 128, 256, 384, 512, 1024, 2048, 4096, 8192)
USUAL_PROMPTS = ("query: ", "passage: ")


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to encode the sample: what a model does, with the ``changes`` made to it so far."""

    encoder: SentenceTransformerEncoder
    steps: tuple[Step, ...]
    query_prompt: str
    document_prompt: str
    _: KW_ONLY
    changes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def changed(self, what: str, options: str | None = None, **fields: object) -> Encoding:
        """This way with some fields changed, and in words what was."""
        more = () if options is None else (options,)
        return replace(self, **fields, changes=(*self.changes, what), options=(*self.options, *more))  # type: ignore[arg-type]

    def with_encoder(self, what: str, options: str | None = None, **fields: object) -> Encoding:
        """This way with an encoder that is loaded anew, because ``fields`` of it are changed."""
        return self.changed(what, options, encoder=replace(self.encoder, **fields, loaded=[]))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and how many ways were tried."""

    cause: ParityCause | None
    n_tried: int


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A way that was tried: its vectors' distances to the other side's, by role."""

    encoding: Encoding
    apart: dict[str, Float64Array]  # empty where the widths differ

    def mean(self, role: str) -> float:
        """Mean distance of a role; vectors of another width are as far apart as orthogonal ones."""
        return float(self.apart[role].mean()) if self.apart else 1.0

    @property
    def total(self) -> float:
        """Both roles, alike."""
        return sum(map(self.mean, ROLES))

    def is_within(self, tolerance: float) -> bool:
        """Whether every text has the same vector."""
        return bool(self.apart) and all(float(column.max()) <= tolerance for column in self.apart.values())

    def is_much_nearer_than(self, other: Trial, tolerance: float) -> bool:
        """Whether one role is much nearer, of those that were not there already, and none is farther away."""
        gained = any(
            other.mean(role) > tolerance and self.mean(role) <= MUCH_NEARER * other.mean(role) for role in ROLES
        )
        return gained and all(self.mean(role) <= other.mean(role) + tolerance for role in ROLES)


def can_be_varied(model: Model | None) -> bool:
    """Whether ``model`` can be encoded in other ways: an endpoint, or vectors made before, cannot."""
    return model is not None and isinstance(model.encoder, SentenceTransformerEncoder)


def find_cause(
    side: str,
    model: Model,
    target: Vectors,
    encode: Callable[[Encoding], Vectors],
    texts: Sequence[str],
    *,
    tolerance: float,
    prompts: Sequence[str] = (),
    progress: ProgressCallback = lambda done, total, message=None: None,
) -> Search:
    """What of ``model`` has to be changed for its vectors to be ``target``.

    Parameters
    ----------
    side : str
        "MODEL" or "SERVED": which of the two ``model`` is.
    encode : callable
        The sample's vectors under one way to encode.
    texts : sequence of str
        The sample, by which lengths that would change nothing are passed over.
    tolerance : float
        ``1 - cosine`` of two vectors that are the same.
    prompts : sequence of str
        More prompts to try: those of the other side.
    progress : callable, optional
        Told the number of ways tried, and known so far.
    """
    if not isinstance(model.encoder, SentenceTransformerEncoder):
        return Search(None, 0)
    start = Encoding(model.encoder, model.projector.steps, model.query_prompt, model.document_prompt)
    first = best = Trial(start, apart_by_role(encode(start), target))
    n_tried = 0
    for _ in range(MOST_CHANGES):
        ways = list(ways_from(best.encoding, texts, width=target.dim, prompts=prompts))
        tried = []
        for encoding in ways:
            with suppress(InputError):  # a way that gives no vectors, such as NaN in half precision, is no cause
                tried.append(Trial(encoding, apart_by_role(encode(encoding), target)))
            n_tried += 1
            progress(n_tried, n_tried + len(ways))
        nearer = [trial for trial in tried if trial.is_much_nearer_than(best, tolerance)]
        if not nearer:
            break
        best = min(nearer, key=lambda trial: trial.total)
        if best.is_within(tolerance):
            break
    if best.is_within(tolerance):
        return Search(_cause(side, best, Evidence.REPRODUCED), n_tried)
    if best.total <= NEARLY_ALL * first.total:
        return Search(_cause(side, best, Evidence.NEARER), n_tried)
    rounded = _of_the_size_of_rounding(first, target, encode)
    return Search(None if rounded is None else _cause(side, rounded, Evidence.MAGNITUDE), n_tried)


def _cause(side: str, trial: Trial, evidence: Evidence) -> ParityCause:
    apart = np.concatenate(list(trial.apart.values()))
    return ParityCause(
        side=side,
        changes=trial.encoding.changes,
        options=trial.encoding.options,
        evidence=evidence,
        mean_cosine=float(1 - apart.mean()),
        min_cosine=float(1 - apart.max()),
    )


def _of_the_size_of_rounding(first: Trial, target: Vectors, encode: Callable[[Encoding], Vectors]) -> Trial | None:
    """The number format that moves the vectors as far as ``target`` lies from them, in the middle and at most."""
    if not first.apart:
        return None
    plain, lies = encode(first.encoding), np.concatenate(list(first.apart.values()))
    for encoding in _other_precisions(first.encoding):
        try:
            vectors = encode(encoding)
        except InputError:
            continue
        moved = np.concatenate(list(apart_by_role(plain, vectors).values()))
        ratios = [float(of(lies)) / max(float(of(moved)), np.finfo(float).tiny) for of in (np.median, np.max)]
        if all(1 / ALIKE <= ratio <= ALIKE for ratio in ratios):
            return Trial(encoding, apart_by_role(vectors, target))
    return None


def ways_from(
    encoding: Encoding, texts: Sequence[str], *, width: int, prompts: Sequence[str] = ()
) -> Iterator[Encoding]:
    """Every way to encode that differs from ``encoding`` in one thing; ``width`` is that of the vectors to reach."""
    yield from _other_prompts(encoding, prompts)
    yield from _other_heads(encoding, width)
    yield from _other_poolings(encoding)
    yield from _other_lengths(encoding, texts)
    yield from _other_weights(encoding)
    yield from _other_precisions(encoding)


def _other_prompts(encoding: Encoding, more: Sequence[str]) -> Iterator[Encoding]:
    """The prompts of the model, of its family, the usual ones and none, each before each role."""
    folder = encoding.encoder.folder
    known = known_prompts(folder.names) or ()
    candidates = dict.fromkeys(["", *folder.prompts.by_name.values(), *known, *USUAL_PROMPTS, *more])
    candidates |= dict.fromkeys([encoding.query_prompt, encoding.document_prompt])
    for role in ROLES:
        name = f"{role}_prompt"
        for prompt in candidates:
            if prompt != getattr(encoding, name):
                what = f"the prompt {prompt!r} before each {role}" if prompt else f"no prompt before a {role}"
                yield encoding.changed(what, f"{flag(name)} {quoted(prompt)}", **{name: prompt})


def _other_poolings(encoding: Encoding) -> Iterator[Encoding]:
    pooling = encoding.encoder.pooling
    if pooling is None:
        return
    for choice in Pooling:
        other = PoolingSpec.of(choice)
        if other.label != pooling.label:
            yield encoding.with_encoder(f"{choice.value} pooling", f"--pooling {choice.value}", pooling=other)
    if encoding.query_prompt or encoding.document_prompt:
        other = replace(pooling, include_prompt=not pooling.include_prompt)
        yield encoding.with_encoder(
            f"the tokens of the prompt {'pooled too' if other.include_prompt else 'left out of the pooling'}",
            pooling=other,
        )


def _other_lengths(encoding: Encoding, texts: Sequence[str]) -> Iterator[Encoding]:
    """Lengths that cut some text at another place than now."""
    current = encoding.encoder.max_length
    capacity = position_capacity(encoding.encoder.folder.config) if encoding.encoder.folder.config else None
    prompts = (encoding.query_prompt, encoding.document_prompt)
    for length in sorted({*LENGTHS, *([] if capacity is None else [capacity])}):
        if length == current or (capacity is not None and length > capacity):
            continue
        shorter = length if current is None else min(length, current)
        if any(could_be_longer(prompt + text, shorter) for prompt in prompts for text in texts):
            yield encoding.with_encoder(f"texts cut to {length} tokens", f"--max-length {length}", max_length=length)


def _other_precisions(encoding: Encoding) -> Iterator[Encoding]:
    if encoding.encoder.backend is not Backend.TORCH:
        return
    for choice in (Precision.FLOAT16, Precision.BFLOAT16, Precision.FLOAT32):
        if choice.value != encoding.encoder.dtype:
            yield encoding.with_encoder(
                f"the number format {choice.value}", f"--precision {choice.value}", dtype=choice.value
            )


def _other_weights(encoding: Encoding) -> Iterator[Encoding]:
    if encoding.encoder.adapter is not None:
        yield encoding.with_encoder("the base model without its adapter", adapter=None)
    if encoding.encoder.state is not None:
        yield encoding.with_encoder("the encoder of the base model in place of the checkpoint's", state=None)


def _other_heads(encoding: Encoding, width: int) -> Iterator[Encoding]:
    """The head left out, in part or whole, normalised before, with other activations, or its first numbers alone."""
    steps = encoding.steps
    layers = [place for place, step in enumerate(steps) if not isinstance(step, Normalize)]
    if layers:
        yield encoding.changed("the pooled vectors, without the head", steps=())
    if len(layers) > 1:
        last = layers[-1]
        name = type(steps[last]).__name__
        yield encoding.changed(f"the head without its last layer ({name})", steps=steps[:last] + steps[last + 1 :])
    if layers and layers[0] > 0:
        yield encoding.changed("vectors not normalised before the head", steps=steps[layers[0] :])
    elif layers:
        yield encoding.changed("vectors normalised before the head", steps=(Normalize(), *steps))
    for place, step in enumerate(steps):
        if isinstance(step, Linear):
            for name in ACTIVATIONS:
                if name != step.activation:
                    other = (*steps[:place], replace(step, activation=name), *steps[place + 1 :])
                    yield encoding.changed(f"{name} as the activation of layer {place + 1} of the head", steps=other)
    yield encoding.changed(f"the first {width} numbers of each vector", steps=(*steps, Truncate(width)))
