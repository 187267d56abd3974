import { createRng } from "../../core/index.ts";
import { KINDS, type Kind, TOKENIZERS, type TokenizerName } from "./kinds.ts";

export const NUM_ROWS = 100;

/** Rows of one kind for one tokenizer, which stand in one file. */
export interface RowFile {
  readonly name: string;
  readonly kind: Kind;
  readonly tokenizer: TokenizerName;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** The rows of a seed: as many of each kind, give or take one. */
export function drawRows(seed: number): readonly RowFile[] {
  const names = Object.keys(KINDS);
  return names.flatMap((name, index) => {
    const kind = KINDS[name]!;
    const rng = createRng(`${seed}: rows, ${name}`);
    const count = Math.floor(NUM_ROWS / names.length) + (index < NUM_ROWS % names.length ? 1 : 0);
    const rows = Array.from({ length: count }, () => kind.draw(rng));
    const tokenizers = kind.tokenizers ?? TOKENIZERS;
    return tokenizers.map((tokenizer, at) => ({
      name: `${name}, ${tokenizer}`,
      kind,
      tokenizer,
      rows: rows.filter((_, row) => row % tokenizers.length === at),
    }));
  });
}
