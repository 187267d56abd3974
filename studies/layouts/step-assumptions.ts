import type { Assumptions } from "../../calibration/index.ts";
import { plainSoftware } from "../observations/plain-software.ts";
import { publishedSteps } from "../observations/published-rows.ts";
import { NEWEST, releaseNamed } from "../observations/published-steps.ts";
import type { StepMachine } from "./step-machine.ts";

type Assumed = Pick<StepMachine, "release" | "hasGraphs" | "overlaps" | "pcieBytesPerSecond"> & {
  readonly accelerator: { readonly generation: string };
};

function softwareText(release: string, generation: string): string {
  const plain = plainSoftware(release);
  if (plain !== undefined) return plain.text;
  if (release !== NEWEST) return release;
  const named = releaseNamed(release, generation);
  return named === NEWEST
    ? `as fast as the newest releases, of which none was published on ${generation}`
    : `as fast as ${named}, the newest that was published on ${generation}`;
}

/** What times of layouts assume: not what loratwin itself runs. */
export function stepAssumptions({
  accelerator,
  release,
  hasGraphs,
  overlaps,
  pcieBytesPerSecond: pcie,
}: Assumed): Assumptions {
  const steps = publishedSteps();
  const types = new Set(steps.map(({ system }) => system.accelerator.name)).size;
  return {
    device:
      `one formula of whole steps, fitted to ${steps.length} published ones of ${types} types of accelerators` +
      // The span is that of measurements of hosts in docs/reference/gpus.md.
      (pcie === undefined
        ? ""
        : `; PCIe between accelerators at its data sheet's ${Number((pcie / 1e9).toPrecision(3))} GB/s, of which 1.4 to 21 were seen`),
    software: softwareText(release, accelerator.generation),
    kernels:
      `makers' libraries, ${hasGraphs ? "recorded as graphs" : "launched one by one"}` +
      `${overlaps ? ", collectives beside products" : ""}; not loratwin's own`,
  };
}
