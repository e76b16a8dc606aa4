"""One data set written in every format: what it states, apart from how it is written, and what writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.support.written_tables import spellings, write_rows

from embedscope.data.collection import Negative, Row, build_collection, digest
from embedscope.data.readers.list_cells import says_null

Record = dict[str, Any]
Records = list[Record]
Against = tuple[tuple[str, ...], float]
"""Types and weight of a hard negative."""


@dataclass(frozen=True)
class Facts:
    """Gains of relevant documents and hard negatives of each query, by text."""

    gains: Mapping[str, Mapping[str, int]]
    negatives: Mapping[str, Mapping[str, Against]] = field(default_factory=dict)

    def of_kind(self, kind: str) -> Facts:
        """What is left of the facts where a format holds no more."""
        is_graded = kind in ("graded", "judged")
        gains = {q: {d: gain if is_graded else 1 for d, gain in own.items()} for q, own in self.gains.items()}
        if kind in ("pairs", "graded"):
            return Facts(gains)
        plain: Against = ((), 1.0)
        return Facts(
            gains,
            {q: {d: a if kind == "typed" else plain for d, a in own.items()} for q, own in self.negatives.items()},
        )

    def on_one_line(self) -> Facts:
        """The same with spaces for tabs and line breaks."""

        def told(own: Mapping[str, Any]) -> dict[str, Any]:
            return {
                " ".join(text.replace("\n", " ").replace("\r", " ").split("\t")): value for text, value in own.items()
            }

        return Facts(
            told({query: told(own) for query, own in self.gains.items()}),
            told({query: told(own) for query, own in self.negatives.items()}),
        )

    @property
    def documents(self) -> list[str]:
        """Every document once, in a fixed order."""
        return list(dict.fromkeys(d for own in (*self.gains.values(), *self.negatives.values()) for d in own))

    def against(self, query: str) -> Mapping[str, Against]:
        """The hard negatives of a query."""
        return self.negatives.get(query, {})


KINDS = ("pairs", "graded", "negatives", "judged", "typed")
"""What a format may hold: relevant pairs, also with gains, also with hard negatives, both, types and weights."""


def meant(facts: Facts) -> str:
    """The digest of the collection that the facts describe."""
    rows = [
        Row(
            query,
            tuple(own),
            tuple(Negative(text, *against) for text, against in facts.against(query).items()),
            gains=tuple(map(float, own.values())),
        )
        for query, own in facts.gains.items()
    ]
    return digest(build_collection(rows, format="made here"))


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowFormat:
    """A format of rows: what writes it, and the kinds of facts that it holds."""

    rows: Callable[[Facts, Random], Records]
    holds: tuple[str, ...]
    has_names: bool = True  # otherwise the order of the columns says what they are
    is_mixed: bool = False  # texts and objects stand in one list, which no column of Arrow can hold

    def may_stand_in(self, container: str) -> bool:
        """Whether a container can hold the rows."""
        return not (self.is_mixed and container in ("parquet", "arrow", "stream.arrow"))


def _by_query(facts: Facts) -> Iterator[tuple[str, list[str], list[str]]]:
    """Query, positives, hard negatives."""
    for query, own in facts.gains.items():
        yield query, list(own), list(facts.against(query))


def _original(facts: Facts, random: Random) -> Records:
    def negative(types: tuple[str, ...], weight: float, text: str) -> Record:
        return {"text": text, "type": list(types), "weight": weight}

    return [
        {"query": q, "pos": list(own), "hard_neg": [negative(*entry, d) for d, entry in facts.against(q).items()]}
        for q, own in facts.gains.items()
    ]


def _original_mixed(facts: Facts, random: Random) -> Records:
    """Negatives as texts and as objects with some of their fields, one positive a row."""

    def negative(text: str, types: tuple[str, ...], weight: float) -> object:
        told: Record = {"text": text}
        if types:
            told["type"] = types[0] if len(types) == 1 else list(types)
        if weight != 1.0:
            told["weight"] = weight
        return text if len(told) == 1 and random.random() < 0.5 else told

    return [
        {"query": q, "pos": d, "hard_neg": [negative(text, *entry) for text, entry in facts.against(q).items()]}
        for q, own in facts.gains.items()
        for d in own
    ]


def _flag(facts: Facts, random: Random) -> Records:
    return [
        {
            "query": q, "pos": pos, "neg": neg, "pos_scores": [0.5] * len(pos), "neg_scores": [0.25] * len(neg),
            "prompt": "Represent the question",
        }
        for q, pos, neg in _by_query(facts)
    ]  # fmt: skip


def _columns(facts: Facts, random: Random) -> Records:
    """One positive a row; of the columns of negatives those that a query does not fill are null."""
    query, positive = random.choice([("anchor", "positive"), ("query", "answer"), ("question", "passage")])
    n = max((len(neg) for *_, neg in _by_query(facts)), default=0)
    rows = []
    for q, pos, neg in _by_query(facts):
        filled = [*neg, *[None] * (n - len(neg))]
        columns = dict(zip(["negative", *(f"negative_{i}" for i in range(1, n))], filled, strict=False))
        rows += [{query: q, positive: d, **columns} for d in pos]
    return rows


def _by_order(facts: Facts, random: Random) -> Records:
    first, second = random.choice([("left", "right"), ("sentence1", "sentence2"), ("Frage", "Fundstelle")])
    return [{first: q, second: d} for q, pos, _ in _by_query(facts) for d in pos]


def _label(facts: Facts, random: Random) -> tuple[str, Callable[[int], object]]:
    """A name of the label and how it is written; a scale without 0 has a name that says gain."""
    gains = {gain for own in facts.gains.values() for gain in own.values()}
    names = ["relevance", "gain", "grade"] if len(gains) > 1 and not facts.negatives else ["label", "score", "rating"]
    writings: list[Callable[[int], object]] = [int, float, str, lambda gain: f"{gain}.0"]
    if gains == {1}:
        writings += [bool, lambda gain: str(bool(gain)).lower()]
    return random.choice(names), random.choice(writings)


def _labelled(facts: Facts, random: Random) -> Records:
    name, write = _label(facts, random)
    judged = {q: {**own, **dict.fromkeys(facts.against(q), 0)} for q, own in facts.gains.items()}
    return [{"anchor": q, "positive": d, name: write(gain)} for q, own in judged.items() for d, gain in own.items()]


def _labelled_lists(facts: Facts, random: Random) -> Records:
    name, write = _label(facts, random)
    rows = []
    for query, own in facts.gains.items():
        judged = [*own.items(), *((d, 0) for d in facts.against(query))]
        random.shuffle(judged)
        texts, gains = zip(*judged, strict=True)
        rows.append({"query": query, "positive": list(texts), name + "s": list(map(write, gains))})
    return rows


def _labelled_beside_negatives(facts: Facts, random: Random) -> Records:
    name, write = _label(facts, random)
    return [
        {"question": q, "document": d, name: write(gain), "hard_negatives": list(facts.against(q))}
        for q, own in facts.gains.items()
        for d, gain in own.items()
    ]


def titled(text: str, random: Random) -> Record:
    """A title and the text that follows it, where putting them together gives the text again.

    A table cannot hold a title "null": such a cell is one without a value.
    """
    title, _, rest = text.strip().partition(" ")
    is_title = bool(rest) and rest == rest.strip() and title == title.strip() and random.random() < 0.5
    is_title = is_title and not (says_null(title) or says_null(rest))
    return {"title": title, "text": rest} if is_title else {"title": random.choice(["", None]), "text": text}


def _passages(texts: Sequence[str], random: Random) -> Records:
    return [{"docid": str(n), **titled(text, random)} for n, text in enumerate(texts)]


def _tevatron(facts: Facts, random: Random) -> Records:
    return [
        {
            "query_id": f"q{n}", "query": q,
            "positive_passages": _passages(pos, random), "negative_passages": _passages(neg, random),
        }
        for n, (q, pos, neg) in enumerate(_by_query(facts))
    ]  # fmt: skip


def _dpr(facts: Facts, random: Random) -> Records:
    return [
        {
            "dataset": "made", "question": q, "answers": ["short"], "positive_ctxs": _passages(pos, random),
            "negative_ctxs": _passages(["drawn at random"], random), "hard_negative_ctxs": _passages(neg, random),
        }
        for q, pos, neg in _by_query(facts)
    ]  # fmt: skip


def _ragas(facts: Facts, random: Random) -> Records:
    return [
        {
            "user_input": q, "retrieved_contexts": ["what was retrieved"], "reference_contexts": pos,
            "response": "what a system answered", "reference": "what it should have answered",
        }
        for q, pos, _ in _by_query(facts)
    ]  # fmt: skip


def _old_ragas(facts: Facts, random: Random) -> Records:
    return [
        {"question": q, "contexts": ["what was retrieved"], "answer": "what a system answered", "ground_truth": d}
        for q, pos, _ in _by_query(facts)
        for d in pos
    ]


_WITH_NEGATIVES = ("pairs", "negatives")
ROW_FORMATS: dict[str, RowFormat] = {
    "original": RowFormat(_original, (*_WITH_NEGATIVES, "typed")),
    "original, one positive a row": RowFormat(_original_mixed, (*_WITH_NEGATIVES, "typed"), is_mixed=True),
    "FlagEmbedding": RowFormat(_flag, _WITH_NEGATIVES),
    "sentence-transformers": RowFormat(_columns, _WITH_NEGATIVES),
    "two columns by order": RowFormat(_by_order, ("pairs",), has_names=False),
    "labelled rows": RowFormat(_labelled, ("pairs", "graded", "negatives", "judged")),
    "labelled lists": RowFormat(_labelled_lists, ("pairs", "graded", "negatives", "judged")),
    "labels beside negatives": RowFormat(_labelled_beside_negatives, ("negatives",)),
    "tevatron": RowFormat(_tevatron, _WITH_NEGATIVES),
    "DPR": RowFormat(_dpr, _WITH_NEGATIVES),
    "Ragas": RowFormat(_ragas, ("pairs",)),
    "Ragas, old": RowFormat(_old_ragas, ("pairs",)),
}


def respelled(rows: Records, random: Random) -> Records:
    """The same rows with every name spelled in another way; those of no role, too."""
    names = {name: _spelled(name, random) for name in rows[0]}
    return [{names[name]: value for name, value in row.items()} for row in rows]


def _spelled(name: str, random: Random) -> str:
    stem, _, number = name.rpartition("_")
    if number.isdigit():
        return random.choice(spellings(stem)) + random.choice(["_", "-", " ", ""]) + number
    return random.choice(spellings(name))


def reordered(rows: Records, order: Sequence[str]) -> Records:
    """The same rows with their fields in another order."""
    return [{name: row[name] for name in order} for row in rows]


def with_metadata(rows: Records) -> Records:
    """The same rows with columns beside: a source, an address, a date, a text of no role."""
    more = {
        "source": lambda n: "web" if n % 2 else "app",
        "url": lambda n: f"https://example.org/{n % 3}",
        "year": lambda n: 1990 + n % 4,
        "remark": lambda n: "a text under an unknown name that is longer than any value, and no negative " * 2,
    }
    return [{**row, **{name: value(n) for name, value in more.items()}} for n, row in enumerate(rows)]


def with_numbers(rows: Records, random: Random) -> Records:
    """The same rows with a column that numbers them, first."""
    name, start = random.choice(["", "Unnamed: 0", "index", "nr", "line_no"]), random.randrange(2)
    return [{name: n, **row} for n, row in enumerate(rows, start)]


# --- judged queries -------------------------------------------------------------------------------------------------

Parts = dict[str, Records]


def parts(facts: Facts, random: Random) -> Parts:
    """Documents, queries and judgments as tables, under the names of BEIR, in any order of rows."""
    if random.random() < 0.5:
        queries: dict[str, Any] = {q: n for n, q in enumerate(facts.gains, 1)}
        documents: dict[str, Any] = {d: 100 + n for n, d in enumerate(facts.documents)}
    else:
        queries = {q: f"q{n}" for n, q in enumerate(facts.gains)}
        documents = {d: f"d-{n}" for n, d in enumerate(facts.documents)}
    made = {
        "corpus": [{"_id": name, **titled(d, random)} for d, name in documents.items()],
        "queries": [{"_id": name, "text": q} for q, name in queries.items()],
        "qrels": [
            {"query-id": queries[q], "corpus-id": documents[d], "score": gain}
            for q, own in facts.gains.items()
            for d, gain in own.items()
        ],
    }
    for rows in made.values():
        random.shuffle(rows)
    return made


def another(made: Parts) -> Parts:
    """Other texts and judgments under the same ids, as another split or language has them."""
    changed = {
        part: [{**row, "text": f"another {row['text']}"} for row in made[part]] for part in ("corpus", "queries")
    }
    return {**changed, "qrels": made["qrels"][:2]}


def trec(rows: Records, separator: str) -> str:
    """Judgments as trec_eval reads them."""
    return "".join(
        f"{row['query-id']}{separator}0{separator}{row['corpus-id']}{separator}{row['score']}\n" for row in rows
    )


def by_query(made: Parts, *, has_gains: bool) -> dict[str, Any]:
    """Relevant documents by query id: with their gains, or listed."""
    found: dict[str, dict[str, int]] = {}
    for row in made["qrels"]:
        found.setdefault(str(row["query-id"]), {})[str(row["corpus-id"])] = row["score"]
    return dict(found) if has_gains else {query: list(own) for query, own in found.items()}


def evaluator(made: Parts, *, has_gains: bool, has_titles: bool) -> dict[str, Any]:
    """Queries, corpus and relevant documents by id, as evaluators take them."""
    corpus = {str(row["_id"]): {k: row[k] for k in ("title", "text")} for row in made["corpus"]}
    texts = {name: " ".join(filter(None, (row["title"], row["text"]))) for name, row in corpus.items()}
    return {
        "queries": {str(row["_id"]): row["text"] for row in made["queries"]},
        "corpus": corpus if has_titles else texts,
        "relevant_docs": by_query(made, has_gains=has_gains),
    }


LAYOUTS: dict[str, tuple[str, str, str]] = {
    "BEIR": ("corpus", "queries", "qrels/test"),
    "judgments beside": ("corpus", "queries", "qrels"),
    "FlagEmbedding evaluation": ("corpus", "test_queries", "test_qrels"),
    "MTEB, qrels": ("corpus/corpus-{s}", "queries/queries-{s}", "qrels/test-{s}"),
    "MTEB, default": ("corpus/corpus-{s}", "queries/queries-{s}", "default/test-{s}"),
    "MTEB, data": ("corpus/corpus-{s}", "queries/queries-{s}", "data/test-{s}"),
    "MTEB, all of one split": ("corpus/test-{s}", "queries/test-{s}", "qrels/test-{s}"),
    "MTEB, a language": ("en-corpus/test-{s}", "en-queries/test-{s}", "en-qrels/test-{s}"),
    "a folder a language": ("en/corpus", "en/queries", "en/qrels/test"),
    "a folder a split": ("test/corpus", "test/queries", "test/qrels"),
}
"""Where the three parts stand; ``{s}`` numbers a shard."""

FIELDS: dict[str, dict[str, Sequence[str]]] = {
    "_id": {"_id": ("_id", "id", "ID", "Id")},
    "text": {"text": ("text", "Text", "TEXT")},
    "query": {"query-id": ("query-id", "query_id", "queryId", "Query ID", "qid", "QUERY-IDS")},
    "document": {"corpus-id": ("corpus-id", "corpus_id", "corpusId", "docid", "doc_id", "document-id", "pid")},
    "gain": {"score": ("score", "Scores", "relevance", "label", "gain", "rel")},
}


def respelled_parts(made: Parts, random: Random) -> Parts:
    """The same tables with every name of a column spelled in another way."""
    names = {name: random.choice(list(ways)) for known in FIELDS.values() for name, ways in known.items()}
    return {part: [{names.get(k, k): v for k, v in row.items()} for row in rows] for part, rows in made.items()}


def write_parts(
    folder: Path, made: Parts, layout: str, container: str = "jsonl", compression: str = "", *, n_shards: int = 1
) -> Path:
    """The folder of a layout."""
    for place, (part, rows) in zip(LAYOUTS[layout], _ordered(made), strict=True):
        shards = n_shards if "{s}" in place and len(rows) >= n_shards else 1
        for n in range(shards):
            stem = folder / place.format(s=f"{n:05d}-of-{shards:05d}")
            write_rows(
                stem, rows[n::shards], "tsv" if part == "qrels" and container == "plain.tsv" else container, compression
            )
    return folder


def _ordered(made: Parts) -> list[tuple[str, Records]]:
    return [(part, made[part]) for part in ("corpus", "queries", "qrels")]
