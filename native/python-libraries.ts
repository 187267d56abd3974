import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

/** Libraries that the addon loads by name, the variable that names another file, and folders in which pip has them. */
const LIBRARIES = [
  { variable: "LORATWIN_CUBLASLT", file: /^libcublasLt\.so\.\d+$/, folders: [/^cu\d+$/, /^cublas$/] },
  { variable: "LORATWIN_NCCL", file: /^libnccl\.so\.2$/, folders: [/^nccl$/] },
];

const listed = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : []);

/** Folders `nvidia` of the Python environment that is active, and of the one that holds the folder `root`. */
function nvidiaFolders(environment: NodeJS.ProcessEnv, root: string): readonly string[] {
  const active = ["VIRTUAL_ENV", "CONDA_PREFIX"].flatMap((name) => environment[name] ?? []);
  const packages = active.flatMap((folder) =>
    listed(path.join(folder, "lib"))
      .filter((name) => name.startsWith("python3"))
      .map((name) => path.join(folder, "lib", name, "site-packages")),
  );
  const around = root.split(path.sep).lastIndexOf("site-packages");
  const own = around < 0 ? [] : [root.split(path.sep).slice(0, around + 1).join(path.sep)];
  return [...packages, ...own].map((folder) => path.join(folder, "nvidia"));
}

/**
 * Paths of CUDA's libraries as PyTorch's wheels bring them, by the variables that name them to the addon: the system's
 * loader does not look there. A variable that is set stays as it is.
 */
export function pythonLibraries(environment: NodeJS.ProcessEnv, root: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const nvidia of nvidiaFolders(environment, root)) {
    for (const { variable, file, folders } of LIBRARIES) {
      if (environment[variable] !== undefined || found[variable] !== undefined) continue;
      const paths = listed(nvidia)
        .filter((name) => folders.some((folder) => folder.test(name)))
        .flatMap((name) => listed(path.join(nvidia, name, "lib")).map((each) => path.join(nvidia, name, "lib", each)))
        .filter((each) => file.test(path.basename(each)));
      const newest = paths.at(-1);
      if (newest !== undefined) found[variable] = newest;
    }
  }
  return found;
}
