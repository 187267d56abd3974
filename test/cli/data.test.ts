import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { initModel } from "../../datasets/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const at = (name: string): string => path.join(root, name);
const talk = (answer: object, question = "1 + 1?") => ({
  conversations: [
    { from: "human", value: question },
    { from: "gpt", value: "2", ...answer },
  ],
});

beforeAll(() => {
  initModel({ folder: at("model"), hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const rows = [talk({}), talk({ weight: 0 }), talk({ label: false }), talk({}), talk({}, "a".repeat(200))];
  writeFileSync(at("talks.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  writeFileSync(at("ids.jsonl"), '{"input_ids":[1,2,3],"labels":[-100,2,3]}\n');
});

describe("data", () => {
  it("says what becomes of a file's rows, and ends with 1 where some are refused", async () => {
    const { code, stdout } = await runCli(
      ["data", "talks.jsonl", "--tokenizer", "model", "--cutoff-length", "100"],
      root,
    );
    expect(code).toBe(1);
    for (const line of [
      /^talks\.jsonl: rows, read as chat, since the first record has "conversations"/,
      /^in the file +5$/m,
      /^trained +2$/m,
      /^refused +1$/m,
      /^left out, nothing of them is trained +1$/m,
      /^dropped, the cutoff leaves nothing to train +1$/m,
      /^the same as an earlier row +1$/m,
      /refused: .*talks\.jsonl:3: Expected "label" to be true/,
      /give it another name/,
    ])
      expect(stdout).toMatch(line);
  });

  it("shows rows as text, with what is trained marked", async () => {
    const { stdout } = await runCli(["data", "talks.jsonl", "--tokenizer", "model", "--show", "3"], root);
    expect(stdout).toContain(
      "talks.jsonl line 1: 27 tokens, 2 trained\n  <s>user: 1 + 1?\n  assistant: \u27e62</s>\u27e7\n",
    );
    expect(stdout).toContain("talks.jsonl line 3: refused\n  ");
    const ids = await printed(["data", "ids.jsonl", "--show", "1"], root);
    expect(ids).toContain("ids.jsonl line 1: 3 tokens, 2 trained\n  1 \u27e62 3\u27e7\n");
  });

  it("prints an object a row with --json: ids and labels, or why it is refused", async () => {
    const { stdout } = await runCli(["data", "talks.jsonl", "--tokenizer", "model", "--json"], root);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map((row) => Object.keys(row).sort().join())).toEqual([
      "at,input_ids,labels",
      "at,input_ids,labels,left_out",
      "at,refused",
      ...Array(2).fill("at,input_ids,labels"),
    ]);
    expect(rows[0]!["labels"]).toHaveLength((rows[0]!["input_ids"] as number[]).length);
  });

  it("reads as it is told to", async () => {
    const pair = '{"q":"1?","a":"one"}\n{"q":"2?","a":"two"}\n';
    writeFileSync(at("pairs.jsonl"), pair);
    const asked = ["--prompt", "{{q}}", "--response", " {{a}}", "--limit", "1", "--show", "1"];
    expect(await printed(["data", "pairs.jsonl", "--tokenizer", "model", ...asked], root)).toContain(
      "<s>1?\u27e6 one</s>\u27e7",
    );
    const text = ["--format", "text", "--field", "a", "--show", "2"];
    expect(await printed(["data", "pairs.jsonl", "--tokenizer", "model", ...text], root)).toContain(
      "<s>\u27e6two</s>\u27e7",
    );
  });

  it("names the row that a template is refused for, and the option", async () => {
    const asked = ["--prompt", "{{a", "--response", "{{b}}"];
    const { code, stdout } = await runCli(["data", "talks.jsonl", "--tokenizer", "model", ...asked], root);
    expect([code, stdout]).toEqual([1, expect.stringContaining("talks.jsonl line 1: Expected {{field}}")]);
    expect(stdout).toContain("at --prompt");
  });

  it("marks nothing that the data pretend, and writes out what nobody would see", async () => {
    const text = "\u27e6x\u27e7 \u202e\u200b\u0000\u00a0\t|";
    writeFileSync(at("marks.jsonl"), JSON.stringify({ text }));
    expect(await printed(["data", "marks.jsonl", "--tokenizer", "model", "--show", "1"], root)).toContain(
      "  <s>\u27e6\\u27e6x\\u27e7 \\u202e\\u200b\\u0000\\u00a0\u21e5|</s>\u27e7\n",
    );
  });

  it("shows the first and the last tokens of a long row, and says how many are not shown", async () => {
    writeFileSync(at("long.jsonl"), JSON.stringify({ input_ids: Array.from({ length: 100_000 }, () => 7) }));
    const lines = (await printed(["data", "long.jsonl", "--show", "1"], root)).split("\n");
    expect(lines).toContain("... 99 000 tokens are not shown, 99 000 of them trained ...");
    expect(lines.join(" ").match(/ 7(?![0-9])/g)).toHaveLength(1000 - 2);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("colours what is trained where there are colours, and folds at the terminal's width", async () => {
    let text = "";
    const io = { stdout: () => {}, stderr: () => {}, isTty: false, cwd: root, columns: 20 };
    const painted = (more: string): void => {
      text += more;
    };
    await run(["data", "talks.jsonl", "--tokenizer", "model", "--show", "1"], { ...io, painted });
    expect(text).toContain("assistant: \u001b[22m\u001b[32m2</s>\u001b[39m");
    expect(text).not.toContain("\u27e6");
    const [, body] = text.split("trained\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(body!.split("\n").every((line) => line.replace(/\u001b\[\d+m/g, "").length <= 20)).toBe(true);
  });

  it("counts a pair once, and shows both of its sequences by name", async () => {
    writeFileSync(at("pairs2.jsonl"), JSON.stringify({ prompt: "q", chosen: "yes", rejected: "no" }));
    const { code, stdout: text } = await runCli(["data", "pairs2.jsonl", "--tokenizer", "model", "--show", "1"], root);
    expect(code).toBe(0);
    for (const line of [
      /^A job trains on them with a loss of kind dpo, cpo, simpo or orpo\.$/m,
      /^in the file +1$/m,
      /^sequences of tokens that they make +2$/m,
      /^pairs2\.jsonl line 1, chosen: 6 tokens/m,
      /^pairs2\.jsonl line 1, rejected: 5 tokens/m,
    ])
      expect(text).toMatch(line);
  });

  it("says what it takes a file for", async () => {
    writeFileSync(at("list.json"), '{"data":[{"text":"kind"}]}');
    expect(await printed(["data", "list.json", "--tokenizer", "model"], root)).toMatch(
      /^list\.json: rows, read as text/,
    );
    writeFileSync(at("other.yaml"), "kind: cluster\n");
    const { code, stderr } = await runCli(["data", "other.yaml"], root);
    expect([code, stderr]).toEqual([2, expect.stringContaining('Expected "workload" at kind')]);
  });

  it.each([
    ["a file that is not there", ["nope.jsonl"], /a data file at file\.path/],
    ["texts without a tokenizer", ["talks.jsonl"], /Expected --tokenizer, for rows that are read as chat/],
    ["a folder without one", ["talks.jsonl", "--tokenizer", "."], /tokenizer_config\.json/],
  ])("refuses %s", async (_, words, message) => {
    const { code, stderr } = await runCli(["data", ...words], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it("counts as the training does", async () => {
    const workload = { kind: "workload", version: 1, model: { path: "model" }, defaults: { steps: 1, batchSize: 1 } };
    const jobs = [{ name: "a", data: { path: "ids.jsonl" }, adapter: { rank: 2, alpha: 2, targets: ["q_proj"] } }];
    writeFileSync(at("w.json"), JSON.stringify({ ...workload, jobs }));
    await printed(["train", "w.json", "--devices", "cpu:0", "-o", "run"], root);
    const [step] = readFileSync(at("run/metrics.jsonl"), "utf8").trim().split("\n");
    const { tokens } = JSON.parse(step!) as { readonly tokens: number };
    expect(await printed(["data", "ids.jsonl"], root)).toMatch(new RegExp(`^of all rows +${tokens}$`, "m"));
  });
});
