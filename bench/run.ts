import { loadavg } from "node:os";
import path from "node:path";
import { DeviceError, InputError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";
import { onInterrupt } from "../runs/interrupt.ts";
import { HELP, parseCommand, type Request, type SuiteName } from "./command.ts";
import { type ProgressOutput, progressTo } from "./progress.ts";
import { measurementsOf, runSuite } from "./run-suite.ts";
import { SUITES } from "./suites/suites.ts";
import { summaryLines } from "./summary.ts";
import { resultTables } from "./table.ts";

/** Above this load average the machine is not idle. */
const IDLE_LOAD = 0.5;

async function runOne(
  name: SuiteName,
  request: Request,
  progress: ProgressOutput,
  isInterrupted: () => boolean,
): Promise<void> {
  const start = performance.now();
  const { names: _names, folder, ...options } = request;
  const file = path.join(folder ?? packageFile("bench", "results", "local"), `${name}.jsonl`);
  console.log(`== ${name}: ${SUITES[name].describe}`);
  const outcomes = await runSuite(name, SUITES[name], {
    ...options,
    file,
    note: (text) => progress.say(`   ${text}`),
    progress,
    isInterrupted,
  });
  const measurements = measurementsOf(outcomes);
  if (measurements.length > 0) console.log(`\n${resultTables(measurements)}`);
  const seconds = (performance.now() - start) / 1000;
  const facts = { seconds, budgetSeconds: request.budgetSeconds, file: path.relative("", file) };
  console.log(`\n${summaryLines(name, outcomes, facts).join("\n")}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const request = parseCommand(argv);
  if (request === "help") {
    console.log(HELP);
    return 0;
  }
  const load = loadavg()[0] ?? 0;
  if (load > IDLE_LOAD) console.error(`Other programs are running (load ${load.toFixed(1)}): times will be off.\n`);
  using progress = progressTo(process.stderr);
  const tell = (): void =>
    progress.say("Ends after this case; what has been measured is kept. Ctrl-C again ends at once, without this case.");
  using interrupt = onInterrupt(process, tell, process.exit);
  for (const name of request.names) {
    if (interrupt.isAsked()) break;
    await runOne(name, request, progress, interrupt.isAsked);
  }
  return interrupt.isAsked() ? 130 : 0;
}

function fail(error: unknown): number {
  if (error instanceof DeviceError || error instanceof InputError) {
    console.error(error.message);
    return error instanceof DeviceError ? 3 : 2;
  }
  if (error instanceof TypeError && "code" in error) {
    console.error(`${error.message}\n\n${HELP}`);
    return 2;
  }
  throw error;
}

// Not awaited here: what a suite loads while it runs may need this module, which would wait for the suite.
void main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
    process.exitCode = code;
  });
