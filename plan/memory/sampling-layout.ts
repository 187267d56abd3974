import { InvariantError } from "../../core/index.ts";
import { MOST_PROMPT_TOKENS } from "../actions/samples.ts";
import type { LayoutInput } from "./layout-input.ts";
import { align } from "./region.ts";
import { type StageLayout, stageLayout } from "./stage-layout.ts";
import { UNIT_ROWS } from "./stash.ts";

/** Where the runs lie that answer prompts: in the workspace of a stage, which nothing else needs while they run. */
export interface SamplingLayout {
  readonly layout: StageLayout;
  /** Bytes from the start of the workspace to the cache of keys and values, and its rows. */
  readonly cacheOffset: number;
  readonly cacheRows: number;
  /** Of workspace and cache. */
  readonly bytes: number;
  /** Rows, and sequences, of a run at most. */
  readonly runRows: number;
  readonly sequences: number;
}

/** Of a stage whose pipeline has room for samples. */
export function samplingLayout(input: LayoutInput): SamplingLayout {
  const { sample, ...room } = input.room;
  if (sample === undefined) throw new InvariantError({ expected: "room for samples", got: input.room });
  const { sequences, tokens } = sample;
  const runRows = sequences + MOST_PROMPT_TOKENS;
  const layout = stageLayout({
    ...input,
    room: { ...room, maxTokens: runRows, maxSequence: runRows, maxJobs: sequences },
    generation: { mostLogits: Math.max(2, sequences) },
  });
  // One more row for the neighbour of a lone row.
  const units = Math.ceil((sequences * tokens + 1) / UNIT_ROWS);
  const cacheOffset = align(layout.workBytes);
  const bytes = cacheOffset + units * layout.unitBytes;
  return { layout, cacheOffset, cacheRows: units * UNIT_ROWS, bytes, runRows, sequences };
}

/** Where everything of a stage of the executor lies, with a workspace that has room for its samples, too. */
export function executorLayout(input: LayoutInput): StageLayout {
  const layout = stageLayout(input);
  if (input.room.sample === undefined || input.eager !== undefined) return layout;
  return { ...layout, workBytes: Math.max(layout.workBytes, samplingLayout(input).bytes) };
}
