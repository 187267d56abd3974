import { shellQuoted, textTable } from "../core/index.ts";

/** What a person would do with a workload that was just written. */
export function nextCommands(file: string, devices?: string): readonly string[] {
  const on = devices === undefined ? "" : ` --devices ${shellQuoted(devices)}`;
  const workload = shellQuoted(file);
  return [
    "",
    "Next:",
    ...textTable(
      [
        [`  loratwin data ${workload} --show 3`, "what is trained of a row"],
        [`  loratwin plan ${workload}${on}`, "time and memory"],
        [`  loratwin train ${workload}${on} -o run`, "train"],
      ],
      () => "left",
    ),
  ];
}
