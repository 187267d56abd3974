import { CATALOG } from "../plan/index.ts";
import { PAPER_ERROR, paperPlatform } from "../studies/index.ts";

/** The link of the scenes of the paper's evaluation, of which its programs use a small part. */
export const PAPER_LINK = "pcie4x16";

/**
 * The text of a calibration file with the times of the paper's evaluation, as `loratwin paper` calibrates them. What a
 * message takes there is said as a share of the link's rate and a latency.
 */
export function paperCalibration(): string {
  const { calibration, hopBytesPerSecond, hopSeconds } = paperPlatform(CATALOG);
  const rate = CATALOG.links[PAPER_LINK]!.bandwidthBytesPerSecond!;
  const figures = {
    ...calibration,
    transferEfficiency: hopBytesPerSecond / rate.value,
    transferLatencySeconds: hopSeconds,
    meanError: PAPER_ERROR,
  };
  return `${JSON.stringify(figures, null, 2)}\n`;
}
