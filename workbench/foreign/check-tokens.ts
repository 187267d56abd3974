import { isMapping } from "../../core/index.ts";
import type { TextTokenizer } from "../../datasets/index.ts";
import type { Setting } from "./key-rules.ts";
import type { Reading } from "./reading.ts";

/** Special tokens by which no row is written: there is no padding, and an unknown token stays what it is. */
const UNUSED = /^(?:pad|unk|sep|cls|mask)_token$/;

/** Whether the tokenizer has such a token already. */
function hasToken(key: string, text: unknown, tokenizer: TextTokenizer): boolean {
  if (key === "eos_token") return text === tokenizer.eosText;
  if (key === "bos_token") return tokenizer.bosId !== undefined && text === tokenizer.decode([tokenizer.bosId]);
  return [text].flat().every((one) => tokenizer.specialTexts.some((special) => special === one));
}

function checkEach(reading: Reading, setting: Setting, tokenizer: TextTokenizer | undefined, others: string): void {
  const given = reading.given(setting);
  if (given === undefined) return;
  const tokens = isMapping(given.value) ? given.value : { eos_token: given.value };
  const asked = Object.entries(tokens).filter(
    ([key, text]) => !UNUSED.test(key) && text !== null && text !== undefined,
  );
  if (tokenizer === undefined && asked.length > 0)
    reading.lacks(setting, `${others}, unless the tokenizer has them already: it is not here`);
  else if (!asked.every(([key, text]) => hasToken(key, text, tokenizer!))) reading.lacks(setting, others);
}

/** Says so where a file has other special tokens than the model's tokenizer. */
export function checkTokens(reading: Reading, tokenizer: TextTokenizer | undefined): void {
  checkEach(reading, "specialTokens", tokenizer, "other special tokens than those of the model's tokenizer");
  const ends = reading.given("turnEnds");
  const isOwn = [ends?.value].flat().every((text) => text === tokenizer?.eosText);
  if (ends !== undefined && !isOwn) reading.lacks("turnEnds", "end tokens of a turn beside the tokenizer's end token");
}
