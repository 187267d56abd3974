import { groupBy } from "../core/index.ts";
import { VERSION, writeOutput } from "../files/index.ts";
import type { JournalLine } from "../plan/index.ts";
import { type RegressTimeline, renderRegress } from "../reports/index.ts";
import type { SeenGolden } from "../studies/index.ts";
import { today } from "../workbench/index.ts";
import {
  groupReasons,
  groupRows,
  groupTitle,
  movedGroups,
  policiesText,
  type RegressResult,
  verdictText,
} from "./describe-regress.ts";
import type { Io } from "./io.ts";

type Lanes = RegressTimeline["lanes"];

function deviceLanes({ run }: SeenGolden): Lanes {
  const computed = (run?.actions ?? []).filter(({ stream }) => stream === "compute");
  return [...groupBy(computed, ({ device }) => device)].map(([name, own]) => ({
    name,
    bars: own.map(({ startNs, endNs, jobs }) => ({ startNs, endNs, of: jobs.join(" + ") })),
  }));
}

/**
 * When each job was on which pipeline, by the decisions of a scheduler: those of a faulty one too, of whose journal
 * `fleetHistory` may make nothing.
 */
function pipelineLanes(journal: readonly JournalLine[]): Lanes {
  const lanes = new Map<number, { startNs: number; endNs: number; of: string }[]>();
  const open = new Map<number, { readonly pipeline: number; readonly startNs: number; readonly name: string }>();
  const close = (number: number, endNs: number): void => {
    const place = open.get(number);
    if (place === undefined) return;
    open.delete(number);
    const own = lanes.get(place.pipeline) ?? [];
    own.push({ startNs: place.startNs, endNs, of: place.name });
    lanes.set(place.pipeline, own);
  };
  for (const { atNs, events, decisions } of journal) {
    for (const { kind, number } of events) if (kind === "ended") close(number, atNs);
    for (const { kind, number, name, pipeline } of decisions) {
      if (kind === "preempt" || kind === "stop") close(number, atNs);
      if (kind === "start" || kind === "resume") open.set(number, { pipeline: pipeline!, startNs: atNs, name });
    }
  }
  return [...lanes]
    .sort(([a], [b]) => a - b)
    .flatMap(([pipeline, bars]) =>
      apart(bars).map((own, at) => ({ name: at === 0 ? `pipeline ${pipeline}` : "", bars: own })),
    );
}

/** Bars that are there at the same time in lanes of their own. */
function apart<Bar extends { readonly startNs: number; readonly endNs: number }>(
  bars: readonly Bar[],
): readonly Bar[][] {
  const lanes: Bar[][] = [];
  for (const bar of [...bars].sort((a, b) => a.startNs - b.startNs)) {
    const free = lanes.find((lane) => lane.at(-1)!.endNs <= bar.startNs);
    if (free === undefined) lanes.push([bar]);
    else free.push(bar);
  }
  return lanes;
}

function timelineOf(name: string, seen: SeenGolden | undefined): RegressTimeline {
  if (seen === undefined) return { name, lanes: [] };
  const { journal = [] } = seen.run ?? {};
  return { name, lanes: journal.length > 0 ? pipelineLanes(journal) : deviceLanes(seen) };
}

/** One page of what moved: figures, causes, and both timelines. */
export function writeRegressPage(
  io: Io,
  file: string,
  result: RegressResult,
  before: readonly SeenGolden[],
  now: readonly SeenGolden[],
): void {
  const named = (all: readonly SeenGolden[], name: string) => all.find(({ golden }) => golden.name === name);
  const sections = movedGroups(result).map((group) => ({
    ...{ title: groupTitle(group), verdict: group[0].verdict, why: groupReasons(group), rows: groupRows(group) },
    timelines: group.map(({ name }) => ({
      name: group.length === 1 ? "" : name,
      sides: [
        timelineOf(`Before: ${result.before}`, named(before, name)),
        timelineOf(`Now: ${result.now}`, named(now, name)),
      ],
    })),
  }));
  const policies = policiesText(result);
  const title =
    result.policies === undefined ? "What a change does to golden workloads" : "Two policies on golden workloads";
  writeOutput(
    io,
    file,
    renderRegress({ title, policies, verdict: verdictText(result), date: `${today()}, loratwin ${VERSION}`, sections }),
  );
}
