import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { activity } from "../../cli/activity.ts";
import type { TellBytes } from "../../files/index.ts";
import { STAGE_LINES } from "./run-cli.ts";

/** What is shown of some work. */
async function shown(
  isTty: boolean,
  quiet: boolean,
  work: (tell: TellBytes) => Promise<unknown> | unknown,
): Promise<string> {
  const said: string[] = [];
  const io = { stdout: () => {}, stderr: (text: string) => void said.push(text), isTty, cwd: "." };
  const during = activity(io, { quiet });
  expect(await during("doing things", work)).toBe(await work(() => {}));
  return said.join("");
}

function busy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it("what is done is shown while it is done on a terminal, and goes again", async () => {
  expect(await shown(true, false, () => 1)).toBe("doing things ...\r\u001b[K");
});

it("where nobody looks at a terminal it is said when it has taken a second, and not before", {
  tags: ["slow"],
}, async () => {
  expect(await shown(false, false, () => 1)).toBe("");
  const waited = await shown(false, false, () => sleep(1200));
  expect(waited).toBe("doing things ...\n");
  const worked = await shown(false, false, () => busy(1100));
  expect(worked).toMatch(/^doing things: \d+\.\d+ s\n$/);
  for (const text of [waited, worked]) expect(text.replace(STAGE_LINES, "")).toBe("");
});

it("nothing is said with --quiet", async () => {
  expect(await shown(true, true, () => 1)).toBe("");
});

it("what fails fails, and its line goes", async () => {
  const said: string[] = [];
  const io = { stdout: () => {}, stderr: (text: string) => void said.push(text), isTty: true, cwd: "." };
  await expect(activity(io, {})("failing", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(said.join("")).toBe("failing ...\r\u001b[K");
});

it("how far it is shows as a bar on a terminal, in at most 80 columns", { tags: ["slow"] }, async () => {
  const text = await shown(true, false, async (tell) => {
    for (const mebibytes of [0, 250, 500]) {
      await sleep(250);
      tell(mebibytes * 2 ** 20, 1000 * 2 ** 20);
    }
  });
  const drawn = text.split("\r\u001b[K");
  expect(drawn).toEqual([
    "doing things ...",
    expect.stringMatching(/^doing things \[={3}-{9}\] 25 % {2}250\.00 MiB of 1000\.00 MiB {2}\d+ s left$/),
    expect.stringMatching(/^doing things \[={6}-{6}\] 50 % {2}500\.00 MiB of 1000\.00 MiB {2}\d+ s left$/),
    "",
  ]);
  for (const line of drawn) expect(line.length).toBeLessThanOrEqual(80);
});
