import { formatBytes, formatSeconds, formatSecondsRange, textTable } from "../core/index.ts";
import { machineLines } from "./at-machine-speed.ts";
import type { Comparison, KindError } from "./compare.ts";
import type { Interval } from "./intervals.ts";

const NO_ERRORS: KindError = { count: 0, meanAbsError: 0, weightedError: 0, bias: 0 };

interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Longer texts are cut with "..."; none is cut without it. */
  readonly maxWidth?: number;
}

function cut(text: string, maxWidth: number | undefined): string {
  return maxWidth === undefined || text.length <= maxWidth ? text : `${text.slice(0, maxWidth - 3)}...`;
}

/** Columns as wide as their widest cell, two spaces apart, two in front. */
function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) =>
    row.map((text, i) => cut(text, columns[i]!.maxWidth)),
  );
  return textTable(cells, (column) => columns[column]!.align).map((line) => `  ${line}`);
}

function left(title: string, maxWidth?: number): Column {
  return { title, align: "left", ...(maxWidth === undefined ? {} : { maxWidth }) };
}

function right(title: string): Column {
  return { title, align: "right" };
}

function percent(share: number | null): string {
  return share === null ? "-" : `${(share * 100).toFixed(2)} %`;
}

function signedPercent(share: number | null): string {
  if (share === null) return "-";
  const text = percent(share);
  return share > 0 ? `+${text}` : text;
}

/** A peak of 0 is that of a trace without memory samples. */
function bytes(value: number): string {
  return value === 0 ? "-" : formatBytes(value);
}

function points(a: number | null, b: number | null): string {
  if (a === null || b === null) return "-";
  const difference = (a - b) * 100;
  return `${difference > 0 ? "+" : ""}${difference.toFixed(2)} pp`;
}

/** The cells of the interval's column, as the rows of the first table are. */
function intervalCells({ intervals, insideIntervals }: Comparison): readonly string[] {
  if (intervals === undefined || insideIntervals === undefined) return [];
  const verdict = (isInside: boolean | null): string => (isInside === null ? "" : isInside ? ", inside" : ", outside");
  const shares = (range: Interval | null): string =>
    range === null ? "-" : `${(100 * range[0]).toFixed(2)} to ${percent(range[1])}`;
  const [slowest, fastest] = intervals.tokensPerSecond;
  return [
    formatSecondsRange(...intervals.makespanSeconds) + verdict(insideIntervals.makespanSeconds),
    `${slowest.toFixed(1)} to ${fastest.toFixed(1)}${verdict(insideIntervals.tokensPerSecond)}`,
    shares(intervals.bubbleRatio) + verdict(insideIntervals.bubbleRatio),
    shares(intervals.bubbleRatioTotal) + verdict(insideIntervals.bubbleRatioTotal),
  ];
}

function replayLines({ replay }: Comparison): readonly string[] {
  if (replay === undefined) return [];
  const { makespanSeconds, makespanError } = replay;
  return [
    `  replayed with the executed durations: ${formatSeconds(makespanSeconds)}, ${signedPercent(makespanError)}, the simulator's own error`,
  ];
}

function machineErrorLines({ atMachineSpeed: at }: Comparison): readonly string[] {
  if (at === undefined) return [];
  return [
    `  with the machine's speed taken out: ${formatSeconds(at.makespanSeconds)}, ${signedPercent(at.makespanError)}`,
    ...machineLines(at).map((line) => `    ${line}`),
  ];
}

/** The comparison for a terminal, at most 100 columns wide; no line end at the end. */
export function compareTable(comparison: Comparison): string {
  const { simulated, executed, perKind } = comparison;
  const intervals = intervalCells(comparison);
  const level = comparison.intervals?.level;
  const whole = table(
    [
      left(""),
      right("simulated"),
      right("executed"),
      right("error"),
      ...(level === undefined ? [] : [right(`${(100 * level).toFixed(0)} % interval`)]),
    ],
    [
      [
        "makespan",
        formatSeconds(simulated.makespanSeconds),
        formatSeconds(executed.makespanSeconds),
        signedPercent(comparison.makespanError),
      ],
      [
        "tokens/s",
        simulated.tokensPerSecond.toFixed(1),
        executed.tokensPerSecond.toFixed(1),
        signedPercent(executed.tokensPerSecond === 0 ? null : simulated.tokensPerSecond / executed.tokensPerSecond - 1),
      ],
      [
        "bubble, steady",
        percent(simulated.bubbleRatio),
        percent(executed.bubbleRatio),
        points(simulated.bubbleRatio, executed.bubbleRatio),
      ],
      [
        "bubble, whole run",
        percent(simulated.bubbleRatioTotal),
        percent(executed.bubbleRatioTotal),
        points(simulated.bubbleRatioTotal, executed.bubbleRatioTotal),
      ],
    ].map((row, index) => [...row, ...intervals.slice(index, index + 1)]),
  );
  const { E = NO_ERRORS } = perKind;
  const known = { ...perKind, E };
  const letters = (["F", "B", "U", "E"] as const).filter((letter) => known[letter].count > 0);
  const kinds = table(
    [left("durations of"), right("count"), right("mean |error|"), right("weighted |error|"), right("bias")],
    [
      ...letters.map((letter) => {
        const { count, meanAbsError, weightedError, bias } = known[letter];
        return [
          { F: "F forward", B: "B backward", U: "U update", E: "E evaluation" }[letter],
          String(count),
          percent(meanAbsError),
          percent(weightedError),
          signedPercent(bias),
        ];
      }),
      [
        E.count === 0 ? "F and B" : "F, B and E",
        String(perKind.F.count + perKind.B.count + E.count),
        percent(comparison.meanAbsActionError),
        "",
        "",
      ],
      [
        "all",
        String(perKind.F.count + perKind.B.count + perKind.U.count + E.count),
        "",
        percent(comparison.weightedActionError),
        "",
      ],
    ],
  );
  const devices = table(
    [
      left("device", 16),
      right("busy sim."),
      right("busy exec."),
      right("error"),
      right("peak sim."),
      right("peak exec."),
      right("error"),
    ],
    comparison.devices.map((device) => [
      device.name,
      formatSeconds(device.simulatedBusySeconds),
      formatSeconds(device.executedBusySeconds),
      signedPercent(device.busyError),
      bytes(device.simulatedPeakMemoryBytes),
      bytes(device.executedPeakMemoryBytes),
      signedPercent(
        device.simulatedPeakMemoryBytes * device.executedPeakMemoryBytes === 0 ? null : device.peakMemoryError,
      ),
    ]),
  );
  const worst = table(
    [
      left("worst actions"),
      left("device", 16),
      left("jobs", 24),
      right("simulated"),
      right("executed"),
      right("error"),
    ],
    comparison.worst.map(({ action, device, jobs, simulatedSeconds, executedSeconds, error }) => [
      action,
      device,
      jobs.join(", "),
      formatSeconds(simulatedSeconds),
      formatSeconds(executedSeconds),
      signedPercent(error),
    ]),
  );
  return [
    `Simulated against executed, plan ${comparison.planHash.replace(/^sha256:/, "").slice(0, 12)}`,
    [...whole, ...machineErrorLines(comparison), ...replayLines(comparison)],
    kinds,
    devices,
    worst,
  ]
    .map((block) => (typeof block === "string" ? block : block.join("\n")))
    .join("\n\n");
}
