// What runs take that answer prompts: a forward over the prompts, then one for each token of the answers.
import type { JobSegment } from "../actions/mini-batch.ts";
import type { SampleRun } from "../actions/samples.ts";
import type { OperatorCall, Sizes } from "./operator-calls.ts";

/**
 * Before the names of operators of runs in which each sequence has one token: they read all weights for few rows, which
 * is another matter than products of many. A calibration that has not measured such runs takes the others' figures.
 */
export const DECODED = "decoded ";

/** Between two runs: the host reads the logits and chooses the tokens. */
export const CHOICE = "choice";

type OpenSegment = { -readonly [Key in keyof JobSegment]: JobSegment[Key] } & {
  readonly lengths: number[];
};

/** The sizes of a run. The base's sequences stand behind those of the job that has asked. */
export function sizesOfRun({ sequences }: SampleRun): Sizes {
  const segments: OpenSegment[] = [];
  const pasts: number[][] = [];
  let [tokens, squares] = [0, 0];
  for (const { job, tokens: own, past } of sequences) {
    if (segments.length === 0 || (job !== undefined && segments.at(-1)!.job !== job)) {
      segments.push({ job: job ?? 0, tokens: 0, scored: 0, ungraded: 0, lengths: [], adapterTokens: 0 });
      pasts.push([]);
    }
    const segment = segments.at(-1)!;
    segment.tokens += own;
    segment.lengths.push(own);
    if (job !== undefined) segment.adapterTokens += own;
    pasts.at(-1)!.push(past);
    tokens += own;
    squares += own * own;
  }
  return { segments, tokens, scored: 0, ungraded: 0, squares, sequences: sequences.length, pasts };
}

/** The operators of a run, as often as it is made, with what follows behind it. `forward`: those of its sizes. */
export function runOperators(
  run: SampleRun,
  vocabularySize: number,
  forward: (sizes: Sizes) => readonly OperatorCall[],
): readonly OperatorCall[] {
  const sizes = sizesOfRun(run);
  const isDecoded = run.sequences.every(({ tokens }) => tokens === 1);
  const name = (text: string): string => (isDecoded ? `${DECODED}${text}` : text);
  const entries = sizes.sequences * vocabularySize;
  const choice: OperatorCall = {
    ...{ name: CHOICE, kind: CHOICE, calls: run.times, flops: 0, elements: entries },
    features: { one: 1, entries },
  };
  return [
    ...forward(sizes).map((call) => ({
      ...call,
      name: name(call.name),
      kind: name(call.kind),
      calls: run.times * call.calls,
    })),
    choice,
  ];
}
