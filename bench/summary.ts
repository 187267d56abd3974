import { formatSeconds, sum } from "../core/index.ts";
import { roughly } from "./progress.ts";
import type { CaseOutcome } from "./run-suite.ts";

type Named<Outcome extends CaseOutcome["outcome"]> = Extract<CaseOutcome, { readonly outcome: Outcome }>;

function those<Outcome extends CaseOutcome["outcome"]>(
  outcomes: readonly CaseOutcome[],
  outcome: Outcome,
): readonly Named<Outcome>[] {
  return outcomes.filter((each): each is Named<Outcome> => each.outcome === outcome);
}

const plural = (count: number): string => `${count} ${count === 1 ? "case" : "cases"}`;

/** What was measured, what was not and why, and how to go on; lines of text. */
export function summaryLines(
  suite: string,
  outcomes: readonly CaseOutcome[],
  facts: { readonly seconds: number; readonly budgetSeconds: number; readonly file: string },
): readonly string[] {
  const [measured, kept] = [those(outcomes, "measured"), those(outcomes, "kept")];
  const [late, interrupted] = [those(outcomes, "no time"), those(outcomes, "interrupted")];
  const lines = [`${suite}: ${plural(measured.length)} measured in ${roughly(facts.seconds)}`];
  const names = (of: readonly CaseOutcome[]): string => of.map(({ name }) => name).join("; ");
  if (kept.length > 0) lines.push(`  kept, measured earlier today (--fresh measures them again): ${names(kept)}`);
  if (late.length > 0) {
    const needed = roughly(sum(late.map(({ expectedSeconds }) => expectedSeconds)));
    lines.push(`  left out, as ${formatSeconds(facts.budgetSeconds)} do not hold another ${needed}: ${names(late)}`);
  }
  if (interrupted.length > 0) lines.push(`  not begun, as you ended the run: ${names(interrupted)}`);
  if (measured.length + kept.length > 0) lines.push(`  in ${facts.file}`);
  if (late.length + interrupted.length > 0) lines.push("  The same command goes on with what is missing.");
  return lines;
}
