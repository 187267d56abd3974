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
    readonly tokens?: number;
    /** Of a transfer, and of a sample of memory. */
    readonly bytes?: number;
  };
}

const LETTERS: Readonly<Record<string, string>> = { F: "forward", B: "backward", U: "update", E: "evaluation" };

/** The actions of a trace in Perfetto's format, and its samples of memory. */
export function partsOfTrace(text: string): {
  readonly actions: readonly SeenAction[];
  readonly memory: readonly MemorySample[];
} {
  const { traceEvents } = JSON.parse(text) as { readonly traceEvents: readonly TraceEvent[] };
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
        ...{ name, jobs: args?.jobs ?? [], tokens: args?.tokens ?? 0, bytes: args?.bytes ?? 0 },
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
  return { actions, memory };
}

/** What a plan may have or not have: how it was found. */
const OPTIONAL = /\.search$/;

/** Paths of keys that a document has, and of those below them; of lists, keys that each member has. */
export function fieldsOf(value: unknown, prefix: string, depth = 0): readonly string[] {
  if (value === null || typeof value !== "object" || depth > 1 || OPTIONAL.test(prefix)) return [];
  if (!Array.isArray(value))
    return Object.entries(value).flatMap(([key, own]) => [
      `${prefix}.${key}`,
      ...fieldsOf(own, `${prefix}.${key}`, depth + 1),
    ]);
  const all = value.map((each) => fieldsOf(each, `${prefix}[]`, depth));
  return (all[0] ?? []).filter((field) => all.every((own) => own.includes(field)));
}
