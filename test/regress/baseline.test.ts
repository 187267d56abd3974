import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { allCommands } from "../../cli/commands/commands.ts";
import { allOptions } from "../../cli/refuse-options.ts";
import { packageFile } from "../../files/index.ts";
import type { ComparedGolden } from "../../studies/index.ts";
import { runCli } from "../cli/run-cli.ts";

test("golden workloads come to what is stored: a change that means to move them updates examples/regress/baseline.json", {
  tags: ["slow"],
  timeout: 600_000,
}, async () => {
  const { code, stdout, stderr } = await runCli(["regress", "check", "--json", "--quiet"], packageFile("."));
  expect(stderr).toBe("");
  const { goldens } = JSON.parse(stdout) as { readonly goldens: readonly ComparedGolden[] };
  const moved = goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable");
  expect(moved.map(({ name, verdict, why }) => [name, verdict, ...why])).toEqual([]);
  expect(goldens.length).toBeGreaterThanOrEqual(60);
  expect(code).toBe(0);
});

test.each(["github-regress.yml", "gitlab-regress.yml"])(
  "examples/ci/%s asks for options that there are",
  async (name) => {
    const text = readFileSync(packageFile("examples", "ci", name), "utf8");
    expect(parse(text)).toBeTypeOf("object");
    const [line] = /npx loratwin regress .*$/m.exec(text)!;
    const options = [...line.matchAll(/ --?([a-z]+)/g)].map(([, option]) => option!);
    const known = allOptions((await allCommands()).find(({ usage }) => usage.startsWith("regress"))!);
    const names = Object.entries(known).flatMap(([option, { alias }]) => [option, alias ?? option]);
    expect(options.filter((option) => !names.includes(option))).toEqual([]);
  },
);

test.each(["update", "check"])("regress %s takes its folder behind the word, and says so", async (word) => {
  const { code, stderr } = await runCli(["regress", word, "--folder", "goldens"], packageFile("."));
  expect(code).toBe(2);
  expect(stderr).toContain(
    `The folder of golden workloads stands behind the word: \`loratwin regress ${word} FOLDER\`.`,
  );
});
