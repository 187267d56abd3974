// The browser code of each page as one script and one style sheet, which reports/ and server/ put into their pages.
import { existsSync, mkdirSync } from "node:fs";
import { inRoot } from "./root.mjs";
import { SetupError, say } from "./terminal.mjs";

export const clientFolders = [inRoot("reports/client"), inRoot("server/client")];

const bundles = [
  { from: inRoot("reports/client/main.ts"), to: inRoot("dist/reports/client.js"), format: "iife" },
  { from: inRoot("reports/client/style.css"), to: inRoot("dist/reports/client.css") },
  { from: inRoot("reports/client/fleet/main.ts"), to: inRoot("dist/reports/fleet.js"), format: "iife" },
  { from: inRoot("reports/client/fleet/style.css"), to: inRoot("dist/reports/fleet.css") },
  { from: inRoot("reports/client/paper/main.ts"), to: inRoot("dist/reports/paper.js"), format: "iife" },
  { from: inRoot("reports/client/paper/style.css"), to: inRoot("dist/reports/paper.css") },
  { from: inRoot("server/client/main.ts"), to: inRoot("dist/server/client.js"), format: "iife" },
  { from: inRoot("server/client/style.css"), to: inRoot("dist/server/client.css") },
];

/** @throws SetupError where esbuild finds a fault. */
export async function bundleReportClient() {
  const { build } = await import("esbuild");
  for (const folder of ["dist/reports", "dist/server"]) mkdirSync(inRoot(folder), { recursive: true });
  for (const { from, to, ...format } of bundles.filter((bundle) => existsSync(bundle.from))) {
    say(`bundling ${to.slice(inRoot().length + 1)} (esbuild)`);
    try {
      await build({
        entryPoints: [from],
        outfile: to,
        bundle: true,
        minify: true,
        target: "es2022",
        charset: "utf8",
        ...format,
      });
    } catch {
      throw new SetupError(`${from} did not bundle; esbuild's message is above.`);
    }
  }
}
