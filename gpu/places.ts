import { existsSync } from "node:fs";
import path from "node:path";
import { packageFile } from "../files/index.ts";
import { Missing } from "./stage.ts";
import type { Mode } from "./summary.ts";

/** Where the build stage puts what runs on the GPU. */
export const PROGRAMS = packageFile("native", "build", "gpu");

/** Where each stage has a folder for its files, which later calls find. */
export const WORK = packageFile("native", "build", "gpu-run");

/** The model of the twin stage: too large for the results. */
export const TWIN_MODEL = path.join(PROGRAMS, "twin-model");

/** A program that the build stage makes. @throws Missing where it did not. */
export function builtProgram(name: string, emulated = false): string {
  const file = emulated ? packageFile("native", "build", name) : path.join(PROGRAMS, name);
  if (!existsSync(file)) throw new Missing(`Expected the program ${name}, which the build stage makes, found none.`);
  return file;
}

/**
 * The reference model, data and expected values: LORATWIN_SHARED, else `shared` in or beside the project. @throws
 * Missing
 */
export function sharedFolder(): string {
  const folders = [process.env["LORATWIN_SHARED"] ?? packageFile("shared"), packageFile("..", "shared")];
  const found = folders.find((folder) => existsSync(path.join(folder, "oracle/cases/two-adapters/case.json")));
  if (found === undefined) throw new Missing("Expected the reference case (LORATWIN_SHARED), found none.");
  return found;
}

/** The addon that the build stage makes. */
export function addonFile(mode: Mode): string {
  return packageFile("native", "build", mode === "emulated" ? "loratwin_emulated.node" : "loratwin.node");
}
