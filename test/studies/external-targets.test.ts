import path from "node:path";
import { expect, test } from "vitest";
import type { Measurement } from "../../bench/measurement.ts";
import { external } from "../../bench/suites/external.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";

/** Largest mean error by model, where the published data are there; the rows are named by their files' form. */
test.skipIf(!HAS_SHARED)(
  "published measurements are predicted as well as promised",
  async () => {
    const place = path.join(SHARED, "ground-truth");
    const measurements: Measurement[] = [];
    const setting = { scale: "quick", place, note: () => {} } as const;
    for (const { run } of await external.cases(setting))
      await run({ ...setting, measured: [], record: (measurement) => void measurements.push(measurement) });
    const mean = (model: string, fittedOn: string): number =>
      measurements.find(
        ({ name, parameters }) =>
          name === "mean" && parameters["model"] === model && `${parameters["fitted on"]}`.startsWith(fittedOn),
      )!.value;
    expect(mean("time, blocking transfers, host and reduction", "all others")).toBeLessThanOrEqual(0.05);
    expect(mean("peak memory", "all others")).toBeLessThanOrEqual(0.015);
    expect(mean("time, smooth", "72 random")).toBeLessThanOrEqual(0.06);
    expect(mean("time, corrected by cell", "72 covering")).toBeLessThanOrEqual(0.015);
    for (const passes of ["F", "F+I"]) {
      expect(mean(`time, layer ${passes}`, "every other")).toBeLessThanOrEqual(0.025);
      expect(mean(`time, layer ${passes}`, "all but the largest")).toBeLessThanOrEqual(0.05);
    }
  },
  120_000,
);
