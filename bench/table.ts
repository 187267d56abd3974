import { percent, table } from "../cli/output.ts";
import { formatBytes, formatSeconds } from "../core/index.ts";
import type { Measurement } from "./measurement.ts";

function cell({ value, unit }: Measurement): string {
  if (unit === "s") return formatSeconds(value);
  if (unit === "B") return formatBytes(value);
  if (unit === "share") return percent(value, Math.abs(value) < 0.01 ? 2 : 1);
  if (unit === "ratio") return `${value.toFixed(2)}x`;
  if (Number.isInteger(value) && Math.abs(value) < 1000) return `${value}`;
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en").replaceAll(",", " ") : value.toPrecision(3);
}

const PLAIN_UNITS = new Set(["s", "B", "share", "ratio"]);

/** The columns of one name: the value, and where any row has them its share of the limit and its spread. */
function columnsOf(name: string, measurements: readonly Measurement[]) {
  const { unit, limit } = measurements.find((each) => each.limit !== undefined) ?? measurements[0]!;
  const title = PLAIN_UNITS.has(unit) || name === unit ? name : `${name} (${unit})`;
  const columns = [{ title, text: cell }];
  if (limit !== undefined)
    columns.push({
      title: `of ${limit.of}`,
      text: (each) => (each.limit === undefined ? "" : percent(each.limit.share)),
    });
  if (measurements.some(({ spread }) => spread !== null))
    columns.push({ title: "spread", text: ({ spread }) => (spread === null ? "" : percent(spread)) });
  return columns;
}

/** Measurements as tables for people: a row for each set of parameters, columns for each name. */
export function resultTables(measurements: readonly Measurement[]): string {
  const tables = new Map<string, Map<string, Measurement[]>>();
  const namesOf = new Map<string, Set<string>>();
  for (const measurement of measurements) {
    const row = JSON.stringify(measurement.parameters);
    const same = measurements.filter((other) => JSON.stringify(other.parameters) === row);
    const key = [...Object.keys(measurement.parameters), "", same[0]!.name].join("\t");
    const rows = tables.get(key) ?? new Map<string, Measurement[]>();
    rows.set(row, same);
    tables.set(key, rows);
    const names = namesOf.get(key) ?? new Set();
    names.add(measurement.name);
    namesOf.set(key, names);
  }
  const texts = [...tables].map(([key, rows]) => {
    const cases = [...rows.values()];
    const keys = Object.keys(cases[0]![0]!.parameters);
    const columns = [...namesOf.get(key)!].flatMap((name) =>
      columnsOf(
        name,
        cases.flatMap((row) => row.filter((each) => each.name === name)),
      ).map((column) => ({ ...column, name })),
    );
    return table(
      [...keys, ...columns.map(({ title }) => title)],
      cases.map((row) => [
        ...keys.map((parameter) => `${row[0]!.parameters[parameter]}`),
        ...columns.map(({ name, text }) => {
          const found = row.find((each) => each.name === name);
          return found === undefined ? "" : text(found);
        }),
      ]),
    );
  });
  return texts.join("\n\n");
}
