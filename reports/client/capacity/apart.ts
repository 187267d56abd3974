import type { CapacityAnswer } from "../../../plan/index.ts";
import { apartAgainst, candidateText, keptText, splitText } from "../../capacity-data.ts";
import { dataTable } from "../data-table.ts";
import { section } from "../element.ts";
import { formatDuration, formatShare } from "../format.ts";
import { hours, money } from "./figures.ts";

/** Machines of their own for each base model, where there are several. */
export function apartSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { apart } = answer;
  if (apart === null) return [];
  const rows = apart.pools.map(({ kinds, best: { candidate, cost, levels, utilisation, layouts } }) => [
    kinds.join(", "),
    candidateText(candidate),
    layouts.map(splitText).join("; "),
    money(cost.mean, answer),
    levels.map(({ percent, mean }) => `${percent} %: ${hours(mean)}`).join(", "),
    layouts.map(({ stepSeconds }) => formatDuration(stepSeconds)).join(", "),
    formatShare(utilisation),
  ]);
  const against = apartAgainst(answer);
  const all = ["all", "", "", money(apart.cost.mean, answer), `kept in ${keptText(apart, answer)}`, "", ""];
  return [
    section(
      "apart",
      "Machines apart",
      "A slot holds one base model at a time. Here each has machines of its own, in slots of their own size, and keeps its levels by itself.",
      [
        dataTable({
          caption: "The best machines for each base model",
          meaning: `In all ${money(apart.cost.low, answer)} to ${money(apart.cost.high, answer)}${against === undefined ? "" : `, ${against}`}.`,
          columns: ["jobs", "machines", "split", "cost", "done within", "step", "train"],
          rows: [...rows, all],
          texts: ["machines", "split"],
        }),
      ],
    ),
  ];
}
