import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { shellQuoted } from "../../../core/index.ts";
import { WORKLOAD, writeShared } from "../bad-input/bad-input.ts";
import { runCli, temporaryFolder } from "../run-cli.ts";
import { MISTAKES, type Mistake } from "./cases.ts";

const root = temporaryFolder();
beforeAll(() => writeShared(root));

async function prepared({ files = {}, prepare }: Mistake, index: number): Promise<string> {
  const folder = path.join(root, `case-${index}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  await prepare?.(folder);
  return folder;
}

/** What a person sees, without notes of what was chosen, and with `~` for the folder that they are in. */
function seen(stderr: string, folder: string): string {
  const lines = stderr.split("\n").filter((line) => !line.startsWith("Note: "));
  return lines.join("\n").replaceAll(folder, "~").replaceAll(root, "~/..");
}

it("each mistake of a first hour is answered with what is wrong, where, and how to go on", {
  timeout: 60_000,
}, async () => {
  const answers: string[] = [];
  for (const [index, mistake] of MISTAKES.entries()) {
    const folder = await prepared(mistake, index);
    const { code, stdout, stderr } = await runCli(mistake.argv, folder);
    const answer = seen(stderr, folder);
    expect
      .soft({ name: mistake.name, code, stdout })
      .toEqual({ name: mistake.name, code: mistake.code ?? 2, stdout: "" });
    expect.soft(answer, mistake.name).toContain("Hint: ");
    answers.push(`# ${mistake.name}\n$ loratwin ${mistake.argv.map(shellQuoted).join(" ")}\n${answer}`);
  }
  await expect(answers.join("\n")).toMatchFileSnapshot(path.join(import.meta.dirname, "answers.txt"));
});

it("a port that is in use is named, with how to take another one", { timeout: 30_000 }, async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { readonly port: number };
  try {
    writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
    const argv = ["serve", "w.yaml", "--devices", "cpu:0", "-o", "fleet", "--once", "--port", `${port}`];
    const { code, stderr } = await runCli(argv, root);
    expect(stderr).toMatch(/address to listen on at 127\.0\.0\.1:\d+, got "one that is in use"\.\nHint: .*port 0/);
    expect(code).toBe(3);
  } finally {
    other.close();
  }
});
