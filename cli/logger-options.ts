import path from "node:path";
import { InputError } from "../core/index.ts";
import { absolute, checkFolder, type Place } from "../files/index.ts";
import { hasEventFiles, RUN_FILES } from "../runs/index.ts";
import { type Arguments, flag, optionalText } from "./command.ts";
import type { OptionTable } from "./option-table.ts";

/** A folder of the run: no path has such a name. */
const IN_THE_RUN = "<run>/tensorboard";

/** The options of what is written for programs that show training. */
export const LOGGER_OPTIONS = {
  tensorboard: {
    type: "string",
    bare: IN_THE_RUN,
    describe: "write TensorBoard's event files, a folder for each job; to tensorboard in the run folder without a name",
  },
} as const satisfies OptionTable;

/** Where event files go, absolute; undefined where none are asked for. `run`: its folder. @throws InputError for a file */
export function tensorboardFolder(place: Place, args: Arguments, run: string): string | undefined {
  const given = optionalText(args, "tensorboard");
  if (given === undefined) return undefined;
  if (given === IN_THE_RUN) return absolute(place, path.join(run, RUN_FILES.tensorboard));
  checkFolder(place, given);
  return absolute(place, given);
}

/** Curves of another run are not lost. @throws InputError where a new run has a job of which event files are there */
export function checkTensorboard(place: Place, args: Arguments, run: string, jobs: readonly string[]): void {
  const folder = tensorboardFolder(place, args, run);
  // What is in the run's own folder belongs to a run that is replaced.
  if (
    folder === undefined ||
    flag(args, "overwrite") ||
    folder === absolute(place, path.join(run, RUN_FILES.tensorboard))
  )
    return;
  const known = jobs.find((name) => hasEventFiles(path.join(folder, name)));
  if (known === undefined) return;
  throw new InputError({
    expected: `a folder without event files of a job ${known}`,
    at: "--tensorboard",
    got: folder,
    hint: "TensorBoard would show the steps of both runs as one curve: name another folder, or take --overwrite.",
  });
}
