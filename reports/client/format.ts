import { formatBytes, formatSeconds } from "../../core/index.ts";
import type { Spent } from "../../plan/index.ts";

const MINUS = "\u2212";
const NARROW_SPACE = "\u202f";

function withMinus(text: string): string {
  return text.replace("-", MINUS);
}

/** "77.3 s" and not "1 min 17 s": what is compared side by side keeps its digits. */
export function formatDuration(seconds: number): string {
  if (seconds >= 60 && seconds < 3600) return `${seconds.toFixed(1)} s`;
  return seconds === 0 ? "0 s" : formatSeconds(seconds).replace("us", "µs");
}

export function formatNanos(time: number): string {
  return formatDuration(time / 1e9);
}

/** "10 ms" for "10.00 ms", as ticks have it. */
export function withoutZeros(text: string): string {
  return text.replace(/\.0+ /, " ");
}

/** "2.4934 s": a point in time, fine enough to tell neighbouring actions apart. */
export function formatInstant(time: number): string {
  return time >= 1e9 ? `${(time / 1e9).toFixed(4)} s` : formatNanos(time);
}

/** "6.3 %". */
export function formatShare(fraction: number): string {
  return `${withMinus((fraction * 100).toFixed(1))}${NARROW_SPACE}%`;
}

/** "+1.4 %": an error, with its sign. */
export function formatError(fraction: number): string {
  const percent = (fraction * 100).toFixed(1);
  const sign = Number(percent) > 0 ? "+" : "";
  return `${sign}${Number(percent) === 0 ? "0.0" : withMinus(percent)}${NARROW_SPACE}%`;
}

/** "12,345" or "3.21": a count or rate with three digits or more. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return withMinus(value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits }));
}

export function formatMemory(bytes: number): string {
  return formatBytes(bytes);
}

/** A unit, and how large it is. */
interface Unit {
  readonly name: string;
  readonly size: number;
}

const COLUMN_TIMES: readonly Unit[] = [
  { name: "h", size: 3600 },
  { name: "s", size: 1 },
  { name: "ms", size: 1e-3 },
  { name: "µs", size: 1e-6 },
];

/** Texts of values that are compared: in one unit, that of the largest, with as many digits. */
function inOneUnit(values: readonly number[], units: readonly Unit[]): (value: number) => string {
  const sizes = values.map(Math.abs).filter((value) => value > 0);
  const most = sizes.reduce((largest, each) => Math.max(largest, each), 0);
  const unit = units.find(({ size }) => most >= size) ?? units.at(-1)!;
  const isWhole = sizes.every((value) => Number.isInteger(value / unit.size));
  const digits = isWhole ? 0 : most / unit.size >= 100 ? 1 : 2;
  return (value) => {
    const text = (value / unit.size).toFixed(digits);
    if (value === 0) return `0 ${unit.name}`;
    return Number(text) === 0 ? `< ${10 ** -digits} ${unit.name}` : `${withMinus(text)} ${unit.name}`;
  };
}

/** Texts of durations in a column of a table, in seconds. */
export function durationColumn(seconds: readonly number[]): (seconds: number) => string {
  return inOneUnit(seconds, COLUMN_TIMES);
}

const TIME_UNITS = [
  { name: "s", nanos: 1e9 },
  { name: "ms", nanos: 1e6 },
  { name: "µs", nanos: 1e3 },
  { name: "ns", nanos: 1 },
] as const;

/** Times that an axis names, and how. */
export interface TimeTicks {
  readonly values: readonly number[];
  readonly label: (timeNs: number) => string;
}

/** Labels for ticks of a time axis in nanoseconds: one unit for all, and as many digits as the step needs. */
export function timeTickFormat(ticks: readonly number[]): (time: number) => string {
  const largest = ticks.at(-1) ?? 0;
  const unit = TIME_UNITS.find(({ nanos }) => largest >= 2 * nanos) ?? TIME_UNITS[3];
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : unit.nanos;
  const digits = Math.max(0, -Math.floor(Math.log10(step / unit.nanos) + 1e-9));
  return (time) => `${(time / unit.nanos).toFixed(digits)} ${unit.name}`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const COLUMN_BYTES = BYTE_UNITS.map((name, power) => ({ name, size: 1024 ** power })).reverse();

/** Texts of bytes in a column of a table. */
export function memoryColumn(bytes: readonly number[]): (bytes: number) => string {
  return inOneUnit(bytes, COLUMN_BYTES);
}

/** Tick values that are round in binary units, and their labels. */
export function byteTicks(
  low: number,
  high: number,
  count: number,
): { values: number[]; label: (bytes: number) => string } {
  const power = Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(high, 1)) / 10)));
  const unit = 2 ** (10 * power);
  const rough = (high - low) / unit / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough) ?? rough;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values: number[] = [];
  for (let i = Math.ceil(low / unit / step); i * step <= high / unit + 1e-9; i += 1) values.push(i * step * unit);
  return { values, label: (bytes) => `${(bytes / unit).toFixed(digits)} ${BYTE_UNITS[power]}` };
}

/** "0.0123 USD", "1,235 USD" */
export function costText(spent: Spent | undefined): string {
  if (spent?.cost === undefined) return "–";
  const { amount, currency } = spent.cost;
  return `${amount >= 100 ? formatNumber(amount) : amount.toPrecision(3)} ${currency}`;
}
