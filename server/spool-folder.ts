import { lstatSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";

/** A spool folder with where its files go. */
export interface SpoolFolder {
  path(name: string): string;
  /** Moves a file to accepted/, under the name of its job. */
  accept(name: string, job: string): void;
  /** Moves whatever has the name to rejected/, with the reason beside it. */
  reject(name: string, why: string): void;
}

/** Whether nothing has a name, not a link that leads nowhere either. */
function isFree(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) === undefined;
}

/** A name that nothing has in a folder, with a number before its ending where something has. */
function freeName(folder: string, stem: string, ending: string): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? stem : `${stem}.${number}`;
    if ([ending, ".reason.txt"].every((end) => isFree(path.join(folder, `${name}${end}`)))) return name;
  }
}

function checkOwn(folder: string): void {
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw new InputError({ expected: "a folder", at: "--spool", got: folder });
  if ((found.mode & 0o002) !== 0)
    throw new InputError({
      expected: "a spool folder that not everybody may write to",
      at: "--spool",
      got: folder,
      hint: `A job reads files as the user of the server: chmod o-w ${folder}`,
    });
}

/** Makes what is not there. @throws InputError for something else than folders, or one that anybody may write to */
export function openSpool(folder: string): SpoolFolder {
  const [accepted, rejected] = [path.join(folder, "accepted"), path.join(folder, "rejected")];
  try {
    for (const each of [folder, accepted, rejected]) mkdirSync(each, { recursive: true, mode: 0o700 });
  } catch (error) {
    const got = (error as NodeJS.ErrnoException).code;
    throw new InputError({ expected: "a folder that can be written", at: "--spool", file: folder, got });
  }
  for (const each of [folder, accepted, rejected]) checkOwn(each);
  const move = (name: string, to: string, stem: string): void =>
    renameSync(path.join(folder, name), path.join(to, `${stem}${path.extname(name)}`));
  return {
    path: (name) => path.join(folder, name),
    accept: (name, job) => move(name, accepted, freeName(accepted, job, path.extname(name))),
    reject: (name, why) => {
      const ending = path.extname(name);
      const stem = freeName(rejected, path.basename(name, ending), ending);
      // Nothing that somebody has put there meanwhile is written over, nor what a link leads to.
      writeFileSync(path.join(rejected, `${stem}.reason.txt`), `${why}\n`, { flag: "wx" });
      move(name, rejected, stem);
    },
  };
}
