import { formatSeconds, formatSignedSeconds, groupBy, sum } from "../../core/index.ts";
import { compareDecisions, type TimedDecision } from "../../plan/index.ts";
import { choicesOf } from "./choices.ts";
import { deviceParts } from "./device-time.ts";
import { type GoldenRun, outcomesOf, type SeenAction } from "./golden-run.ts";

/** Causes are told from the largest, so many of a sort. */
const MOST = 3;
/** Of a run's time, what is worth a word. */
const WORTH = 2e-4;

const seconds = (ns: number): string => formatSeconds(Math.abs(ns) / 1e9);
const change = (ns: number): string => formatSignedSeconds(ns / 1e9);
const moreOrLess = (ns: number): string => `${formatSeconds(Math.abs(ns) / 1e9)} ${ns < 0 ? "less" : "more"}`;

/** What the planner chose otherwise, as it is called. */
export function changedChoices(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.keys({ ...before, ...after }).flatMap((name) => {
    const [was, is] = [before[name] ?? "none", after[name] ?? "none"];
    return was === is ? [] : [`${name}: ${was} before, ${is} now`];
  });
}

function changedMemory(before: GoldenRun, after: GoldenRun): readonly string[] {
  if (before.plan === null || after.plan === null) return [];
  const lines = before.plan.stages.flatMap(({ device, memory: { total } }, stage) => {
    const now = after.plan!.stages[stage]?.memory.total;
    if (now === undefined || now === total) return [];
    return [
      `the memory of ${device} is thought to be ${((100 * now) / total - 100).toFixed(1)} % ${now > total ? "more" : "less"}`,
    ];
  });
  return lines.length > MOST ? [...lines.slice(0, MOST), `and so on ${lines.length - MOST} more devices`] : lines;
}

/** Where a plan has the same work in another order, or cut otherwise: the first place of each. */
function changedOrder(before: GoldenRun, after: GoldenRun): readonly string[] {
  const [was, is] = [before.document, after.document].map((document) => document?.segments ?? []);
  const [microBatches, others] = [was!, is!].map((segments) => segments.flatMap((segment) => segment.microBatches));
  const cut = microBatches!.findIndex(
    ({ rows }, index) => JSON.stringify(rows) !== JSON.stringify(others![index]?.rows ?? []),
  );
  if (cut >= 0 && others!.length > 0) return [`micro-batch ${cut} has other rows than before`];
  const [orders, now] = [was!, is!].map((segments) => {
    const stages = segments[0]?.actions.map((_, stage) => segments.flatMap(({ actions }) => actions[stage]!));
    return stages ?? [];
  });
  for (const [stage, order] of orders!.entries()) {
    const place = order.findIndex((key, at) => key !== now![stage]?.[at]);
    if (place >= 0 && now![stage] !== undefined)
      return [
        `stage ${stage} has ${order[place]} as its action ${place + 1} before, and ${now![stage][place] ?? "none"} now`,
      ];
  }
  return [];
}

/** Of kinds of actions: how many there are, and how long one takes. */
function kindsOf(actions: readonly SeenAction[]) {
  return new Map(
    [...groupBy(actions, ({ kind }) => kind)].map(([kind, own]) => [
      kind,
      { count: own.length, ns: sum(own.map(({ startNs, endNs }) => endNs - startNs)) },
    ]),
  );
}

/** Actions that are themselves shorter or longer, or more. */
function changedActions(before: GoldenRun, after: GoldenRun, spanNs: number): readonly string[] {
  const [was, is] = [kindsOf(before.actions), kindsOf(after.actions)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((kind) => {
    const [a, b] = [was.get(kind) ?? { count: 0, ns: 0 }, is.get(kind) ?? { count: 0, ns: 0 }];
    if (Math.abs(b.ns - a.ns) < WORTH * spanNs) return [];
    const number = a.count === b.count ? "" : `, ${a.count} before and ${b.count} now`;
    return [`${kind}s take ${change(b.ns - a.ns)} over all devices${number}`];
  });
}

/** Where devices have more or less time than before, the largest first. */
function movedTime(before: GoldenRun, after: GoldenRun, spanNs: number): readonly string[] {
  const parts = (run: GoldenRun) =>
    new Map(deviceParts(run.actions).map((part) => [`${part.device}/${part.what}/${part.phase}`, part]));
  const [was, is] = [parts(before), parts(after)];
  const moved = [...new Set([...was.keys(), ...is.keys()])].map((key) => {
    const { device, what, phase } = (is.get(key) ?? was.get(key))!;
    return { device, what, phase, ns: (is.get(key)?.ns ?? 0) - (was.get(key)?.ns ?? 0) };
  });
  const names = { fill: "while the pipeline fills", steady: "in the steady phase", drain: "while it drains" };
  return moved
    .filter(({ ns }) => Math.abs(ns) >= WORTH * spanNs)
    .sort((a, b) => Math.abs(b.ns) - Math.abs(a.ns))
    .slice(0, MOST)
    .map(({ device, what, phase, ns }) =>
      what === "waiting" ? `${device} waits ${change(ns)} ${names[phase]}` : `${device}: ${what}s take ${change(ns)}`,
    );
}

/** Jobs that end later or sooner, and whether they waited, trained or were preempted for it. */
function movedJobs(before: GoldenRun, after: GoldenRun, spanNs: number): readonly string[] {
  if (before.metrics === null || after.metrics === null) return [];
  const was = new Map(outcomesOf(before.metrics).map((outcome) => [outcome.name, outcome]));
  const moved = outcomesOf(after.metrics).flatMap((now) => {
    const then = was.get(now.name);
    if (then?.endNs === undefined || now.endNs === undefined) return [];
    const first = (now.startNs ?? now.endNs) - (then.startNs ?? then.endNs);
    const trained = now.trainedNs - then.trainedNs;
    const all = now.endNs - now.arrivalNs - (then.endNs - then.arrivalNs);
    const again = all - first - trained;
    const parts = [
      [first, "before it starts"],
      [trained, "while it trains"],
      [again, "preempted"],
    ] as const;
    const [largest] = [...parts].sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
    return Math.abs(all) < WORTH * spanNs ? [] : [{ name: now.name, all, largest: largest! }];
  });
  return moved
    .sort((a, b) => Math.abs(b.all) - Math.abs(a.all))
    .slice(0, MOST)
    .map(({ name, all, largest: [ns, where] }) => `${name} takes ${moreOrLess(all)}: ${change(ns)} ${where}`);
}

function decisionText(decision: TimedDecision | undefined): string {
  if (decision === undefined) return "nothing more";
  const { kind, name, pipeline, atNs, why } = decision;
  const where = pipeline === undefined ? "" : ` on pipeline ${pipeline}`;
  return `${kind} ${name}${where} at ${atNs === 0 ? "0 s" : seconds(atNs)} (${why})`;
}

/** The first decision that differs, with its reason before and after. */
function changedDecision(before: GoldenRun, after: GoldenRun): readonly string[] {
  const { parted, numSame } = compareDecisions(before.journal, after.journal);
  if (parted === undefined) return [];
  const [was, is] = parted.decisions;
  return [`decision ${numSame + 1} is the first to differ: ${decisionText(was)} before, ${decisionText(is)} now`];
}

/** Why two runs of a golden workload differ, what is at the bottom of it first. */
export function whyMoved(before: GoldenRun, after: GoldenRun): readonly string[] {
  const spanNs = 1e9 * (before.metrics?.makespanSeconds ?? after.metrics?.makespanSeconds ?? 0);
  const choices = changedChoices(choicesOf(before), choicesOf(after));
  return [
    ...changedDecision(before, after),
    ...choices,
    ...changedOrder(before, after),
    // Of another plan everything is otherwise.
    ...(choices.length === 0 ? changedMemory(before, after) : []),
    ...changedActions(before, after, spanNs),
    ...movedTime(before, after, spanNs),
    ...movedJobs(before, after, spanNs),
  ];
}
