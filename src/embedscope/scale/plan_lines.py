"""What evaluating a corpus would take, on one machine, one GPU and several nodes: lines to read, and figures."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embedscope.data.sample import sample_path
from embedscope.errors import InvalidOptionError
from embedscope.log import Log
from embedscope.metrics.threads import n_threads
from embedscope.models.embed import encode_texts
from embedscope.models.model import load_model
from embedscope.scale.memory import MemoryPlan, plan_memory
from embedscope.scale.plan_totals import Prices, Total, encoding_seconds, machines_within, total, writing_seconds
from embedscope.scale.planning import (
    LONGEST_VECTOR,
    Corpus,
    Cost,
    Rates,
    measure_rates,
    one_gpu,
    one_machine,
    several_nodes,
)
from embedscope.settings import ModelSettings, PlanSettings, Settings, require_unused
from embedscope.systems import require_encoder, require_there
from embedscope.units import format_bytes, format_count, format_seconds

_PROBE_TEXTS = 96

_READING = ("model", "base_model", "head_module", "activation", "weights")
"""How the model is read whose speed is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What evaluating a corpus would take, with the rates that say so.

    ``encoding`` are seconds for the texts by where, ``totals`` are of encoding, writing and evaluation together, and
    ``n_for_deadline`` is the number of machines that take ``deadline_h`` hours, None where no number does.
    """

    corpus: Corpus
    rates: Rates
    estimates: list[Cost]
    memory: MemoryPlan
    encoding: Mapping[str, float]
    totals: Sequence[Total] = ()
    deadline_h: float | None = None
    n_for_deadline: int | None = None

    @property
    def lines(self) -> list[str]:
        """The plan as lines of text."""
        corpus, rates = self.corpus, self.rates
        share = rates.cells * 2 * corpus.dim / rates.product_flops
        lines = [
            f"{format_count(corpus.n_queries)} queries x {format_count(corpus.n_documents)} documents of {corpus.dim} "
            f"dimensions: {format_count(corpus.n_queries * corpus.n_documents)} pairs, "
            f"{format_bytes(corpus.n_bytes)} on disk as {corpus.dtype}, {corpus.n_shards:,} shards",
            "",
            f"This machine ({rates.n_cores} cores), measured:",
            f"  product   {rates.product_flops / 1e9:,.0f} GFLOP/s",
            f"  scoring   {format_count(rates.cells)} pairs a second, {share:.0%} of that",
            f"  reading   {format_bytes(rates.read_bytes)}/s to unit rows",
            f"  writing   {format_bytes(rates.write_bytes)}/s of shards",
            f"  sums      {format_count(rates.moment_rows)} documents a second",
            f"  merging   {format_count(rates.merged_places)} places of lists a second",
            f"  intervals {format_count(rates.interval_queries)} queries a second, with similarities and tables",
            f"  start     {rates.start_s:.1f} s",
            "",
            f"{'':<18}{'evaluation':>12}{'encoding':>12}{'memory':>12}   steps",
        ]
        for estimate in self.estimates:
            encoded = self.encoding.get(estimate.name)
            steps = ", ".join(f"{name} {format_seconds(s)}" for name, s in estimate.seconds.items())
            shown = "not asked" if encoded is None else format_seconds(encoded)
            lines.append(
                f"{estimate.name:<18}{format_seconds(estimate.total_s):>12}{shown:>12}{format_bytes(estimate.memory):>12}"
                f"   {steps}"
            )
            lines += [f"{'':<18}{estimate.note}"] if estimate.note else []
        lines += ["", "Memory of a process, at most:"]
        lines += [f"  {name:<18}{format_bytes(n_bytes):>10}" for name, n_bytes in self.memory.items.items()]
        lines += ["", "Bytes moved:"]
        for estimate in self.estimates:
            moved = ", ".join(f"{name} {format_bytes(n_bytes)}" for name, n_bytes in estimate.bytes_moved.items())
            lines.append(f"  {estimate.name}: {moved}")
        lines += self._total_lines()
        if not self.encoding:
            lines += ["", "Encoding is not counted: pass --encode-rate, --gpu-encode-rate or --checkpoint."]
        return lines

    def _total_lines(self) -> list[str]:
        lines = ["", "The whole:"]
        for each in self.totals:
            steps = "encoding, writing and evaluation" if each.name in self.encoding else "evaluation alone"
            lines += each.lines(self.corpus.n_documents, steps)
        if not any(each.cost for each in self.totals):
            lines.append("  No cost without a price: --price-machine-hour, --price-gb-month, --price-gb-moved.")
        if self.deadline_h is not None:
            found = self.n_for_deadline
            said = "no number of machines is enough" if found is None else f"{found:,} machines like this one"
            lines.append(f"  Within {self.deadline_h:g} h: {said}.")
        return lines

    @property
    def figures(self) -> dict[str, Any]:
        """The plan as plain values."""
        corpus, memory = self.corpus, self.memory
        return {
            "corpus": {**asdict(corpus), "n_bytes": corpus.n_bytes, "n_shards": corpus.n_shards},
            "rates": asdict(self.rates),
            "memory": {"items": dict(memory.items), "total": memory.total, "rows_per_block": memory.rows_per_block},
            "estimates": [{**asdict(estimate), "total_s": estimate.total_s} for estimate in self.estimates],
            "encoding_s": dict(self.encoding),
            "writing_s": writing_seconds(corpus, self.rates),
            "totals": [each.figures(corpus.n_documents) for each in self.totals],
            "deadline": self.deadline_h and {"hours": self.deadline_h, "n_machines": self.n_for_deadline},
        }


def plan(settings: Settings, options: PlanSettings, log: Log) -> Plan:
    """Measure this machine and extrapolate.

    Raises
    ------
    InvalidOptionError
        Before anything is measured, if no corpus has these numbers, vectors are too long to be measured, ``--memory``
        is less than the smallest plan needs, or an option would change nothing.
    CheckpointError
        If the model whose speed is to be measured cannot be read.
    """
    _require_plannable(settings, options)
    corpus = Corpus(
        n_documents=options.documents,
        n_queries=options.queries,
        dim=options.dim,
        dtype=options.dtype,
        n_judgments=options.judgments,
        most_judgments=options.most_judgments,
    )
    plan_memory(corpus.size(), options.memory, n_threads=n_threads())
    log.step("Measuring this machine")
    rates = measure_rates(options.dim, options.dtype, options.queries)
    machine, memory = one_machine(corpus, rates, options.memory)
    rate = _encode_rate(settings.model, options, log)
    within = None if options.hours is None else machines_within(corpus, rates, options.hours, rate, options.memory)
    nodes = list(dict.fromkeys([options.nodes] if within is None else [options.nodes, within]))
    clusters = {n: several_nodes(corpus, rates, n, options.memory) for n in nodes}
    gpu = one_gpu(corpus, rates, options.gpu_tflops)
    encoding = {} if options.gpu_encode_rate is None else {gpu.name: encoding_seconds(corpus, options.gpu_encode_rate)}
    if rate is not None:
        encoding[machine.name] = encoding_seconds(corpus, rate)
        encoding |= {cluster.name: encoding_seconds(corpus, rate, n) for n, cluster in clusters.items()}
    prices = Prices(options.price_machine_hour, options.price_gb_month, options.price_gb_moved)
    numbers = [(1, machine), (0, gpu), *clusters.items()]
    totals = [total(corpus, cost, encoding.get(cost.name), rates, prices, n) for n, cost in numbers]
    estimates = [machine, gpu, *clusters.values()]
    return Plan(corpus, rates, estimates, memory, encoding, totals, options.hours, within)


def _require_plannable(settings: Settings, options: PlanSettings) -> None:
    """Raise an InvalidOptionError or a CheckpointError for what `plan` cannot be told of."""
    pairs, most = options.judgments or options.queries, options.most_judgments
    if pairs > options.documents * options.queries:
        raise InvalidOptionError(
            f"--judgments is {pairs:,}; {options.queries:,} queries and {options.documents:,} documents make "
            f"{options.documents * options.queries:,} pairs at most."
        )
    possible = min(options.documents, pairs)
    if most is not None and most > possible:
        raise InvalidOptionError(
            f"--most-judgments is {most:,}; of {options.documents:,} documents (--documents) and {pairs:,} relevant "
            f"pairs (--judgments) one query can have {possible:,} at most."
        )
    if options.dim > LONGEST_VECTOR:
        raise InvalidOptionError(
            f"--dim is {options.dim:,}; the rates of vectors of at most {LONGEST_VECTOR:,} dimensions are measured."
        )
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        require_unused("no model is measured without --checkpoint", (settings.model, _READING))
        return
    if options.encode_rate is not None:
        raise InvalidOptionError("--encode-rate states what --checkpoint would be measured for. Leave one of them out.")
    require_encoder([checkpoint], settings)
    require_there([checkpoint], settings)


def _encode_rate(model: ModelSettings, options: PlanSettings, log: Log) -> float | None:
    """Texts that this machine encodes in a second, as stated or measured; None where neither."""
    if options.encode_rate is not None or model.checkpoint is None:
        return options.encode_rate
    log.step(f"Encoding {_PROBE_TEXTS} texts of the sample data with {model.checkpoint}")
    return _measured_encode_rate(model.checkpoint, model)


def _measured_encode_rate(checkpoint: str, own: ModelSettings) -> float:
    """Texts a second, of the sample data (two or three sentences a text), the loading of the model left out."""
    model = load_model(checkpoint, **own.reading, model=own.model)
    rows = json.loads(Path(sample_path("train")).read_text(encoding="utf-8"))
    texts = list(dict.fromkeys(row["pos"] for row in rows))[: _PROBE_TEXTS + 8]
    encode_texts(texts[:8], model.encoder)
    start = time.perf_counter()
    encode_texts(texts[8:], model.encoder)
    return (len(texts) - 8) / (time.perf_counter() - start)
