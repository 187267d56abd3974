import path from "node:path";
import { absolute, checkFolder, type Place } from "../files/index.ts";
import { checkEventFolder, RUN_FILES } from "../runs/index.ts";
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

/** @throws InputError where a new run would go on with the curves of another one */
export function checkTensorboard(place: Place, args: Arguments, run: string, jobs: readonly string[]): void {
  const folder = tensorboardFolder(place, args, run);
  // What is in the run's own folder belongs to a run that is replaced.
  const isOwn = folder === absolute(place, path.join(run, RUN_FILES.tensorboard));
  if (folder !== undefined && !isOwn && !flag(args, "overwrite")) checkEventFolder(folder, jobs, "--tensorboard");
}
