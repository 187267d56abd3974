/**
 * Control characters but line feeds and tabs, what turns the direction of a text, and line ends that are none on a
 * terminal: with them a name can move a cursor, or look like another name (Unicode Standard Annex 9, Bidi_Control).
 */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** For names and cells, whose lines end with them. */
const UNSEEN_IN_A_LINE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A text as people are to see it: what they would not see stands there as `\u001b`, as JSON has it. */
export function plainText(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same for a text of one line. */
export function plainLine(text: string): string {
  return text.replace(UNSEEN_IN_A_LINE, escaped);
}
