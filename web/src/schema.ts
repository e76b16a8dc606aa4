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
  parameters: {};
}
/**
 * A named fault, its size with its interval, and what to do about it; rows are rows of the query table.
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
}
/**
 * One row a query. Ragged columns: row i owns values[indptr[i]:indptr[i + 1]]. Document columns index the documents of this payload, -1 for none.
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
 * Checkpoints of one training run in the order of their epochs; every list has one entry a checkpoint. shown is the checkpoint that the rest of the page shows; maps hold positions of shape (points, 2); is_correct is of shape (checkpoints, queries).
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
}
