// Where operations find files, and who is told what they chose.
export { type Context, type Place, silent, type TellBytes } from "./context.ts";
// Faults that are asked for, to see what becomes of a run.
export { askForFaults, faultAt, isSystemError, passFault } from "./faults.ts";
// A file's digest.
export { fileDigest } from "./file-digest.ts";
// Files of lines, whole or cut off.
export { bytesOfWholeLines, linesOfFile, wholeLinesOf } from "./file-lines.ts";
// Folders that one process writes.
export { type FolderLock, folderHolder, lockFolder, withoutLock } from "./folder-lock.ts";
// Files that a person names, read and written, with errors that say what was expected.
export {
  absolute,
  checkFolder,
  type FileOrDocument,
  fileError,
  HANDED_IN,
  inputLines,
  isFolder,
  makeFolder,
  readInput,
  refuseLinkedMembers,
  writeLines,
  writeOutput,
  writePieces,
} from "./given-files.ts";
// Writes that a full disk refuses, tried again later.
export { LateWrites, missingError } from "./late-writes.ts";
// A file that gets lines while a run goes on.
export { LineFile, type LineFileOptions } from "./line-file.ts";
// Files that are there, for one that is not.
export { nearFileHint } from "./near-files.ts";
// The files of the product itself.
export { packageFile } from "./package-file.ts";
// Files to read: no pipe, no device, no more than there is room for.
export { checkReadable, MOST_WHOLE, openToRead, otherForm, readWholeText } from "./readable-file.ts";
// Folders for as long as a process needs them.
export { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";
// The folder for what may be made anew at any time.
export { userCache } from "./user-cache.ts";
// The version of the product.
export { VERSION } from "./version.ts";
// Files and folders that have their names only once they are whole.
export { writeAll, writeWholeFile, writeWholeFolder } from "./whole-file.ts";
