/** Told how many bytes have been worked on, of how many. */
export type TellBytes = (bytes: number, ofBytes: number) => void;

/** Where an operation finds relative paths, and who hears what it chose or left out. */
export interface Context {
  readonly cwd: string;
  readonly note: (text: string) => void;
  /** What a person should look at before going on. */
  readonly warn: (text: string) => void;
  /** Shows what is being done while `work` does it, and how far it is where `work` tells how many bytes of how many. */
  readonly during: <T>(what: string, work: (tell: TellBytes) => Promise<T> | T) => Promise<T>;
  /** Whether what takes long is kept for later commands in the user's cache, and taken from there; not where absent. */
  readonly cache?: boolean;
}

/** Where nobody looks: relative paths start at `cwd`, and nothing is said. */
export function silent(cwd: string): Context {
  return { cwd, note: () => {}, warn: () => {}, during: async (_, work) => await work(() => {}) };
}

/** What operations need that read and write files, and hardly have anything to say. */
export type Place = Pick<Context, "cwd" | "cache"> & Partial<Pick<Context, "note">>;
