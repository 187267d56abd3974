import { counted, formatSeconds } from "../core/index.ts";
import type { FleetHistory } from "../plan/index.ts";

/** ", 3.20 s after its deadline" of a job that ends so late; "" of one that is in time. */
export function lateText(seconds: number): string {
  return seconds === 0 ? "" : `, ${formatSeconds(seconds)} after its deadline`;
}

/** Jobs that are named. */
const MOST = 8;

/** Which jobs of a fleet ended after their deadlines, and by how much; nothing where none that ended has one. */
export function deadlineLines({ jobs }: Pick<FleetHistory, "jobs">): readonly string[] {
  const slacks = jobs.flatMap(({ endNs, request: { name, deadlineNs } }) =>
    deadlineNs === null || endNs === undefined ? [] : [{ name, lateNs: endNs - deadlineNs }],
  );
  if (slacks.length === 0) return [];
  const late = slacks
    .filter(({ lateNs }) => lateNs > 0)
    .map(({ name, lateNs }) => `${name} by ${formatSeconds(lateNs / 1e9)}`);
  const what = `${late.length} of ${counted(slacks.length, "job")} with a deadline ended after it`;
  const more = late.length > MOST ? ` and ${late.length - MOST} more` : "";
  return [late.length === 0 ? what : `${what}: ${late.slice(0, MOST).join(", ")}${more}`];
}
