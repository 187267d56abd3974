import { counted } from "../core/index.ts";
import {
  type InspectedJob,
  type InspectedWorkload,
  LEFT_OUT,
  listedNames,
  problemsOf,
  type RowFacts,
  type RunEstimate,
} from "../workbench/index.ts";
import { estimateFacts, estimateText } from "./describe-estimate.ts";
import { percent, table, WIDTH, wholeText, wrapped } from "./output.ts";

/** Jobs of a workload that are told one by one. */
const MOST_TOLD = 40;
const MOST_ON_PAGE = 500;
const LEAST_NAME = 8;

const HEADER = ["job", "rows", "median", "95 %", "most", "trained", "cut", "lost", "steps", "epochs"];

function lost({ numRefused, numDropped, numUnscored }: RowFacts): number {
  return numRefused + numDropped + numUnscored;
}

function factCells(name: string, facts: RowFacts): readonly string[] {
  const { all, scored, p50, p95, max } = facts.tokens;
  const cells = [facts.numKept, p50, p95, max].map(String);
  return [name, ...cells, all === 0 ? "-" : percent(scored / all, 0), `${facts.numCut}`, `${lost(facts)}`];
}

function jobCells({ name, facts, run }: InspectedJob): readonly (readonly string[])[] {
  if (facts === undefined) return [[name, "-", "-", "-", "-", "-", "-", "-", "-", "-"]];
  const taken = run === undefined ? ["-", "-"] : [`${run.steps}`, run.epochs.toFixed(run.epochs < 99.95 ? 1 : 0)];
  return [
    [...factCells(name, facts.training), ...taken],
    ...(facts.heldOut === undefined ? [] : [[...factCells("  held out", facts.heldOut), "", ""]]),
  ];
}

/** The table with whole names. */
export function jobTableCells(jobs: readonly InspectedJob[]) {
  return { columns: HEADER, rows: jobs.slice(0, MOST_ON_PAGE).flatMap(jobCells) };
}

function shortened(name: string, width: number): string {
  return name.length <= width ? name : `${name.slice(0, width - 3)}...`;
}

/** One table of all jobs, whose names are shortened where it would be wider than a terminal. */
function jobTable(jobs: readonly InspectedJob[]): string {
  const cells = jobs.slice(0, MOST_TOLD).flatMap(jobCells);
  const others = HEADER.slice(1).map((title, at) => Math.max(title.length, ...cells.map((row) => row[at + 1]!.length)));
  const room = WIDTH - others.reduce((width, column) => width + 2 + column, 0);
  const text = table(
    HEADER,
    cells.map(([name, ...rest]) => [shortened(name!, Math.max(LEAST_NAME, room)), ...rest]),
  );
  const more = jobs.length - MOST_TOLD;
  return more > 0 ? `${text}\nand ${counted(more, "job")} more: --json has all` : text;
}

function countLine(facts: RowFacts, cutoffLength: number): string {
  const { numRefused, numUnscored, numDropped, numCut, numTokensCut, numRepeated } = facts;
  const said = (count: number, what: string): readonly string[] => (count === 0 ? [] : [`${wholeText(count)} ${what}`]);
  return [
    counted(facts.numKept, "row", wholeText),
    `${wholeText(facts.tokens.all)} tokens, ${wholeText(facts.tokens.scored)} of them trained`,
    ...said(numRefused, "refused"),
    ...said(numUnscored, "left out, nothing of them is trained"),
    ...said(numDropped, `dropped, ${LEFT_OUT.dropped}`),
    ...said(numCut, `cut to ${cutoffLength} tokens, which takes ${wholeText(numTokensCut)}`),
    ...said(numRepeated, "the same as an earlier row"),
  ].join("; ");
}

function runLine({ run, problems }: InspectedJob): string {
  if (run === undefined) return "run: none, see the errors";
  const isPart = problems.some(({ severity }) => severity === "error");
  const { steps, rows, tokens, epochs, evaluations, samples } = run;
  const taken = `${counted(steps, "step", wholeText)} with ${counted(rows, "row", wholeText)} and ${counted(tokens, "token", wholeText)}`;
  const evaluated = evaluations === 0 ? "" : `; ${counted(evaluations, "evaluation", wholeText)}`;
  const sampled = samples === 0 ? "" : `; prompts answered ${counted(samples, "time", wholeText)}`;
  return `run${isPart ? ", were it not for the refused rows" : ""}: ${taken}, ${epochs.toFixed(2)} epochs${evaluated}${sampled}`;
}

/** What there is to say of each job; jobs of a sweep, of which the same is said, together. */
function jobLines(jobs: readonly InspectedJob[]): readonly string[] {
  const told = new Map<string, { readonly names: string[]; readonly lines: readonly string[] }>();
  for (const job of jobs) {
    const { name, file, evaluationFile, facts, cutoffLength } = job;
    const lines = [
      ...(facts === undefined ? [] : [`trained on: ${countLine(facts.training, cutoffLength)}`]),
      ...(facts?.heldOut === undefined
        ? []
        : [
            `held out${evaluationFile === undefined ? "" : `, ${evaluationFile}`}: ${countLine(facts.heldOut, cutoffLength)}`,
          ]),
      runLine(job),
    ];
    const key = JSON.stringify([file, lines]);
    const known = told.get(key);
    if (known === undefined) told.set(key, { names: [name], lines: [...(file === undefined ? [] : [file]), ...lines] });
    else known.names.push(name);
  }
  return [...told.values()]
    .slice(0, MOST_TOLD)
    .flatMap(({ names, lines }) => [
      "",
      ...wrapped(listedNames(names)),
      ...lines.flatMap((line) => wrapped(`  ${line}`)),
    ]);
}

/** What a person would want to know of a workload's data before they are trained on. */
export function workloadDataText(data: InspectedWorkload, estimate: RunEstimate | undefined): string {
  const said = (title: string, severity: Parameters<typeof problemsOf>[1]): readonly string[] =>
    problemsOf(data, severity).flatMap((text) => `${title}: ${text}`.split("\n").flatMap(wrapped));
  const problems = [...said("Error", "error"), ...said("Warning", "warning"), ...said("Note", "remark")];
  return [
    `${data.file}: a workload of ${counted(data.jobs.length, "job")}; tokens of a row, and rows`,
    "",
    jobTable(data.jobs),
    ...jobLines(data.jobs),
    ...(problems.length === 0 ? [] : ["", ...problems]),
    ...(estimate === undefined ? [] : ["", estimateText(estimate)]),
  ].join("\n");
}

/** The --json form of it. */
export function workloadDataFacts(data: InspectedWorkload, estimate: RunEstimate | undefined): unknown {
  return {
    kind: "workload",
    file: data.file,
    jobs: data.jobs.map(({ name, file, evaluationFile, cutoffLength, facts, run, sets = [], problems }) => ({
      ...{ name, file: file ?? null, evaluationFile: evaluationFile ?? null, cutoffLength },
      training: facts?.training ?? null,
      heldOut: facts?.heldOut ?? null,
      leaks: facts?.leaks === undefined ? null : { rows: facts.leaks.numSame, prompts: facts.leaks.numSamePrompt },
      run: run ?? null,
      sets,
      problems: problems.map(({ severity, text }) => ({ severity, text })),
    })),
    estimate: estimate === undefined ? null : estimateFacts(estimate),
  };
}
