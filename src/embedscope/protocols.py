"""Names that every package shares: array aliases, closed choices, and the shapes of replaceable parts."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Ties(StrEnum):
    """How documents with equal scores are ordered (conventions, section 2)."""

    EXPECTED = "expected"
    OPTIMISTIC = "optimistic"
    PESSIMISTIC = "pessimistic"
    TREC = "trec"
    ST = "st"


class Role(StrEnum):
    """What a point of the map is."""

    QUERY = "query"
    POSITIVE = "positive"
    HARD_NEGATIVE = "hard negative"
    DOCUMENT = "document"


class ProgressCallback(Protocol):
    """Is told how far a long step has come; ``message`` is shown once, as a line of its own."""

    def __call__(self, done: int, total: int, message: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Work:
    """How much of a step's work is done, where its items cost unlike amounts."""

    done: float
    total: float  # in the unit of ``done``
    n_tokens: int  # read so far


@runtime_checkable
class WorkCallback(ProgressCallback, Protocol):
    """A callback that tells the time left by the work, not by the number of items."""

    def work(self, work: Work) -> None:
        """Is told what is done before the call that counts the same items."""
        ...


class Encoder(Protocol):
    """Turns texts into pooled vectors, before any head and before normalisation."""

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that changes a vector: weights, pooling, prompt, maximum length, dtype."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Vectors of shape (len(texts), dim), in the order of ``texts``; not normalised."""
        ...


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A way in which another hand would type a text: its stable name, what it does in a few words, and the change.

    ``apply`` is a pure function of a text and a random generator; a text on which it has nothing to act stays as it is.
    """

    name: str
    title: str
    apply: Callable[[str, np.random.Generator], str]


@dataclass(frozen=True, slots=True)
class AttributeKind:
    """A kind of value that texts of a domain state, by the name that types of hard negatives have for it."""

    name: str
    read: str
    """What is read of it: the name again, or that of a part, where texts state more than the reader understands."""
    is_exact: bool
    """Whether a text has the value or has another; a value that is not exact is a number that may be missed a little.
    """


@dataclass(frozen=True, slots=True)
class StatedValue:
    """A value that the characters ``start`` to ``end`` of a text state; two of a kind are the same where ``value`` is.

    Characters are code points of the text in NFC.
    """

    kind: str
    start: int
    end: int
    value: str


class AttributeReader(Protocol):
    """What is known of the texts of one domain and its languages: everything that is not true of all texts.

    Whatever a reader cannot tell without doubt it leaves out: an absent value never makes a contradiction.
    """

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        ...

    @property
    def kinds(self) -> tuple[AttributeKind, ...]:
        """The kinds of values that it reads."""
        ...

    @property
    def units(self) -> Container[str]:
        """Words in lower case that after a number are units or currencies, beside the symbols that all texts share."""
        ...

    @property
    def denials(self) -> Container[str]:
        """Words, in lower case, by which one of two texts denies what the other says."""
        ...

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """Ways of typing beside those of every language."""
        ...

    def language(self, text: str) -> str | None:
        """The name of the language of a text, where it is recognised."""
        ...

    def kind_of_type(self, type_name: str) -> AttributeKind | None:
        """The kind of value that a type of hard negatives is about, however the data set spells it."""
        ...

    def keeps_value(self, type_name: str, positive: str, negative: str) -> bool | None:
        """Whether both texts state the same value of the kind of a type: None where that is unclear."""
        ...

    def conflicts(self, query: str, document: str) -> tuple[str, ...]:
        """Names of the kinds that the query asks for and the document states otherwise."""
        ...

    def met_values(self, query: str, document: str, *, tolerance: float) -> frozenset[str]:
        """Names of the kinds that the query asks for and the document offers; numbers within a relative tolerance."""
        ...

    def values(self, text: str) -> tuple[StatedValue, ...]:
        """The single values of its kinds that a text in NFC states, with their places; none overlaps another."""
        ...

    def respell(self, text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
        """What stands in the place of a value of ``text`` when it is written otherwise; None where it is not."""
        ...


class NoAttributes:
    """Reads nothing: texts of any domain, of which no value is known."""

    name = "none"
    kinds: tuple[AttributeKind, ...] = ()
    units: frozenset[str] = frozenset()
    denials: frozenset[str] = frozenset()
    perturbations: tuple[Perturbation, ...] = ()

    def language(self, text: str) -> str | None:
        """None."""
        return None

    def kind_of_type(self, type_name: str) -> AttributeKind | None:
        """None."""
        return None

    def keeps_value(self, type_name: str, positive: str, negative: str) -> bool | None:
        """None."""
        return None

    def conflicts(self, query: str, document: str) -> tuple[str, ...]:
        """None."""
        return ()

    def met_values(self, query: str, document: str, *, tolerance: float) -> frozenset[str]:
        """None."""
        return frozenset()

    def values(self, text: str) -> tuple[StatedValue, ...]:
        """None."""
        return ()

    def respell(self, text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
        """None."""
        return None


NO_ATTRIBUTES: AttributeReader = NoAttributes()

Warn = Callable[[str], None]
"""Takes one line for the person at the terminal."""
