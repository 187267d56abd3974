// TypeScript to JavaScript in dist/: the programs, which share chunks, and the browser code of pages.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleForNode } from "./bundler.mjs";
import { bundleReportClient, clientFolders } from "./report-client.mjs";
import { inRoot, root } from "./root.mjs";
import { filesBelow, hashInputs, isFresh, writeStamp } from "./stamp.mjs";
import { runs, SetupError, say } from "./terminal.mjs";

/** What starts in the product: the command line, the library, threads, and a revision that is compared. */
const PRODUCT = [
  "cli/main.ts",
  "cli/run.ts",
  "library/index.ts",
  "workbench/worker.ts",
  "workbench/regress/golden-process.ts",
];
/** What else starts in a clone. */
const DEVELOPMENT = [
  "bench/run.ts",
  "bench/alone.ts",
  "bench/early-stopping/make-curves.ts",
  "gpu/run.ts",
  "gpu/bundle.ts",
  "gpu/carried-onednn.ts",
  "gpu/train-benchmark.ts",
  "peers/run.ts",
  "plan/index.ts",
  "traces/index.ts",
];

const scriptOf = (program) => join("dist", program.replace(/\.ts$/, ".js"));

function sourceFiles() {
  const { include } = JSON.parse(readFileSync(inRoot("tsconfig.json"), "utf8"));
  return include
    .filter((folder) => folder !== "test")
    .flatMap((folder) => filesBelow(inRoot(folder)))
    .filter((path) => path.endsWith(".ts") && !clientFolders.some((client) => path.startsWith(client)));
}

const settings = ["tsconfig.json", "tsconfig.types.json", "package-lock.json"].map((name) => inRoot(name));

/**
 * What stays a package of its own in the product: a solver with a file beside it, what the addon is built with, and what
 * the library's types name. The others are in the programs.
 */
export const PACKAGES_APART = ["highs", "node-addon-api", "node-api-headers", "zod"];
const inOne = { external: PACKAGES_APART.map((name) => new RegExp(`^${name}(/|$)`)) };

/** What no path names is a package, but for the helpers of the bundler. */
const packagesStay = { external: /^(?!@oxc-project\/)[@a-z]/i, sourcemap: true };

/** Writes programs into a folder. Types are not looked at. @throws SetupError where the bundler finds a fault. */
async function bundlePrograms(programs, folder, { chunks = "chunks", ...options }) {
  const input = Object.fromEntries(programs.map((program) => [program.replace(/\.ts$/, ""), program]));
  const names = { entryFileNames: "[name].js", chunkFileNames: `${chunks}/[name]-[hash].js` };
  try {
    await bundleForNode(input, { dir: folder, ...names, ...options });
  } catch (error) {
    throw new SetupError(`The TypeScript sources did not build.\n${error.message}`);
  }
  if (programs.includes("cli/main.ts")) chmodSync(join(folder, "cli/main.js"), 0o755);
}

/** Writes the product alone into a folder, as a package has it, with the packages that it uses. @throws SetupError */
export const bundleProduct = (folder) => bundlePrograms(PRODUCT, folder, inOne);

/** @throws SetupError where the bundler finds a fault. */
export async function buildTypeScript() {
  const programs = [...PRODUCT, ...DEVELOPMENT];
  const stamp = inRoot("dist/.prepared");
  const inputs = [
    ...sourceFiles(),
    ...settings,
    ...["bundler.mjs", "report-client.mjs", "typescript-build.mjs"].map((name) => inRoot("setup", name)),
    ...clientFolders.flatMap(filesBelow),
  ];
  const hash = hashInputs(inputs, [process.version]);
  const scripts = programs.map((program) => inRoot(scriptOf(program)));
  if (isFresh(stamp, hash, [...scripts, inRoot("dist/chunks"), inRoot("dist/reports/client.js")])) return;

  say("bundling TypeScript to dist/ (rolldown)");
  mkdirSync(inRoot("dist"), { recursive: true });
  for (const name of readdirSync(inRoot("dist"))) {
    if (!name.startsWith(".") && name !== "types") rmSync(inRoot("dist", name), { recursive: true });
  }
  await bundlePrograms(PRODUCT, inRoot("dist"), packagesStay);
  // Each by itself: what several share may be put into one of them, which would start with the others.
  for (const program of DEVELOPMENT) {
    const chunks = `chunks/${program.replace(/\W/g, "-")}`;
    await bundlePrograms([program], inRoot("dist"), { ...packagesStay, chunks });
  }
  await bundleReportClient();
  writeStamp(stamp, hash);
}

const NAMED = /(\b(?:from|import) ?\(?")(\.[^"]*)\.ts"/g;

/** Removes what no declaration of the library names. */
function removeUnnamed(folder, entry) {
  const kept = new Set([entry]);
  for (const file of kept)
    for (const [, , name] of readFileSync(file, "utf8").matchAll(NAMED)) kept.add(`${join(file, "..", name)}.d.ts`);
  for (const file of filesBelow(folder)) if (!kept.has(file)) rmSync(file);
}

/** The compiler leaves `.ts` at the end of what declarations import: there the scripts beside them are meant. */
function nameScripts(declarations) {
  for (const path of declarations) {
    const text = readFileSync(path, "utf8");
    const named = text.replace(NAMED, '$1$2.js"');
    if (named !== text) writeFileSync(path, named);
  }
}

/** The types that other programs see of the library, in dist/types. @throws SetupError where the compiler finds a fault. */
export function buildTypes() {
  const folder = inRoot("dist/types");
  const stamp = join(folder, ".prepared");
  const hash = hashInputs([...sourceFiles(), ...settings], [process.version]);
  const entry = join(folder, "library/index.d.ts");
  if (isFresh(stamp, hash, [entry])) return;

  say("writing the library's types to dist/types (tsc)");
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  const compiler = inRoot("node_modules/typescript/bin/tsc");
  if (!runs(process.execPath, [compiler, "-p", "tsconfig.types.json"], { cwd: root })) {
    throw new SetupError("The library's types did not compile; the compiler's message is above.");
  }
  removeUnnamed(folder, entry);
  nameScripts(filesBelow(folder));
  writeStamp(stamp, hash);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await buildTypeScript();
