// npm run gpu:bundle -- [-o loratwin-gpu.tar.gz]: what `npm run gpu` needs on a machine without Node, npm and network.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { DeviceError, formatBytes } from "../core/index.ts";
import { temporaryFolder } from "../files/index.ts";
import { bundleEntries } from "./bundle-files.ts";
import { packOneDnn } from "./carried-onednn.ts";
import { sharedFolder } from "./places.ts";
import { Missing } from "./stage.ts";

/** What the archive may have, so that it can be sent anywhere. */
const LARGEST_BYTES = 50e6;

function findShared(): string | undefined {
  try {
    return sharedFolder();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    process.stderr.write(
      "Without the reference case (LORATWIN_SHARED): the oracle stage will say that it is missing.\n",
    );
    return undefined;
  }
}

function writeBundle(output: string): void {
  using temporary = temporaryFolder("loratwin-bundle");
  const stage = temporary.path;
  for (const { to, from, without } of bundleEntries(findShared())) {
    const target = path.join(stage, to);
    mkdirSync(path.dirname(target), { recursive: true });
    const filter = (file: string): boolean => file === from || without?.(path.relative(from, file)) !== true;
    if (to.startsWith("onednn/lib/")) packOneDnn(from, target);
    else cpSync(from, target, { recursive: true, filter });
  }
  const node = path.join(stage, "bin", "node");
  mkdirSync(path.dirname(node));
  // Debugging symbols are a tenth of it.
  execFileSync("strip", ["-o", node, process.execPath]);
  const options = ["--owner=0", "--group=0", "--use-compress-program", "gzip -9"];
  execFileSync("tar", [...options, "-C", stage, "-cf", output, "."]);
  const { size } = statSync(output);
  process.stdout.write(`${output}: ${formatBytes(size)}\n`);
  if (size <= LARGEST_BYTES) return;
  throw new DeviceError({ expected: `at most ${formatBytes(LARGEST_BYTES)}`, got: formatBytes(size), at: output });
}

const { values } = parseArgs({
  options: { output: { type: "string", short: "o", default: "loratwin-gpu.tar.gz" } },
});
try {
  writeBundle(values.output);
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 3;
}
