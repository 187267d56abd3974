import { initModel as writeModel } from "../datasets/index.ts";
import { absolute } from "../files/index.ts";
import { contextOf } from "./context-of.ts";
import type { Surroundings } from "./surroundings.ts";

/** Sizes of a model of the Llama family, in elements. */
export interface ModelShape {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Key and value heads; as many as heads when absent. */
  readonly kvHeads?: number | undefined;
  /** Equal seeds give equal bytes; 0 when absent. */
  readonly seed?: number | undefined;
}

/**
 * Writes a base model of random numbers with a tokenizer of bytes, to try things out without a download. Gives the
 * number of its parameters.
 * @throws InputError for sizes that do not go together
 */
export function initModel(folder: string, shape: ModelShape, place: Pick<Surroundings, "cwd"> = {}): number {
  return writeModel({ ...shape, seed: shape.seed ?? 0, folder: absolute(contextOf(place), folder) }).numParameters;
}
