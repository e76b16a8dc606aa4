/** The payload as the page uses it: texts inflated, number columns as typed arrays. */
import type {
  CompareSection,
  Comparison,
  Figure,
  Metric,
  Numbers as PackedNumbers,
  Texts as PackedTexts,
  Payload,
  Report,
} from './schema';

export type {
  Check,
  Comparison,
  Deployment,
  Figure,
  Finding,
  Geometry,
  Leakage,
  Metric,
  Report,
  Robustness,
  Space,
  StorageFormat,
  Thresholds,
} from './schema';

export const PAGE_VERSION = 1;

export const ROLE_NAMES = ['query', 'positive', 'hard negative', 'document'] as const;
export const QUERY = 0;
export const POSITIVE = 1;
export const HARD_NEGATIVE = 2;
export const DOCUMENT = 3;

export interface Queries {
  n: number;
  ids: string[];
  texts: string[];
  /** Rank of the first relevant document; NaN where there is none. */
  rank: Float32Array;
  positiveSimilarity: Float32Array;
  negativeSimilarity: Float32Array;
  /** Best relevant minus best hard negative; NaN without hard negatives. */
  margin: Float32Array;
  gap: Float32Array;
  wrongSimilarity: Float32Array;
  clusters: Int32Array;
  nTied: Int32Array;
  isCorrect: Uint8Array;
  /** Best document that is not relevant; -1 for none. */
  wrongDocument: Int32Array;
  /** Ranks kept for each query. */
  k: number;
  topDocuments: Int32Array;
  topScores: Float32Array;
  topIsRelevant: Uint8Array;
  relevantIndptr: Int32Array;
  relevantDocuments: Int32Array;
  relevantScores: Float32Array;
  negativeIndptr: Int32Array;
  negativeDocuments: Int32Array;
  negativeScores: Float32Array;
  negativeWeights: Float32Array;
  negativeTypeIndptr: Int32Array;
  negativeTypes: Int32Array;
  /** Why a query is not right: place in `Page.failureModes`, counted from 1; 0 where it is right, or nobody asked. */
  failureMode: Uint8Array;
}

export interface Documents {
  n: number;
  ids: string[];
  texts: string[];
  nRelevantTo: Int32Array;
  nNegativeOf: Int32Array;
}

export interface TypeColumns {
  name: string;
  density: Float32Array;
  margins: Float32Array;
}

export interface SimilarityColumns {
  edges: Float32Array;
  positive: Float32Array;
  negative: Float32Array;
  hardNegative: Float32Array | null;
  types: TypeColumns[];
}

export interface MapColumns {
  name: string;
  /** x and y in turn. */
  xy: Float32Array;
  /** Share of a point's original neighbours that are also neighbours on the map. */
  kept: Float32Array;
}

export interface Points {
  n: number;
  nLeftOut: number;
  roles: Uint8Array;
  rows: Int32Array;
  linkQueries: Int32Array;
  linkDocuments: Int32Array;
  linkIsCorrect: Uint8Array;
  maps: MapColumns[];
}

export interface Heatmap {
  queries: Int32Array;
  documents: Int32Array;
  similarity: Float32Array;
  isRelevant: Uint8Array;
  nQueries: number;
  nDocuments: number;
}

export interface ComparedRun {
  name: string;
  label: string;
  metrics: Record<string, Metric>;
  /** As in the queries of the page: NaN where a query has no relevant document. */
  rank: Float32Array;
  isCorrect: Uint8Array;
}

/** Several runs on the same queries; `candidates[i]` is `runs[i + 1]`. */
export interface Compare {
  reference: ComparedRun;
  candidates: ComparedRun[];
  /** The candidate that the rest of the page shows. */
  shown: number;
  comparisons: Comparison[];
  /** Rows that came right and rows that went wrong, for each candidate; the largest change of rank first. */
  moved: { gained: Int32Array; lost: Int32Array }[];
  typeChanges: CompareSection['type_changes'];
  levelShifts: CompareSection['level_shifts'];
  best: CompareSection['best'];
}

export interface MapAnimation {
  name: string;
  /** Positions of the points at each checkpoint, x and y in turn. */
  frames: Float32Array[];
}

/** From one checkpoint to the next: the change of the metric of the timeline, and rows that came right or went wrong. */
export interface Segment {
  comparison: Comparison;
  gained: Int32Array;
  lost: Int32Array;
}

/** Checkpoints of one training in the order of their epochs, or runs side by side. */
export interface Timeline {
  unit: 'epoch' | 'run';
  labels: string[];
  epochs: number[];
  /** The checkpoint that the rest of the page shows. */
  shown: number;
  metrics: Record<string, Figure[]>;
  violation: Record<string, Figure[]>;
  animations: MapAnimation[];
  /** Whether each query is right, for each checkpoint. */
  isCorrect: Uint8Array[] | null;
  /** `segments[i]` ends at the checkpoint `i + 1`; empty for runs. */
  segments: Segment[];
  note: string | null;
}

export interface Page {
  report: Report;
  types: string[];
  /** Names of the failure modes that occur, in the order in which they are decided. */
  failureModes: string[];
  queries: Queries;
  documents: Documents;
  similarity: SimilarityColumns;
  points: Points | null;
  heatmap: Heatmap | null;
  compare: Compare | null;
  timeline: Timeline | null;
}

type TypedArray = Uint8Array | Int32Array | Float32Array;

/** A payload that this page cannot draw; the message is for the reader. */
export class PayloadError extends Error {}

/** The page that a payload describes; refuses another version, and a browser that cannot inflate. */
export async function readPayload(json: string): Promise<Page> {
  const payload = JSON.parse(json) as Payload;
  if (payload.kind !== 'embedscope-page' || payload.page_version !== PAGE_VERSION) {
    throw new PayloadError(`This page draws payloads of version ${PAGE_VERSION}; here is ${payload.page_version}.`);
  }
  if (typeof DecompressionStream === 'undefined') {
    throw new PayloadError(
      'This browser cannot unpack the data of the report. Chrome 80, Firefox 113, Safari 16.4 and later can.',
    );
  }
  const [queries, documents, similarity, points, heatmap, compare, timeline] = await Promise.all([
    readQueries(payload.queries),
    readDocuments(payload.documents),
    readSimilarity(payload.similarity),
    payload.points && readPoints(payload.points),
    payload.heatmap && readHeatmap(payload.heatmap),
    payload.compare ? readCompare(payload.compare) : null,
    payload.timeline ? readTimeline(payload.timeline) : null,
  ]);
  const { report, types } = payload;
  const failureModes = Object.keys(report.failure_modes ?? {});
  return { report, types, failureModes, queries, documents, similarity, points, heatmap, compare, timeline };
}

async function readQueries(q: Payload['queries']): Promise<Queries> {
  const [ids, texts] = await Promise.all([readTexts(q.ids), readTexts(q.texts)]);
  const [rank, positiveSimilarity, negativeSimilarity, margin, gap, wrongSimilarity] = await Promise.all(
    [q.rank, q.positive_similarity, q.negative_similarity, q.margin, q.gap, q.wrong_similarity].map(floats),
  );
  const [clusters, nTied, wrongDocument, topDocuments] = await Promise.all(
    [q.clusters, q.n_tied, q.wrong_document, q.top_documents].map(ints),
  );
  const [relevantIndptr, relevantDocuments, negativeIndptr, negativeDocuments] = await Promise.all(
    [q.relevant_indptr, q.relevant_documents, q.negative_indptr, q.negative_documents].map(ints),
  );
  const [topScores, relevantScores, negativeScores, negativeWeights] = await Promise.all(
    [q.top_scores, q.relevant_scores, q.negative_scores, q.negative_weights].map(floats),
  );
  const [negativeTypeIndptr, negativeTypes] = await Promise.all([q.negative_type_indptr, q.negative_types].map(ints));
  const [isCorrect, topIsRelevant] = await Promise.all([q.is_correct, q.top_is_relevant].map(bytes));
  const failureMode = q.failure_mode ? await bytes(q.failure_mode) : new Uint8Array(q.n);
  return {
    n: q.n,
    ids,
    texts,
    rank,
    positiveSimilarity,
    negativeSimilarity,
    margin,
    gap,
    wrongSimilarity,
    clusters,
    nTied,
    isCorrect,
    wrongDocument,
    k: q.top_documents.shape[1] ?? 0,
    topDocuments,
    topScores,
    topIsRelevant,
    relevantIndptr,
    relevantDocuments,
    relevantScores,
    negativeIndptr,
    negativeDocuments,
    negativeScores,
    negativeWeights,
    negativeTypeIndptr,
    negativeTypes,
    failureMode,
  };
}

async function readDocuments(d: Payload['documents']): Promise<Documents> {
  const [ids, texts, nRelevantTo, nNegativeOf] = await Promise.all([
    readTexts(d.ids),
    readTexts(d.texts),
    ints(d.n_relevant_to),
    ints(d.n_negative_of),
  ]);
  return { n: d.n, ids, texts, nRelevantTo, nNegativeOf };
}

async function readSimilarity(s: Payload['similarity']): Promise<SimilarityColumns> {
  const [edges, positive, negative] = await Promise.all([s.edges, s.positive, s.negative].map(floats));
  const types = s.types.map(async (type) => ({
    name: type.name,
    density: await floats(type.density),
    margins: await floats(type.margins),
  }));
  return {
    edges,
    positive,
    negative,
    hardNegative: s.hard_negative && (await floats(s.hard_negative)),
    types: await Promise.all(types),
  };
}

async function readPoints(p: NonNullable<Payload['points']>): Promise<Points> {
  const [rows, linkQueries, linkDocuments] = await Promise.all([p.rows, p.link_queries, p.link_documents].map(ints));
  const [roles, linkIsCorrect] = await Promise.all([p.roles, p.link_is_correct].map(bytes));
  const maps = p.maps.map(async (map) => ({
    name: map.name,
    xy: await floats(map.xy),
    kept: await floats(map.kept),
  }));
  return {
    n: p.n,
    nLeftOut: p.n_left_out,
    roles,
    rows,
    linkQueries,
    linkDocuments,
    linkIsCorrect,
    maps: await Promise.all(maps),
  };
}

async function readHeatmap(h: NonNullable<Payload['heatmap']>): Promise<Heatmap> {
  const [queries, documents] = await Promise.all([h.queries, h.documents].map(ints));
  return {
    queries,
    documents,
    similarity: await floats(h.similarity),
    isRelevant: await bytes(h.is_relevant),
    nQueries: h.n_queries,
    nDocuments: h.n_documents,
  };
}

async function readCompare(c: NonNullable<Payload['compare']>): Promise<Compare> {
  const runs = c.runs.map(async (run) => ({
    name: run.name,
    label: run.label,
    metrics: run.metrics,
    rank: await floats(run.rank),
    isCorrect: await bytes(run.is_correct),
  }));
  const moved = c.moved.map(async ({ gained, lost }) => ({ gained: await ints(gained), lost: await ints(lost) }));
  const [reference, ...candidates] = await Promise.all(runs);
  return {
    reference,
    candidates,
    shown: c.judged - 1,
    comparisons: c.comparisons,
    moved: await Promise.all(moved),
    typeChanges: c.type_changes,
    levelShifts: c.level_shifts,
    best: c.best,
  };
}

async function readTimeline(t: NonNullable<Payload['timeline']>): Promise<Timeline> {
  const animations = Object.entries(t.maps).map(async ([name, frames]) => ({
    name,
    frames: await Promise.all(frames.map(floats)),
  }));
  const outcomes = t.is_correct && (await bytes(t.is_correct));
  const n = t.is_correct?.shape[1] ?? 0;
  const segments = (t.stretches ?? []).map(async ({ comparison, gained, lost }) => ({
    comparison,
    gained: await ints(gained),
    lost: await ints(lost),
  }));
  return {
    unit: t.unit ?? 'epoch',
    labels: t.labels,
    epochs: t.epochs,
    shown: t.shown,
    metrics: t.metrics,
    violation: t.violation,
    animations: await Promise.all(animations),
    isCorrect: outcomes && t.labels.map((_, epoch) => outcomes.subarray(epoch * n, (epoch + 1) * n)),
    segments: await Promise.all(segments),
    note: t.note,
  };
}

const floats = (column: PackedNumbers) => readNumbers(column) as Promise<Float32Array>;
const ints = (column: PackedNumbers) => readNumbers(column) as Promise<Int32Array>;
const bytes = (column: PackedNumbers) => readNumbers(column) as Promise<Uint8Array>;

/** The typed array of a packed column; its length must be what its shape says. */
export async function readNumbers(column: PackedNumbers): Promise<TypedArray> {
  const packed = fromBase64(column.data);
  const plain = column.encoding === 'deflate' ? await inflate(packed) : packed;
  const length = column.shape.reduce((product, size) => product * size, 1);
  const width = column.dtype === 'uint8' ? 1 : 4;
  if (plain.byteLength !== length * width) {
    throw new PayloadError(`A column of shape ${column.shape.join(' x ')} holds ${plain.byteLength} bytes: cut short.`);
  }
  if (column.dtype === 'uint8') return plain;
  return column.dtype === 'int32' ? new Int32Array(plain.buffer) : new Float32Array(plain.buffer);
}

/** The texts of a packed column. */
export async function readTexts(column: PackedTexts): Promise<string[]> {
  const texts = JSON.parse(new TextDecoder().decode(await inflate(fromBase64(column.data)))) as string[];
  if (texts.length !== column.n) throw new PayloadError(`A column of ${column.n} texts holds ${texts.length}.`);
  return texts;
}

function fromBase64(data: string): Uint8Array {
  const binary = atob(data);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
