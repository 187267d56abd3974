import { createRng } from "../core/index.ts";
import type { TracedJob } from "../sim/index.ts";

/** Jobs of Philly's table with a line a job, and the days from the first of them to the last. */
const JOBS = 82_247;
const DAYS = 137;
/**
 * GPU seconds below which so many of the jobs are, and at most: of the same table (Jeon et al., USENIX ATC 2019;
 * github.com/msr-fiddle/philly-traces). A hundred jobs have a quarter of the time.
 */
const QUANTILES = [
  [0, 1],
  [0.1, 61],
  [0.5, 1186],
  [0.9, 12_678],
  [0.99, 1_030_460],
  [1, 37_025_808],
] as const;

/** Between two quantiles the logarithm is even. */
function gpuSeconds(share: number): number {
  const at = QUANTILES.findLastIndex(([from]) => from <= share);
  const [[low, least], [high, most]] = [QUANTILES[at]!, QUANTILES[at + 1]!];
  return least * (most / least) ** ((share - low) / (high - low));
}

/** Random jobs whose GPU times are spread as Philly's are, at random times, as many a day; the same every time. */
export function phillyLike(count = JOBS): readonly TracedJob[] {
  const rng = createRng("philly");
  const spanSeconds = (DAYS * 86_400 * count) / JOBS;
  const times = Array.from({ length: count }, () => spanSeconds * rng.nextFloat()).sort((a, b) => a - b);
  return times.map((submitSeconds, number) => ({
    id: `job${number}`,
    user: `team${rng.nextInt(14)}`,
    submitSeconds,
    gpuSeconds: gpuSeconds(rng.nextFloat()),
    ended: "completed",
  }));
}
