import { InputError, isMapping, ownValue } from "../../core/index.ts";
import { CHAT_TEMPLATES, type TextTokenizer } from "../../datasets/index.ts";
import type { FileData } from "../../plan/index.ts";
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

const TALK = [
  { role: "user", content: "a" },
  { role: "assistant", content: "b" },
] as const;

/**
 * Axolotl hands answers that are compared to TRL as texts: the tokenizer puts its token in front of them, and TRL its end
 * token behind. Whether the template has written both.
 */
export function writesBothEnds({ chatTemplate }: FileData, tokenizer: TextTokenizer): boolean {
  const template =
    chatTemplate === undefined ? {} : { template: ownValue(CHAT_TEMPLATES, chatTemplate) ?? chatTemplate };
  try {
    const text = tokenizer.renderChat(TALK, false, template).trimEnd();
    const ids = tokenizer.encode(text);
    return text.endsWith(tokenizer.eosText) && tokenizer.around.before.every((id, index) => ids[index] === id);
  } catch (error) {
    // What the template takes is said where rows are read.
    if (error instanceof InputError) return true;
    throw error;
  }
}
