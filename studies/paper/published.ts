/** Models of the evaluation, by the names of our presets. */
export const PAPER_MODELS = ["tinyllama-1.1b", "llama-2-7b", "llama-2-13b"] as const;
export type PaperModel = (typeof PAPER_MODELS)[number];

/** What trained the adapters. On one GPU the base is in 8 bits and layers are recomputed; on four both are not so. */
export type PaperSystem = "lorapp" | "1f1b" | "tp" | "fsdp" | "peft";

/** One published number. */
export interface PublishedCell {
  readonly figure: "7" | "11" | "14";
  readonly model: PaperModel;
  readonly system: PaperSystem;
  /** Adapters trained at the same time. */
  readonly adapters: number;
  /**
   * Hours until a job is done, divided by the jobs that run at once; tokens a second; seconds of one step of one job.
   */
  readonly quantity: "hours" | "tokens/s" | "seconds";
  readonly value: number | "out of memory";
}

type Row = readonly [system: PaperSystem, adapters: number, value: number | "out of memory"];

function cells(
  figure: PublishedCell["figure"],
  quantity: PublishedCell["quantity"],
  model: PaperModel,
  rows: readonly Row[],
): readonly PublishedCell[] {
  return rows.map(([system, adapters, value]) => ({ figure, model, system, adapters, quantity, value }));
}

function byAdapters(hours: readonly number[]): readonly Row[] {
  return hours.map((value, index) => ["lorapp", index + 1, value]);
}

/**
 * Source: PVLDB 18(6), 1948-1961, figures 7, 11 and 14, on RTX A6000; hours with three digits after the point are read
 * off a bar.
 */
export const PUBLISHED: readonly PublishedCell[] = [
  ...cells("7", "hours", "tinyllama-1.1b", [
    ["tp", 1, 1.847],
    ["fsdp", 1, 1.727],
    ...byAdapters([2.31, 1.227, 1.05, 1.043, 1.05, 0.953, 0.953, 0.922, 0.918, 0.918, 0.916, 0.916]),
  ]),
  ...cells("7", "hours", "llama-2-7b", [
    ["1f1b", 1, 8.3],
    ["tp", 1, 6.6],
    ["fsdp", 1, 6.25],
    ...byAdapters([8.337, 4.723, 4.499, 4.496]),
  ]),
  ...cells("7", "hours", "llama-2-13b", [
    ["tp", 1, 12.1],
    ["fsdp", 1, "out of memory"],
    ...byAdapters([14.695, 8.299]),
  ]),
  ...cells("11", "tokens/s", "tinyllama-1.1b", [
    ["1f1b", 1, 4601],
    ["tp", 1, 5754],
    ["fsdp", 1, 6153],
    ["lorapp", 12, 10749],
  ]),
  ...cells("11", "tokens/s", "llama-2-7b", [
    ["1f1b", 1, 1284],
    ["tp", 1, 1500],
    ["fsdp", 1, 1750],
    ["lorapp", 4, 2364],
  ]),
  ...cells("11", "tokens/s", "llama-2-13b", [
    ["1f1b", 1, 723],
    ["tp", 1, 875],
    ["fsdp", 1, "out of memory"],
    ["lorapp", 2, 1280],
  ]),
  ...cells("14", "seconds", "tinyllama-1.1b", [["peft", 1, 1.441]]),
  ...cells("14", "seconds", "llama-2-7b", [["peft", 1, 5.864]]),
  ...cells("14", "seconds", "llama-2-13b", [["peft", 1, 10.333]]),
];

/** Tokens of a job: 7473 samples of 512 tokens, ten times; of a step: 8 sequences of 512. */
export const JOB_TOKENS = 7473 * 512 * 10;
export const STEP_TOKENS = 8 * 512;

export function cellName({ figure, model, system, adapters, quantity }: PublishedCell): string {
  return `Fig. ${figure}, ${model}, ${system}${system === "lorapp" ? ` with ${adapters}` : ""}, ${quantity}`;
}

/** A published number as seconds of one step of one job; undefined where there is none. */
export function publishedStepSeconds({ quantity, value }: PublishedCell): number | undefined {
  if (value === "out of memory") return undefined;
  switch (quantity) {
    case "hours":
      return (value * 3600 * STEP_TOKENS) / JOB_TOKENS;
    case "tokens/s":
      return STEP_TOKENS / value;
    case "seconds":
      return value;
  }
}
