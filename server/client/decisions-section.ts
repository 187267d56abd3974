import { element, formatDuration, section } from "../../reports/client/index.ts";
import type { FleetState } from "./api.ts";

/** So many of the latest. */
const SHOWN = 60;

export function decisionsSection({ decisions }: FleetState): HTMLElement {
  const rows = decisions
    .flatMap(({ line, atSeconds, decisions: all }) =>
      all.map((decision, place) => ({ key: `${line} ${place}`, atSeconds, ...decision })),
    )
    .slice(-SHOWN)
    .reverse()
    .map(({ key, atSeconds, kind, name, pipeline, why }) =>
      element("li", { "data-key": key }, [
        element("span", { class: "when" }, [formatDuration(atSeconds)]),
        element("span", { class: "what" }, [
          element("strong", {}, [`${kind} ${name}`]),
          pipeline === null ? "" : ` on pipeline ${pipeline}`,
          element("span", { class: "detail" }, [why]),
        ]),
      ]),
    );
  return section(
    "decisions",
    "Decisions",
    "What the scheduler decided and why, the latest first, in time since the start.",
    [
      rows.length === 0
        ? element("p", { class: "meaning" }, ["Nothing was decided yet."])
        : element("ol", { class: "panel decisions" }, rows),
    ],
  );
}
