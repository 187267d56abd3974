import { InputError } from "../../core/index.ts";
import { listener, type RunListener } from "../../exec/index.ts";
import type { Setting } from "../../plan/index.ts";
import type { Records } from "../folder/records.ts";

/** What is known of a model's weights before they are loaded. */
export interface KnownWeights {
  readonly folder: string;
  /** Of a plan that was made with `--verify-weights`. */
  readonly planned: Setting["model"]["weightsDigest"];
  /** Of what was trained before, where a run goes on or is made again. */
  readonly before?: string | undefined;
}

function otherWeights(whose: string, file: string, hint: string): InputError {
  return new InputError({ expected: `the weights that ${whose}`, file, got: "other weights", hint });
}

/**
 * Weights that were loaded, or read to be compared, are those that are known. `digest`: as the executor's `weightsDigest`.
 * @throws InputError
 */
export function checkWeights(digest: string, { folder, planned, before }: KnownWeights): void {
  if (before !== undefined && digest !== before)
    throw otherWeights(
      "the run began with",
      folder,
      "Jobs that went on with these would be of two models. Put the first ones back, or train anew.",
    );
  if (planned !== undefined && !planned.startsWith("sha256:"))
    throw new InputError({
      expected: "a plan that knows its model's weights as this version does",
      file: folder,
      got: "one of an earlier version",
      hint: "Make the plan again with `loratwin plan ... --verify-weights`.",
    });
  if (planned !== undefined && digest !== planned)
    throw otherWeights("the plan was made with", folder, "Make the plan again with `loratwin plan`.");
}

/** Hears of the weights that devices load, and writes down that they are ready. `atNs`: what a fleet's clock shows then. */
export function hearWeights(
  known: KnownWeights,
  records: Pick<Records, "happened">,
  clock: { readonly atNs?: number } = {},
): RunListener {
  let loaded: { readonly weights?: string } = {};
  return listener({
    loaded({ weights }) {
      checkWeights(weights, known);
      loaded = { weights };
    },
    ready: () => records.happened({ event: "ready", ...loaded, ...clock }),
  });
}
