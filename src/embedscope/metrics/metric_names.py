"""Names of rank metrics: what is measured, apart from how (`embedscope.metrics.ranking`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedscope.errors import InvalidOptionError


@dataclass(frozen=True, slots=True)
class Measure:
    """A rank metric by name and cutoff; prints as papers and trec_eval write it: ``nDCG@10``, ``MRR``.

    Raises InvalidOptionError if the name is not known, the cutoff is missing where it is needed, or is not at least 1.
    """

    name: str
    k: int | None = None

    def __post_init__(self) -> None:
        if self.name not in _NEEDS_CUTOFF:
            raise InvalidOptionError(f"No rank metric is called {self.name!r}. {_known_measures()}")
        if self.k is None and _NEEDS_CUTOFF[self.name]:
            raise InvalidOptionError(f"{self.name} needs a cutoff, as in {self.name}@10. {_known_measures()}")
        if self.k is not None and self.k < 1:
            raise InvalidOptionError(
                f"The cutoff of {self.name} must be a rank, 1 or more, got {self.k}. {_known_measures()}"
            )

    @property
    def is_ordered(self) -> bool:
        """Whether the order within the first k counts, and not only what stands among them."""
        return self.name in ("MRR", "nDCG", "MAP")

    def __str__(self) -> str:
        return self.name if self.k is None else f"{self.name}@{self.k}"


_NEEDS_CUTOFF = {"MRR": False, "Success": True, "Recall": True, "P": True, "nDCG": True, "MAP": False}
_BY_LOWER_NAME = {name.lower(): name for name in _NEEDS_CUTOFF}


def _known_measures() -> str:
    written = [f"{name}@k" if needs else f"{name}, {name}@k" for name, needs in _NEEDS_CUTOFF.items()]
    return f"Known: {', '.join(written)} (k a rank, for example 10)."


def parse_measure(text: str) -> Measure:
    """The measure that ``text`` names; ``parse_measure(str(measure)) == measure``. Letter case is ignored.

    >>> parse_measure("nDCG@10")
    Measure(name='nDCG', k=10)
    >>> str(parse_measure("mrr"))
    'MRR'

    Raises InvalidOptionError if the text is not a known measure; the message lists those that are.
    """
    match = re.fullmatch(r"\s*([A-Za-z]+)(?:@([0-9]+))?\s*", text)
    if match is None:
        raise InvalidOptionError(f"{text!r} is not a rank metric. {_known_measures()}")
    name, cutoff = match.groups()
    return Measure(_BY_LOWER_NAME.get(name.lower(), name), None if cutoff is None else int(cutoff))
