import { sum } from "../../../core/index.ts";
import { STRATEGY_NAMES, type StrategyRow } from "../../../studies/index.ts";
import { BUSY_CAUSES, IDLE_CAUSES } from "../../../traces/causes/causes.ts";
import { blank, type FieldTable, owner, under } from "./check-fields.ts";
import { above, all, is, near, oneOf, same, that, whole, within } from "./checks.ts";
import { JOBS, type Pass } from "./small-pass.ts";
import { intervalFields } from "./trace-fields.ts";

interface Compared {
  readonly calibration: { readonly meanError: number };
  readonly strategies: readonly StrategyRow[];
}

/** The catalog's figures of the cluster's GPUs. */
function figureFields({ printed }: Pass): FieldTable {
  const { devices } = printed["catalog"] as {
    readonly devices: Readonly<
      Record<
        string,
        { readonly layerEfficiency: { readonly float32: Readonly<Record<string, { readonly value: number }>> } }
      >
    >;
  };
  const figure = (name: string) => same(() => devices["RTX A6000"]!.layerEfficiency.float32[name]!.value);
  return {
    kind: is("calibration"),
    version: is(1),
    model: is("layers"),
    source: is("fitted: RTX A6000, float32"),
    activationBytes: figure("activationBytes"),
    computeEfficiency: figure("computeEfficiency"),
    headBytes: figure("headBytes"),
    launchSeconds: figure("launchSeconds"),
    meanError: figure("meanError"),
    scoreBytes: figure("scoreBytes"),
    transferEfficiency: above(0, 1),
    transferLatencySeconds: above(0, 1e-3),
  };
}

type Timed = Pick<StrategyRow, "makespanSeconds">;

/** What the time of a run goes to: the document that has the fields has its makespan. */
function timeSpentFields(): FieldTable {
  const isWhole = (parts: readonly { readonly ns: number }[], place: Parameters<typeof owner>[0]): boolean =>
    Math.abs(sum(parts.map(({ ns }) => ns)) / 1e9 - owner<Timed>(place).makespanSeconds) < 2e-9;
  return {
    causes: that("all of the run", isWhole),
    "causes[].cause": oneOf([...IDLE_CAUSES, ...BUSY_CAUSES]),
    "causes[].tokens": that("a power of two", (tokens: number) => Number.isInteger(Math.log2(tokens))),
    "causes[].ns": whole(1, 60e9),
    criticalPath: that("all of the run", isWhole),
    "criticalPath[].cause": oneOf([...IDLE_CAUSES, ...BUSY_CAUSES]),
    "criticalPath[].device": oneOf([null, "a0", "a1"]),
    "criticalPath[].ns": whole(1, 60e9),
    "criticalPath[].savesNs": that("half of it or all", (value: number, place) => {
      const { ns } = owner<{ readonly ns: number }>(place);
      return value === ns || value === Math.floor(ns / 2);
    }),
  };
}

/** What `strategies --json` prints. */
export function strategiesFields(pass: Pass): FieldTable {
  const { strategies } = pass.printed["strategies"] as Compared;
  const isPlanned = ({ strategy }: StrategyRow): boolean => /^(lorapp|1f1b|gpipe)/.test(strategy);
  const all = strategies[0]!;
  return {
    ...under("calibration.", figureFields(pass)),
    jobs: is(JOBS.length),
    ...under("strategies[].", {
      strategy: oneOf(STRATEGY_NAMES),
      recompute: oneOf(["none", "layer"]),
      makespanSeconds: above(0, 60),
      // Every strategy trains the same tokens.
      tokensPerSecond: near(
        (place) => (all.tokensPerSecond * all.makespanSeconds) / owner<StrategyRow>(place).makespanSeconds,
        1e-6,
      ),
      bubbleRatioTotal: within(0, 1),
      peakMemoryBytes: within(1e6, 1e9),
      fits: is(true),
      ...timeSpentFields(),
      pipelines: that("one or two for plans, else none", (value: number | null, place) =>
        isPlanned(owner<StrategyRow>(place)) ? value === 1 || value === 2 : value === null || value === 1,
      ),
      groups: that("at most one for each job", (value: number | null, place) =>
        isPlanned(owner<StrategyRow>(place)) ? value !== null && value >= 1 && value <= JOBS.length : value === null,
      ),
    }),
    strategies: that("recomputation takes longer and holds less", (value: readonly StrategyRow[]) => {
      const [none, layer] = ["none", "layer"].map((recompute) =>
        value.find((row) => row.strategy === "1f1b" && row.recompute === recompute),
      );
      return none!.makespanSeconds < layer!.makespanSeconds && none!.peakMemoryBytes > layer!.peakMemoryBytes;
    }),
  };
}

/** What `simulate --schedule fsdp --json` prints. */
export function fsdpFields(pass: Pass): FieldTable {
  const { strategies, calibration } = pass.printed["strategies"] as Compared;
  const row = strategies.find(({ strategy, recompute }) => strategy === "fsdp" && recompute === "layer")!;
  const own = <K extends keyof StrategyRow>(key: K) => same(() => row[key]);
  const end = row.makespanSeconds;
  type Job = { readonly startSeconds: number; readonly endSeconds: number };
  const before = (place: Parameters<typeof owner>[0]): number =>
    owner<readonly Job[]>(place, 1)[(place.steps.at(-1) as number) - 1]?.endSeconds ?? 0;
  return {
    makespanSeconds: own("makespanSeconds"),
    tokensPerSecond: own("tokensPerSecond"),
    bubbleRatioTotal: own("bubbleRatioTotal"),
    bubbleRatio: within(0, 1),
    tokens: near(() => row.tokensPerSecond * end, 1e-6),
    planHash: that("text", (value) => typeof value === "string"),
    source: is("simulated"),
    "devices[].name": same(({ steps }) => ["a0", "a1"][steps.at(-1) as number]),
    "devices[].busySeconds": above(0, end),
    "devices[].idleSeconds": near((place) => end - owner<{ readonly busySeconds: number }>(place).busySeconds, 1e-6),
    "devices[].peakMemoryBytes": within(1e6, row.peakMemoryBytes),
    devices: that("the peak on one of them", (value: readonly { readonly peakMemoryBytes: number }[]) =>
      value.some(({ peakMemoryBytes }) => peakMemoryBytes === row.peakMemoryBytes),
    ),
    "jobs[].name": same(({ steps }) => JOBS[steps.at(-1) as number]!.name),
    "jobs[].steps": same(({ steps }) => JOBS[steps.at(-1) as number]!.steps),
    "jobs[].tokens": whole(100, 1e5),
    // One job after the other.
    "jobs[].startSeconds": that("behind the job before", (value: number, place) => value >= before(place)),
    // The first layer is gathered before the first action begins, from when on the makespan counts.
    "jobs[].endSeconds": above(0, end * 1.001),
    "jobs[].turnaroundSeconds": same((place) => owner<Job>(place).endSeconds),
    "jobs[].waitSeconds": same((place) => owner<Job>(place).startSeconds),
    "jobs[].deviceSeconds": above(0),
    ...timeSpentFields(),
    ...under("intervals.", intervalFields()),
    "intervals.bubbleRatio": blank("as in the run", all(that("a share or none", () => true))),
    "costs.model": is("layers"),
    "costs.source": is("fitted: RTX A6000, float32"),
    "costs.meanError": is(calibration.meanError),
  };
}
