// TypeScript to JavaScript in dist/, and the browser code of pages into bundles.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { bundleReportClient, clientFolders } from "./report-client.mjs";
import { inRoot, root } from "./root.mjs";
import { filesBelow, hashInputs, isFresh, writeStamp } from "./stamp.mjs";
import { runs, SetupError, say } from "./terminal.mjs";

function sourceFiles() {
  const { include } = JSON.parse(readFileSync(inRoot("tsconfig.build.json"), "utf8"));
  return include
    .flatMap((folder) => filesBelow(inRoot(folder)))
    .filter((path) => path.endsWith(".ts") && !clientFolders.some((client) => path.startsWith(client)));
}

/** The script, and the types that other programs see of it. */
function outputsOf(source) {
  const path = join(inRoot("dist"), relative(root, source)).replace(/\.ts$/, "");
  return [`${path}.js`, `${path}.d.ts`];
}

/** A file whose source was renamed or deleted would otherwise still be found by imports. */
function removeLeftovers(sources) {
  const wanted = new Set(sources.flatMap(outputsOf).flatMap((path) => [path, `${path}.map`]));
  const folders = new Set(sources.map((path) => relative(root, path).split("/")[0]));
  for (const folder of folders) {
    for (const path of filesBelow(inRoot("dist", folder))) if (!wanted.has(path)) rmSync(path);
  }
}

/** The compiler leaves `.ts` at the end of what declarations import: there the scripts beside them are meant. */
function nameScripts(declarations) {
  for (const path of declarations) {
    const text = readFileSync(path, "utf8");
    const named = text.replace(/((?:\bfrom|\bimport) ?\(?")(\.[^"]*)\.ts"/g, '$1$2.js"');
    if (named !== text) writeFileSync(path, named);
  }
}

/** @throws SetupError where the compiler or the bundler finds a fault. */
export async function buildTypeScript() {
  const sources = sourceFiles();
  const settings = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"].map((name) => inRoot(name));
  const stamp = inRoot("dist/.prepared");
  const hash = hashInputs([...sources, ...settings, ...clientFolders.flatMap(filesBelow)], [process.version]);
  const outputs = sources.flatMap(outputsOf);
  if (isFresh(stamp, hash, outputs)) return;

  say("compiling TypeScript to dist/ (tsc)");
  // The compiler's own record tells which sources changed, and does not notice an output that was deleted.
  if (outputs.some((path) => !existsSync(path))) rmSync(inRoot("dist/.tsbuildinfo"), { force: true });
  removeLeftovers(sources);
  const compiler = inRoot("node_modules/typescript/bin/tsc");
  if (!runs(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root })) {
    throw new SetupError("The TypeScript sources did not compile; the compiler's message is above.");
  }
  nameScripts(sources.map((source) => outputsOf(source)[1]));
  await bundleReportClient();
  const main = inRoot("dist/cli/main.js");
  if (existsSync(main)) chmodSync(main, 0o755);
  writeStamp(stamp, hash);
}
