import type { ChromeEvent, TraceDocument } from "../../traces/trace-document.ts";
import type { Attack } from "./run-attacks.ts";

/** What a name may hold that moves a cursor, clears a screen, sets a title, turns a text around or forges a line. */
export const HOSTILE_NAMES: Readonly<Record<string, string>> = {
  "an escape sequence": "a\u001b[2J\u001b[1;31mpwned",
  "a title of the terminal": "a\u001b]0;pwned\u0007",
  "a control sequence of one character": "a\u009b31mred",
  "a carriage return": "good\rbad ",
  "a backspace": "evil\u0008\u0008\u0008\u0008good",
  "an override of direction": "safe\u202egnp.exe",
  "an isolate that is not closed": "a\u2067b",
  "a mark of direction": "a\u200fb\u061c",
  "a line separator": "a\u2028b",
  "a line feed": "a\nWarning: forged",
};

/** A trace in which a job, a device, a version and a loss have a name. */
export function namedTrace(document: TraceDocument, source: "simulated" | "executed", name: string): string {
  const renamed = (event: ChromeEvent): ChromeEvent => {
    if (event.ph === "X") return { ...event, args: { ...event.args, jobs: event.args.jobs.map(() => name) } };
    if (event.ph === "M" && event.name === "process_name")
      return { ...event, args: { name: `${event.args.name} ${name}` } };
    return event;
  };
  return JSON.stringify({
    ...document,
    otherData: { ...document.otherData, source, versions: { [name]: name }, intervals: undefined },
    traceEvents: document.traceEvents.map(renamed),
  });
}

/** Every command that tells of a trace, or writes a page of it. */
function ofTraces(what: string, name: string, document: TraceDocument): readonly Attack[] {
  const files = {
    "s.json": namedTrace(document, "simulated", name),
    "e.json": namedTrace(document, "executed", name),
  };
  const lines = [
    ["compare", "s.json", "e.json"],
    ["compare", "s.json", "e.json", "-o", "r.html"],
    ["compare", "s.json", "e.json", "--json"],
    ["report", "s.json", "-o", "r.html"],
    ["report", "e.json", "-o", "r.html", "--title", name],
    ["simulate", "s.json", "--timeline"],
    ["validate", "s.json"],
  ];
  return lines.map((argv) => ({ name: `${argv[0]} of a trace with ${what}`, files, argv, mayPass: true }));
}

/** Documents of other kinds, and words of a command line. */
function ofDocuments(what: string, name: string): readonly Attack[] {
  const text = JSON.stringify(name);
  const documents: Readonly<Record<string, readonly [text: string, argv: readonly string[]]>> = {
    "an unknown key": [`{"kind":"workload","version":1,${text}:1}`, ["validate", "d.json"]],
    "a kind": [`{"kind":${text},"version":1}`, ["validate", "d.json"]],
    "a job's name": [`{"kind":"workload","version":1,"jobs":[{"name":${text}}]}`, ["plan", "d.json"]],
    "a device": [
      `{"kind":"catalog","version":1,"devices":{${text}:{"kind":"cuda","memoryBytes":{"value":1e9,"source":${text}}}}}`,
      ["catalog", "--catalog", "d.json"],
    ],
    "a word": ["{}", ["plan", name.replaceAll(" ", "_")]],
    "an option": ["{}", ["plan", "d.json", `--${name}`]],
    devices: ["{}", ["devices", "--devices", name]],
  };
  return Object.entries(documents).map(([where, [document, argv]]) => ({
    name: `${where} with ${what}`,
    files: { "d.json": document },
    argv,
    mayPass: true,
  }));
}

/** What nobody has a price of, beside what is recommended. */
function ofCapacity(what: string, name: string): Attack {
  const kind = {
    name: "small",
    model: "llama-3-8b",
    perDay: 2,
    samples: 100,
    batchSize: 8,
    tokens: { mean: 200, max: 512 },
  };
  const candidate = { accelerator: "H100 SXM", count: 1, slot: 1, precision: "bfloat16", tenure: "reserved" };
  const candidates = [candidate, { ...candidate, accelerator: name }];
  const prices = {
    date: "2026-11-20",
    currency: "USD",
    perKilowattHour: 0.1,
    accelerators: { "H100 SXM": { reservedPerHour: 2 } },
  };
  const document = (of: string, fields: object): string => JSON.stringify({ kind: of, version: 1, ...fields });
  return {
    name: `capacity with ${what}`,
    files: {
      "f.json": document("forecast", { days: 1, level: { percent: 90, hours: 5 }, kinds: [kind] }),
      "c.json": document("candidates", { candidates }),
      "p.json": document("prices", prices),
    },
    argv: ["capacity", "f.json", "--candidates", "c.json", "--prices", "p.json", "--draws", "1", "-o", "out"],
    mayPass: true,
  };
}

/** Names from files and command lines that reach a terminal or a page. */
export function hostileNames(document: TraceDocument): readonly Attack[] {
  return Object.entries(HOSTILE_NAMES).flatMap(([what, name]) => [
    ...ofTraces(what, name, document),
    ...ofDocuments(what, name),
    ofCapacity(what, name),
  ]);
}

/** Every number of some JSON documents as a text, one at a time for each place that a key has first. */
function textsForNumbers(text: string): readonly (readonly [at: string, text: string])[] {
  const seen = new Set<string>();
  const found: (readonly [string, string])[] = [];
  for (const match of text.matchAll(/"(\w+)":(-?\d[\d.e+-]*)/g)) {
    const [whole, key, value] = match as unknown as [string, string, string];
    if (seen.has(key)) continue;
    seen.add(key);
    const after = text.slice(match.index + whole.length);
    found.push([key, `${text.slice(0, match.index)}"${key}":"${value}<b>"${after}`]);
  }
  return found;
}

/** A run folder whose metrics or trace have texts for numbers. `files`: what a run has written, by name. */
export function textsInRuns(files: Readonly<Record<string, string>>): readonly Attack[] {
  return ["metrics.jsonl", "trace.json"].flatMap((name) =>
    textsForNumbers(files[name]!).map(([key, text]) => ({
      name: `a text for ${key} in ${name}`,
      files: Object.fromEntries(
        Object.entries({ ...files, [name]: text }).map(([file, content]) => [`run/${file}`, content]),
      ),
      argv: ["report", "run", "-o", "r.html"],
    })),
  );
}
