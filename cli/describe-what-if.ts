import { formatSeconds, formatSecondsRange } from "../core/index.ts";
import type { PredictedTime, WhatIfAnswer } from "../sim/index.ts";
import type { Interval, Outlook } from "../traces/index.ts";
import { lateText } from "./describe-deadlines.ts";
import { outlookLines, table } from "./output.ts";

/** Times of a fleet as times from now on. */
export function outlookRanges(
  outlooks: Readonly<Record<Outlook, Pick<PredictedTime, "low" | "high">>> | undefined,
  now: number,
): Readonly<Record<Outlook, Interval>> | undefined {
  const left = (at: number): number => Math.max(0, at - now);
  const rangeOf = ({ low, high }: Pick<PredictedTime, "low" | "high">): Interval => [left(low), left(high)];
  return outlooks && { alone: rangeOf(outlooks.alone), now: rangeOf(outlooks.now), been: rangeOf(outlooks.been) };
}

/** What would happen if a job came, for people: times from when it would come. */
export function describeWhatIf(name: string, answer: WhatIfAnswer): string {
  if (!answer.admitted) {
    const { policy, why, detail } = answer;
    return `${name} would be refused (${policy}): ${why}${detail === undefined ? "" : `\n\n${detail}`}`;
  }
  const { policy, asOfSeconds: now, startSeconds, end, lateSeconds, outlooks, delays } = answer;
  const left = (at: number): number => Math.max(0, at - now);
  const range = end.low === end.high ? "" : ` (90 % of runs: ${formatSecondsRange(left(end.low), left(end.high))})`;
  const soon = startSeconds <= now ? "at once" : `in ${formatSeconds(left(startSeconds))}`;
  const start = `${name} would start ${soon} and end in ${formatSeconds(left(end.seconds))}${range}${lateText(lateSeconds)}, under ${policy}`;
  const lines = outlookLines(outlookRanges(outlooks, now));
  if (delays.length === 0) return [`${start}; no other job would end at another time`, ...lines].join("\n");
  const areLate = delays.some((delay) => delay.lateSeconds > 0);
  const rows = delays.map(({ name: other, bySeconds, lateSeconds: late }) => [
    other,
    `${formatSeconds(Math.abs(bySeconds))} ${bySeconds < 0 ? "earlier" : "later"}`,
    ...(areLate ? [late === 0 ? "-" : formatSeconds(late)] : []),
  ]);
  const heads = ["job", "would end", ...(areLate ? ["after its deadline by"] : [])];
  return [start, ...lines, "", table(heads, rows)].join("\n");
}
