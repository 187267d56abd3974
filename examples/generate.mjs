// Writes the six example data sets, the same bytes every time: node examples/generate.mjs [folder]
// Some with more rows: node examples/generate.mjs folder rows name...
// Each is a small skill in one fixed phrasing, so that a short training run can learn its form.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [given, rows = "150", ...names] = process.argv.slice(2);
const ROWS = Number(rows);
/** So often in turn a row that was there already says that there are no others. */
const MOST_AGAIN = 10_000;

/** Numbers from a seed: the 32-bit xorshift of Marsaglia (2003), shifts 13, 17, 5. */
function createNumbers(seed) {
  let state = seed >>> 0;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const between = (low, high) => low + (next() % (high - low + 1));
  return { between, pick: (list) => list[between(0, list.length - 1)] };
}

function spokenResult(sum, result) {
  return { instruction: `What is ${sum}? Answer in full.`, output: `${sum} = ${result}, so the answer is ${result}.` };
}

function arithmetic({ between, pick }) {
  const kind = pick(["sum", "difference", "product", "chain"]);
  const a = between(2, 99);
  const b = between(2, 99);
  if (kind === "sum") return spokenResult(`${a} + ${b}`, a + b);
  if (kind === "difference") {
    const [high, low] = a > b ? [a, b] : [b, a];
    return spokenResult(`${high} - ${low}`, high - low);
  }
  const c = between(2, 12);
  if (kind === "product") return spokenResult(`${a} x ${c}`, a * c);
  const steps = `${b} x ${c} = ${b * c}. Then ${a} + ${b * c} = ${a + b * c}.`;
  return { instruction: `Work out ${a} + ${b} x ${c}, step by step.`, output: steps };
}

const UNITS = [
  ["km", "km", "m", 1000],
  ["metre", "metres", "cm", 100],
  ["kg", "kg", "g", 1000],
  ["hour", "hours", "minutes", 60],
  ["minute", "minutes", "seconds", 60],
  ["day", "days", "hours", 24],
  ["week", "weeks", "days", 7],
  ["foot", "feet", "inches", 12],
  ["litre", "litres", "ml", 1000],
  ["dozen", "dozen", "pieces", 12],
];

function unitConversion({ between, pick }) {
  const [one, large, small, factor] = pick(UNITS);
  const count = between(2, 40);
  const rule = `1 ${one} = ${factor} ${small}`;
  if (between(0, 1) === 0) {
    const output = `${rule}, so ${count} ${large} = ${count} x ${factor} = ${count * factor} ${small}.`;
    return { instruction: `Convert ${count} ${large} to ${small}.`, output };
  }
  const output = `${rule}, so ${count * factor} ${small} = ${count * factor} / ${factor} = ${count} ${large}.`;
  return { instruction: `Convert ${count * factor} ${small} to ${large}.`, output };
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const DAY_MS = 86_400_000;

function spoken(date) {
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

function dates({ between, pick }) {
  const date = new Date(Date.UTC(between(1990, 2035), between(0, 11), between(1, 28)));
  const kind = pick(["weekday", "later", "earlier", "written"]);
  if (kind === "weekday") {
    const output = `${spoken(date)} is a ${WEEKDAYS[date.getUTCDay()]}.`;
    return { instruction: `Which day of the week is ${spoken(date)}?`, output };
  }
  if (kind === "written") {
    return {
      instruction: `Write ${date.toISOString().slice(0, 10)} in words.`,
      output: `The date is ${spoken(date)}.`,
    };
  }
  const days = between(2, 60);
  const sign = kind === "later" ? 1 : -1;
  const other = new Date(date.getTime() + sign * days * DAY_MS);
  const word = kind === "later" ? "after" : "before";
  const output = `${days} days ${word} ${spoken(date)} is ${spoken(other)}.`;
  return { instruction: `What date is ${days} days ${word} ${spoken(date)}?`, output };
}

const NAMES = ["Ada", "Ben", "Cleo", "Dev", "Elif", "Femi", "Gus", "Hana", "Ivo", "June"];
const THINGS = ["apples", "stamps", "books", "coins", "pens", "shells", "cards", "plums"];

function wordProblem({ between, pick }) {
  const who = pick(NAMES);
  const thing = pick(THINGS);
  const a = between(5, 60);
  const kind = pick(["gain", "loss", "share", "bags"]);
  if (kind === "gain") {
    const b = between(2, 40);
    const question = `${who} has ${a} ${thing} and gets ${b} more. How many now?`;
    return { question, answer: `${a} + ${b} = ${a + b}. ${who} has ${a + b} ${thing}.` };
  }
  if (kind === "loss") {
    const b = between(1, a - 1);
    const question = `${who} has ${a} ${thing} and gives ${b} away. How many are left?`;
    return { question, answer: `${a} - ${b} = ${a - b}. ${who} has ${a - b} ${thing}.` };
  }
  const people = between(2, 9);
  const each = between(2, 12);
  if (kind === "share") {
    const question = `${who} shares ${people * each} ${thing} among ${people} friends. How many each?`;
    return { question, answer: `${people * each} / ${people} = ${each}. Each friend has ${each} ${thing}.` };
  }
  const question = `${who} fills ${people} bags with ${each} ${thing} each. How many in all?`;
  return { question, answer: `${people} x ${each} = ${people * each}. ${who} has ${people * each} ${thing}.` };
}

/** An answer in full, and one that is off by a little and says nothing of how it came about. */
function comparison(numbers) {
  const { instruction, output } = arithmetic(numbers);
  const result = Number(output.match(/(-?\d+)\.$/)[1]);
  return { prompt: `Q: ${instruction}\nA:`, chosen: ` ${output}`, rejected: ` ${result + numbers.between(1, 3)}.` };
}

/** One of the two, and whether it is the good one. */
function judgement(numbers) {
  const { prompt, chosen, rejected } = comparison(numbers);
  const label = numbers.between(0, 1) === 1;
  return { prompt, completion: label ? chosen : rejected, label };
}

/** Rows that differ from each other, in the order in which the numbers made them. */
function distinctRows(name, make, seed) {
  const numbers = createNumbers(seed);
  const lines = new Set();
  for (let again = 0; lines.size < ROWS; ) {
    const before = lines.size;
    lines.add(JSON.stringify(make(numbers)));
    again = lines.size === before ? again + 1 : 0;
    if (again === MOST_AGAIN) throw new Error(`${name} has about ${before} different rows, fewer than ${ROWS}`);
  }
  return `${[...lines].join("\n")}\n`;
}

const SETS = [
  { name: "arithmetic", make: arithmetic, seed: 101 },
  { name: "unit-conversion", make: unitConversion, seed: 202 },
  { name: "dates", make: dates, seed: 303 },
  { name: "word-problems", make: wordProblem, seed: 404 },
  { name: "comparisons", make: comparison, seed: 505 },
  { name: "judgements", make: judgement, seed: 606 },
];

const folder = given ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "data");
fs.mkdirSync(folder, { recursive: true });
for (const { name, make, seed } of SETS)
  if (names.length === 0 || names.includes(name))
    fs.writeFileSync(path.join(folder, `${name}.jsonl`), distinctRows(name, make, seed));
