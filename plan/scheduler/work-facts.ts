import { type LazyList, maximum } from "../../core/index.ts";
import type { JobRows } from "../actions/job-rows.ts";
import { largestSizes } from "../actions/mini-batch.ts";
import { isSample } from "../actions/samples.ts";
import type { PlannedRow } from "../documents/segment.ts";
import type { WorkSizes } from "../growth/check-room.ts";
import { type Cut, cutRows } from "../planner/pack.ts";
import type { Parts, WorkLists } from "./fleet-work.ts";

/** What behind some steps of a job is evaluated, and behind how many of them. */
export interface BehindSteps {
  readonly parts: Parts;
  readonly count: number;
}

/** What is to be known of a job's work before any of it is due. */
export interface WorkFacts {
  /** Of all micro-batches. */
  readonly sizes: WorkSizes;
  /** Of a step's rows on average. */
  readonly stepTokens: number;
  /** Micro-batches of a step, at most. */
  readonly numParts: number;
  /** Tokens of a row, at most, of those that are trained on and evaluated. */
  readonly longestRow: number;
  /** The micro-batch with the most tokens of these, the first of several. */
  readonly largest: readonly PlannedRow[];
}

/** What of steps is the most, and all tokens. */
interface StepFacts extends Pick<WorkFacts, "sizes" | "numParts" | "longestRow" | "largest"> {
  readonly tokens: number;
}

function tokensOf(rows: readonly PlannedRow[]): number {
  let tokens = 0;
  for (const row of rows) tokens += row[2];
  return tokens;
}

/** Of micro-batches that are there. */
function factsOfParts(all: Iterable<Parts>): StepFacts {
  let [most, tokens, numParts, longestRow] = [-1, 0, 0, 0];
  let largest: readonly PlannedRow[] = [];
  const sizes = { maxTokens: 0, maxSequence: 0, numJobs: 0 };
  const samples: { rows: PlannedRow[] }[] = [];
  for (const parts of all) {
    numParts = Math.max(numParts, parts.length);
    for (const rows of parts) {
      const microBatch = { rows: [...rows] };
      sizes.numJobs = Math.max(sizes.numJobs, new Set(rows.map(([job]) => job)).size);
      const own = tokensOf(rows);
      tokens += own;
      if (isSample(microBatch)) {
        samples.push(microBatch);
        continue;
      }
      const { maxTokens, maxSequence } = largestSizes([microBatch]);
      sizes.maxTokens = Math.max(sizes.maxTokens, maxTokens);
      sizes.maxSequence = Math.max(sizes.maxSequence, maxSequence);
      longestRow = Math.max(longestRow, maximum(rows.map(([, , count]) => count)));
      if (own > most) [most, largest] = [own, rows];
    }
  }
  const { sample } = largestSizes(samples);
  return { sizes: { ...sizes, ...(sample && { sample }) }, numParts, longestRow, largest, tokens };
}

/**
 * The same of steps that are not cut for it: a job's rows of which none are compared, by their lengths in the order in
 * which steps take them.
 */
function factsOfLengths({ steps, tokens: lengths }: JobRows, cut: Cut, partsOf: LazyList<Parts>): StepFacts {
  let [tokens, numParts, longestRow, maxTokens] = [0, 0, 0, -1];
  let [step, part] = [0, 0];
  for (let at = 0; at < steps.length; at += 1) {
    const own = steps.at(at)!.map((row) => lengths[row]!);
    const counts = cutRows(own, cut);
    numParts = Math.max(numParts, counts.length);
    let row = 0;
    counts.forEach((count, index) => {
      let held = 0;
      for (const end = row + count; row < end; row += 1) {
        held += own[row]!;
        longestRow = Math.max(longestRow, own[row]!);
      }
      tokens += held;
      if (held > maxTokens) [maxTokens, step, part] = [held, at, index];
    });
  }
  const sizes = { maxTokens, maxSequence: longestRow, numJobs: 1 };
  return { sizes, numParts, longestRow, largest: partsOf.at(step)![part]!, tokens };
}

/** What is evaluated behind steps, in the order in which it comes first. */
function behindSteps(evaluations: LazyList<Parts | undefined>): readonly BehindSteps[] {
  const counts = new Map<Parts, number>();
  for (const parts of evaluations) if (parts !== undefined) counts.set(parts, (counts.get(parts) ?? 0) + 1);
  return [...counts].map(([parts, count]) => ({ parts, count }));
}

interface Known {
  readonly evaluations: WorkLists["evaluations"];
  readonly facts: WorkFacts;
}

/** By steps: many jobs have the same. */
const known = new WeakMap<LazyList<Parts>, Known>();

const behind = new WeakMap<LazyList<Parts | undefined>, readonly BehindSteps[]>();

/** What behind steps of a job is evaluated; nothing twice. */
export function evaluatedBehind({ evaluations }: WorkLists): readonly BehindSteps[] {
  if (evaluations === undefined) return [];
  const found = behind.get(evaluations) ?? behindSteps(evaluations);
  behind.set(evaluations, found);
  return found;
}

function findFacts(work: WorkLists): WorkFacts {
  const { steps, cutFrom } = work;
  const isCounted = cutFrom !== undefined && cutFrom.rows.compared === undefined;
  const trained = isCounted ? factsOfLengths(cutFrom.rows, cutFrom.cut, steps) : factsOfParts(steps);
  const others = factsOfParts(evaluatedBehind(work).map(({ parts }) => parts));
  const over = (pick: (facts: StepFacts) => number): number => Math.max(pick(trained), pick(others));
  const isLargest = tokensOf(trained.largest) >= tokensOf(others.largest);
  const { sample } = others.sizes;
  return {
    sizes: {
      maxTokens: over(({ sizes }) => sizes.maxTokens),
      maxSequence: over(({ sizes }) => sizes.maxSequence),
      numJobs: over(({ sizes }) => sizes.numJobs),
      ...(sample && { sample }),
    },
    stepTokens: trained.tokens / steps.length,
    numParts: trained.numParts,
    longestRow: over((facts) => facts.longestRow),
    largest: isLargest ? trained.largest : others.largest,
  };
}

/** Found once for all jobs that have the same steps. */
export function workFacts(work: WorkLists): WorkFacts {
  const before = known.get(work.steps);
  if (before !== undefined && before.evaluations === work.evaluations) return before.facts;
  const facts = findFacts(work);
  known.set(work.steps, { evaluations: work.evaluations, facts });
  return facts;
}
