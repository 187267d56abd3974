// Makes a fresh clone ready to run: `node setup/prepare.mjs [--types | --test]`. Plain Node without packages, since it
// installs them. Every step looks first, is silent where nothing has to be done, and says in one line what it does otherwise.
import { installChromium } from "./chromium.mjs";
import { buildNativeAddon } from "./native-addon.mjs";
import { installNodeModules } from "./node-modules.mjs";
import { checkNodeVersion } from "./node-version.mjs";
import { installOpenMpi } from "./open-mpi.mjs";
import { installSystemPackages } from "./system-packages.mjs";
import { SetupError } from "./terminal.mjs";
import { buildTypeScript, buildTypes } from "./typescript-build.mjs";

const forTests = process.argv.includes("--test");
const steps = [
  checkNodeVersion,
  installSystemPackages,
  installNodeModules,
  ...(forTests ? [installChromium, installOpenMpi] : []),
  buildNativeAddon,
  buildTypeScript,
  ...(forTests || process.argv.includes("--types") ? [buildTypes] : []),
];

try {
  for (const step of steps) await step({ forTests });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  // Whoever reads the closing line of `npm test` sees that the preparation was what failed.
  if (forTests) console.log("0 passed, 1 failed");
  process.exitCode = error.exitCode;
}
