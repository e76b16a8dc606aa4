/** The payload as the page uses it: texts inflated, number columns as typed arrays. */
import type {
  CompareSection,
  Comparison,
  Estimate as Figure,
  LiveFacts,
  LivePayload,
  Metric,
  MigrationPayload,
  Numbers as PackedNumbers,
  Texts as PackedTexts,
  Payload,
  Report,
  SetsPayload,
  SetsReport,
} from './schema';

export type {
  Check,
  Comparison,
  DeploymentCost as Deployment,
  Estimate as Figure,
  Finding,
  Geometry,
  IndexSetting,
  Leakage,
  LiveAnswer,
  LiveDocument,
  LiveFacts,
  LiveMoved,
  LivePlace,
  LiveQuery,
  LiveRelevant,
  LiveWords,
  Metric,
  MigrationPath,
  MigrationPayload,
  MigrationReport,
  MinimalPairs,
  MovedQuery,
  PathWords,
  Report,
  Robustness,
  SetResult,
  SetsReport,
  SpaceGeometry as Space,
  StorageFormat,
  ThresholdTable as Thresholds,
} from './schema';

export const PAGE_VERSION = 1;

export const ROLE_NAMES = ['query', 'positive', 'hard negative', 'document'] as const;
export const QUERY = 0;
export const POSITIVE = 1;
export const HARD_NEGATIVE = 2;
export const DOCUMENT = 3;

/** The text of the document that stands for all those that a run returned and the data set does not have. */
export const FOREIGN_TEXT = '(a document that the data set does not have)';

/** Texts of a failed query. */
export const TEXT_ROLES = ['query', 'right', 'wrong'] as const;
export type TextRole = (typeof TEXT_ROLES)[number];

export interface Queries {
  n: number;
  ids: string[];
  texts: string[];
  /** Rank of the first relevant document; NaN where there is none, infinite where a run did not return one. */
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
  /** What shows that it fails for this reason; absent where the report does not say. */
  failureEvidence?: string[];
  /** Columns of the data file with few values, and of numbers. */
  stated: StatedColumn[];
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

/** What the data file says of each query in one column. */
export interface StatedColumn {
  name: string;
  /** The most frequent first. */
  values: string[];
  /** Place of the value of each query, -1 for none. */
  of: Int32Array;
}

export interface MapColumns {
  name: string;
  /** x and y in turn. */
  xy: Float32Array;
  /** Share of a point's original neighbours that are also neighbours on the map. */
  kept: Float32Array;
  /** The name of theme `labelThemes[i]` stands at the point `labelPoints[i]`. */
  labelThemes?: Int32Array;
  labelPoints?: Int32Array;
}

export interface Points {
  n: number;
  nLeftOut: number;
  roles: Uint8Array;
  rows: Int32Array;
  linkQueries: Int32Array;
  linkDocuments: Int32Array;
  linkIsCorrect: Uint8Array;
  /** The broad theme of each point, by its place in the report; -1 for none. */
  themes?: Int32Array;
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

/** What leaving words out does; one entry a failure, in the order of `report.explanations.failures`. */
export interface ExplanationColumns {
  query: Int32Array;
  right: Int32Array;
  wrong: Int32Array;
  /** Place among the deletions of the failure; -1 where none helps the right document. */
  best: Int32Array;
  indptr: Int32Array;
  /** Place in `TEXT_ROLES`. */
  role: Uint8Array;
  start: Int32Array;
  end: Int32Array;
  change: Float32Array;
  putsRightFirst: Uint8Array;
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
  similarity: SimilarityColumns | null;
  points: Points | null;
  heatmap: Heatmap | null;
  explanations: ExplanationColumns | null;
  compare: Compare | null;
  timeline: Timeline | null;
  /** What the server says of itself; null on a page that comes from none. */
  live: LiveFacts | null;
}

type TypedArray = Uint8Array | Int32Array | Float32Array;

/** A payload that this page cannot draw; the message is for the reader. */
export class PayloadError extends Error {}

/** The report of several sets that a payload holds; null where it describes one run. */
export function readSets(json: string): SetsReport | null {
  if (!json.slice(0, 200).includes('"embedscope-sets"')) return null; // a large payload is parsed once
  const payload = JSON.parse(json) as Payload | SetsPayload;
  if (payload.kind !== 'embedscope-sets') return null;
  if (payload.page_version !== PAGE_VERSION) throw refused(payload.page_version);
  return payload.report;
}

/** The swap of models that a payload holds; null where it describes something else. */
export function readMigration(json: string): MigrationPayload | null {
  if (!json.slice(0, 200).includes('"embedscope-migration"')) return null;
  const payload = JSON.parse(json) as Payload | MigrationPayload;
  if (payload.kind !== 'embedscope-migration') return null;
  if (payload.page_version !== PAGE_VERSION) throw refused(payload.page_version);
  return payload;
}

/** What a server without a report says of itself; null where a payload describes a report. */
export function readLive(json: string): LiveFacts | null {
  if (!json.slice(0, 200).includes('"embedscope-live"')) return null;
  const payload = JSON.parse(json) as Payload | LivePayload;
  if (payload.kind !== 'embedscope-live') return null;
  if (payload.page_version !== PAGE_VERSION) throw refused(payload.page_version);
  return payload.live;
}

const refused = (version: unknown) =>
  new PayloadError(`This page draws payloads of version ${PAGE_VERSION}; here is ${version}.`);

/** The page that a payload describes; refuses another version, and a browser that cannot inflate. */
export async function readPayload(json: string): Promise<Page> {
  const payload = JSON.parse(json) as Payload;
  if (payload.kind !== 'embedscope-page' || payload.page_version !== PAGE_VERSION) {
    throw refused(payload.page_version);
  }
  if (typeof DecompressionStream === 'undefined') {
    throw new PayloadError(
      'This browser cannot unpack the data of the report. Chrome 80, Firefox 113, Safari 16.4 and later can.',
    );
  }
  const [queries, documents, similarity, points, heatmap, explanations, compare, timeline] = await Promise.all([
    readQueries(payload.queries),
    unpacked<Documents>(payload.documents),
    readSimilarity(payload.similarity),
    payload.points && readPoints(payload.points),
    payload.heatmap && unpacked<Heatmap>(payload.heatmap),
    payload.explanations ? unpacked<ExplanationColumns>(payload.explanations) : null,
    payload.compare ? readCompare(payload.compare) : null,
    payload.timeline ? readTimeline(payload.timeline) : null,
  ]);
  const { report, types } = payload;
  const failureModes = Object.keys(report.failure_modes ?? {});
  const columns = { queries, documents, similarity, points, heatmap, explanations, compare, timeline };
  return { report, types, failureModes, ...columns, live: payload.live ?? null };
}

/** A section with its packed columns unpacked and its names in camel case; what is nested in it stays as it is. */
async function unpacked<Section>(packed: object): Promise<Section> {
  const entries = Object.entries(packed).map(async ([name, value]) => [camelCase(name), await unpackedValue(value)]);
  return Object.fromEntries(await Promise.all(entries));
}

const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function unpackedValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('data' in value)) return value;
  return 'dtype' in value ? readNumbers(value as PackedNumbers) : readTexts(value as PackedTexts);
}

const allUnpacked = <Section>(sections: object[]) => Promise.all(sections.map((each) => unpacked<Section>(each)));

async function readQueries(q: Payload['queries']): Promise<Queries> {
  const columns = await unpacked<Queries>(q);
  // A column holds no infinity: of a query that has relevant documents, no rank means that a run returned none.
  const rank = columns.rank.map((own, i) =>
    Number.isNaN(own) && columns.relevantIndptr[i + 1] > columns.relevantIndptr[i] ? Infinity : own,
  );
  return {
    ...columns,
    rank,
    k: q.top_documents.shape[1] ?? 0,
    failureMode: columns.failureMode ?? new Uint8Array(q.n),
    stated: await allUnpacked<StatedColumn>(q.stated ?? []),
  };
}

async function readSimilarity(s: Payload['similarity']): Promise<SimilarityColumns | null> {
  if (!s) return null;
  return { ...(await unpacked<SimilarityColumns>(s)), types: await allUnpacked<TypeColumns>(s.types) };
}

async function readPoints(p: NonNullable<Payload['points']>): Promise<Points> {
  return { ...(await unpacked<Points>(p)), maps: await allUnpacked<MapColumns>(p.maps) };
}

async function readCompare(c: NonNullable<Payload['compare']>): Promise<Compare> {
  const [reference, ...candidates] = await allUnpacked<ComparedRun>(c.runs);
  return {
    ...(await unpacked<Compare>(c)),
    reference,
    candidates,
    shown: c.judged - 1,
    moved: await allUnpacked<Compare['moved'][number]>(c.moved),
  };
}

async function readTimeline(t: NonNullable<Payload['timeline']>): Promise<Timeline> {
  const animations = Object.entries(t.maps).map(async ([name, frames]) => ({
    name,
    frames: (await Promise.all(frames.map(readNumbers))) as Float32Array[],
  }));
  const { isCorrect: outcomes, ...columns } = await unpacked<Omit<Timeline, 'isCorrect'> & { isCorrect: Uint8Array }>(
    t,
  );
  const n = t.is_correct?.shape[1] ?? 0;
  return {
    ...columns,
    unit: t.unit ?? 'epoch',
    animations: await Promise.all(animations),
    isCorrect: outcomes && t.labels.map((_, epoch) => outcomes.subarray(epoch * n, (epoch + 1) * n)),
    segments: await allUnpacked<Segment>(t.stretches ?? []),
  };
}

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
