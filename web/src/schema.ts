// Generated from src/embedscope/output/page/schema.json by `npm run types`. Do not edit.

/**
 * What the interactive page of embedscope draws: report.json, and columns beside it.
 */
export interface Payload {
  kind: 'embedscope-page';
  page_version: 1;
  report: Report;
  types: string[];
  queries: QueryColumns;
  documents: DocumentColumns;
  similarity: SimilarityColumns | null;
  points: PointColumns | null;
  heatmap: HeatmapColumns | null;
  explanations?: ExplanationColumns | null;
  compare?: CompareSection | null;
  timeline?: TimelineSection | null;
  live?: LiveFacts | null;
}
/**
 * Everything that one run found, and what to do about it.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "report".
 */
export interface Report {
  schema_version: number;
  embedscope_version: string;
  data: DataFacts;
  model: ModelFacts;
  similarity: Similarity | null;
  metrics: {
    [k: string]: Metric;
  };
  negative_types: {
    [k: string]: NegativeType;
  };
  examples: Example[];
  tie_tolerance: number | null;
  seed: number;
  n_draws?: number;
  comparisons: Comparison[];
  references: {
    [k: string]: {
      [k: string]: number | null;
    };
  };
  lexical_baseline?: string;
  lexical_baselines?: {
    [k: string]: {
      [k: string]: number | null;
    };
  };
  weights: {
    [k: string]: Estimate;
  };
  leakage: Leakage | null;
  power: Power | null;
  caveats?: string[];
  findings: Finding[];
  failure_modes?: {
    [k: string]: number;
  };
  geometry?: Geometry | null;
  thresholds?: ThresholdTable | null;
  robustness?: Robustness | null;
  deployment?: DeploymentCost | null;
  explanations?: Explanations | null;
  not_measured?: {
    [k: string]: string;
  };
  maps: {
    [k: string]: MapLayout;
  };
  maps_absent: {
    [k: string]: string;
  };
  themes?: Theme[];
  inputs: {
    [k: string]: unknown;
  };
  checklist: Check[];
  verdict: Verdict;
}
/**
 * What the data set holds, after equal texts were merged (conventions, section 1). ``n_clusters`` counts the connected groups of queries that share a relevant text, ``n_effective`` is the effective number of independent queries for MRR (conventions, section 5): what intervals and verdict rest on. ``columns`` are those of a file of rows by role: query, positive, negatives, label, group, metadata, "not used". ``n_own_documents`` counts documents that are a query themselves and are left out of its ranking. ``digest`` is the SHA-256 of queries, pool, judgments and negatives: runs of different digests are not comparable. ``name`` is what the data set was called in the options.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "data_facts".
 */
export interface DataFacts {
  format: string;
  n_rows: number;
  n_queries: number;
  n_queries_available: number;
  n_documents: number;
  n_relevant_documents: number;
  n_hard_negatives: number;
  n_clusters: number;
  n_duplicate_queries: number;
  n_duplicate_documents: number;
  n_queries_without_relevant: number;
  contradictions: string[];
  warnings: string[];
  digest?: string;
  n_effective?: number | null;
  columns?: {
    [k: string]: string[];
  };
  n_own_documents?: number;
  name?: string;
  dim: number;
}
/**
 * What produced the vectors: shown in every output so that two runs can be told apart. ``similarity`` is "cosine", "dot" or, of ranked lists, "score"; their ``dim`` is 0. ``tensors`` is None where no weights were read (vectors made before).
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "model_facts".
 */
export interface ModelFacts {
  checkpoint: string;
  layout: string;
  base_model: string | null;
  pooling: string | null;
  pooling_source: string | null;
  max_length: number | null;
  device: string | null;
  dtype: string | null;
  head: string | null;
  training: {
    [k: string]: string;
  };
  fingerprint: string | null;
  notes: string[];
  similarity?: string;
  query_prompt?: string;
  document_prompt?: string;
  tensors?: TensorAccount | null;
}
/**
 * What became of every tensor of a checkpoint; one that is in neither place is refused at loading. ``renamed`` and ``ignored`` count tensors by the rule that was applied: "without '_orig_mod.'", "pooler".
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "tensor_account".
 */
export interface TensorAccount {
  n_used: number;
  renamed: {
    [k: string]: number;
  };
  ignored: {
    [k: string]: number;
  };
}
/**
 * Positive, negative and hard-negative similarities and how far apart they lie (conventions, section 4). Similarities lie in [-bound, bound]: 1 for cosines, for dot products by the norms of the vectors.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "similarity".
 */
export interface Similarity {
  positive: Distribution;
  negative: Distribution;
  hard_negative: Distribution | null;
  margin: Estimate;
  separation: Estimate;
  auc: Estimate;
  overlap: Estimate;
  d_prime: Estimate;
  diagonal: Estimate;
  off_diagonal: Estimate;
  gap: Estimate;
  bound?: number | null;
  clustering: Estimate;
}
/**
 * One population of similarities. ``mean`` and ``std`` (population, ddof 0) are exact. ``quantiles`` (keys "0.05" ... "0.95") and ``density`` come from a histogram; ``density`` integrates to 1 over ``Similarity.edges``.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "distribution".
 */
export interface Distribution {
  n: number;
  mean: number | null;
  std: number | null;
  quantiles: {
    [k: string]: number | null;
  };
}
/**
 * One number with its 95 % interval, or the reason why there is none. Where ``value`` is None ``reason`` says why, else how an uncommon interval came about; ``low`` and ``high`` are None where no interval was computed. ``n`` is the number of observations behind it, None where nobody counted them.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "estimate".
 */
export interface Estimate {
  value: number | null;
  low: number | null;
  high: number | null;
  n?: number;
  reason?: string;
}
/**
 * A rank metric, averaged over queries, under every reading of ties, beside what no model would reach. ``value`` is the expectation over all orders of tied documents; ``trec`` and ``st`` break ties as trec_eval and sentence-transformers do. ``chance``, ``lexical`` and ``base`` are the same metric for a random order, for the stronger lexical baseline (`Scored.lexical_baseline`), and for the base model without its head; ``ideal`` is that of a perfect order, which is below 1 where a cutoff leaves no room for all relevant documents. None where not computed.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "metric".
 */
export interface Metric {
  value: number | null;
  low: number | null;
  high: number | null;
  optimistic: number | null;
  pessimistic: number | null;
  trec: number | null;
  st: number | null;
  chance: number | null;
  lexical: number | null;
  base: number | null;
  warnings: string[];
  ideal?: number | null;
}
/**
 * How the model treats one type of hard negative. ``violation_rate`` is the share of (query, negative) pairs of this type whose similarity reaches that of the query's best positive. ``margins`` holds ``s+ - s-`` for each such pair; a run has none.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "negative_type".
 */
export interface NegativeType {
  n: number;
  n_queries: number;
  violation_rate: Estimate;
  margin: Estimate;
  mean_weight: number | null;
  similarity: Distribution | null;
}
/**
 * A query worth looking at, and why.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "example".
 */
export interface Example {
  query: number;
  kind: 'asked for' | 'worst failure' | 'near miss' | 'typical success';
}
/**
 * Run ``a`` against run ``b`` on one metric, paired on the same queries: ``difference = a - b``. ``p`` is the two-sided cluster sign-flip p-value, ``p_adjusted`` after Holm over the primary metrics of the same question; ``effect_size`` is the mean of the cluster sums divided by their standard deviation.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "comparison".
 */
export interface Comparison {
  a: string;
  b: string;
  metric: string;
  difference: number | null;
  low: number | null;
  high: number | null;
  p: number | null;
  p_adjusted: number | null;
  effect_size: number | null;
  wins: number;
  losses: number;
  ties: number;
}
/**
 * How much of the test set stands in the training file: exactly, after normalisation, or nearly. ``queries`` and ``positives`` count distinct texts of the test set under "exact", "normalised" and "near"; each text is counted once, under the closest of the three. ``examples`` are pairs (test text, training text). ``leaked_queries`` are the queries that stand there exactly or after normalisation; reports do not repeat them.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "leakage".
 */
export interface Leakage {
  train: string;
  n_queries: number;
  n_positives: number;
  queries: {
    [k: string]: number;
  };
  positives: {
    [k: string]: number;
  };
  share_of_queries: number | null;
  examples: [string, string][];
}
/**
 * What this test set can tell: ``minimum_detectable`` is for the paired test of the verdict, at 80 % power.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "power".
 */
export interface Power {
  metric: string;
  n_clusters: number;
  design_effect: number | null;
  minimum_detectable: number | null;
}
/**
 * A named fault of the model or the data, with its evidence and what to do about it (contract: ``findings``). ``code`` is stable and machine-readable ("type-ignored", "positive-also-negative"); ``effect`` is its size in the unit that the title names, with its 95 % interval where there is one; ``n`` is what it was measured on; ``rows`` are rows of the query table (or 1-based rows of the data file for findings of the audit), the worst first; ``documents`` holds for each of them the row of the document that shows the fault, -1 for none; () where no document does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "finding".
 */
export interface Finding {
  code: string;
  title: string;
  severity: 'high' | 'medium' | 'low';
  n: number;
  effect: number | null;
  low: number | null;
  high: number | null;
  rows: number[];
  action: string;
  documents?: (string | null)[];
}
/**
 * Geometry of the model's space beside those that it is held against: name -> space, "model" first.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "geometry".
 */
export interface Geometry {
  spaces: {
    [k: string]: SpaceGeometry;
  };
  k: number;
}
/**
 * One space: the model's own, the base model's, or a projection of the base to the same width. ``alignment`` is the mean squared distance of relevant pairs; ``centroid_distance`` and ``split_auc`` / ``split_accuracy`` (a held-out linear split, 0.5 is a guess) say how far queries and documents lie apart; ``overlap`` is the share of the base model's k nearest documents of a query that are also the nearest here, None for the base model itself and where there is none.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "space_geometry".
 */
export interface SpaceGeometry {
  queries: CloudShape;
  documents: CloudShape;
  alignment: Estimate;
  centroid_distance: number | null;
  split_auc: Estimate;
  split_accuracy: Estimate;
  hubness: Hubness;
  overlap: Estimate | null;
}
/**
 * The shape of one cloud of unit vectors: the queries or the documents of one space. ``effective_rank`` is RankMe, ``participation_ratio`` that of the covariance, ``n_directions`` the fewest principal directions that hold 90 % of the variance (both None where all vectors are equal). ``uniformity`` is exact where ``n_uniformity`` equals ``n``, else that of so many rows drawn at random. ``mean_cosine`` is over all pairs. ``spectrum`` holds the share of the variance of each principal direction, descending, shape (dim,).
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "cloud_shape".
 */
export interface CloudShape {
  n: number;
  dim: number;
  effective_rank: number | null;
  participation_ratio: number | null;
  n_directions: number | null;
  uniformity: number | null;
  n_uniformity: number;
  mean_cosine: number | null;
  spectrum: Spectrum;
}
/**
 * Some principal directions, counted from 1, and their shares of the variance.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "spectrum".
 */
export interface Spectrum {
  directions: number[];
  shares: (number | null)[];
}
/**
 * How the places among the queries' k nearest documents are shared out (Radovanovic et al. 2010). ``skewness`` is None where every document is listed equally often. ``chance_...`` is what lists drawn at random have. ``relevant_anti_hub_share`` is the share of documents with a query of their own that are in no list at all. Hubs are the documents that stand in most lists without being relevant, the worst first; rows of DocumentTable.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "hubness".
 */
export interface Hubness {
  k: number;
  skewness: number | null;
  anti_hub_share: number | null;
  gini: number | null;
  chance_skewness: number | null;
  chance_anti_hub_share: number | null;
  chance_gini: number | null;
  relevant_anti_hub_share: number | null;
  hubs: Hub[];
}
/**
 * A document that stands in many lists, and in how many without being relevant.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "hub".
 */
export interface Hub {
  id: string;
  text: string;
  occurrences: number;
  wrong_occurrences: number;
}
/**
 * Precision and recall of "every document with a similarity of at least t", over all (query, document) pairs. Columns of shape (T,), thresholds ascending. NaN stands where a figure or its interval is undefined. Precision depends on the size of the pool: a larger one has more wrong documents above any threshold.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "threshold_table".
 */
export interface ThresholdTable {
  thresholds: number[];
  n_retrieved: number[];
  precision: (number | null)[];
  precision_low: (number | null)[];
  precision_high: (number | null)[];
  recall: (number | null)[];
  recall_low: (number | null)[];
  recall_high: (number | null)[];
  choices: ThresholdChoice[];
  n_documents: number;
}
/**
 * The lowest threshold that keeps a precision of ``wanted`` by its interval's lower end. Half of the clusters say where the precision is surest, the others how far down from there it lasts: ``precision`` and ``recall`` are those of the others. ``threshold`` is None where there is none; ``reason`` says why.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "threshold_choice".
 */
export interface ThresholdChoice {
  wanted: number;
  threshold: number | null;
  precision: Estimate;
  recall: Estimate;
  reason: string | null;
}
/**
 * Paired change of the metrics under perturbed queries; p-values are Holm-adjusted over all of them.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "robustness".
 */
export interface Robustness {
  n_queries: number;
  effects: PerturbationEffect[];
}
/**
 * What one way of typing the queries differently does, on the queries that it changes. ``changes`` are perturbed minus as written, paired; ``flip_rate`` is the share of queries whose rank-1 correctness changes, ``lost`` and ``gained`` their rows in QueryTable, the largest fall (rise) in reciprocal rank first. ``similarity`` is the mean cosine of a query with its perturbed self.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "perturbation_effect".
 */
export interface PerturbationEffect {
  name: string;
  title: string;
  n_changed: number;
  n_unchanged: number;
  before: {
    [k: string]: number | null;
  };
  after: {
    [k: string]: number | null;
  };
  changes: Comparison[];
  flip_rate: Estimate;
  lost: number[];
  gained: number[];
  similarity: Estimate;
  example: [string, string] | null;
}
/**
 * Quality against bytes for every storage format tried, the reference (float32, full width) first. ``indexes`` are lists of ``k`` documents, exact search first.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "deployment_cost".
 */
export interface DeploymentCost {
  reference: string;
  formats: StorageFormat[];
  n_documents: number;
  k: number;
  indexes?: IndexSetting[];
}
/**
 * What one way of storing the documents costs and keeps, against float32 at full width. ``bytes_in_index`` are searched for every query; ``bytes_in_all`` adds the float32 vectors that rescoring reads. ``changes`` are this format minus float32, paired, empty for float32 itself; ``tie_share`` is the share of queries whose best relevant document ties with another; ``overlap`` that of the 10 nearest documents under float32. ``reason`` says why a format could not be measured; its figures are then absent.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "storage_format".
 */
export interface StorageFormat {
  name: string;
  precision: string;
  width: number;
  n_rescored: number;
  bytes_in_index: number;
  bytes_in_all: number;
  metrics: {
    [k: string]: Estimate;
  };
  changes: Comparison[];
  tie_share: Estimate;
  overlap: Estimate;
  reason: string | null;
  reduction?: string;
}
/**
 * What one index of FAISS, with one setting of its search, keeps of the list that exact search returns. ``metrics`` are of the ``DeploymentCost.k`` documents returned; a document that is not counts as not found. ``changes`` are against exact search, paired, empty for that itself; ``overlap`` is the share of its list that is returned too. ``bytes_in_index`` grow with every document: vectors, links and ids, without codebooks. ``queries_per_second``: by the median time of one alone, on one thread of the machine that measured; None with a ``reason``.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "index_setting".
 */
export interface IndexSetting {
  name: string;
  kind: string;
  bytes_in_index: number;
  metrics: {
    [k: string]: Estimate;
  };
  changes: Comparison[];
  overlap: Estimate;
  queries_per_second: number | null;
  reason: string | null;
}
/**
 * Which words decide the failures that were looked at.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "explanations".
 */
export interface Explanations {
  n_failures: number;
  n_texts: number;
  one_word: Estimate;
  deciding: DecidingWord[];
  failures: Explanation[];
  pairs: MinimalPairs[];
  limit?: string;
}
/**
 * A word that decides failures: among the words of their three texts its deletion helps the right document most.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "deciding_word".
 */
export interface DecidingWord {
  word: string;
  role: 'query' | 'right' | 'wrong';
  n_failures: number;
}
/**
 * One failed query, by deletion. ``noise`` is the size of the change that spelling a word of the query at random makes (the median over up to four of them). The model does not see a word of the query whose deletion changes neither score by a tenth of what such a spelling does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "explanation".
 */
export interface Explanation {
  query: string;
  right: string;
  wrong: string;
  difference: number | null;
  noise: number | null;
  best: Deletion | null;
  unseen: string[];
}
/**
 * What leaving out the characters ``start`` to ``end`` of a text does. ``change`` is ``s(right) - s(wrong)`` after minus before: above 0, the right document gains by it.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "deletion".
 */
export interface Deletion {
  role: 'query' | 'right' | 'wrong';
  start: number;
  end: number;
  change: number | null;
  puts_right_first: boolean;
}
/**
 * One kind of value, changed alone in the right document, beside the same value written otherwise. ``ignored`` is the share of pairs in which the wrong value lowers the score of the query no more than another spelling of the right one does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "minimal_pairs".
 */
export interface MinimalPairs {
  kind: string;
  n: number;
  ignored: Estimate;
  example: [string, string, string] | null;
}
/**
 * A 2-D map of ``Points`` and how far it may be believed (Venna & Kaski 2001).
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "map_layout".
 */
export interface MapLayout {
  n: number;
  trustworthiness: number | null;
  continuity: number | null;
  k: number;
  elapsed_s: number | null;
  parameters: {
    [k: string]: number | null | string;
  };
  n_fitted?: number;
}
/**
 * A cluster of queries and documents in the space of the model, named by the words that set it apart. ``label_points`` holds, for each map on which half of the theme lies close together, the point (row of ``points.parquet``) amid that half; on another map its name would mislead.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "theme".
 */
export interface Theme {
  name: string;
  level: number;
  n_queries: number;
  n_documents: number;
  label_points: {
    [k: string]: number;
  };
}
/**
 * One criterion applied to one figure.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "check".
 */
export interface Check {
  id: string;
  title: string;
  value: number | null;
  low: number | null;
  high: number | null;
  threshold: number;
  direction: string;
  outcome: 'pass' | 'fail' | 'undecided' | 'not computable';
  reason: string;
  gating: boolean;
}
/**
 * The decision, the profile of criteria it was made by, and every reason with its figures. ``headline`` is the one sentence that says why, and the first of the ``reasons``; the decisive ones come first. What passed is no reason. ``profile`` is "comparison" where the paired difference to a reference decided, and names the criteria too where they had to hold as well.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "verdict".
 */
export interface Verdict {
  outcome: 'deploy' | 'retrain' | 'undecided' | 'unfit';
  profile: string;
  headline: string;
  reasons: string[];
}
/**
 * One row a query. Ragged columns: row i owns values[indptr[i]:indptr[i + 1]]. Document columns index the documents of this payload, -1 for none. failure_mode: 0 for a query that is right, else the place in report.failure_modes, counted from 1. failure_evidence: what shows it, "" where nothing does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "query_columns".
 */
export interface QueryColumns {
  n: number;
  ids: Texts;
  texts: Texts;
  rank: Numbers;
  positive_similarity: Numbers;
  negative_similarity: Numbers;
  margin: Numbers;
  gap: Numbers;
  wrong_similarity: Numbers;
  clusters: Numbers;
  n_tied: Numbers;
  is_correct: Numbers;
  wrong_document: Numbers;
  top_documents: Numbers;
  top_scores: Numbers;
  top_is_relevant: Numbers;
  relevant_indptr: Numbers;
  relevant_documents: Numbers;
  relevant_scores: Numbers;
  negative_indptr: Numbers;
  negative_documents: Numbers;
  negative_scores: Numbers;
  negative_weights: Numbers;
  negative_type_indptr: Numbers;
  negative_types: Numbers;
  failure_mode?: Numbers;
  failure_evidence?: Texts;
  stated?: StatedColumn[];
}
/**
 * Texts: a JSON list in UTF-8, deflated, in base64.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "texts".
 */
export interface Texts {
  n: number;
  data: string;
}
/**
 * An array: little-endian bytes, deflated where encoding says so, in base64. NaN means: no value.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "numbers".
 */
export interface Numbers {
  dtype: 'uint8' | 'int32' | 'float32';
  shape: number[];
  encoding: 'plain' | 'deflate';
  data: string;
}
/**
 * What the data file says of each query in one column: the place of its value among values, -1 for none. Columns of few values, and columns of numbers.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "stated_column".
 */
export interface StatedColumn {
  name: string;
  values: Texts;
  of: Numbers;
}
/**
 * One row a document that the page can show.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "document_columns".
 */
export interface DocumentColumns {
  n: number;
  ids: Texts;
  texts: Texts;
  n_relevant_to: Numbers;
  n_negative_of: Numbers;
}
/**
 * Densities over the bins between edges.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "similarity_columns".
 */
export interface SimilarityColumns {
  edges: Numbers;
  positive: Numbers;
  negative: Numbers;
  hard_negative: Numbers | null;
  types: TypeColumns[];
}
/**
 * One negative type: the density of its similarities, and the margin of each pair.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "type_columns".
 */
export interface TypeColumns {
  name: string;
  density: Numbers;
  margins: Numbers;
}
/**
 * Points of the maps. roles: 0 query, 1 positive, 2 hard negative, 3 document; rows index the query table for queries, else the documents. themes: place in report.themes, -1 for none.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "point_columns".
 */
export interface PointColumns {
  n: number;
  n_left_out: number;
  roles: Numbers;
  rows: Numbers;
  link_queries: Numbers;
  link_documents: Numbers;
  link_is_correct: Numbers;
  themes?: Numbers;
  maps: MapColumns[];
}
/**
 * Where the points stand, and the share of its original neighbours that each keeps. The name of report.themes[label_themes[i]] stands at the point label_points[i].
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "map_columns".
 */
export interface MapColumns {
  name: string;
  xy: Numbers;
  kept: Numbers;
  label_themes?: Numbers;
  label_points?: Numbers;
}
/**
 * A part of the similarities; n_queries and n_documents are those of the whole.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "heatmap_columns".
 */
export interface HeatmapColumns {
  queries: Numbers;
  documents: Numbers;
  similarity: Numbers;
  is_relevant: Numbers;
  n_queries: number;
  n_documents: number;
}
/**
 * What leaving words out does; one row a failure, in the order of report.explanations.failures. query indexes the query table, right and wrong the documents of this payload, best the deletions of the row: that which helps the right document most, -1 for none. Ragged columns, row i owns values[indptr[i]:indptr[i + 1]]: role is 0 for the query, 1 for right, 2 for wrong; start and end count UTF-16 code units of the text, as JavaScript does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "explanation_columns".
 */
export interface ExplanationColumns {
  query: Numbers;
  right: Numbers;
  wrong: Numbers;
  best: Numbers;
  indptr: Numbers;
  role: Numbers;
  start: Numbers;
  end: Numbers;
  change: Numbers;
  puts_right_first: Numbers;
}
/**
 * Several runs on the same queries. runs[0] is the reference, runs[judged] the run that the rest of the page shows; moved has one entry a candidate.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "compare_section".
 */
export interface CompareSection {
  judged: number;
  runs: ComparedRun[];
  comparisons: Comparison[];
  moved: MovedRows[];
  type_changes: TypeChange[];
  level_shifts: LevelShift[];
  best: BestOfMany | null;
}
/**
 * One run of a comparison; rank and is_correct have one entry a query, in the order of the query table.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "compared_run".
 */
export interface ComparedRun {
  name: string;
  label: string;
  metrics: {
    [k: string]: Metric;
  };
  rank: Numbers;
  is_correct: Numbers;
}
/**
 * Rows of the query table, the largest change of rank first.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "moved_rows".
 */
export interface MovedRows {
  gained: Numbers;
  lost: Numbers;
}
/**
 * Change of the violation rate of one negative type, candidate minus reference; negative is better.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "type_change".
 */
export interface TypeChange {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
  reason?: string;
  candidate: string;
  type: string;
}
/**
 * Candidate minus reference: raw levels (``positive``, ``negative``) beside scale-free ``separation``, ``auc``.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "level_shift".
 */
export interface LevelShift {
  candidate: string;
  positive: number | null;
  negative: number | null;
  separation: number | null;
  auc: number | null;
}
/**
 * The best of several candidates, its p-value paying for the choice (single-step max-T).
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "best_of_many".
 */
export interface BestOfMany {
  metric: string;
  best: string;
  difference: number | null;
  p_adjusted: number | null;
  n_candidates: number;
}
/**
 * Checkpoints of one training run in the order of their epochs, or runs side by side (unit run). Every list has one entry a checkpoint, stretches one fewer; unit is epoch where it is not given. shown is the checkpoint that the rest of the page shows; maps hold positions of shape (points, 2); is_correct is of shape (checkpoints, queries).
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "timeline_section".
 */
export interface TimelineSection {
  labels: string[];
  epochs: number[];
  shown: number;
  metrics: {
    [k: string]: Estimate[];
  };
  violation: {
    [k: string]: Estimate[];
  };
  maps: {
    [k: string]: Numbers[];
  };
  is_correct: Numbers | null;
  note: string | null;
  stretches?: SegmentColumns[];
  unit?: 'epoch' | 'run';
}
/**
 * From one checkpoint to the next: the change of the metric of the timeline. And the rows of the queries that came right at rank 1 or no longer are.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "segment_columns".
 */
export interface SegmentColumns {
  comparison: Comparison;
  gained: Numbers;
  lost: Numbers;
}
/**
 * What a server that answers queries says of itself; similarity is cosine or dot.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_facts".
 */
export interface LiveFacts {
  model: string;
  n_documents: number;
  max_length: number | null;
  similarity: string;
  most_query_characters: number;
  most_document_characters: number;
}
/**
 * Checkpoints of one training run in the order of their epochs, measured on the same queries. Every sequence has one entry a checkpoint (``segments`` one fewer). ``since_best`` compares the last checkpoint with the best one where the best is not the last; ``over_fitting`` says in words that training went on too long, None where nothing shows it.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "timeline_report".
 */
export interface TimelineReport {
  checkpoints: string[];
  epochs: number[];
  metric: string;
  metrics: {
    [k: string]: Estimate[];
  };
  violation_rates: {
    [k: string]: Estimate[];
  };
  stretches: Segment[];
  best_epoch: number;
  since_best: Comparison | null;
  over_fitting: string | null;
  maps?: {
    [k: string]: Frame[];
  };
}
/**
 * From one checkpoint of a timeline to the next. Rows of ``gained`` and ``lost`` are queries.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "segment".
 */
export interface Segment {
  comparison: Comparison;
  gained: string[];
  lost: string[];
}
/**
 * How far a map may be believed, and how far the points went since the map before. moved is the median way of a point in units of the map, turnover the share of its nearest neighbours in the original space that changed since then.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "frame".
 */
export interface Frame {
  trustworthiness: number | null;
  continuity: number | null;
  moved: number | null;
  turnover: number | null;
}
/**
 * What the page of several sets draws: their report.json.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "sets_payload".
 */
export interface SetsPayload {
  kind: 'embedscope-sets';
  page_version: 1;
  report: SetsReport;
}
/**
 * One model on several sets: each set, the means over them, and the verdict on all. ``reference`` is what ``checkpoint`` is compared with; None where it stands alone.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "sets_report".
 */
export interface SetsReport {
  schema_version: number;
  embedscope_version: string;
  checkpoint: string;
  reference: string | null;
  sets: SetResult[];
  macro: Macro;
  verdict: Verdict;
  seed: number;
  inputs: {
    [k: string]: unknown;
  };
}
/**
 * What one of several sets says; ``folder``, below that of the report, holds everything else. ``comparisons`` are the paired differences to the reference, ``p_adjusted`` after Holm over the primary metrics of all sets; the verdict is by these.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "set_result".
 */
export interface SetResult {
  name: string;
  path: string;
  folder: string;
  n_queries: number;
  n_effective: number | null;
  n_documents: number;
  metrics: {
    [k: string]: Metric;
  };
  comparisons: Comparison[];
  checklist: Check[];
  verdict: Verdict;
  lexical_baseline?: string;
}
/**
 * Means over the sets, each counted once. Intervals rest on the queries within the sets: the sets are fixed. ``lexical`` are the means of the lexical baseline, of each set the stronger one. Wins, losses and ties of the ``comparisons`` count the queries of all sets.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "macro".
 */
export interface Macro {
  metrics: {
    [k: string]: Estimate;
  };
  lexical: {
    [k: string]: number | null;
  };
  comparisons: Comparison[];
}
/**
 * What the page of a swap of models draws: migration.json, and words for its paths and its cost.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "migration_payload".
 */
export interface MigrationPayload {
  kind: 'embedscope-migration';
  page_version: 1;
  report: MigrationReport;
  paths: PathWords[];
  cost: string[];
}
/**
 * OLD and NEW on the same queries and documents, by every path from one to the other. ``lost`` and ``gained`` hold the queries that moved farthest, ``n_lost`` and ``n_gained`` count all. ``advice`` is what to do, the first sentence first.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "migration_report".
 */
export interface MigrationReport {
  schema_version: number;
  embedscope_version: string;
  data: DataFacts;
  old: ModelFacts;
  new: ModelFacts;
  paths: MigrationPath[];
  adapters: AdapterFit[];
  turnover: Turnover;
  n_lost: number;
  n_gained: number;
  lost: MovedQuery[];
  gained: MovedQuery[];
  chance: {
    [k: string]: number | null;
  };
  cost: MigrationCost;
  is_same: boolean;
  advice: string[];
  notes: string[];
  seed: number;
  n_draws: number;
}
/**
 * One way to serve during or after a swap, measured on the same queries as all others. ``share`` is that of the documents whose NEW vectors are searched. ``from_old`` and ``from_new`` are this path minus OLD alone and minus NEW alone, paired; ``kept`` is ``(path - OLD) / (NEW - OLD)`` in MRR. ``draws`` holds the MRR of each random choice of documents, of which the metrics are the mean. ``n_texts`` documents are encoded by NEW before the path serves, ``n_bytes`` are those of the vectors searched, both for ``MigrationCost.n_documents`` documents. ``reason`` says why a path was not measured; its figures are then absent.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "migration_path".
 */
export interface MigrationPath {
  kind:
    | 'old'
    | 'new'
    | 'unadapted'
    | 'orthogonal'
    | 'affine'
    | 'mixed, new queries'
    | 'mixed, adapted queries'
    | 'mixed, both queries'
    | 'mixed, both queries, scaled'
    | 'fused';
  share: number | null;
  metrics: {
    [k: string]: Estimate;
  };
  from_old: Comparison[];
  from_new: Comparison[];
  kept: Estimate;
  n_texts: number;
  n_bytes: number;
  query_encodings: number;
  draws: (number | null)[];
  reason: string | null;
}
/**
 * A map from the NEW space to the OLD one, fitted on documents encoded by both, in two halves of them. ``cosine`` is the mean cosine of a document's OLD vector and its carried NEW vector, by the map fitted on the half that the document is not in; ``identified`` the share of documents to which no OLD vector of their half is nearer than their own. ``ridge`` is the larger penalty of the two halves, chosen by generalised cross-validation; None for the orthogonal map.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "adapter_fit".
 */
export interface AdapterFit {
  kind:
    | 'old'
    | 'new'
    | 'unadapted'
    | 'orthogonal'
    | 'affine'
    | 'mixed, new queries'
    | 'mixed, adapted queries'
    | 'mixed, both queries'
    | 'mixed, both queries, scaled'
    | 'fused';
  n_fitted: number;
  n_queries: number;
  cosine: Estimate;
  identified: Estimate;
  ridge: number | null;
}
/**
 * How much of the first ``k`` documents of a query changes from OLD to NEW. ``changed`` is the share of the k that are others; ``rank_biased_overlap`` weighs the ranks too (Webber et al. 2010, extrapolated, p = 0.9); ``first_changed`` is the share of queries with another first document.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "turnover".
 */
export interface Turnover {
  k: number;
  changed: Estimate;
  first_changed: Estimate;
  rank_biased_overlap: Estimate;
}
/**
 * A query that one model has right at rank 1 and the other has not; ranks of the first relevant document.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "moved_query".
 */
export interface MovedQuery {
  text: string;
  old_rank: number | null;
  new_rank: number | null;
}
/**
 * What the NEW index takes, for ``n_documents`` documents: those of the data set, or of ``--corpus``. ``texts_per_s`` is that of the NEW encoder on this machine and ``hours`` those of all documents; None where no rate is known, and ``rate_source`` says why, or where the rate is from. Bytes are those of float32 vectors.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "migration_cost".
 */
export interface MigrationCost {
  n_documents: number;
  texts_per_s: number | null;
  hours: number | null;
  rate_source: string;
  old_bytes: number;
  new_bytes: number;
  head: HeadProduct | null;
}
/**
 * The NEW index as a product of stored base vectors with the NEW head, where both models share the encoder. ``is_old_index_enough`` says whether the OLD index itself holds those base vectors: NEW vectors computed from it are the same within a cosine of 1e-6.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "head_product".
 */
export interface HeadProduct {
  dim_in: number;
  dim_out: number;
  flops: number | null;
  seconds: number | null;
  base_bytes: number;
  is_old_index_enough: boolean;
}
/**
 * A path of a migration as every output words it: its name, and what it takes.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "path_words".
 */
export interface PathWords {
  name: string;
  texts: string;
  vectors: string;
  encodings: string;
}
/**
 * What the page of a server without a report draws: the live view alone.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_payload".
 */
export interface LivePayload {
  kind: 'embedscope-live';
  page_version: 1;
  live: LiveFacts;
}
/**
 * The documents for a query; test_query is the query of the test set that it is, or of which it is another version. places has x and y on each map.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_answer".
 */
export interface LiveAnswer {
  query: string;
  read: number | null;
  documents: LiveDocument[];
  test_query: LiveQuery | null;
  relevant: LiveRelevant[];
  nearest: LiveQuery | null;
  places: {
    [k: string]: number[];
  };
}
/**
 * A document of an answer. is_relevant is null where the query is none of the test set; read counts the UTF-16 code units of the text that the model reads, null for all.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_document".
 */
export interface LiveDocument {
  score: number;
  rank: number;
  row: number;
  id: string;
  text: string;
  n_relevant_to: number;
  is_relevant: boolean | null;
  read: number | null;
}
/**
 * A query of the test set, and its score with the one that was typed in.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_query".
 */
export interface LiveQuery {
  id: string;
  text: string;
  score: number;
}
/**
 * A relevant document of a query of the test set: now, and under the query as it stands there.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_relevant".
 */
export interface LiveRelevant {
  document: LiveDocument;
  before: LivePlace;
}
/**
 * Where a document stands in a ranking.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_place".
 */
export interface LivePlace {
  score: number;
  rank: number;
}
/**
 * Where a document stands as it is, and with its text changed.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_moved".
 */
export interface LiveMoved {
  document: string;
  read: number | null;
  before: LivePlace;
  after: LivePlace;
}
/**
 * What leaving out words of a query and of two documents (right: the first, wrong: the second) does.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_words".
 */
export interface LiveWords {
  difference: number;
  noise: number;
  unseen: string[];
  deletions: LiveDeletion[];
}
/**
 * A span that was left out; change is that of the difference first minus second.
 *
 * This interface was referenced by `Payload`'s JSON-Schema
 * via the `definition` "live_deletion".
 */
export interface LiveDeletion {
  role: string;
  start: number;
  end: number;
  change: number;
}
