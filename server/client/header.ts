import { card, element, formatDuration } from "../../reports/client/index.ts";
import type { FleetState } from "./api.ts";

/** `connection`: whether what is shown is still true. */
export function header({ status }: FleetState, connection: string, contents: HTMLElement): HTMLElement {
  const { policy, pipelines, uptimeSeconds, draining, counts } = status;
  const training = counts.running + counts.leaving;
  const waiting = counts.waiting + counts.preempted + counts.paused;
  const over = counts.ended + counts.stopped + counts.cancelled + counts.refused + counts.failed;
  const aside = (facts: Readonly<Record<string, number>>): string =>
    Object.entries(facts)
      .flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]))
      .join(", ");
  const { ended, stopped, cancelled, refused, failed, preempted, paused, leaving } = counts;
  const devices = pipelines.map(({ devices: each }) => each.join(" + ")).join("; ");
  return element("header", {}, [
    element("p", { class: "eyebrow" }, ["loratwin"]),
    element("h1", {}, [draining ? "Fleet, taking no more jobs" : "Fleet"]),
    element("p", { class: "connection", role: "status" }, [connection]),
    contents,
    element("dl", { class: "cards" }, [
      card("training", `${training}`, aside({ leaving })),
      card("waiting", `${waiting}`, aside({ preempted, paused })),
      card("over", `${over}`, aside({ ended, stopped, cancelled, refused, failed })),
      card("policy", policy, `up ${formatDuration(uptimeSeconds)}`),
      card(pipelines.length === 1 ? "pipeline" : "pipelines", `${pipelines.length}`, devices),
    ]),
  ]);
}
