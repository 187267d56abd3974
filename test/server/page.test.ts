import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserAsset } from "../../cli/write-report.ts";
import { launch, stylesOf } from "../reports/report-page.ts";
import { busyFleet } from "./busy-fleet.ts";
import { statusOf } from "./fleet-double.ts";
import { ask, type Served, serve } from "./served.ts";

const INJECTED = '<img src=x onerror="document.title=1">';

let browser: Browser;
const asset = (name: string): string => browserAsset("server", name);
const assets = { script: asset("client.js"), style: asset("client.css") };
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

interface Opened {
  readonly served: Served;
  readonly page: Page;
  readonly faults: string[];
}

async function open(width: number, dark = false): Promise<Opened> {
  const served = await serve({ assets, tcp: { host: "127.0.0.1", port: 0, tokenFile: "control.token" } });
  const { url, tokenFile } = served.server.address;
  busyFleet(served.fleet);
  const context = await browser.newContext({
    viewport: { width, height: 1200 },
    colorScheme: dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  await page.goto(`${url}/#token=${readFileSync(tokenFile!, "utf8").trim()}`);
  await page.locator(".job").first().waitFor();
  return { served, page, faults };
}

describe("the page of a fleet", () => {
  it.each([
    [420, false],
    [900, true],
    [1440, false],
  ])("is drawn within %i px, dark: %s", async (width, dark) => {
    const { page, faults } = await open(width, dark);
    expect(await page.locator(".job").count()).toBe(8);
    expect(await page.locator(".curve[d^=M]").count()).toBeGreaterThanOrEqual(4);
    expect(await page.locator(".gantt .row-names text").count()).toBe(8);
    const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
    const shots = process.env["LORATWIN_SCREENSHOTS"];
    if (shots !== undefined) await page.screenshot({ path: `${shots}/fleet-${width}.png`, fullPage: true });
    expect(faults).toEqual([]);
    expect(new URL(page.url()).hash).toBe("");
  });

  it("shows what happens as it happens, and data as text only", { tags: ["slow"] }, async () => {
    const { served, page, faults } = await open(1440);
    const { fleet } = served;
    fleet.change("ann-lr3", { done: 40, loss: 1.25, why: INJECTED });
    fleet.tell({
      kind: "step",
      name: "ann-lr3",
      step: 39,
      loss: 1.25,
      gradNorm: 1,
      learningRate: 1e-3,
      tokens: 64,
      seconds: 0.5,
    });
    const row = page.locator(".job", { has: page.locator("th", { hasText: "ann-lr3" }) });
    await row.getByText("40 of 100 steps").waitFor();
    const now = { seconds: 95, low: 88, high: 109 };
    const outlooks = { alone: { seconds: 90, low: 85, high: 94 }, now, been: { seconds: 99, low: 70, high: 150 } };
    fleet.change("ann-lr3", { predictedEnd: { ...now, asOfSeconds: 0, outlooks } });
    fleet.tell({ kind: "decisions", line: 98, atSeconds: 59, decisions: [] });
    for (const words of ["as the machine is now", "left alone", "as it has been"])
      await row.locator("[data-column=end]").getByText(words).waitFor();
    expect(await row.locator("[data-column=why]").textContent()).toBe(INJECTED);
    expect(await page.locator("img").count()).toBe(0);
    const decision = { kind: "preempt", name: "ann-lr3", pipeline: 0, why: `for ${INJECTED}` } as const;
    fleet.tell({ kind: "decisions", line: 99, atSeconds: 60, decisions: [decision] });
    await page.locator(".decisions li").first().getByText("preempt ann-lr3").waitFor();
    expect(await page.title()).toBe("loratwin fleet");
    expect(faults).toEqual([]);
  });

  it("has a chart that says why, and stays as it is looked at while the fleet goes on", {
    tags: ["slow"],
  }, async () => {
    const { served, page, faults } = await open(1440);
    const { fleet } = served;
    const tooltip = async () => (await page.locator(".tooltip > div").allTextContents()).join(" | ");
    await page.locator(".gantt").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    expect(await tooltip()).toMatch(/^ann-lr3 training on pipeline 0 \| first come, first served \| /);
    const hovered = page.locator(".gantt .span-training").first();
    expect(await hovered.getAttribute("d")).toMatch(/^M/);
    await page.getByRole("button", { name: "Zoom in" }).click();
    const shown = await page.locator(".window-text").textContent();
    await page.locator(".gantt").focus();
    await page.keyboard.press("Home");
    const before = await tooltip();
    const number = 8;
    const request = {
      name: "late",
      user: "",
      priority: 0,
      iterations: 9,
      arrivalNs: 11e9,
      deadlineNs: null,
      tokens: 1,
    };
    const events = [{ kind: "arrived", number, request, predicted: 9 }] as const;
    const decisions = [{ kind: "start", number, name: "late", pipeline: 1, why: INJECTED }] as const;
    fleet.chronicle.add({ line: 90, atNs: 11e9, events, decisions });
    fleet.tell({ kind: "decisions", line: 90, atSeconds: 11, decisions: [] });
    const names = page.locator(".gantt .row-names text");
    await expect.poll(() => names.count(), { timeout: 10_000 }).toBe(9);
    expect(await page.locator("img").count()).toBe(0);
    expect(await tooltip()).toBe(before);
    expect(await page.locator(".halo").count()).toBe(1);
    expect(await page.evaluate("document.activeElement.getAttribute('class')")).toBe("gantt");
    expect(await page.locator(".window-text").textContent()).toBe(shown);
    await page.keyboard.press("End");
    expect(await tooltip()).toContain(`late training on pipeline 1 | ${INJECTED} | `);
    expect(await page.locator("img").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it("keeps what is focused, selected and unfolded while it is drawn anew, and a job's colour", {
    tags: ["slow"],
  }, async () => {
    const { served, page, faults } = await open(1440);
    const { fleet } = served;
    const sample = (name: string, step: number, text: string) =>
      fleet.tell({
        ...{ kind: "sample", name, step },
        answers: [{ prompt: "1 + 1", by: "adapter", text, tokens: 1, ended: true }],
      });
    sample("study", 3, "two");
    sample("study", 7, "2");
    const block = page.locator(".job-samples", { hasText: "study" });
    await block.locator(".earlier > summary").click();
    await block.locator("> summary").focus();
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('.job th'))");
    const selected = await page.evaluate<string>("getSelection().toString()");
    const colourOf = async (key: string) => (await stylesOf(page, `${key} .job-dot`, "backgroundColor"))[0];
    const colour = await colourOf("tr[data-key=study]");
    expect(await colourOf("details[data-key=study]")).toBe(colour);
    fleet.change("ann-lr3", { done: 41, loss: 1.2 });
    fleet.change("study", { standing: "running", pipeline: 1, done: 13 });
    sample("ann-lr3", 9, "zwei");
    await page.locator(".job-samples", { hasText: "zwei" }).waitFor();
    await page.locator("tr[data-key=study]", { hasText: "running" }).waitFor();
    expect(await page.evaluate("document.activeElement.parentElement.dataset.key")).toBe("study");
    expect(await block.locator(".earlier").getAttribute("open")).toBe("");
    expect(await page.evaluate("getSelection().toString()")).toBe(selected);
    expect(await colourOf("tr[data-key=study]")).toBe(colour);
    expect(await page.locator("nav.contents a").allTextContents()).toEqual([
      "Jobs",
      "Jobs over time",
      "Samples",
      "Decisions",
    ]);
    expect(faults).toEqual([]);
  });

  it("shows a hundred of many jobs, and finds the others", { tags: ["slow"] }, async () => {
    const { served, page, faults } = await open(420);
    for (let job = 0; job < 300; job += 1)
      served.fleet.change(`many-${job}`, statusOf(`many-${job}`, { user: job === 299 ? INJECTED : "eve" }));
    served.fleet.tell({ kind: "decisions", line: 99, atSeconds: 60, decisions: [] });
    const more = page.getByRole("button", { name: "Show more (100 of 308)" });
    await more.waitFor();
    expect(await page.locator(".job").count()).toBe(100);
    await more.click();
    expect(await page.locator(".job").count()).toBe(200);
    await page.getByRole("searchbox").fill("onerror");
    expect(await page.locator(".job th").allTextContents()).toEqual([`many-299${INJECTED}`]);
    expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
    expect(await page.locator("img").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it("asks for the token where it has none, and takes no wrong one", { tags: ["slow"] }, async () => {
    const served = await serve({ assets, tcp: { host: "127.0.0.1", port: 0, tokenFile: "control.token" } });
    const { url, tokenFile } = served.server.address;
    busyFleet(served.fleet);
    const page = await browser.newPage();
    await page.goto(url!);
    await page.locator("#token").fill("another-token-that-is-long-enough-0000");
    await page.locator("button").click();
    await page.waitForTimeout(2500);
    await page.locator("#token").fill(readFileSync(tokenFile!, "utf8").trim());
    await page.locator("button").click();
    await page.locator(".job").first().waitFor();
  });

  it("says so where the server does not answer any more", { tags: ["slow"] }, async () => {
    const { served, page } = await open(900);
    await served.server.close();
    await page.getByText("The server does not answer").waitFor();
    expect(await page.locator(".job").count()).toBe(8);
  });

  it("may run its own script and no other, load nothing, and stand in no frame", async () => {
    const { server } = await serve({ assets });
    const { headers, text } = await ask(server.address.socket, "GET", "/");
    const policy = headers["content-security-policy"] as string;
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/,
    );
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(text).not.toMatch(/(src|href)="(?!data:,)/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });
});
