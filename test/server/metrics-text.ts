/** A sample of a metric: its labels as they are written, and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABELS = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;
const SUFFIXES = /_(?:bucket|sum|count)$/;

function numberOf(text: string): number {
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf$/i.test(text)) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(text)) throw new Error(`no number: ${text}`);
  return Number(text);
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  const found = [...text.matchAll(LABELS)];
  if (found.reduce((length, [each]) => length + each.length, 0) !== text.length) throw new Error(`no labels: ${text}`);
  return Object.fromEntries(found.map(([, name, value]) => [name!, value!]));
}

/**
 * Reads version 0.0.4 of Prometheus' text format by its rules: HELP and TYPE in front of a metric's samples, which stand
 * together, and no sample twice. @throws Error for a text that breaks one
 */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let [open, help] = ["", ""];
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [, kind, name, rest] = line.match(/^# (HELP|TYPE) (\S+) (.+)$/) ?? [];
    if (kind === "HELP") help = rest!;
    else if (kind === "TYPE") {
      if (families.has(name!)) throw new Error(`${name} is there twice`);
      families.set(name!, { help, type: rest!, samples: [] });
      open = name!;
    } else {
      const [, metric, labels = "", value] = line.match(LINE) ?? [];
      if (metric === undefined) throw new Error(`no sample: ${line}`);
      const family = families.get(open);
      const own = family?.type === "histogram" ? metric.replace(SUFFIXES, "") : metric;
      if (own !== open) throw new Error(`${metric} stands under ${open}`);
      if (seen.has(`${metric}{${labels}}`)) throw new Error(`${line} is there twice`);
      seen.add(`${metric}{${labels}}`);
      family!.samples.push({ name: metric, labels: labelsOf(labels), value: numberOf(value!) });
    }
  }
  return families;
}
