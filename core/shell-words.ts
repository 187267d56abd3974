/** Characters that mean nothing to a POSIX shell, wherever they stand in a word. */
const PLAIN = /^[\w./:,=+@%-]+$/;

/** A word as a POSIX shell reads it back: as it is where nothing in it means anything there, else in single quotes. */
export function shellQuoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
