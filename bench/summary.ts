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

/** More names than these are a number. */
const MOST_NAMES = 3;

function names(of: readonly CaseOutcome[]): string {
  const shown = of.length > MOST_NAMES + 1 ? of.slice(0, MOST_NAMES) : of;
  const more = of.length > shown.length ? `; ${of.length - shown.length} more` : "";
  return shown.map(({ name }) => name).join("; ") + more;
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
  if (kept.length > 0)
    lines.push(`  ${kept.length} kept, measured earlier today (--fresh measures them again): ${names(kept)}`);
  if (late.length > 0) {
    const needed = roughly(sum(late.map(({ expectedSeconds }) => expectedSeconds)));
    lines.push(`  ${late.length} left out, as ${formatSeconds(facts.budgetSeconds)} do not hold another ${needed}:`);
    lines.push(...late.map(({ name }) => `    ${name}`));
  }
  if (interrupted.length > 0)
    lines.push(`  ${interrupted.length} not begun, as you ended the run: ${names(interrupted)}`);
  if (measured.length + kept.length > 0) lines.push(`  in ${facts.file}`);
  if (late.length + interrupted.length > 0) lines.push("  the same command goes on with what is missing");
  return lines;
}
