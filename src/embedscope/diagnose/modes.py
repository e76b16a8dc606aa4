"""The names of what makes a query fail, in the order in which the causes are looked for."""

from __future__ import annotations

from enum import StrEnum


class FailureMode(StrEnum):
    """The first cause that was found for a failed query, in the order in which they are looked for."""

    UNFILLED = "positive says nothing"  # it is an unfilled template or a word for nothing
    NEAR_DUPLICATE = "near duplicate of the positive wins"  # the winner says the same (label noise)
    FALSE_NEGATIVE = "suspected false negative"  # it states all that both share, and a second opinion prefers it
    TIE = "tie"  # the winner scores what the positive scores
    ATTRIBUTE = "attribute ignored"  # the winner is a hard negative that differs in one stated attribute
    HUB = "hub document wins"  # the winner wins far more often than others, whatever is asked
    NEGATIVE = "hard negative wins"  # one of several attributes, or of a type that names none ("mined")
    OUTLIER = "outlier or empty query"  # the query has no word of the pool, or is far from every document
    TRUNCATED = "truncated text"  # query, positive or winner is longer than the model reads
    LENGTH = "length"  # the positive is three times as long as the winner, or a third
    VALUE = "stated value contradicted"  # a pack reads that the winner meets one value and contradicts another
    LANGUAGE = "another language wins"  # query and winner share a language or a script that the positive is not in
    CUT_OFF = "right words cut off"  # what the model reads of the positive has fewer of the words than the winner
    UNJUDGED = "likely unjudged answer"  # a guess: it has the query's words, and a second opinion prefers it
    NEGATION = "negation ignored"  # the winner lacks a word of denial that query and positive have
    NUMBER = "number ignored"  # the same with a number
    NAME = "name ignored"  # with a word that the documents write as a name
    RARE = "rare word ignored"  # with a word of at most 1 % of the documents
    WORD = "word ignored"  # with a word of at most 10 %
    GAP = "right document in other words"  # the positive lacks the query's telling words
    LURE = "lexical lure"  # the winner shares more telling words with the query than the positive does
    VAGUE = "query says too little"  # other documents have the words that query and positive share
    UNREACHABLE = "right document unreachable"  # relevant documents that stand in no top list of any query (anti-hubs)
    UNRELATED = "unrelated document wins"  # the winner has no telling word of the query, the positive has several
    NOTHING = "nothing returned"  # a run has no document for the query
    SEVERAL = "another right document is found"  # one of several relevant documents is among the first 10
    OTHER = "other"
