// The browser that opens the report in the tests. Ubuntu has Chromium only as a snap, which playwright cannot
// drive from a sandbox; there playwright's own build is taken, with the libraries that it asks for.
import { existsSync } from "node:fs";
import { findPackageManager } from "./package-manager.mjs";
import { inRoot } from "./root.mjs";
import { findProgram } from "./search-path.mjs";
import { missingMessage } from "./system-packages.mjs";
import { answers, runs, SetupError, say } from "./terminal.mjs";

const programs = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

async function playwrightsBrowser() {
  try {
    const { chromium } = await import("playwright-core");
    return chromium.executablePath();
  } catch {
    return undefined;
  }
}

/**
 * The path of a Chromium that starts: LORATWIN_CHROMIUM, one on PATH, or playwright's own; undefined where none does.
 */
export async function findChromium() {
  const named = [process.env.LORATWIN_CHROMIUM ?? "", ...programs].filter((name) => name !== "");
  for (const name of named) {
    const path = findProgram([name]);
    // Ubuntu's /usr/bin/chromium-browser without its snap is a script that only prints advice and fails.
    if (path !== undefined && answers(path, ["--version"])) return path;
  }
  const own = await playwrightsBrowser();
  return own !== undefined && existsSync(own) ? own : undefined;
}

/** @throws SetupError (3) where no browser is there and none can be installed. */
export async function installChromium() {
  if ((await findChromium()) !== undefined) return;
  const manager = findPackageManager();
  manager?.refresh();
  if (manager?.offers("chromium")) {
    manager.install(["chromium"]);
  } else {
    say("installing playwright's Chromium");
    const withLibraries = manager === undefined ? [] : ["--with-deps"];
    runs(process.execPath, [inRoot("node_modules/playwright-core/cli.js"), "install", ...withLibraries, "chromium"]);
  }
  if ((await findChromium()) === undefined) {
    throw new SetupError(missingMessage([{ what: "Chromium", apt: "chromium", dnf: "chromium" }]), 3);
  }
}
