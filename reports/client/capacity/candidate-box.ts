import type { CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { candidateText, keptText } from "../../capacity-data.ts";
import { formatShare } from "../format.ts";
import { boxContent, createHoverBox, type HoverBox } from "../hover-box.ts";
import { levelName, money, spread } from "./figures.ts";

/** The box of a candidate that was simulated. */
export function candidateBox(answer: CapacityAnswer): HoverBox<CandidateRow> {
  return createHoverBox((row) => {
    const { candidate, cost, levels, utilisation } = row;
    return boxContent(
      candidateText(candidate),
      [
        ["cost", money(cost.mean, answer)],
        ...levels.map((level) => [`${level.percent} % of ${levelName(level, row)}`, spread(level)] as const),
        ["trains", formatShare(utilisation)],
        ["level kept", keptText(row, answer)],
      ],
      [row.isOnFront ? "None that keeps the level costs no more and is sooner." : ""],
    );
  });
}
