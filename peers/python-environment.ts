import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DeviceError } from "../core/index.ts";
import { packageFile, userCache } from "../files/index.ts";

const requirements = (name: string): string => packageFile("peers", name);

/** What is installed one after another, by pip with these words. */
const STEPS: readonly (readonly string[])[] = [
  ["-r", requirements("requirements.txt"), "-r", requirements("requirements-rows.txt")],
  ["--no-deps", "--ignore-requires-python", "-r", requirements("requirements-axolotl.txt")],
];

/** What the pinned versions need. */
const LEAST_VERSION = [3, 11] as const;
const PYTHONS = ["python3.11", "python3.12", "python3.13", "python3.14", "python3"];

/** Of these requirements: others have another one beside it. */
function environmentFolder(): string {
  const hash = createHash("sha256");
  for (const word of STEPS.flat()) hash.update(word.endsWith(".txt") ? readFileSync(word) : word);
  return path.join(process.env["LORATWIN_PEERS"] || userCache("peers"), hash.digest("hex").slice(0, 12));
}

const pythonOf = (folder: string): string => path.join(folder, "bin", "python");
const stampOf = (folder: string): string => path.join(folder, "whole");

/** The Python that has the libraries, where `npm run peers` has installed them; looks, and installs nothing. */
export function installedPython(): string | undefined {
  const folder = environmentFolder();
  return existsSync(stampOf(folder)) ? pythonOf(folder) : undefined;
}

const HAS_ALL = `import ensurepip, sys, venv; sys.exit(sys.version_info < (${LEAST_VERSION.join()}))`;

/** A Python that can make virtual environments, as a program's name. @throws DeviceError where there is none */
function findPython(): string {
  const own = process.env["LORATWIN_PEERS_PYTHON"];
  const names = own ? [own] : PYTHONS;
  const found = names.find((name) => spawnSync(name, ["-c", HAS_ALL], { stdio: "ignore" }).status === 0);
  if (found !== undefined) return found;
  throw new DeviceError({
    expected: `Python ${LEAST_VERSION.join(".")} or newer with its modules venv and ensurepip`,
    got: `none among ${names.join(", ")}`,
    hint: "Install it (Debian: apt-get install python3 python3-venv), or name one by LORATWIN_PEERS_PYTHON.",
  });
}

/** Runs a program with its output on stderr. @throws DeviceError where it fails */
function install(what: string, program: string, words: readonly string[], hint: string): void {
  const { status, error } = spawnSync(program, words, { stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  throw new DeviceError({ expected: `${what} to end well`, got: error?.message ?? status, hint });
}

/**
 * The Python that has the libraries, installed where it is not yet: some minutes, and a gigabyte of disk.
 * @throws DeviceError where that cannot be, with what to do
 */
export function preparePython(note: (text: string) => void): string {
  const known = installedPython();
  if (known !== undefined) return known;
  const python = findPython();
  const folder = environmentFolder();
  note(`installs the libraries into ${folder} (once; some minutes)`);
  mkdirSync(path.dirname(folder), { recursive: true });
  install(
    "the making of a virtual environment",
    python,
    ["-m", "venv", "--clear", folder],
    `See what ${python} says above.`,
  );
  for (const words of STEPS)
    install(
      "pip",
      pythonOf(folder),
      ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...words],
      "See what pip says above. It needs a package index, and 2 GB of disk; peers/requirements.txt says which PyTorch.",
    );
  writeFileSync(stampOf(folder), "");
  return pythonOf(folder);
}
