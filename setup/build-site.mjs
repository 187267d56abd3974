// The pages of docs/ as a site with search: `npm run docs` writes docs/.vitepress/dist, `npm run docs -- dev` shows the
// pages while they are written. What it needs is in docs/package-lock.json, apart from the project's own packages.
import { existsSync, readFileSync } from "node:fs";
import { inRoot } from "./root.mjs";
import { runs, SetupError, say } from "./terminal.mjs";

const docs = inRoot("docs");
const versionOf = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined);

try {
  const wanted = versionOf(inRoot("docs/package.json")).devDependencies.vitepress;
  if (versionOf(inRoot("docs/node_modules/vitepress/package.json"))?.version !== wanted) {
    say("installing the packages of docs/package-lock.json (npm ci)");
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    if (!runs("npm", args, { cwd: docs })) throw new SetupError("npm ci failed; its message is above.");
  }
  const [command = "build", ...rest] = process.argv.slice(2);
  if (!runs(process.execPath, ["node_modules/vitepress/bin/vitepress.js", command, ".", ...rest], { cwd: docs }))
    throw new SetupError("vitepress failed; its message is above.");
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
