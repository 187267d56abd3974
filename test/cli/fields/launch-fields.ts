import { packageFile } from "../../../files/index.ts";
import { blank, type FieldTable } from "./check-fields.ts";
import { is, that } from "./checks.ts";
import { JOBS, type Pass } from "./small-pass.ts";

const PROGRAM = [process.execPath, packageFile("dist", "cli", "main.js")];

export function checkRunFields(): FieldTable {
  return {
    run: is("run"),
    kind: is("run folder"),
    asPlanned: is(true),
    numAdapters: is(JOBS.length),
    missing: blank("nothing is missing", is([])),
    stopped: blank("no job was stopped", is({})),
  };
}

export function launchFields({ printed }: Pass): FieldTable {
  const { command } = printed["launch"] as { readonly command: readonly string[] };
  const train = [...PROGRAM, "train", "plan.json", "--output", "launched"];
  return {
    "machines[]": is("local"),
    environment: blank("mpirun is told by options", is({})),
    "command[]": that(
      "mpirun, its options and train",
      () => command[0] === "mpirun" && command.join(" ").endsWith(` ${train.join(" ")}`),
    ),
    "check[]": that("the program, check-run and the folder", (word: string) =>
      [...PROGRAM, "check-run", "launched"].includes(word),
    ),
  };
}
