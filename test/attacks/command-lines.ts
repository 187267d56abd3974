import { WORKLOAD } from "../cli/bad-input/bad-input.ts";
import type { Attack } from "./run-attacks.ts";

const FILES = { "w.yaml": WORKLOAD };

function line(...argv: readonly string[]): Attack {
  return { name: argv.join(" ").slice(0, 120), files: FILES, argv };
}

const NUMBERS = ["-1", "0", "1.5", "1e308", "9007199254740993", "NaN", "Infinity", "", "x", "0x10"] as const;

/** Command lines that ask for what there is not, or for more than any machine has. */
export const HOSTILE_LINES: readonly Attack[] = [
  line(),
  line("constructor"),
  line("__proto__"),
  line("plan"),
  line("plan", "none.yaml"),
  line("plan", "."),
  line("plan", "/dev/null"),
  line("plan", "w.yaml", "--devices", "unit*1000000000"),
  line("plan", "w.yaml", "--devices", "unit*99999999999999999999"),
  line("plan", "w.yaml", "--devices", Array.from({ length: 5000 }, (_, i) => `unit:${i}`).join()),
  line("plan", "w.yaml", "--devices", `cpu:${"9".repeat(100)}`),
  line("plan", "w.yaml", "--devices", "cpu:0,cpu:0"),
  line("plan", "w.yaml", "--devices", ","),
  line("plan", "w.yaml", "--devices", "toString"),
  line("plan", "w.yaml", "--dtype", "constructor"),
  line("plan", "w.yaml", "--schedule", "__proto__"),
  line("plan", "w.yaml", "--output", "/dev/full"),
  line("plan", "w.yaml", "--output", "w.yaml/p.json"),
  line("plan", "w.yaml", "--unknown"),
  line("plan", "w.yaml", "--cluster", "w.yaml"),
  line("plan", "w.yaml", "--calibration", "w.yaml"),
  line("simulate", "w.yaml", "--policy", "constructor"),
  line("simulate", "w.yaml", "--policy", "__proto__"),
  line("simulate", "w.yaml", "--policy", "./none.mjs"),
  line("catalog", "constructor"),
  line("catalog", "__proto__"),
  line("validate", "../model"),
  line("validate", "../model/model.safetensors"),
  line("explain", "w.yaml"),
  line("compare", "w.yaml", "w.yaml"),
  line("report", "w.yaml", "-o", "r.html"),
  line("watch", "none"),
  line("cancel", "none", "constructor"),
  line("submit", "none", "w.yaml"),
  line("train", "w.yaml", "-o", "w.yaml"),
  line("init-model", "m", "--hidden-size", "1000000", "--layers", "100", "--heads", "1000"),
  line("init-model", "m", "--hidden-size", "16", "--layers", "1000000000", "--heads", "2"),
  line("init-model", "m", "--hidden-size", "16", "--layers", "2", "--heads", "1000000000"),
  ...["max-in-flight", "pipelines", "jobs-at-once"]
    .flatMap((option) => NUMBERS.map((value) => line("plan", "w.yaml", "--devices", "cpu:0", `--${option}`, value)))
    .filter(({ argv }) => argv.at(-1) !== "1e308" && argv.at(-1) !== "0x10"),
  ...NUMBERS.map((value) => line("plan", "w.yaml", "--devices", "cpu:0", "--groups", value)).filter(
    ({ argv }) => argv.at(-1) !== "0x10",
  ),
  ...["-1", "0", "1.5", "1e308", "1000000000", "NaN"].map((value) =>
    line("simulate", "w.yaml", "--devices", "cpu:0", "--samples", value),
  ),
];
