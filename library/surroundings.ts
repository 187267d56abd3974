/** What every function takes: where files are looked for, and who hears what a person would be told. */
export interface Surroundings {
  /** Where relative paths start, those inside a document that is given as an object too; `process.cwd()` when absent. */
  readonly cwd?: string | undefined;
  /**
   * Keeps tokenized rows, and how fast this machine was, in the user's cache folder, and reckons with what is there. Not
   * when absent.
   */
  readonly cache?: boolean | undefined;
  /** Hears what was chosen or assumed, a sentence a call. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Hears what should be looked at before going on, a sentence a call. */
  readonly onWarning?: ((text: string) => void) | undefined;
}
