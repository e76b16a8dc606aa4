"""Which words decide the failures that were looked at, in a few lines."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from embedscope.output.terminal.hanging import Hanging, heading, shorten
from embedscope.result import ROLE_WORDS, Explanation, Explanations, Result
from embedscope.result.formatting import count, number, percent_estimate

N_WORDS = 5
"""Words listed on a line."""


def print_explanations(result: Result, results: Console) -> None:
    """How often one word suffices, the words that decide, those that are not seen, and the worst failure."""
    found = result.explanations
    if found is None or not found.failures:
        return
    title = f"Which words decide: {len(found.failures):,} of {count(found.n_failures, 'failure')} looked at"
    heading(results, title)
    share = percent_estimate(found.one_word)
    results.print(Hanging("  ", f"Leaving out one word puts the right document first in {share} of them"))
    for name, words in (("decide most often", _deciding(found)), ("not seen in queries", _unseen(found))):
        if words:
            results.print(Hanging(f"  {name}: ", ", ".join(words)))
    worst = max(found.failures, key=lambda each: float(result.queries.rank[each.query]))
    text = shorten(result.queries.texts[worst.query], results.width - len("  worst: "))
    results.print("  worst: ", text, sep="", soft_wrap=True)
    results.print(Hanging("    ", _sentence(worst, result)))


def _deciding(found: Explanations) -> list[str]:
    """Words that decide more than one failure."""
    often = [word for word in found.deciding if word.n_failures > 1][:N_WORDS]
    return [f"'{word.word}' in {ROLE_WORDS[word.role]} ({word.n_failures:,})" for word in often]


def _unseen(found: Explanations) -> list[str]:
    counts = Counter(word for each in found.failures for word in {word.casefold() for word in each.unseen})
    return [f"'{word}' ({n:,})" for word, n in counts.most_common(N_WORDS)]


def _sentence(worst: Explanation, result: Result) -> str:
    best = worst.best
    if best is None:
        return "leaving out no word helps the right document"
    word = f"leaving out '{worst.word(best, result.queries, result.documents)}' from {ROLE_WORDS[best.role]}"
    if best.puts_right_first:
        return f"{word} puts the right document first"
    behind = -worst.difference - best.change
    if behind <= 0:
        return f"{word} puts the right document ahead of the winner, not of all others"
    return (
        f"{word} helps most: the right document is then {number(behind, 3)} behind, not {number(-worst.difference, 3)}"
    )
