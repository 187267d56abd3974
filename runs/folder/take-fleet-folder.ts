import { existsSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import { absolute, makeFolder, type Place } from "../../files/index.ts";
import { checkNewFleetFolder } from "./fleet-folder.ts";
import { RUN_FILES } from "./run-files.ts";

/**
 * Makes the folder of a new fleet where there is none, for a server to listen in before anything is loaded. When it is
 * disposed of and no fleet has begun there, what was made goes again. @throws InputError for one that holds something
 */
export function takeFleetFolder(place: Place, given: string): Disposable {
  checkNewFleetFolder(place, given);
  const folder = absolute(place, given);
  const token = path.join(folder, RUN_FILES.token);
  const hadToken = existsSync(token);
  const first = makeFolder(place, given);
  return {
    [Symbol.dispose]() {
      if (existsSync(path.join(folder, RUN_FILES.setting))) return;
      if (!hadToken) rmSync(token, { force: true });
      if (first === undefined) return;
      try {
        for (let made = folder; made.length >= first.length; made = path.dirname(made)) rmdirSync(made);
      } catch {
        // Somebody has put something there.
      }
    },
  };
}
