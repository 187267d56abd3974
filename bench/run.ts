// npm run bench -- [suite...] [PATH] [--quick] [--large] [--only TEXT] [--out DIR]
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { packageFile } from "../cli/package-file.ts";
import { DeviceError, InputError } from "../core/index.ts";
import { runSuite, writeResults } from "./run-suite.ts";
import { SUITES } from "./suites/suites.ts";
import { resultTables } from "./table.ts";

const width = Math.max(...Object.keys(SUITES).map((name) => name.length));
const list = Object.entries(SUITES).map(([name, { describe }]) => `  ${name.padEnd(width)}  ${describe}`);

const HELP = `npm run bench -- [suite...] [PATH] [--quick] [--large] [--only TEXT] [--out DIR]

Measures this machine and loratwin on it, prints tables and writes DIR/SUITE.jsonl.
Without a suite all of them run, one after another.

${list.join("\n")}

  PATH       external: a file or folder of published measurements (default: ../shared/ground-truth);
             with a path, results are written only with --out
  --quick    small models and few repetitions: whether it works, not how fast it is (results are
             written only with --out)
  --large    memory: also a model of 1.1 billion parameters
  --only TEXT
             training, adapters, twin: only the cases whose name has this text, such as
             "all seven" or "deep, bfloat16" (results are written only with --out)
  --out DIR  where the results go (default: bench/results)

LORATWIN_PYTHON is the Python whose PyTorch is the baseline (default: /usr/bin/python3). What each
number means: docs/benchmarks.md.`;

/** Above this load average the machine is not idle. */
const IDLE_LOAD = 0.5;

function isSuite(name: string): name is keyof typeof SUITES {
  return name in SUITES;
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      large: { type: "boolean", default: false },
      only: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const place = positionals.includes("external")
    ? positionals.find((name) => !isSuite(name) && existsSync(name))
    : undefined;
  const unknown = positionals.filter((name) => !isSuite(name) && name !== place);
  if (unknown.length > 0) {
    console.error(`Expected suites of this list, got ${unknown.join(", ")}.\n${list.join("\n")}`);
    return 2;
  }
  const names = positionals.length > 0 ? positionals.filter(isSuite) : (Object.keys(SUITES) as (keyof typeof SUITES)[]);
  if (positionals.length === 0) console.log(`${list.join("\n")}\n`);
  const isPart = values.quick || values.only !== undefined || place !== undefined;
  const folder = values.out ?? (isPart ? undefined : packageFile("bench", "results"));
  // Where the results go is not part of what was measured, and may name a folder of this machine.
  const words = argv.filter((word, i) => !word.startsWith("--out") && argv[i - 1] !== "--out" && word !== place);
  const command = ["npm run bench --", ...words];
  const load = loadavg()[0] ?? 0;
  if (load > IDLE_LOAD) console.error(`Other programs are running (load ${load.toFixed(1)}): times will be off.\n`);
  for (const name of names) {
    const start = performance.now();
    console.log(`== ${name}: ${SUITES[name].describe}`);
    const result = await runSuite(name, SUITES[name], {
      scale: values.quick ? "quick" : "full",
      large: values.large,
      ...(values.only === undefined ? {} : { only: values.only }),
      ...(place === undefined ? {} : { place }),
      note: (text) => console.error(`   ${text}`),
      command: command.join(" "),
    });
    console.log(`\n${resultTables(result.measurements)}\n`);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const written = folder === undefined ? "" : `, written to ${path.relative("", writeResults(folder, result))}`;
    console.log(`${name}: ${result.measurements.length} measurements in ${seconds} s${written}\n`);
  }
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof DeviceError || error instanceof InputError) {
    console.error(error.message);
    process.exitCode = error instanceof DeviceError ? 3 : 2;
  } else if (error instanceof TypeError && "code" in error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exitCode = 2;
  } else throw error;
}
