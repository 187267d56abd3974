import type { AcceleratorPrice } from "../plan/index.ts";

type Spot = NonNullable<AcceleratorPrice["spot"]>;

const DAY = 86_400;

/** How a job goes on through interruptions. */
export interface SpotPlan {
  /** Between checkpoints; null where a notice is long enough for one, or none is written. */
  readonly intervalSeconds: number | null;
  /** Expected seconds, restarts included, for a job of so many. */
  expectedSeconds(seconds: number): number;
}

/**
 * Expected time to get through `seconds` of work in one go, where interruptions come as a Poisson process of `rate` a
 * second and `restart` seconds follow each: (1 / rate + restart) (e^(rate seconds) - 1) (Daly, Future Generation Computer
 * Systems 22, 2006).
 */
function throughSeconds(seconds: number, rate: number, restart: number): number {
  return (1 / rate + restart) * Math.expm1(rate * seconds);
}

/** Expected time for each second of work, with a checkpoint after each interval. */
function stretch(interval: number, checkpoint: number, rate: number, restart: number): number {
  return throughSeconds(interval + checkpoint, rate, restart) / interval;
}

/** The interval with the least expected time, found by golden sections of its logarithm: the function has one valley. */
function bestInterval(checkpoint: number, rate: number, restart: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(checkpoint / 100), Math.log(100 / rate)];
  for (let round = 0; round < 200 && high - low > 1e-9; round += 1) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (stretch(Math.exp(a), checkpoint, rate, restart) < stretch(Math.exp(b), checkpoint, rate, restart)) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}

/** How jobs on accelerators that may be taken away go on best. */
export function spotPlan({ interruptionsPerDay, noticeSeconds, restartSeconds, checkpointSeconds }: Spot): SpotPlan {
  const rate = interruptionsPerDay / DAY;
  if (rate === 0) return { intervalSeconds: null, expectedSeconds: (seconds) => seconds };
  if (checkpointSeconds === 0)
    return { intervalSeconds: null, expectedSeconds: (seconds) => throughSeconds(seconds, rate, restartSeconds) };
  if (noticeSeconds >= checkpointSeconds)
    // Nothing is lost but the checkpoint and the restart, which may be interrupted as well.
    return {
      intervalSeconds: null,
      expectedSeconds: (seconds) => seconds * (1 + rate * checkpointSeconds + Math.expm1(rate * restartSeconds)),
    };
  const interval = bestInterval(checkpointSeconds, rate, restartSeconds);
  const through = (seconds: number): number => throughSeconds(seconds, rate, restartSeconds);
  return {
    intervalSeconds: interval,
    expectedSeconds(seconds) {
      // Whatever is left after the last checkpoint ends with the job.
      const numCheckpoints = Math.max(0, Math.ceil(seconds / interval) - 1);
      return numCheckpoints * through(interval + checkpointSeconds) + through(seconds - numCheckpoints * interval);
    },
  };
}
