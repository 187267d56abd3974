// The browser code of each page as one script and one style sheet, which reports/ and server/ put into their pages. The
// licences of the packages in it stand in front of it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { inRoot } from "./root.mjs";
import { SetupError, say } from "./terminal.mjs";

export const clientFolders = [inRoot("reports/client"), inRoot("server/client"), inRoot("explorer/client")];

/** The solver's module is written for Node too, and would look for its file where it is: the worker hands it over. */
export const workerOptions = { format: "iife", external: ["node:*"], define: { "import.meta.url": "undefined" } };

/** The solver of the explorer's workers as text: WebAssembly, compressed by gzip, in base 64. */
export function solverText() {
  return gzipSync(readFileSync(inRoot("node_modules/highs/build/highs.wasm")), { level: 9 }).toString("base64");
}

const bundles = [
  { from: inRoot("reports/client/main.ts"), to: inRoot("dist/reports/client.js"), format: "iife" },
  { from: inRoot("reports/client/style.css"), to: inRoot("dist/reports/client.css") },
  { from: inRoot("reports/client/fleet/main.ts"), to: inRoot("dist/reports/fleet.js"), format: "iife" },
  { from: inRoot("reports/client/fleet/style.css"), to: inRoot("dist/reports/fleet.css") },
  { from: inRoot("reports/client/paper/main.ts"), to: inRoot("dist/reports/paper.js"), format: "iife" },
  { from: inRoot("reports/client/paper/style.css"), to: inRoot("dist/reports/paper.css") },
  { from: inRoot("reports/client/capacity/main.ts"), to: inRoot("dist/reports/capacity.js"), format: "iife" },
  { from: inRoot("reports/client/capacity/style.css"), to: inRoot("dist/reports/capacity.css") },
  { from: inRoot("server/client/main.ts"), to: inRoot("dist/server/client.js"), format: "iife" },
  { from: inRoot("server/client/style.css"), to: inRoot("dist/server/client.css") },
  { from: inRoot("explorer/client/main.ts"), to: inRoot("dist/explorer/client.js"), format: "iife" },
  { from: inRoot("explorer/client/worker.ts"), to: inRoot("dist/explorer/worker.js"), ...workerOptions },
  { from: inRoot("explorer/client/style.css"), to: inRoot("dist/explorer/client.css") },
];

/** The packages that a bundle has code of, by the inputs that something was taken from. */
function packagesOf(metafile) {
  const [output] = Object.values(metafile.outputs);
  const used = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const names = used.flatMap(([path]) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** A comment with the notices of packages, each text once. @throws SetupError for a package without a licence file */
export function licenceNotice(packages) {
  const byText = new Map();
  for (const name of packages) {
    const folder = inRoot("node_modules", name);
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE"].map((each) => join(folder, each)).find(existsSync);
    if (file === undefined) throw new SetupError(`${name} has no licence file to put into the pages.`);
    const text = readFileSync(file, "utf8").trim().replaceAll("*/", "* /");
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version}`]);
  }
  return [...byText].map(([text, names]) => `/*\nThis page has code of ${names.join(", ")}:\n\n${text}\n*/\n`).join("");
}

/** @throws SetupError where esbuild finds a fault. */
export async function bundleReportClient() {
  const { build } = await import("esbuild");
  for (const folder of ["dist/reports", "dist/server", "dist/explorer"]) mkdirSync(inRoot(folder), { recursive: true });
  say("bundling the pages' browser code (esbuild)");
  for (const { from, to, ...format } of bundles.filter((bundle) => existsSync(bundle.from))) {
    try {
      const { metafile } = await build({
        metafile: true,
        entryPoints: [from],
        outfile: to,
        bundle: true,
        minify: true,
        target: "es2022",
        charset: "utf8",
        ...format,
      });
      const notice = licenceNotice(packagesOf(metafile));
      if (notice !== "") writeFileSync(to, `${notice}${readFileSync(to, "utf8")}`);
    } catch (error) {
      if (error instanceof SetupError) throw error;
      throw new SetupError(`${from} did not bundle; esbuild's message is above.`);
    }
  }
  writeFileSync(inRoot("dist/explorer/solver.txt"), solverText());
}
