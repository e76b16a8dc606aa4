// Generated from src/embedscope/report/schema.json by `npm run types`. Do not edit.

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
  similarity: SimilarityColumns;
  points: PointColumns | null;
  heatmap: HeatmapColumns | null;
  compare?: CompareSection | null;
  timeline?: TimelineSection | null;
}
export interface Report {
  schema_version: number;
  embedscope_version: string;
  inputs: {
    [k: string]: unknown;
  };
  model: Model;
  data: DataFacts;
  similarity: SimilarityFacts;
  metrics: {
    [k: string]: Metric;
  };
  negative_types: {
    [k: string]: NegativeType;
  };
  weights: {
    [k: string]: Figure;
  };
  references: {
    [k: string]: {
      [k: string]: number | null;
    };
  };
  comparisons: Comparison[];
  leakage: Leakage | null;
  power: Power | null;
  checklist: Check[];
  verdict: {
    outcome: 'deploy' | 'retrain' | 'undecided' | 'unfit';
    profile: string;
    headline: string;
    reasons: string[];
  };
  maps: {
    [k: string]: MapFacts;
  };
  maps_absent: {
    [k: string]: string;
  };
  examples: {
    query: number;
    kind: string;
  }[];
  tie_tolerance: number | null;
  seed: number;
  findings: Finding[];
  failure_modes?: {
    [k: string]: number;
  };
  geometry?: Geometry | null;
  thresholds?: Thresholds | null;
  robustness?: Robustness | null;
  deployment?: Deployment | null;
  not_measured?: {
    [k: string]: string;
  };
}
export interface Model {
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
    [k: string]: unknown;
  };
  fingerprint: string | null;
  notes: string[];
}
export interface DataFacts {
  format: string;
  n_rows: number;
  n_queries: number;
  n_queries_available: number;
  n_documents: number;
  n_relevant_documents: number;
  n_hard_negatives: number;
  n_clusters: number;
  dim: number;
  n_duplicate_queries: number;
  n_duplicate_documents: number;
  n_queries_without_relevant: number;
  contradictions: string[];
  warnings: string[];
}
export interface SimilarityFacts {
  positive: Distribution;
  negative: Distribution;
  hard_negative: Distribution | null;
  margin: Figure;
  separation: Figure;
  auc: Figure;
  overlap: Figure;
  d_prime: Figure;
  diagonal: Figure;
  off_diagonal: Figure;
  gap: Figure;
  clustering: Figure;
}
export interface Distribution {
  n: number;
  mean: number | null;
  std: number | null;
  quantiles: {
    [k: string]: number | null;
  };
}
/**
 * One number with its 95 % interval, or the reason why there is none.
 */
export interface Figure {
  value: number | null;
  low: number | null;
  high: number | null;
  reason?: string;
}
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
}
export interface NegativeType {
  n: number;
  n_queries: number;
  violation_rate: Figure;
  margin: Figure;
  mean_weight: number | null;
  similarity: Distribution;
}
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
export interface Power {
  metric: string;
  n_clusters: number;
  design_effect: number | null;
  minimum_detectable: number | null;
}
export interface Check {
  id: string;
  title: string;
  value: number | null;
  low: number | null;
  high: number | null;
  threshold: number;
  direction: '>' | '>=' | '<' | '<=';
  outcome: 'pass' | 'fail' | 'undecided' | 'not computable';
  reason: string;
  gating: boolean;
}
export interface MapFacts {
  trustworthiness: number | null;
  continuity: number | null;
  k: number;
  n: number;
  elapsed_s: number | null;
  n_fitted?: number;
  parameters: {};
}
/**
 * A named fault, its size with its interval, and what to do about it; rows are rows of the query table, documents the ids of what shows the fault in each of them.
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
 * The space of the model beside those it is held against, by name: model, base, PCA, random.
 */
export interface Geometry {
  k: number;
  spaces: {
    [k: string]: Space;
  };
}
export interface Space {
  queries: Cloud;
  documents: Cloud;
  alignment: Figure;
  centroid_distance: number | null;
  split_auc: Figure;
  split_accuracy: Figure;
  hubness: Hubness;
  overlap: Figure | null;
}
/**
 * The shape of the queries or of the documents; spectrum: shares of the variance of some directions, counted from 1.
 */
export interface Cloud {
  n: number;
  dim: number;
  effective_rank: number | null;
  participation_ratio: number | null;
  n_directions: number | null;
  uniformity: number | null;
  n_uniformity: number;
  mean_cosine: number | null;
  spectrum: {
    directions: number[];
    shares: (number | null)[];
  };
}
export interface Hubness {
  k: number;
  skewness: number | null;
  anti_hub_share: number | null;
  gini: number | null;
  chance_skewness: number | null;
  chance_anti_hub_share: number | null;
  chance_gini: number | null;
  relevant_anti_hub_share: number | null;
  hubs: {
    id: string;
    text: string;
    occurrences: number;
    wrong_occurrences: number;
  }[];
}
/**
 * Precision and recall of every document with a cosine of at least a threshold; the columns have one entry a threshold.
 */
export interface Thresholds {
  n_documents: number;
  thresholds: number[];
  n_retrieved: number[];
  precision: (number | null)[];
  precision_low: (number | null)[];
  precision_high: (number | null)[];
  recall: (number | null)[];
  recall_low: (number | null)[];
  recall_high: (number | null)[];
  choices: {
    wanted: number;
    threshold: number | null;
    precision: Figure;
    recall: Figure;
    reason: string | null;
  }[];
}
export interface Robustness {
  n_queries: number;
  effects: Perturbation[];
}
/**
 * The queries typed differently: changes are perturbed minus as written; lost and gained are rows of the query table.
 */
export interface Perturbation {
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
  flip_rate: Figure;
  lost: number[];
  gained: number[];
  similarity: Figure;
  example: [string, string] | null;
}
export interface Deployment {
  reference: string;
  n_documents: number;
  k: number;
  formats: StorageFormat[];
}
export interface StorageFormat {
  name: string;
  precision: string;
  width: number;
  n_rescored: number;
  bytes_in_index: number;
  bytes_in_all: number;
  reason: string | null;
  metrics: {
    [k: string]: Figure;
  };
  changes: Comparison[];
  tie_share: Figure;
  overlap: Figure;
}
/**
 * One row a query. Ragged columns: row i owns values[indptr[i]:indptr[i + 1]]. Document columns index the documents of this payload, -1 for none. failure_mode: 0 for a query that is right, else the place in report.failure_modes, counted from 1.
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
}
/**
 * Texts: a JSON list in UTF-8, deflated, in base64.
 */
export interface Texts {
  n: number;
  data: string;
}
/**
 * An array: little-endian bytes, deflated where encoding says so, in base64. NaN means: no value.
 */
export interface Numbers {
  dtype: 'uint8' | 'int32' | 'float32';
  /**
   * @minItems 1
   */
  shape: [number, ...number[]];
  encoding: 'plain' | 'deflate';
  data: string;
}
export interface DocumentColumns {
  n: number;
  ids: Texts;
  texts: Texts;
  n_relevant_to: Numbers;
  n_negative_of: Numbers;
}
export interface SimilarityColumns {
  edges: Numbers;
  positive: Numbers;
  negative: Numbers;
  hard_negative: Numbers | null;
  types: {
    name: string;
    density: Numbers;
    margins: Numbers;
  }[];
}
/**
 * roles: 0 query, 1 positive, 2 hard negative, 3 document; rows index the query table for queries, else the documents.
 */
export interface PointColumns {
  n: number;
  n_left_out: number;
  roles: Numbers;
  rows: Numbers;
  link_queries: Numbers;
  link_documents: Numbers;
  link_is_correct: Numbers;
  maps: {
    name: string;
    xy: Numbers;
    kept: Numbers;
  }[];
}
export interface HeatmapColumns {
  queries: Numbers;
  documents: Numbers;
  similarity: Numbers;
  is_relevant: Numbers;
  n_queries: number;
  n_documents: number;
}
/**
 * Several runs on the same queries. runs[0] is the reference, runs[judged] the run that the rest of the page shows; moved has one entry a candidate: rows of the query table, the largest change of rank first.
 */
export interface CompareSection {
  judged: number;
  /**
   * @minItems 2
   */
  runs: [ComparedRun, ComparedRun, ...ComparedRun[]];
  comparisons: Comparison[];
  moved: {
    gained: Numbers;
    lost: Numbers;
  }[];
  type_changes: {
    candidate: string;
    type: string;
    n: number;
    value: number | null;
    low: number | null;
    high: number | null;
    reason?: string;
  }[];
  level_shifts: {
    candidate: string;
    positive: number | null;
    negative: number | null;
    separation: number | null;
    auc: number | null;
  }[];
  best: {
    metric: string;
    best: string;
    difference: number | null;
    p_adjusted: number | null;
    n_candidates: number;
  } | null;
}
/**
 * One run of a comparison; rank and is_correct have one entry a query, in the order of the query table.
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
 * Checkpoints of one training run in the order of their epochs (unit epoch, also where it is not given), or runs side by side (unit run); every list has one entry a checkpoint, stretches one fewer. shown is the checkpoint that the rest of the page shows; maps hold positions of shape (points, 2); is_correct is of shape (checkpoints, queries).
 */
export interface TimelineSection {
  labels: string[];
  epochs: number[];
  shown: number;
  metrics: {
    [k: string]: Figure[];
  };
  violation: {
    [k: string]: Figure[];
  };
  maps: {
    [k: string]: Numbers[];
  };
  is_correct: Numbers | null;
  note: string | null;
  stretches?: Stretch[];
  unit?: 'epoch' | 'run';
}
/**
 * From one checkpoint to the next: the change of the metric of the timeline, and the rows of the queries that came right at rank 1 or no longer are.
 */
export interface Stretch {
  comparison: Comparison;
  gained: Numbers;
  lost: Numbers;
}
