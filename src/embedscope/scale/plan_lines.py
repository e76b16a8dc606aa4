"""What evaluating a corpus would take, on one machine, one GPU and several nodes: lines to read, and figures."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embedscope.data.sample import sample_path
from embedscope.log import Log
from embedscope.models.embed import encode_texts
from embedscope.models.model import load_model
from embedscope.scale.memory import MemoryPlan
from embedscope.scale.planning import Corpus, Cost, Rates, measure_rates, one_gpu, one_machine, several_nodes
from embedscope.settings import ModelSettings, PlanSettings, Settings
from embedscope.units import format_bytes, format_count, format_seconds

_PROBE_TEXTS = 96


@dataclass(frozen=True, slots=True)
class Plan:
    """What evaluating a corpus would take, with the rates that say so; ``encoding``: seconds for the texts by where."""

    corpus: Corpus
    rates: Rates
    estimates: list[Cost]
    memory: MemoryPlan
    encoding: Mapping[str, float]

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
        if not self.encoding:
            lines += ["", "Encoding is not counted: pass --encode-rate, --gpu-encode-rate or --checkpoint."]
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
        }


def plan(settings: Settings, options: PlanSettings, log: Log) -> Plan:
    """Measure this machine and extrapolate."""
    corpus = Corpus(
        n_documents=options.documents,
        n_queries=options.queries,
        dim=options.dim,
        dtype=options.dtype,
        n_judgments=options.judgments,
        most_judgments=options.most_judgments,
    )
    log.step("Measuring this machine")
    rates = measure_rates(options.dim, options.dtype, options.queries)
    machine, memory = one_machine(corpus, rates, options.memory)
    estimates = [
        machine,
        one_gpu(corpus, rates, options.gpu_tflops),
        several_nodes(corpus, rates, options.nodes, options.memory),
    ]
    return Plan(corpus, rates, estimates, memory, _encoding_seconds(corpus, settings.model, options, log))


def _encoding_seconds(corpus: Corpus, model: ModelSettings, options: PlanSettings, log: Log) -> dict[str, float]:
    """Time to encode every text, by where; empty where no rate is known."""
    n_texts = corpus.n_documents + corpus.n_queries
    rate = options.encode_rate
    if rate is None and model.checkpoint is not None:
        log.step(f"Encoding {_PROBE_TEXTS} texts of the sample data with {model.checkpoint}")
        rate = _measured_encode_rate(model.checkpoint, model)
    found = {}
    if rate is not None:
        found["this machine"] = n_texts / rate
        found[f"{options.nodes:,} nodes like it"] = n_texts / rate / options.nodes
    if options.gpu_encode_rate is not None:
        found["one GPU"] = n_texts / options.gpu_encode_rate
    return found


def _measured_encode_rate(checkpoint: str, own: ModelSettings) -> float:
    """Texts a second, of the sample data (two or three sentences a text), the loading of the model left out."""
    model = load_model(checkpoint, **own.reading, model=own.model)
    rows = json.loads(Path(sample_path("train")).read_text(encoding="utf-8"))
    texts = list(dict.fromkeys(row["pos"] for row in rows))[: _PROBE_TEXTS + 8]
    encode_texts(texts[:8], model.encoder)
    start = time.perf_counter()
    encode_texts(texts[8:], model.encoder)
    return (len(texts) - 8) / (time.perf_counter() - start)
