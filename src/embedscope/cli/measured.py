"""From options to findings, checks, verdict and ``report.json``: what ``visualize`` and ``evaluate`` share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embedscope.audit import could_be_longer, token_lengths
from embedscope.cli import inputs, outputs
from embedscope.cli.pictures import Stage
from embedscope.data.collection import Collection
from embedscope.decide.verdict import judge
from embedscope.diagnose.examination import NEEDS_A_MODEL, Extent, examine
from embedscope.errors import InvalidOptionError
from embedscope.measure.abbreviations import load_abbreviations
from embedscope.measure.perturbations import standard_perturbations
from embedscope.measure.robustness import Encode, query_encoder
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.model import Model
from embedscope.output.terminal import Terminal
from embedscope.pipeline import begin_analysis, with_maps
from embedscope.protocols import Perturbation
from embedscope.result import Check, Result, Verdict, extended
from embedscope.result.report import report as report_of


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, measured and judged."""

    result: Result
    checks: tuple[Check, ...]
    verdict: Verdict
    report: dict[str, Any]


def measure(
    options: argparse.Namespace,
    terminal: Terminal,
    *,
    maps: tuple[str, ...] = (),
    pictures: tuple[str, ...] = (),
    known: Callable[[Stage, Result], None] = lambda stage, result: None,
) -> Measured:
    """Everything that the options ask for; what cannot be used is refused before the long work begins.

    ``known`` is given the findings as soon as the ranks, what is examined after them, and the maps are in them.
    """
    checkpoint = inputs.checkpoint_of(options)
    criteria = inputs.read_criteria(options)
    extent = extent_of(options)
    outputs.check_destinations(options, pictures)
    collection = inputs.read_data(options, terminal)
    train = inputs.read_train(options)
    run = inputs.embed(checkpoint, collection, options, terminal)
    if extent.perturbations and run.model is None:
        raise InvalidOptionError(NEEDS_A_MODEL)
    baselines = inputs.embed_baselines(options, collection, terminal)
    chosen = inputs.analysis_options(options, maps=maps)
    with terminal.progress("Scoring", unit="documents") as progress:
        result, maps_to_come = begin_analysis(
            collection,
            run.embeddings,
            options=chosen,
            base=run.base,
            baselines=baselines,
            train=train,
            say=terminal.step,
            progress=progress,
        )
    known(Stage.RANKS, result)
    result = examine(
        result,
        collection,
        run.embeddings,
        base=run.base,
        n_tokens=None if run.model is None else long_texts(run.model, collection),
        encode=_encoder(run, options),
        extent=extent,
        options=chosen,
        say=terminal.step,
    )
    known(Stage.EXAMINATION, result)
    result = with_maps(result, maps_to_come)
    known(Stage.MAPS, result)
    checks, verdict = judge(result, criteria)
    report = report_of(extended(result, Result, checklist=checks, verdict=verdict, inputs=outputs.inputs_of(options)))
    return Measured(result, tuple(checks), verdict, report)


def extent_of(options: argparse.Namespace) -> Extent:
    """What is measured beyond ranks.

    Raises
    ------
    InvalidOptionError
        If an abbreviation file cannot be read or is of no use here, or texts would have to be encoded without a model.
    """
    if options.abbreviations is not None and not options.robustness:
        raise InvalidOptionError(
            "--abbreviations is a map for --robustness, which was not asked for. Pass --robustness too."
        )
    if options.robustness and options.embeddings is not None:
        raise InvalidOptionError(NEEDS_A_MODEL)
    perturbations: tuple[Perturbation, ...] = ()
    if options.robustness:
        own = None if options.abbreviations is None else load_abbreviations(options.abbreviations)
        perturbations = standard_perturbations(abbreviations=own)
    return Extent(
        geometry=options.geometry,
        wanted_precisions=tuple(options.wanted_precision),
        deployment_cost=options.deployment_cost,
        perturbations=perturbations,
    )


def long_texts(model: Model, collection: Collection) -> Mapping[str, int]:
    """Tokens, prompt included, of every text that could be longer than the model reads."""
    limit, encoder = model.facts.max_length, model.encoder
    if limit is None or not isinstance(encoder, SentenceTransformerEncoder) or encoder.tokenizer_folder is None:
        return {}
    found: dict[str, int] = {}
    for texts, prompt in (
        (collection.documents, model.document_prompt),
        (collection.queries, model.query_prompt),
    ):
        long = [text for text in texts if could_be_longer(prompt + text, limit)]
        if long:
            prompted = [prompt + text for text in long]
            lengths = token_lengths(encoder.tokenizer_folder, prompted, model=model.facts.checkpoint, max_length=limit)
            for text, whole in zip(long, prompted, strict=True):
                found[text] = max(found.get(text, 0), lengths.n_tokens[whole])
    return found


def _encoder(run: inputs.Run, options: argparse.Namespace) -> Encode | None:
    return None if run.model is None else query_encoder(run.model, run.store, batch_size=options.batch_size)
