/** Where an operation finds relative paths, and who hears what it chose or left out. */
export interface Context {
  readonly cwd: string;
  readonly note: (text: string) => void;
}

/** What operations need that read and write files, and have nothing to say. */
export type Place = Pick<Context, "cwd">;
