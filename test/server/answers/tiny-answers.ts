import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { createRng } from "../../../core/index.ts";
import type { AdapterPair } from "../../../exec/index.ts";
import { type AdapterChoice, LiveAnswers, type LiveAnswersInput } from "../../../inference/index.ts";
import { type AdapterSpec, type Architecture, adapterSites, projectionShape } from "../../../plan/index.ts";
import { printed, temporaryFolder } from "../../cli/run-cli.ts";

const SPEC = { rank: 2, alpha: 8, targets: ["q_proj", "v_proj"], dropout: 0 } as unknown as AdapterSpec;

/** An adapter whose numbers say a good deal. */
function pairsOf(seed: string, spec: AdapterSpec, arch: Architecture): readonly AdapterPair[] {
  const rng = createRng(seed);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => rng.nextNormal());
  return adapterSites(spec, arch).map(({ layer, projection, rank }) => {
    const shape = projectionShape(arch, projection);
    return { layer, projection, a: numbers(rank * shape.in), b: numbers(shape.out * rank) };
  });
}

/** An adapter of a job whose name is in front of `@`. */
export function choiceOf(
  name: string,
  {
    rank = SPEC.rank,
    writtenMs = 1000,
    chatTemplate,
  }: { rank?: number; writtenMs?: number; chatTemplate?: string } = {},
): AdapterChoice {
  const adapter = { ...SPEC, rank };
  const data = { path: "rows.jsonl", ...(chatTemplate === undefined ? {} : { chatTemplate }) };
  const job = { name: name.split("@")[0]!, adapter, data } as unknown as AdapterChoice["job"];
  const read: AdapterChoice["read"] = (arch) => pairsOf(`${name} of ${writtenMs}`, adapter, arch);
  return { name, job, dataFile: undefined, step: 1, isCurrent: !name.includes("@"), writtenMs, read };
}

export interface TinyAnswers {
  readonly folder: string;
  /** Answers of the model with these adapters; ended after the file's tests. */
  answers(adapters: readonly AdapterChoice[], input?: Partial<LiveAnswersInput>): LiveAnswers;
}

/** A model of random weights with bytes as tokens and a chat template, for the tests of a file. */
export function tinyAnswers(): TinyAnswers {
  const root = temporaryFolder();
  const folder = path.join(root, "model");
  const open: LiveAnswers[] = [];
  beforeAll(async () => {
    await printed(
      ["init-model", "model", "--hidden-size", "32", "--layers", "2", "--heads", "2", "--kv-heads", "2"],
      root,
    );
    writeFileSync(path.join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: 257 }));
  }, 60_000);
  afterAll(() => {
    for (const each of open) each[Symbol.dispose]();
  });
  return {
    folder,
    answers(adapters, input = {}) {
      const live = new LiveAnswers({
        source: () => {
          const specs = adapters.map(({ job }) => job.adapter);
          return { folder, modelFolder: folder, dtype: "float32", adapters, specs, weights: undefined };
        },
        ...{ device: "cpu", sequences: 4, context: 256, idleMs: 60_000, keptAdapters: 4 },
        ...input,
      });
      open.push(live);
      return live;
    },
  };
}
