import { type CapacityQuestion, runFiles } from "../capacity/index.ts";
import { canonicalJson } from "../core/index.ts";
import { VERSION } from "../files/index.ts";
import type { CandidateRow, CapacityAnswer, JobKind } from "../plan/index.ts";
import { renderCapacity } from "../reports/index.ts";
import { CAPACITY_FILES, type CapacityFolder, today } from "../workbench/index.ts";
import { capacityJobs } from "./capacity-jobs.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { note } from "./output.ts";
import { pageAssets } from "./write-report.ts";

/** Asks for what a page needs before much is computed for it. @throws DeviceError before a build. */
export function requireCapacityPage(): void {
  pageAssets("capacity");
}

/** A cell of a table with commas, as RFC 4180 has it. */
function cell(value: string | number | boolean | null): string {
  const text = value === null ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type Row = Readonly<Record<string, string | number | boolean | null>>;

function tableRow(row: CandidateRow, meets: boolean): Row {
  const {
    candidate,
    paidCount,
    cost,
    levels,
    kept,
    draws,
    keptAtLeast,
    keptAtMost,
    isSure,
    isOnFront,
    kilowattHours,
    utilisation,
    checkpointSeconds,
  } = row;
  return {
    ...{ meets, isOnFront, ...candidate, paidCount, kept, draws, keptAtLeast, keptAtMost, isSure },
    ...{ cost: cost.mean, costLow: cost.low, costHigh: cost.high },
    ...{ hardware: cost.hardware, energy: cost.energy, rent: cost.rent, kilowattHours, utilisation },
    ...Object.fromEntries(
      levels.flatMap(({ kinds, percent, mean, low, high }) => {
        const name = `p${percent} hours of ${kinds.join(" and ")}`;
        return [
          [name, mean],
          [`${name}, low`, low],
          [`${name}, high`, high],
        ];
      }),
    ),
    ...{ checkpointSeconds, provenance: row.provenance, sigma: row.sigma },
  };
}

/** Candidates that were simulated as a table: a line each, the best first. */
function candidatesTable({ meets, misses }: Pick<CapacityAnswer, "meets" | "misses">): string {
  const rows = [...meets.map((row) => tableRow(row, true)), ...misses.map((row) => tableRow(row, false))];
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]!))]
    .map((line) => `${line.map(cell).join(",")}\n`)
    .join("");
}

/** All files of an answer. @throws InputError, or DeviceError of a full disk */
export function writeCapacity(
  io: Io,
  args: Arguments,
  folder: CapacityFolder,
  { forecast }: CapacityQuestion,
  answer: CapacityAnswer,
): void {
  const { best, apart } = answer;
  folder.write(CAPACITY_FILES.answer, `${canonicalJson(answer)}\n`);
  folder.write(CAPACITY_FILES.candidates, candidatesTable(answer));
  const writeRun = (within: string, row: CandidateRow, kinds: readonly JobKind[]): void => {
    if (row.notTrained !== null) note(io, args, `${within}/ has no jobs to start: ${row.notTrained}`);
    const jobs = row.notTrained === null ? capacityJobs(row, kinds) : {};
    for (const [name, text] of Object.entries({ ...runFiles(row, kinds), ...jobs }))
      folder.write(`${within}/${name}`, text);
  };
  if (best !== null) writeRun(CAPACITY_FILES.run, best, forecast.kinds);
  for (const { kinds, best: row } of apart?.pools ?? [])
    writeRun(
      `${CAPACITY_FILES.apart}/${kinds.join("+")}`,
      row,
      forecast.kinds.filter(({ name }) => kinds.includes(name)),
    );
  folder.write(
    CAPACITY_FILES.page,
    renderCapacity({ answer, date: today(), version: VERSION }, pageAssets("capacity")),
  );
}
