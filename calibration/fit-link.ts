import { nonNegativeLeastSquares } from "../core/index.ts";
import type { MeasuredCalibration } from "../plan/index.ts";

/** One message: its size, and the time from the end of the sending action to the start of the waiting one. */
export interface LinkSample {
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Latency and time a byte, both not negative, by least squares on relative residuals; a free link where nothing was
 * measured.
 */
export function fitLink(samples: readonly LinkSample[]): MeasuredCalibration["link"] {
  const positive = samples.filter(({ seconds }) => seconds > 0);
  if (positive.length === 0) return { latencySeconds: 0, secondsPerByte: 0 };
  const columns = [positive.map(({ seconds }) => 1 / seconds), positive.map(({ bytes, seconds }) => bytes / seconds)];
  const [latencySeconds = 0, secondsPerByte = 0] = nonNegativeLeastSquares(
    columns,
    positive.map(() => 1),
  );
  return { latencySeconds, secondsPerByte };
}
