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

/** What a reader would not see, or not tell from a space: format characters, other spaces, halves of characters. */
const UNSEEN_IN_DATA = /(?![\n ])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}\p{Cs}]/gu;

/** A text of data as people are to see it, letter by letter: all but letters, spaces and line feeds stands there as `\u200b`. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN_IN_DATA, (character) => character.split("").map(escaped).join(""));
}
