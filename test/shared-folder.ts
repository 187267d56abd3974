import { existsSync } from "node:fs";
import path from "node:path";

/** The folder of reference models, data and cases: LORATWIN_SHARED, else `../shared` beside the project. */
export const SHARED = path.resolve(process.env["LORATWIN_SHARED"] ?? path.join(import.meta.dirname, "../../shared"));

/** For tests that need the folder: without it they are reported as skipped. */
export const HAS_SHARED = existsSync(path.join(SHARED, "oracle/cases/two-adapters/case.json"));
