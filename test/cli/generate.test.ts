import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { beforeAll, describe, expect, test } from "vitest";
import { run } from "../../cli/run.ts";
import { writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

const WORKLOAD = `kind: workload
version: 1
model: { path: model }
defaults: { batchSize: 4, microBatchSize: 2, steps: 6, cutoffLength: 64, optimizer: { learningRate: 1.0e-2 } }
jobs:
  - { name: first, data: { path: rows.jsonl }, evaluation: { data: { path: test.jsonl }, everySteps: 2 } }
  - { name: second, data: { path: rows.jsonl }, adapter: { rank: 4, alpha: 64 }, seed: 3 }
`;

beforeAll(async () => {
  writeShared(root);
  const rows = Array.from({ length: 9 }, (_, i) => JSON.stringify({ question: `${i} + 3`, answer: `is ${i + 3}` }));
  writeFileSync(path.join(root, "test.jsonl"), `${rows.join("\n")}\n`);
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD);
  await printed(["train", "w.yaml", "--devices", "cpu:0", "-o", "run"], root);
  writeFileSync(path.join(root, "long.yaml"), WORKLOAD.replace("steps: 6", "steps: 5000"));
  const early = ["--max-hours", "0.000001", "--checkpoint-steps", "1"];
  await runCli(["train", "long.yaml", "--devices", "cpu:0", "-o", "early", ...early], root);
}, 60_000);

interface Told {
  readonly answers: readonly {
    readonly prompt: string;
    readonly expected?: string;
    readonly answers: Readonly<
      Record<
        string,
        {
          readonly form: string;
          readonly promptTokens: readonly number[];
          readonly text: string;
          readonly end: string;
          readonly tokens: readonly number[];
          readonly logProbabilities?: readonly number[];
          readonly promptLogProbabilities?: readonly number[];
          readonly top?: readonly (readonly { readonly token: number }[])[];
        }
      >
    >;
  }[];
}

async function told(...words: readonly string[]): Promise<Told> {
  return JSON.parse(await printed(["generate", "run", "--json", ...words], root)) as Told;
}

describe("generate", () => {
  test("gives answers of a schema", async () => {
    writeFileSync(path.join(root, "schema.json"), JSON.stringify({ enum: ["yes", { no: [1] }] }));
    const { answers } = await told("-p", "3 + 3", "--schema", "schema.json");
    for (const { text, end } of Object.values(answers[0]!.answers))
      expect([['"yes"', '{"no":[1]}'].includes(text.trim()), end]).toEqual([true, "stop"]);
  });

  test("prints the base's and each adapter's answer under the prompt", async () => {
    const { code, stdout, stderr } = await runCli(["generate", "run", "-p", "3 + 3", "--max-tokens", "5"], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^> 3 \+ 3\n\nbase: [\s\S]*\nfirst: [\s\S]*\nsecond: [\s\S]*\[cut: --max-tokens\]\n$/);
    expect(stderr).toContain('put into the rows\' template: "Question: {{question}}\\nAnswer:"');
  });

  test("answers the same alone and beside others, and by a seed", async () => {
    const together = await told("-p", "3 + 3", "-p", "1", "--max-tokens", "8", "--ignore-end", "--temperature", "1");
    const alone = await told(
      ...["-p", "1", "--max-tokens", "8", "--ignore-end", "--temperature", "1", "--adapters", "second"],
    );
    expect(alone.answers[0]!.answers["second"]).toEqual(together.answers[1]!.answers["second"]);
    expect(Object.keys(together.answers[0]!.answers).toSorted()).toEqual(["base", "first", "second"]);
    const other = await told(
      ...["-p", "1", "--max-tokens", "8", "--ignore-end", "--temperature", "1", "--adapters", "second", "--seed", "8"],
    );
    expect(other.answers[0]!.answers["second"]!.tokens).not.toEqual(alone.answers[0]!.answers["second"]!.tokens);
  });

  test("answers the prompts of rows, with the answers that the data have", async () => {
    const { answers } = await told("--data", "test.jsonl", "--limit", "2", "--adapters", "first", "--max-tokens", "3");
    expect(answers).toHaveLength(2);
    expect(answers[1]).toMatchObject({ expected: " is 4" });
    expect(answers[1]!.prompt).toContain("Question: 1 + 3\nAnswer:");
  });

  test("asks each adapter in its own form, and says which", async () => {
    const rows = [
      [
        "talks",
        {
          messages: [
            { role: "user", content: "Hi" },
            { role: "assistant", content: "Yes" },
          ],
        },
      ],
      ["alpaca", { instruction: "Hi", output: "Yes" }],
    ] as const;
    const job = { steps: 2, batchSize: 1, adapter: { rank: 2 } };
    const jobs = rows.map(([name, row]) => {
      writeFileSync(path.join(root, `${name}.jsonl`), `${JSON.stringify(row)}\n`);
      return { name, ...job, data: { path: `${name}.jsonl` } };
    });
    const workload = { kind: "workload", version: 1, model: { path: "model" }, jobs };
    writeFileSync(path.join(root, "forms.json"), JSON.stringify(workload));
    await printed(["train", "forms.json", "--devices", "cpu:0", "-o", "forms"], root);
    const asked = ["generate", "forms", "-p", "Hi", "--max-tokens", "2"];
    const { answers } = (JSON.parse(await printed([...asked, "--json"], root)) as Told).answers[0]!;
    const textOf = (name: string): string => Buffer.from(answers[name]!.promptTokens.slice(1)).toString();
    expect(textOf("talks")).toBe("user: Hi\nassistant: ");
    expect(textOf("base")).toBe(textOf("talks"));
    expect(textOf("alpaca")).toBe("### Instruction:\nHi\n\n### Response:\n");
    expect(answers["alpaca"]!.form).toBe("the template of its rows");
    const shown = await printed(asked, root);
    expect(shown).toContain("\ntalks (the model's chat template): ");
    expect(shown).toContain("\nalpaca (the template of its rows): ");
  });

  test("tells log-probabilities of prompt and answer", async () => {
    const { answers } = await told("-p", "1", "--log-probabilities", "3", "--max-tokens", "2", "--ignore-end");
    const own = answers[0]!.answers["first"]!;
    expect(own.logProbabilities).toHaveLength(2);
    expect(own.promptLogProbabilities).toHaveLength(own.promptTokens.length - 1);
    expect(own.top![0]![0]!.token).toBe(own.tokens[0]);
    expect(own.top![0]).toHaveLength(3);
  });

  test("ends with a text", async () => {
    const free = await told("-p", "1", "--max-tokens", "9", "--ignore-end", "--adapters", "base");
    const { text } = free.answers[0]!.answers["base"]!;
    const stop = [...text][3]!;
    const stopped = await told("-p", "1", "--max-tokens", "9", "--ignore-end", "--adapters", "base", "--stop", stop);
    expect(stopped.answers[0]!.answers["base"]).toMatchObject({ end: "stop", text: text.slice(0, text.indexOf(stop)) });
  });

  test("takes the best adapter, and a model's folder alone", async () => {
    const { answers } = await told("-p", "1", "--adapters", "first@best,base", "--max-tokens", "2");
    expect(Object.keys(answers[0]!.answers).toSorted()).toEqual(["base", "first@best"]);
    expect((await runCli(["generate", "model", "-p", "1", "--max-tokens", "2"], root)).stdout).toContain("base: ");
  });

  test.each([
    [["generate", "run", "-p", "1", "--adapters", "frist"], /Did you mean first\?/],
    [["generate", "run"], /-p TEXT, --data FILE, or --repl/],
    [["generate", "nothing", "-p", "1"], /folder of a run, or of a model/],
    [["generate", "run", "-p", "1", "--top-p", "2"], /--top-p/],
    [["generate", "run", "-p", "1", "--device", "gpu"], /cuda:0/],
    [["generate", "run", "-p", "1", "--schema", "nowhere.json"], /nowhere\.json/],
    [["generate", "run", "-p", "1", "--schema", "rows.jsonl"], /JSON/],
    [["generate", "run", "-p", "1", "--form", "template", "--adapters", "base"], /--form/],
    [["generate", "run", "-p", "x".repeat(100)], /fewer than 64 tokens/],
    [["evaluate", "run", "--data", "none.jsonl"], /none.jsonl/],
    [["evaluate", "run", "--data", "test.jsonl", "--match", "--answer", "("], /regular expression/],
    [["evaluate", "run", "--data", "test.jsonl", "--match", "--answer", "#(.*)"], /every expected answer/],
    [["evaluate", "run", "--data", "test.jsonl", "--level", "1"], /--level/],
  ])("%j is refused", async (words, why) => {
    const { code, stderr } = await runCli(words, root);
    expect(code).toBe(2);
    expect(stderr).toMatch(why);
  });

  test.each([
    ["run", "generate", "damaged", "-p", "3 + 3"],
    ["run", "evaluate", "damaged", "--data", "test.jsonl"],
    ["run", "export", "damaged/adapters/first", "exported", "--to", "peft"],
    ["run", "check-adapter", "damaged/adapters/first"],
    ["early", "generate", "damaged", "-p", "3 + 3"],
  ])("refuses the weights of %s of which a bit is another one: %s %s", async (source, ...words) => {
    const folder = path.join(root, "damaged");
    rmSync(folder, { recursive: true, force: true });
    cpSync(path.join(root, source), folder, { recursive: true });
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of names.filter((each) => each.endsWith(".safetensors"))) {
      const bytes = readFileSync(path.join(folder, name));
      // The lowest bit of a number, which stays one.
      bytes[bytes.length - 4]! ^= 1;
      writeFileSync(path.join(folder, name), bytes);
    }
    const { code, stdout, stderr } = await runCli(words, root);
    expect([code, stdout]).toEqual([2, ""]);
    const expected = source === "run" ? "the weights that job first left, " : "\\d+ bytes with SHA-256 ";
    expect(stderr).toMatch(new RegExp(`safetensors: Expected ${expected}`));
  });

  test("talks with each adapter in a chat of its own", async () => {
    let stdout = "";
    const code = await run(["generate", "run", "--repl", "--adapters", "base,first", "--max-tokens", "4"], {
      ...{ stderr: () => {}, isTty: false, cwd: root },
      stdout: (text) => {
        stdout += text;
      },
      stdin: Readable.from([
        "1\n/adapters first\n2\n/adapters nobody\n/what\n/reset\n",
        `${"y".repeat(90)}\n3\n/quit\n9`,
      ]),
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nbase: [\s\S]*\nfirst: [\s\S]*first will answer.\n/);
    expect(stdout).toContain("There is no nobody; there are base, first.");
    expect(stdout).toContain("There is no /what.");
  });
});

describe("evaluate", () => {
  test("has the loss that training found on the same rows", async () => {
    const document = JSON.parse(await printed(["evaluate", "run", "--data", "test.jsonl", "--json"], root)) as {
      readonly rows: number;
      readonly judgements: readonly { readonly name: string; readonly loss: number; readonly lossRange: number[] }[];
    };
    const metrics = readFileSync(path.join(root, "run", "metrics.jsonl"), "utf8")
      .trim()
      .split("\n");
    const last = metrics
      .map((line) => JSON.parse(line) as { readonly evaluationLoss?: number; readonly step: number })
      .findLast(({ evaluationLoss }) => evaluationLoss !== undefined)!;
    expect(document.rows).toBe(9);
    const own = document.judgements.find(({ name }) => name === "first")!;
    expect(own.loss / last.evaluationLoss!).toBeCloseTo(1, 5);
    expect(own.lossRange[0]!).toBeLessThan(own.loss);
    expect(own.lossRange[1]!).toBeGreaterThan(own.loss);
  });

  test("counts right answers, and says whether the best is sure", async () => {
    const text = await printed(
      ["evaluate", "run", "--data", "test.jsonl", "--match", "--answer", "\\d+", "--max-tokens", "4"],
      root,
    );
    expect(text).toMatch(/right +interval/);
    expect(text).toMatch(/best: (base|first|second), /);
  });
});
