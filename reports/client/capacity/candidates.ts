import type { CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { keptText, MISSES_MEANING, tiedText, unfitReasons, withoutTies } from "../../capacity-data.ts";
import { wordMeanings } from "../../capacity-words.ts";
import { dataTable } from "../data-table.ts";
import { section } from "../element.ts";
import { formatShare } from "../format.ts";
import { levelName, money, spread } from "./figures.ts";

/** Rows of a table; all of them are in candidates.csv. */
const SHOWN = 40;

function table(caption: string, rows: readonly CandidateRow[], answer: CapacityAnswer): HTMLElement | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const levels = first.levels.map((level) => `${level.percent} % of ${levelName(level, first)}`);
  const tied = withoutTies(rows);
  return dataTable({
    caption,
    meaning: tied.length > SHOWN ? `The first ${SHOWN} of ${tied.length}.` : "",
    columns: ["", "cost", ...levels, "trains", "level kept"],
    rows: tied
      .slice(0, SHOWN)
      .map(({ row, others }) => [
        tiedText({ row, others }),
        money(row.cost.mean, answer),
        ...row.levels.map(spread),
        formatShare(row.utilisation),
        keptText(row, answer),
      ]),
  });
}

/** Candidates that were simulated, and why others were not. */
export function candidatesSection(answer: CapacityAnswer): readonly HTMLElement[] {
  const { meets, misses } = answer;
  const reasons = unfitReasons(answer);
  const words = wordMeanings([...meets, ...misses].map(({ candidate }) => candidate));
  const inBrackets = words.length === 0 ? "" : `In brackets, ${words.join("; ")}.`;
  return [
    section("candidates", "Candidates", `${inBrackets} ${MISSES_MEANING}`.trim(), [
      table("Keep the level", meets, answer),
      table("Miss the level", misses, answer),
      reasons.length === 0
        ? undefined
        : dataTable({
            caption: "Not looked at",
            meaning: "Why, and how many for each reason.",
            columns: [""],
            rows: reasons.map((reason) => [reason]),
          }),
    ]),
  ];
}
