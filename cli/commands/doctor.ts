import { examineMachine, type Finding } from "../../workbench/index.ts";
import type { Command } from "../command.ts";
import { printResult } from "../output.ts";

/** The addon does not load: the exit code of everything that the machine lacks. */
const LACKS = 3;

const indented = (name: string, text: string): string =>
  `           ${name}: ${text.replaceAll("\n", "\n           ")}`;

function lines({ about, state, found, needs, how }: Finding): readonly string[] {
  return [
    `${state.padEnd(8)} ${about}: ${found.replaceAll("\n", "\n           ")}`,
    ...(needs === undefined ? [] : [indented("for", needs)]),
    ...(how === undefined ? [] : [indented("get it", how)]),
  ];
}

export const doctorCommand: Command = {
  usage: "doctor",
  describe: "what this machine has, what it lacks, and how to install it",
  examples: [["$0 doctor", "after an installation, or when something is slow"]],
  positionals: {},
  uses: [{ input: "this machine", options: {} }],
  run(args, io) {
    const findings = examineMachine();
    printResult(io, args, { findings }, () => findings.flatMap(lines).join("\n"));
    return findings.some(({ state }) => state === "broken") ? LACKS : 0;
  },
};
