import { InputError } from "../../core/index.ts";
import type { Place } from "../records/record.ts";

/** A line of a table, its fields by the names of the columns. */
export interface TraceRow<Column extends string> {
  /** From 1, without the header line. */
  readonly number: number;
  readonly place: Place;
  text(column: Column): string;
  /** 0 for an empty field. @throws InputError for what is no number of at least 0 */
  number0(column: Column): number;
  /** Seconds since 1970 of a date and a time. @throws InputError for what is none */
  seconds(column: Column): number;
}

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:([+-])(\d\d):(\d\d))?$/;

/** Of "2023-03-01 00:18:22+08:00"; without a zone as if it were UTC. Undefined for another text. */
function secondsOf(text: string): number | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, ...parts] = match;
  const [year, month, day, hour, minute, second] = parts.slice(0, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [sign, hours = "0", minutes = "0"] = parts.slice(6);
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - offset;
}

/** A line of fields as a row of the columns, which stand at these places. */
export function traceRow<Column extends string>(
  number: number,
  place: Place,
  fields: readonly string[],
  places: ReadonlyMap<Column, number>,
): TraceRow<Column> {
  const text = (column: Column): string => fields[places.get(column)!]!.trim();
  const refuse = (expected: string, column: Column): InputError =>
    new InputError({ expected: `${expected} in column ${column}`, ...place, got: text(column) });
  return {
    number,
    place,
    text,
    number0(column) {
      const value = Number(text(column));
      if (!Number.isFinite(value) || value < 0) throw refuse("a number of at least 0", column);
      return value;
    },
    seconds(column) {
      const value = secondsOf(text(column));
      if (value === undefined) throw refuse("a time such as 2023-03-01 00:18:22 or 2023-03-01 00:18:22+08:00", column);
      return value;
    },
  };
}
