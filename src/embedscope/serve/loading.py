"""What is served: a folder of a run, or of shards, becomes the answers of its model and its page.

A run is served by the model and the data that it was made with: the fingerprint of the model and the digest of the data
set are those of its report, or nothing is served (`ServeSettings.allow_changed` goes on).
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from embedscope.data.collection import digest
from embedscope.errors import DataFormatError, InputError, InvalidOptionError
from embedscope.log import Log
from embedscope.models.endpoint_address import is_endpoint
from embedscope.models.model import Model
from embedscope.models.precomputed import is_precomputed_file
from embedscope.output.page import html
from embedscope.output.page.payload import PAGE_VERSION
from embedscope.output.run_folder import MANIFEST
from embedscope.pipeline import read
from embedscope.plain_files import read_json
from embedscope.result.saved_run import folders_of_sets
from embedscope.scale.shard_folder import ShardFolder, is_shard_folder
from embedscope.serve.answers import Answers
from embedscope.serve.corpora import Corpus, RunCorpus, ShardCorpus
from embedscope.serve.places import MapPlaces
from embedscope.settings import DataSettings, Head, ModelSettings, ServeSettings, Settings
from embedscope.systems import encode_with, load

_NO_MODEL = "there is no model that could encode a query"
_MEMORY = 4 << 30


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What answers, the payload of the page, and its title."""

    answers: Answers
    payload: Mapping[str, Any]
    title: str


def load_served(settings: Settings, stated: Names[str], chosen: ServeSettings, log: Log) -> Served:
    """The folder that is named, ready to answer.

    Parameters
    ----------
    settings : Settings
        Of them those in ``stated`` stand in place of what the manifest of the run says.

    Raises
    ------
    InputError
        If the folder is none of a run or of shards, its run had no model, or model or data are others than it says.
    """
    folder = Path(chosen.run_folder)
    if is_shard_folder(chosen.run_folder):
        return _served_shards(chosen.run_folder, settings, chosen, log)
    sets = folders_of_sets(folder)
    if sets:
        named = ", ".join(map(str, sets.values()))
        raise InputError(f"{folder} is a run on several data sets. Serve one of them: {named}.")
    payload = html.read_page(folder)
    if payload["kind"] != "embedscope-page":
        raise InputError(f"{folder} is a run on several data sets. Serve the folder of one of them.")
    options = _options(folder)
    report = payload["report"]
    _require_model(folder, options, report)
    if options.get("embeddings") is not None:
        shards = str(options["embeddings"])
        served = _served_shards(shards, settings, chosen, log)
        return replace(served, payload={**payload, "live": served.answers.facts}, title=html.page_title(report))
    settings = _settings_of_run(folder, options, report, settings, stated)
    collection = read(settings, log)
    if digest(collection) != report["data"]["digest"]:
        _changed(
            f"the data set '{settings.data.data}' is not what {folder} was measured on", "its data set with --data",
            chosen, log,
        )  # fmt: skip
    store, model = load(str(settings.model.checkpoint), settings, log)
    _require_same(model, report["model"]["fingerprint"], str(folder), chosen, log)
    embedded = encode_with(model, store, collection, settings, log, with_base=False)
    if embedded.embeddings is None:
        raise InputError(f"{folder}: {_NO_MODEL}.")
    places = MapPlaces.read(folder, collection.query_ids, collection.document_ids)
    answers = Answers(model, RunCorpus(collection, embedded.embeddings), places, settings.measure.seed)
    return Served(answers, {**payload, "live": answers.facts}, html.page_title(report))


def _served_shards(where: str, settings: Settings, chosen: ServeSettings, log: Log) -> Served:
    """A shard folder, with the model that its manifest names unless another path to it is stated."""
    folder = ShardFolder(where, settings.model.similarity)
    made_by = folder.encoder
    name = settings.model.checkpoint or made_by.get("name")
    if "fingerprint" not in made_by or name is None or is_precomputed_file(name):
        raise InputError(
            f"'{where}' holds vectors that were made before: {_NO_MODEL}. Write it with embedscope shard --data FILE "
            f"--checkpoint MODEL."
        )
    _require_chosen(name, settings.model.checkpoint is not None, where)
    _, model = load(name, settings, log)
    _require_same(model, str(made_by["fingerprint"]), where, chosen, log)
    if model.dim != folder.dim:
        raise InputError(f"'{where}' holds vectors of {folder.dim} numbers, and '{name}' makes {model.dim}.")
    corpus: Corpus = ShardCorpus(folder, _MEMORY if chosen.memory is None else chosen.memory)
    answers = Answers(model, corpus, None, settings.measure.seed)
    page = {"kind": "embedscope-live", "page_version": PAGE_VERSION, "live": answers.facts}
    return Served(answers, page, "Try · embedscope")


def _options(folder: Path) -> dict[str, Any]:
    """The options in the manifest of a run."""
    path = folder / MANIFEST
    try:
        options = read_json(path)["options"]
        if not isinstance(options, dict):
            raise TypeError("its options are no table")
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise DataFormatError(
            f"{path} does not say how the run was made ({error}). Give a folder that visualize or evaluate wrote."
        ) from error
    return options


def _require_model(folder: Path, options: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """Refuse a run that no single model made, one vector a text; a shard folder names its own."""
    embeddings = options.get("embeddings")
    if options.get("run") is not None:
        raise InputError(f"{folder} judged a ranking that was made before (--run): {_NO_MODEL}.")
    if embeddings is not None and not is_shard_folder(str(embeddings)):
        raise InputError(
            f"{folder} judged vectors that were made before (--embeddings '{embeddings}'): {_NO_MODEL}. Run evaluate "
            f"or visualize with --checkpoint, and serve that run."
        )
    if options.get("fuse") or options.get("rerank") or options.get("head", Head.DENSE.value) != Head.DENSE.value:
        raise InputError(
            f"{folder} judged ranked lists (--head, --fuse or --rerank), and a query that is typed in is searched by "
            f"one vector. Run evaluate or visualize without these, and serve that run."
        )
    if embeddings is None and report["model"]["fingerprint"] is None:
        raise InputError(f"{folder} does not say which model made its vectors: {_NO_MODEL}.")


def _settings_of_run(
    folder: Path, options: Mapping[str, Any], report: Mapping[str, Any], settings: Settings, stated: Names[str]
) -> Settings:
    """How the run read its data and encoded, with what is stated now in place of what is not."""
    known = [f.name for section in (DataSettings, ModelSettings) for f in fields(section)]
    values = {name: options[name] for name in [*known, "seed"] if name in options}
    # A cache is trusted and written to, so that only who serves may name one, not a file.
    values |= {"baseline": None, "no_cache": False, "cache_dir": None}
    values["checkpoint"] = values.get("checkpoint") or report["model"]["checkpoint"]  # of a comparison: its candidate
    own = settings.as_options()
    values |= {name: own[name] for name in stated if name in own}
    _require_chosen(str(values["checkpoint"]), "checkpoint" in stated, str(folder))
    try:
        return Settings.of(**values)
    except InvalidOptionError as error:
        raise DataFormatError(f"{folder / MANIFEST} holds an option that is none: {error}") from error


def _require_chosen(name: str, is_stated: bool, where: str) -> None:
    """Refuse an address that only a file names: what is typed in would be sent there."""
    if is_endpoint(name) and not is_stated:
        raise InputError(
            f"'{where}' was made by the endpoint '{name}', and what is typed in would be sent there. Pass --checkpoint "
            f"{name} (and --model) if that is wanted."
        )


def _require_same(model: Model, fingerprint: str | None, where: str, chosen: ServeSettings, log: Log) -> None:
    if model.facts.fingerprint != fingerprint:
        _changed(
            f"the model '{model.facts.checkpoint}' makes other vectors than that of '{where}' (weights, prompts, "
            f"pooling, length or number format)", "the model with --checkpoint", chosen, log,
        )  # fmt: skip


def _changed(what: str, where: str, chosen: ServeSettings, log: Log) -> None:
    if not chosen.allow_changed:
        raise InputError(f"{what}. Name {where}, or pass --allow-changed to go on with what is there now.")
    log.warn(f"{what}; what the page says of the run is not what is served")
