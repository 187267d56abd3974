import { type Architecture, ropesOf } from "../../plan/index.ts";
import { ropeTable } from "../rope-frequencies.ts";
import { Decoder, type DecoderInput } from "./decoder.ts";
import { Generator, PROMPT_ROWS } from "./generator.ts";

/** A base model with adapters that answers; its memory is given back with it. */
export interface OpenGenerator extends Disposable {
  readonly generator: Generator;
  readonly decoder: Decoder;
}

export interface GeneratorInput extends Omit<DecoderInput, "runRows" | "cacheRows"> {
  /** Tokens of prompts and answers that the cache has room for, all sequences together. */
  readonly cacheTokens: number;
}

/** Above which length of a sequence its tokens are turned by other frequencies; undefined where there are none. */
function longFromOf(arch: Architecture): number | undefined {
  for (const rope of ropesOf(arch)) {
    const { long } = ropeTable(arch, rope);
    if (long !== undefined) return long.longFrom;
  }
  return undefined;
}

/** @throws DeviceError, InputError */
export async function openGenerator({ cacheTokens, ...input }: GeneratorInput): Promise<OpenGenerator> {
  const { sequences } = input;
  // In a run with parts of two prompts, all other sequences have their next tokens.
  const runRows = sequences + 2 * PROMPT_ROWS;
  const decoder = await Decoder.open({ ...input, runRows, cacheRows: cacheTokens + 1 });
  const generator = new Generator(decoder, { sequences, runRows, longFrom: longFromOf(input.model.architecture) });
  return { generator, decoder, [Symbol.dispose]: () => decoder[Symbol.dispose]() };
}
