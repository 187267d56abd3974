import path from "node:path";
import { expect, it } from "vitest";
import { projectOf } from "./project-of.ts";

it.each([
  ["core/core.test.ts", "pure"],
  ["sim/simulate.test.ts", "pure"],
  // Devices, the command line, and programs.
  ["exec/oracle.test.ts", "program"],
  ["cli/goldens.test.ts", "program"],
  ["core/shell-words.test.ts", "program"],
  ["reports/report-page.test.ts", "pages"],
  ["cli/no-addon.test.ts", "alone"],
  ["exec/cuda.test.ts", "native"],
])("a test file is run where what it comes to import belongs: %s in %s", (file, project) => {
  expect(projectOf(path.join(import.meta.dirname, file))).toBe(project);
});
