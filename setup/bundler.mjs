// The bundler of scripts and style sheets: for the programs, the pages, and tests.
import { writeFileSync } from "node:fs";
import { inRoot, root } from "./root.mjs";

const refuseNode = {
  name: "refuse-node",
  resolveId(source) {
    if (source.startsWith("node:")) throw new Error(`A page's script imports ${source}.`);
  },
};

/** ECMAScript modules for Node, with `options` of rolldown's output. @throws Error with what the bundler found */
export async function bundleForNode(input, { external = [], ...output }) {
  const { build } = await import("rolldown");
  await build({
    input,
    cwd: root,
    platform: "node",
    external,
    transform: { target: "node20" },
    output: { format: "esm", ...output },
  });
}

/**
 * One script for a page. It imports nothing; of Node's modules it may have those that are asked for as it runs.
 * @returns its text and the ids of the modules that are in it
 * @throws Error with what the bundler found
 */
export async function bundleForPage(input, { define, usesNode = false, ...output } = {}) {
  const { build } = await import("rolldown");
  const { output: files } = await build({
    input,
    cwd: root,
    platform: "browser",
    ...(usesNode ? { external: /^node:/ } : { plugins: [refuseNode] }),
    transform: { target: "es2022", define },
    output: { format: "iife", codeSplitting: false, ...output },
    write: false,
  });
  const [{ code, modules }] = files;
  const used = Object.entries(modules).filter(([, { renderedLength }]) => renderedLength > 0);
  return { code, modules: used.map(([id]) => id) };
}

/** Writes a style sheet with what it imports, minified. @throws Error with what the bundler found */
export async function bundleStyle(from, to) {
  const { bundle } = await import("lightningcss");
  writeFileSync(to, bundle({ filename: inRoot(from), minify: true }).code);
}
