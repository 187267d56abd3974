import type { Rng } from "../../core/index.ts";

/** What rows say, and what the tokenizers are trained on: accents, scripts, signs, numbers, code and line breaks. */
export const SENTENCES = [
  "The train leaves at 7:45 and arrives at noon.",
  "How many eggs are in 3 boxes of 12?",
  "There are 36 eggs.",
  "Please answer in one short sentence.",
  "Half of 56 is 28, and a tenth of it is 5.6.",
  "The café opens at eight; the naïve visitor waits outside.",
  "Grüße aus München, wo es heute regnet.",
  "Привет, как дела?",
  "今日は天気がいいですね。",
  "مرحبا بالعالم",
  "I like it 😀 and so does she 👩‍🚀.",
  "Step 1: add the numbers.\nStep 2: divide by two.",
  "def add(a, b):\n    return a + b\n",
  'She said: "Yes, of course!" and left.',
  "A {curly} word, a <tag> and 100 % of {{both}}.",
  "Tabs\tand  two spaces stay as they are.",
  "Ångström, e\u0301 and é are not the same letters.",
  "It costs $4.50 (tax included).",
  "no",
  "x",
] as const;

export function oneOf<T>(rng: Rng, values: readonly T[]): T {
  return values[rng.nextInt(values.length)]!;
}

/** Whether something of one in so many happens. */
export function isOne(rng: Rng, of: number): boolean {
  return rng.nextInt(of) === 0;
}

/** One to three sentences, at times with white space around them. */
export function drawText(rng: Rng): string {
  const count = 1 + rng.nextInt(3);
  const text = Array.from({ length: count }, () => oneOf(rng, SENTENCES)).join(oneOf(rng, [" ", "\n", "\n\n"]));
  if (!isOne(rng, 5)) return text;
  return oneOf(rng, [` ${text}`, `${text} `, `\n${text}`, `${text}\n`, `  ${text}\n\n`]);
}

/** A text that may say nothing. */
export function drawAnswer(rng: Rng): string {
  return isOne(rng, 8) ? oneOf(rng, ["", " ", "\n"]) : drawText(rng);
}
