import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { InputError } from "../core/index.ts";
import { absolute, type Place } from "../files/index.ts";

const TOKEN = /^[\w-]{32,256}$/;
/** Whoever is not the owner may do nothing with it. */
const OTHERS = 0o077;

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}

/** The token that a client sends: the first of its file. @throws InputError as `readTokens` does */
export function readToken(place: Place, file: string): string {
  return readTokens(place, file)[0]!;
}

/**
 * The tokens of a file, one a line. @throws InputError for a file that others may read, that is another user's, or that
 * holds no token
 */
function readTokens(place: Place, file: string): readonly string[] {
  const at = "--token-file";
  let descriptor: number;
  try {
    descriptor = openSync(absolute(place, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const got = codeOf(error) === "ELOOP" ? "a link" : codeOf(error) === "ENOENT" ? "no such file" : codeOf(error);
    throw new InputError({ expected: "a token file", at, file, got }, { cause: error });
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new InputError({ expected: "a token file", at, file, got: "no file" });
    if (found.uid !== process.getuid!())
      throw new InputError({ expected: "a token file of the user who runs this", at, file, got: `uid ${found.uid}` });
    if ((found.mode & OTHERS) !== 0)
      throw new InputError({
        expected: "a token file of mode 0600",
        at,
        file,
        got: `0${(found.mode & 0o777).toString(8)}`,
        hint: "Others may have read it: remove it, and a server makes a new one.",
      });
    const tokens =
      found.size > 4096
        ? []
        : readFileSync(descriptor, "utf8")
            .split("\n")
            .map((line) => line.trim())
            .filter((line) => line !== "");
    if (tokens.length === 0 || !tokens.every((token) => TOKEN.test(token)))
      throw new InputError({ expected: "a token of 32 letters and digits or more a line, and nothing else", at, file });
    return [...new Set(tokens)];
  } finally {
    closeSync(descriptor);
  }
}

/** The tokens of a file, which is made with one where there is none. @throws InputError as `readTokens` does */
export function ensureTokens(place: Place, file: string): readonly string[] {
  try {
    const descriptor = openSync(absolute(place, file), "wx", 0o600);
    try {
      writeSync(descriptor, `${randomBytes(32).toString("base64url")}\n`);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (codeOf(error) !== "EEXIST")
      throw new InputError(
        { expected: "a token file that can be written", at: "--token-file", file, got: codeOf(error) },
        { cause: error },
      );
  }
  return readTokens(place, file);
}
