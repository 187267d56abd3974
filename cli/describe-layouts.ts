import { counted, formatBytes, formatSeconds, mean, sum } from "../core/index.ts";
import { RESTS, splitText } from "../reports/index.ts";
import { type LayoutRow, NEWEST, stepAssumptions } from "../studies/index.ts";
import type { ComparedLayouts } from "../workbench/index.ts";
import { largestParts } from "./describe-shares.ts";
import { assumptionLines, percent, rateText, table, wholeText } from "./output.ts";

/** The --json form: all rows, the fastest first. */
export function layoutsFacts({ machine, asked, jobs, tokens, comparison }: ComparedLayouts): unknown {
  const { accelerator, count, precision, release, hasGraphs, overlaps, memoryBytes, scaleUp } = machine;
  const { quantized, virtualStages, drainAfter } = machine;
  const { rows, ...counts } = comparison;
  return {
    machine: {
      ...{ accelerator: accelerator.name, generation: accelerator.generation, count, memoryBytes, scaleUp },
      ...{ precision, release, hasGraphs, overlaps, quantized, virtualStages, drainAfter },
    },
    asked,
    assumes: stepAssumptions(machine),
    jobs: jobs.map(({ name, work: { steps, longestRow } }) => ({
      ...{ name, steps: steps.length, tokensPerStep: mean(steps.map(sum)), longestRow },
    })),
    ...{ tokens, ...counts },
    rows: rows.map(({ jobs: how, layout, seconds, trust, bytes, shares }) => ({
      ...{ jobs: how, layout, seconds, trust },
      interval: [seconds / trust.factor, seconds * trust.factor],
      tokensPerSecond: tokens / seconds,
      ...{ bytes, shares },
    })),
  };
}

function cells({ jobs, layout, seconds, trust, bytes, shares }: LayoutRow, tokens: number): readonly string[] {
  return [
    splitText(layout),
    jobs,
    formatSeconds(seconds),
    percent(trust.factor - 1, 0),
    rateText(tokens / seconds),
    formatBytes(bytes),
    `${layout.recomputedLayers}`,
    `${layout.microTokens}`,
    largestParts(shares),
  ];
}

/** What was given of layouts, in the words of the table. */
function givenLines({ asked, machine }: Pick<ComparedLayouts, "asked" | "machine">): readonly string[] {
  const { tensorParallel, contextParallel, pipelineParallel, sharded, recomputedLayers, microTokens } = asked;
  const sizes = { tp: tensorParallel, cp: contextParallel, pp: pipelineParallel };
  const given = { ...sizes, twice: recomputedLayers, "at once": microTokens };
  const parts = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  if (sharded !== undefined) parts.push(sharded === "weights" ? "ZeRO-3" : "ZeRO-1");
  if (machine.virtualStages !== undefined) parts.push(`${counted(machine.virtualStages, "virtual stage", wholeText)}`);
  if (machine.drainAfter !== undefined)
    parts.push(`drains after ${counted(machine.drainAfter, "micro-batch", wholeText)}`);
  return parts.length === 0 ? [] : [`given: ${parts.join(", ")}; the rest was tried`];
}

/** `most`: of rows. */
export function layoutsText({ machine, asked, jobs, tokens, comparison }: ComparedLayouts, most: number): string {
  const { accelerator, count, precision, release, hasGraphs, overlaps } = machine;
  const { rows, layouts, haveRoom, leastBytes, usableBytes } = comparison;
  const software = release === NEWEST ? "software as fast as the newest" : release;
  const graphs = hasGraphs ? "recorded graphs" : "kernels one by one";
  const overlap = overlaps ? ", collectives beside products" : "";
  const weights = machine.quantized === undefined ? precision : `${precision} with weights in ${machine.quantized}`;
  const heading = [
    `${counted(jobs.length, "job", wholeText)} on ${count} x ${accelerator.name}: ` +
      `${weights}, ${software}, ${graphs}${overlap}`,
    ...givenLines({ asked, machine }),
  ];
  const room = `${wholeText(layouts)} layouts, ${wholeText(haveRoom)} with room in ${formatBytes(usableBytes)} of each accelerator`;
  if (rows.length === 0) return [...heading, "", `${room}: the least takes ${formatBytes(leastBytes)}`].join("\n");
  const isAlone = jobs.length === 1;
  const [best] = rows;
  const other = rows.find((row) => row.jobs !== best!.jobs);
  return [
    ...heading,
    "",
    table(
      ["split", "jobs", "time", "within", "tokens/s", "memory", "twice", "at once", "goes to"].filter(
        (column) => !(isAlone && column === "jobs"),
      ),
      rows.slice(0, most).map((row) => cells(row, tokens).filter((_, column) => !(isAlone && column === 1))),
    ),
    "",
    `${room}; here the fastest of each split, ${Math.min(most, rows.length)} of ${rows.length}`,
    ...(isAlone
      ? []
      : [
          other === undefined
            ? `jobs have room ${best!.jobs} alone`
            : `jobs ${best!.jobs} take ${percent(1 - best!.seconds / other.seconds, 0)} less than ${other.jobs}, each the fastest way`,
        ]),
    `times ${RESTS[best!.trust.provenance]}; nine of ten within so much of them`,
    ...assumptionLines(stepAssumptions(machine)),
    "tp, cp, pp, dp: tensor, context, pipeline and data parallel; twice: layers whose activations are computed again",
  ].join("\n");
}
