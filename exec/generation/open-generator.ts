import type { AdapterSpec } from "../../plan/index.ts";
import { Decoder, type DecoderInput, type NamedAdapter } from "./decoder.ts";
import { Generator, PROMPT_ROWS } from "./generator.ts";
import { longFromOf } from "./long-from.ts";

/** A base model with adapters that answers; its memory is given back with it. */
export interface OpenGenerator extends Disposable {
  readonly generator: Generator;
  readonly decoder: Decoder;
}

export interface GeneratorInput extends Omit<DecoderInput, "runRows" | "cacheRows" | "specs"> {
  readonly adapters: readonly NamedAdapter[];
  /** Of adapters that may come later. */
  readonly laterSpecs?: readonly AdapterSpec[];
  /** Tokens of prompts and answers that the cache has room for, all sequences together. */
  readonly cacheTokens: number;
}

/** @throws DeviceError, InputError */
export async function openGenerator(given: GeneratorInput): Promise<OpenGenerator> {
  const { cacheTokens, adapters, laterSpecs = [], ...input } = given;
  const { sequences } = input;
  const specs = [...adapters.map(({ spec }) => spec), ...laterSpecs];
  // In a run with parts of two prompts, all other sequences have their next tokens.
  const runRows = sequences + 2 * PROMPT_ROWS;
  const decoder = await Decoder.open({ ...input, specs, runRows, cacheRows: cacheTokens + 1 });
  for (const adapter of adapters) decoder.add(adapter);
  const generator = new Generator(decoder, { sequences, runRows, longFrom: longFromOf(input.model.architecture) });
  return { generator, decoder, [Symbol.dispose]: () => decoder[Symbol.dispose]() };
}
