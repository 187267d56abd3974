// The browser code of each page as one script and one style sheet, which reports/ and server/ put into their pages. The
// licences of the packages in it stand in front of it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleForPage, bundleStyle } from "./bundler.mjs";
import { inRoot } from "./root.mjs";
import { SetupError, say } from "./terminal.mjs";

export const clientFolders = [inRoot("reports/client"), inRoot("server/client"), inRoot("explorer/client")];

/** Of the explorer's workers: WebAssembly, which its page has compressed by gzip, in base 64. */
const solver = inRoot("node_modules/highs/build/highs.wasm");

/** Scripts and style sheets: what is bundled, and its name below dist/. */
const scripts = [
  { from: "reports/client/main.ts", to: "reports/client.js" },
  { from: "reports/client/fleet/main.ts", to: "reports/fleet.js" },
  { from: "reports/client/paper/main.ts", to: "reports/paper.js" },
  { from: "reports/client/capacity/main.ts", to: "reports/capacity.js" },
  { from: "reports/client/data/main.ts", to: "reports/data.js" },
  { from: "server/client/main.ts", to: "server/client.js" },
  { from: "explorer/client/main.ts", to: "explorer/client.js" },
  { from: "explorer/client/ways/main.ts", to: "explorer/ways.js" },
  // The solver's module is written for Node too, and would look for its file where it is: the page hands it over.
  {
    from: "explorer/client/worker.ts",
    to: "explorer/worker.js",
    usesNode: true,
    define: { "import.meta.url": "undefined" },
  },
];
const styles = [
  { from: "reports/client/style.css", to: "reports/client.css" },
  { from: "reports/client/fleet/style.css", to: "reports/fleet.css" },
  { from: "reports/client/paper/style.css", to: "reports/paper.css" },
  { from: "reports/client/capacity/style.css", to: "reports/capacity.css" },
  { from: "reports/client/data/style.css", to: "reports/data.css" },
  { from: "server/client/style.css", to: "server/client.css" },
  { from: "explorer/client/style.css", to: "explorer/client.css" },
];

/** The packages that modules are of. */
function packagesOf(modules) {
  const names = modules.flatMap((path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
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

/** @throws SetupError where the bundler finds a fault. */
export async function bundleReportClient() {
  say("bundling the pages' browser code (rolldown)");
  for (const folder of ["reports", "server", "explorer"]) mkdirSync(inRoot("dist", folder), { recursive: true });
  try {
    for (const { from, to, ...options } of scripts) {
      const { code, modules } = await bundleForPage(from, { minify: true, ...options });
      writeFileSync(inRoot("dist", to), `${licenceNotice(packagesOf(modules))}${code}`);
    }
    for (const { from, to } of styles) await bundleStyle(from, inRoot("dist", to));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`The pages' browser code did not bundle.\n${error.message}`);
  }
  writeFileSync(inRoot("dist/explorer/solver.txt"), gzipSync(readFileSync(solver), { level: 9 }).toString("base64"));
}
