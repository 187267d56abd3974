import { DeviceError } from "../core/index.ts";
import { isSystemError } from "./faults.ts";
import { reason } from "./given-files.ts";

/** Something to write, by a name that people know it by: "the adapter of nightly". */
export interface NamedWrite {
  readonly name: string;
  readonly write: () => void;
}

/** What the system has refused to write, until there is room: a run goes on without, and tries again. */
export class LateWrites {
  readonly #late = new Map<string, { readonly write: () => void; readonly refusal: NodeJS.ErrnoException }>();

  /** Writes now, and all that is late first, or keeps it for later. @throws what is no refusal of the system */
  write({ name, write }: NamedWrite): void {
    this.retry();
    this.#try(name, write);
  }

  /** Whether there is nothing left. */
  retry(): boolean {
    for (const [name, { write }] of this.#late) this.#try(name, write);
    return this.#late.size === 0;
  }

  /** By name, why. */
  get late(): ReadonlyMap<string, { readonly refusal: NodeJS.ErrnoException }> {
    return this.#late;
  }

  #try(name: string, write: () => void): void {
    try {
      write();
      this.#late.delete(name);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#late.set(name, { write, refusal: error });
    }
  }
}

/** What a run could not write. `numAdapters`: of jobs whose adapters are written, of `numJobs`. */
export function missingError(
  folder: string,
  late: readonly { readonly name: string; readonly refusal: NodeJS.ErrnoException }[],
  numAdapters: number,
  numJobs: number,
): DeviceError {
  const names = late.map(({ name }) => name).join(", ");
  return new DeviceError(
    {
      expected: `a disk that takes all of the run (adapters of ${numAdapters} of ${numJobs} jobs are written, not ${names})`,
      file: folder,
      got: reason(late[0]!.refusal),
    },
    { cause: late[0]!.refusal },
  );
}
