import { counted } from "../../../core/index.ts";
import type { Beside, CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { besides, boundsMeaning, candidateText, keptText, missText, splitText } from "../../capacity-data.ts";
import { dataTable } from "../data-table.ts";
import { section } from "../element.ts";
import { formatDuration, formatNumber, formatShare } from "../format.ts";
import { levelName, money, spread } from "./figures.ts";

function cells(beside: Beside, answer: CapacityAnswer, best: CandidateRow): readonly string[] {
  if ("why" in beside) return ["–", ...best.levels.map(() => "–"), `${beside.why} (${beside.detail})`];
  const { cost, levels } = beside;
  const missed = missText(beside, answer);
  return [
    money(cost.mean, answer),
    ...levels.map(spread),
    `${keptText(beside, answer)}${missed === undefined ? "" : `: ${missed}`}`,
  ];
}

/** The answer beside its neighbours, and how its jobs are laid out. */
export function besidesSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { best } = answer;
  if (best === null) return [];
  const levels = best.levels.map((level) => `${level.percent} % of ${levelName(level, best)}`);
  const none = answer.fewer === null ? [["a slot fewer: there is one slot alone"]] : [];
  const rows = [["recommended", best] as const, ...besides(answer)];
  const neighbours = dataTable({
    caption: "What a slot more or fewer brings",
    meaning: `The mean over ${counted(answer.draws, "draw")}, and nine of ten of them. ${boundsMeaning(answer).join(" ")}`,
    columns: ["", "cost", ...levels, "level kept"],
    rows: [...rows.map(([name, beside]) => [name, ...cells(beside, answer, best)]), ...none],
  });
  const layouts = dataTable({
    caption: "How a job is trained on a slot",
    meaning: `${candidateText(best.candidate)}: the fastest layout that has room.`,
    columns: ["kind", "step", "products", "traffic", "links", "split", "layers twice", "tokens", "memory"],
    rows: best.layouts.map((layout) => [
      layout.kind,
      formatDuration(layout.stepSeconds),
      formatShare(layout.shares.products),
      formatShare(layout.shares.memory),
      formatShare(layout.shares.link),
      splitText(layout),
      formatNumber(layout.recomputedLayers),
      formatNumber(layout.microTokens),
      formatShare(layout.memoryShare),
    ]),
  });
  return [
    section(
      "besides",
      "Beside it",
      "What comes next, and what a change of the recommended machines would do. A split of a job is tensor (tp), context (cp), pipeline (pp) and data parallel (dp).",
      [neighbours, layouts],
    ),
  ];
}
