import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { DeviceError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";

/** Where a file or folder of the archive comes from. */
export interface BundleEntry {
  readonly to: string;
  readonly from: string;
  /** Of a folder: paths below it that stay behind. */
  readonly without?: (relative: string) => boolean;
}

/** Of dist: declarations, benchmarks, peers, and what only the explorer's page needs, which nobody makes there. */
const UNUSED_BUILDS =
  /\.map$|(^|\/)\.|^(types|bench|peers|chunks\/(bench|peers)-[^/]*-ts)(\/|$)|^explorer\/(worker\.js|solver\.txt)$/;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: unknown;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest;

/** The packages that run time needs: the product's dependencies and theirs, each where Node finds it. */
function runtimePackages(): readonly BundleEntry[] {
  const root = packageFile();
  const found = new Map<string, string>();
  const visit = (from: string): void => {
    for (const name of Object.keys(readManifest(from).dependencies ?? {})) {
      let above = from;
      let folder = path.join(above, "node_modules", name);
      while (!existsSync(folder) && above !== root) {
        above = path.dirname(above);
        folder = path.join(above, "node_modules", name);
      }
      if (!existsSync(folder)) throw new DeviceError({ expected: `the package ${name}`, got: "none", at: from });
      const relative = path.relative(root, folder);
      if (found.has(relative)) continue;
      found.set(relative, folder);
      visit(folder);
    }
  };
  visit(root);
  const unused = (relative: string): boolean =>
    /\.(map|ts|mts|cts|md|flow|min\.js)$/i.test(relative) ||
    /(^|\/)(node_modules|tests?|docs|browser|umd|iife|commonjs|spec)(\/|$)/.test(relative) ||
    // A bundle for browsers, and a command.
    /^dist\/(d3|cli)\.js$/.test(relative);
  return [...found].map(([to, from]) => {
    const hasExports = readManifest(from).exports !== undefined;
    // The same module once more, for programs that do not import it.
    const isTwin = (relative: string): boolean =>
      hasExports &&
      relative.endsWith(".cjs") &&
      [".js", ".mjs"].some((ending) => existsSync(path.join(from, relative.replace(/\.cjs$/, ending))));
    return { to, from, without: (relative) => unused(relative) || isTwin(relative) };
  });
}

/**
 * The oneDNN that this addon uses, if it uses one, for machines that have none: headers, the library under its own name,
 * its licence.
 */
function oneDnn(): readonly BundleEntry[] {
  const addon = packageFile("native", "build", "loratwin.node");
  const [, name, file] = /(libdnnl\.so\S*) => (\S+)/.exec(execFileSync("ldd", [addon], { encoding: "utf8" })) ?? [];
  const include = ["/usr/include", "/usr/local/include"].find((folder) =>
    existsSync(path.join(folder, "oneapi/dnnl/dnnl.hpp")),
  );
  if (name === undefined || file === undefined || include === undefined) return [];
  const headers = readdirSync(include).filter((each) => /^dnnl.*\.hp?p?$/.test(each));
  const licence = "/usr/share/doc/libdnnl-dev/copyright";
  return [
    { to: `onednn/lib/${name}`, from: realpathSync(file) },
    { to: "onednn/include/oneapi/dnnl", from: path.join(include, "oneapi/dnnl") },
    ...headers.map((each) => ({ to: `onednn/include/${each}`, from: path.join(include, each) })),
    ...(existsSync(licence) ? [{ to: "onednn/copyright", from: licence }] : []),
  ];
}

/** The reference case and its model, where they are. */
function referenceCase(shared: string | undefined): readonly BundleEntry[] {
  if (shared === undefined) return [];
  return ["oracle/cases/two-adapters", "models/tinystories-260k"].map((part) => ({
    to: `shared/${part}`,
    from: path.join(shared, part),
  }));
}

/** All of the archive but Node itself. @throws DeviceError for what is missing on this machine. */
export function bundleEntries(shared: string | undefined): readonly BundleEntry[] {
  const own = (name: string, without: BundleEntry["without"] = () => false): BundleEntry => ({
    to: name,
    from: packageFile(name),
    without,
  });
  return [
    { to: "run.sh", from: packageFile("gpu", "run.sh") },
    own("package.json"),
    own("LICENSE"),
    own("dist", (relative) => UNUSED_BUILDS.test(relative)),
    own("native", (relative) => /^build(?!\.mjs)|\.ts$/.test(relative)),
    own("gpu/programs"),
    own("bench/baseline", (relative) => relative.includes("__pycache__")),
    own("examples/data"),
    ...runtimePackages(),
    ...oneDnn(),
    ...referenceCase(shared),
  ];
}
