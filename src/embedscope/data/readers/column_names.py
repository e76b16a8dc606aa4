"""What the name of a column says: one rule for its spelling, one table from the spelled name to a role."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Role(StrEnum):
    """What a column is; the first six can be stated (`embedscope.settings.COLUMN_ROLES`)."""

    QUERY = "query"
    POSITIVE = "positive"
    NEGATIVES = "negatives"
    LABEL = "label"
    GROUP = "group"
    METADATA = "metadata"
    UNUSED = "not used"


_OF_A_TEXT = "(passage|ctx|context|document|doc|text|sentence|example|sample|answer)?"

_ROLES = {
    Role.QUERY: "(query|question|anchor)(text)?|userinput",
    Role.POSITIVE: f"pos(itive)?{_OF_A_TEXT}|reference(context)?|groundtruth|answer|passage|context|ctx|document|doc",
    Role.NEGATIVES: f"(hard)?neg(ative)?{_OF_A_TEXT}",
    Role.LABEL: "(relevancy?|relevance)?(label|score)|relevance|rating|gain|grade|judge?ment|similarity(score)?|"
    "(is)?(relevant|duplicate)|ispositive|ismatch",
    Role.GROUP: "group",
    Role.UNUSED: "retrieved(context|document|doc)|"
    "(query|pos(itive)?|(hard)?neg(ative)?)(score|label|logit|similarity|weight|type|rank)",
}
_PATTERNS = {role: re.compile(pattern) for role, pattern in _ROLES.items()}
_ID_WORDS = {"id", "ids", "idx", "index", "uuid", "qid", "pid", "docid", "cid", "unnamed"}
_NEGATIVE_WORD = re.compile(r"negs?|nega?tiv\w*|distractors?|irrelevant")
_LABEL_WORD = re.compile(r"labels?|relevan\w*|judge?ments?|qrels?")
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+")


def spelled(name: str) -> str:
    """``name`` without what makes no difference: case, separators, the plural, and a number at the end.

    >>> [spelled(name) for name in ("Hard Negatives", "hardNeg_2", "neg-1", "queries", "pos")]
    ['hardnegative', 'hardneg', 'neg', 'query', 'pos']
    """
    letters = "".join(c for c in unicodedata.normalize("NFC", name).casefold() if c.isalnum())
    stem = letters.rstrip("0123456789")
    if stem.endswith("ies"):
        return stem.removesuffix("ies") + "y"
    return stem if stem == "pos" else stem.removesuffix("s")


def words(name: str) -> list[str]:
    """The words of a name, in small letters.

    >>> words("BM25 hardNegatives_1")
    ['bm', 'hard', 'negatives']
    """
    return [word.casefold() for word in _WORD_ENDS.split(name) if word]


def role_of(name: str) -> Role | None:
    """What a column of this name is; None where the name is not known."""
    if is_id(name):
        return Role.UNUSED
    key = spelled(name)
    return next((role for role, pattern in _PATTERNS.items() if pattern.fullmatch(key)), None)


def is_id(name: str) -> bool:
    """Whether a column names or numbers rows or texts: ``query_id``, ``idx``, the index of pandas without a name."""
    return not name or (words(name) or [name])[-1] in _ID_WORDS


def speaks_of_negatives(name: str) -> bool:
    """Whether a word of a name says "negative" or the like: such a column may hold negatives, whatever else it says.

    >>> [speaks_of_negatives(name) for name in ("bm25_negatives", "isNegative", "negotiable")]
    [True, True, False]
    """
    return any(_NEGATIVE_WORD.fullmatch(word) for word in words(name))


def speaks_of_labels(name: str) -> bool:
    """Whether a name says "label", "relevant" or "rank": such a column may say which positives are none.

    >>> [speaks_of_labels(name) for name in ("gold_label", "relevance.responses", "rank", "labelled")]
    [True, True, True, False]
    """
    return spelled(name) == "rank" or any(_LABEL_WORD.fullmatch(word) for word in words(name))


def is_hard(name: str) -> bool:
    """Whether a column of negatives says that they are hard ones."""
    return spelled(name).startswith("hard")


def is_random(name: str) -> bool:
    """Whether the negatives of a column are drawn at random beside hard ones, as in the files of DPR."""
    return spelled(name) == "negativectx"


def is_prompt(name: str) -> bool:
    """Whether a column beside queries states what stands before them."""
    return spelled(name) in ("prompt", "instruction")


def names_a_document(name: str) -> bool:
    """Whether a column may hold the name of a document as well as its text."""
    return spelled(name) in ("document", "doc", "passage", "context", "ctx", "reference")


def positive_rank(name: str) -> int:
    """Place of a name of positives among several: a lower one says more surely that its texts are relevant."""
    key = spelled(name)
    if key.startswith("pos") or key == "referencecontext":
        return 0
    return {"groundtruth": 1, "reference": 3}.get(key, 2)  # beside the first stands what a system answered


def format_of(query: str, positive: str, negatives: tuple[str, ...]) -> str:
    """Name of the format whose names these are; that of sentence-transformers where they are nobody's own."""
    key = spelled(positive)
    if spelled(query) == "userinput" or key in ("referencecontext", "groundtruth"):
        return "Ragas"
    if key in ("positivepassage", "positivectx"):
        return "tevatron" if key == "positivepassage" else "DPR"
    if key == "pos":
        return "FlagEmbedding" if any(spelled(name) == "neg" for name in negatives) else "original"
    return "sentence-transformers"
