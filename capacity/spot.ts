import type { Rng } from "../core/index.ts";
import type { AcceleratorPrice } from "../plan/index.ts";

type Spot = NonNullable<AcceleratorPrice["spot"]>;

const DAY = 86_400;

/** How a job goes on through interruptions. */
export interface SpotPlan {
  /** Between checkpoints; null where a notice is long enough for one, or none is written. */
  readonly intervalSeconds: number | null;
  /** Expected seconds, restarts included, for a job of so many. */
  expectedSeconds(seconds: number): number;
  /** The same as it may come, interruptions drawn one by one. */
  drawnSeconds(seconds: number, rng: Rng): number;
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

/** How a job goes on through interruptions that come at random. */
interface Course {
  /** Work between checkpoints; infinite where a job begins anew. */
  readonly interval: number;
  readonly checkpoint: number;
  readonly restart: number;
  /** Of interruptions, a second. */
  readonly rate: number;
}

/** Until the next interruption. */
function untilNext(rate: number, rng: Rng): number {
  return -Math.log(1 - rng.nextFloat()) / rate;
}

/** A restart, which may be interrupted as well, and when the next interruption comes after it. */
function restarted({ restart, rate }: Course, rng: Rng): { readonly seconds: number; readonly next: number } {
  let seconds = 0;
  let next = untilNext(rate, rng);
  for (; next < restart; next = untilNext(rate, rng)) seconds += next;
  return { seconds: seconds + restart, next: next - restart };
}

/** Beyond so many interruptions expected in one piece of work nobody waits for it. */
const HOPELESS = 12;

/** Seconds of a job with so many of work, whose pieces are lost where an interruption comes before their end. */
function coursed(work: number, course: Course, rng: Rng): number {
  const { interval, checkpoint, rate } = course;
  let [now, next] = [0, untilNext(rate, rng)];
  for (let left = work; left > 0; ) {
    const piece = left <= interval ? left : interval + checkpoint;
    if (piece <= next) {
      now += piece;
      next -= piece;
      left -= interval;
    } else {
      const again = restarted(course, rng);
      now += next + again.seconds;
      next = again.next;
    }
  }
  return now;
}

/** Seconds of a job that loses nothing but a checkpoint and a restart with each interruption. */
function noticed(work: number, course: Course, rng: Rng): number {
  let now = work;
  for (let at = untilNext(course.rate, rng); at < work; at += untilNext(course.rate, rng))
    now += course.checkpoint + restarted(course, rng).seconds;
  return now;
}

/** How jobs on accelerators that may be taken away go on best. */
export function spotPlan({ interruptionsPerDay, noticeSeconds, restartSeconds, checkpointSeconds }: Spot): SpotPlan {
  const rate = interruptionsPerDay / DAY;
  if (rate === 0)
    return { intervalSeconds: null, expectedSeconds: (seconds) => seconds, drawnSeconds: (seconds) => seconds };
  const course = { checkpoint: checkpointSeconds, restart: restartSeconds, rate };
  const through = (seconds: number): number => throughSeconds(seconds, rate, restartSeconds);
  if (checkpointSeconds === 0)
    return {
      intervalSeconds: null,
      expectedSeconds: through,
      drawnSeconds: (seconds, rng) =>
        rate * seconds > HOPELESS
          ? through(seconds)
          : coursed(seconds, { ...course, interval: Number.POSITIVE_INFINITY }, rng),
    };
  if (noticeSeconds >= checkpointSeconds)
    // Nothing is lost but the checkpoint and the restart, which may be interrupted as well.
    return {
      intervalSeconds: null,
      expectedSeconds: (seconds) => seconds * (1 + rate * checkpointSeconds + Math.expm1(rate * restartSeconds)),
      drawnSeconds: (seconds, rng) => noticed(seconds, { ...course, interval: seconds }, rng),
    };
  const interval = bestInterval(checkpointSeconds, rate, restartSeconds);
  return {
    intervalSeconds: interval,
    expectedSeconds(seconds) {
      // Whatever is left after the last checkpoint ends with the job.
      const numCheckpoints = Math.max(0, Math.ceil(seconds / interval) - 1);
      return numCheckpoints * through(interval + checkpointSeconds) + through(seconds - numCheckpoints * interval);
    },
    drawnSeconds: (seconds, rng) => coursed(seconds, { ...course, interval }, rng),
  };
}
