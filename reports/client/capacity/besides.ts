import { counted } from "../../../core/index.ts";
import type { Beside, CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { besides, boundsMeaning, keptText, missText, SPLIT_MEANING, splitText } from "../../capacity-data.ts";
import { headroomTexts } from "../../capacity-words.ts";
import { dataTable } from "../data-table.ts";
import { element, section } from "../element.ts";
import { formatDuration, formatNumber, formatShare } from "../format.ts";
import { levelName, money, spread } from "./figures.ts";
import { sentences } from "./money.ts";

/** The column of why a choice is none. */
const FAULT = "why not";

function cells(beside: Beside, answer: CapacityAnswer, best: CandidateRow): readonly string[] {
  if ("why" in beside) return ["–", ...best.levels.map(() => "–"), "–", `${beside.why} (${beside.detail})`];
  const { cost, levels } = beside;
  return [money(cost.mean, answer), ...levels.map(spread), keptText(beside, answer), missText(beside, answer) ?? ""];
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
    columns: ["", "cost", ...levels, "level kept", FAULT],
    rows: [...rows.map(([name, beside]) => [name, ...cells(beside, answer, best)]), ...none],
    texts: [FAULT],
  });
  const layouts = dataTable({
    caption: "How a job is trained on a slot",
    meaning: `The fastest layout that has room. ${SPLIT_MEANING}`,
    columns: [
      "kind",
      "step",
      "products",
      "traffic",
      "links",
      "split",
      "layers computed twice",
      "tokens at once",
      "memory",
    ],
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
      "What comes next, and what a change of the recommended machines would do. A slot is the accelerators that train a job together.",
      [element("div", { class: "panel" }, [sentences(headroomTexts(answer))]), neighbours, layouts],
    ),
  ];
}
