import type { MemorySample, SeenAction } from "../../studies/index.ts";

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: {
    readonly name?: string;
    readonly action?: string;
    readonly jobs?: readonly string[];
    readonly collective?: string;
    readonly step?: number;
    readonly tokens?: number;
    /** Of a transfer, and of a sample of memory. */
    readonly bytes?: number;
  };
}

const LETTERS: Readonly<Record<string, string>> = { F: "forward", B: "backward", U: "update", E: "evaluation" };

/** The actions of a trace in Perfetto's format, its samples of memory, and all else that it says. */
export function partsOfTrace(text: string): {
  readonly actions: readonly SeenAction[];
  readonly memory: readonly MemorySample[];
  readonly facts: unknown;
} {
  const { traceEvents, ...facts } = JSON.parse(text) as { readonly traceEvents: readonly TraceEvent[] };
  const [devices, streams] = [new Map<number, string>(), new Map<string, string>()];
  for (const { ph, name, pid, tid, args } of traceEvents) {
    if (ph !== "M") continue;
    if (name === "process_name") devices.set(pid, args!.name!);
    if (name === "thread_name") streams.set(`${pid} ${tid}`, args!.name!);
  }
  const deviceOf = (pid: number): string => devices.get(pid) ?? `${pid}`;
  const actions = traceEvents.flatMap(({ ph, name, cat, pid, tid, ts = 0, dur = 0, args }): readonly SeenAction[] => {
    if (ph !== "X") return [];
    const letter = /^\d+([A-Z])/.exec(args?.action ?? name)?.[1] ?? "";
    const startNs = Math.round(1000 * ts);
    return [
      {
        device: deviceOf(pid),
        stream: streams.get(`${pid} ${tid}`) ?? `${tid}`,
        kind: cat === "compute" ? (LETTERS[letter] ?? "action") : (args?.collective ?? "transfer"),
        ...{ name, jobs: args?.jobs ?? [], step: args?.step ?? 0, tokens: args?.tokens ?? 0, bytes: args?.bytes ?? 0 },
        startNs,
        endNs: startNs + Math.round(1000 * dur),
      },
    ];
  });
  const memory = traceEvents.flatMap(({ ph, name, pid, ts = 0, args }) =>
    ph === "C" && name === "memory"
      ? [{ device: deviceOf(pid), timeNs: Math.round(1000 * ts), bytes: args?.bytes ?? 0 }]
      : [],
  );
  const slices = (kind: string) => traceEvents.filter(({ ph, cat }) => ph === "X" && cat === kind);
  return { actions, memory, facts: { ...facts, compute: slices("compute"), transfers: slices("transfer") } };
}

/** What is no figure: how a plan was found, and the costs that it was given. */
const LEFT_OUT = /\.(search|calibration)$/;

type Keyed = Readonly<Record<string, unknown>>;

function isKeyed(value: unknown): value is Keyed {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of keys that all of some values at one place have, and of those below; of lists, those of all their members. */
export function fieldsOf(values: readonly unknown[], prefix: string): readonly string[] {
  if (LEFT_OUT.test(prefix)) return [];
  const keyed = values.filter(isKeyed);
  const members = values.filter(Array.isArray).flat();
  const common = Object.keys(keyed[0] ?? {}).filter((key) => keyed.every((each) => key in each));
  return [
    ...common.flatMap((key) => {
      const own = `${prefix}.${key}`;
      return [
        own,
        ...fieldsOf(
          keyed.map((each) => each[key]),
          own,
        ),
      ];
    }),
    ...(members.length === 0 ? [] : fieldsOf(members, `${prefix}[]`)),
  ];
}
