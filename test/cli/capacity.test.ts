// @module-tag slow
import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { CapacityAnswer, CapacityMoney } from "../../plan/index.ts";
import { ASKED, CANDIDATES, FEW, FORECAST, PRICES, writeQuestion } from "./capacity-question.ts";
import { capacityFields } from "./fields/capacity-fields.ts";
import { fieldProblems } from "./fields/check-fields.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

beforeAll(() => writeQuestion(root));

async function asked(...more: readonly string[]): Promise<CapacityAnswer> {
  return JSON.parse(await printed([...ASKED, ...FEW, "--json", ...more], root)) as CapacityAnswer;
}

describe("capacity", () => {
  it("says the same where every candidate is simulated, and what each field means is so", async () => {
    const report = await asked("--flips");
    const whole = await asked("--exhaustive");
    // Bounds leave none to be simulated that misses the level.
    expect(fieldProblems({ ...report, misses: whole.misses }, capacityFields(report, 4))).toEqual([]);
    expect([whole.best, whole.runnerUp]).toEqual([report.best, report.runnerUp]);
    expect(whole.meets.length + whole.misses.length).toBeGreaterThan(report.meets.length + report.misses.length);
    expect(whole.pruned).toEqual([]);
  }, 60_000);

  it("tells people what to have, what comes next, and what a slot more would bring", async () => {
    const text = await printed([...ASKED, ...FEW], root);
    const machines = "(Buy|Reserve|Rent on demand|Rent on spot) \\d+ x [A-Z0-9 ]+";
    expect(text).toMatch(new RegExp(`^${machines}, (every \\d|all|each) trains? a job\n`));
    expect(text).toMatch(/^costs [\d ]+ EUR in 3 days \([\d ]+ to [\d ]+ in nine of ten draws\)/m);
    expect(text).toMatch(/^90 % of small end within 1 min \d\d s of their arrival \(.*; level 2 min 34 s\)$/m);
    expect(text).toMatch(new RegExp(`^${machines} accelerators`, "m"));
    expect(text.replace(/\n +/g, " ")).toMatch(
      / In brackets, float8: products of .* 8 bits; fifo: jobs start in the order/,
    );
    // Words of engineers come behind what somebody signs.
    const [signed, technical] = text.split("for engineers: ");
    expect(signed).not.toMatch(/\b(cp|tp|pp|dp) \d/);
    expect(technical).toMatch(/^times transferred from published steps/m);
    expect(text).toMatch(new RegExp(`^next: ${machines}`, "m"));
    expect(text).toMatch(/^If more jobs come: these machines (keep|miss) the level|^If more jobs come: with/m);
    expect(text).not.toMatch(/otherwise/);
    expect(text).toMatch(/^a slot more, \d+ x [A-Z0-9 ]+: [\d ]+ EUR/m);
    expect(text).toMatch(/^the same, (every \d|all) trains? up to 4 jobs: [\d ]+ EUR/m);
    expect(text).toMatch(/^a slot fewer(: there is one slot alone|, \d+ x .*)$/m);
    expect(text).toMatch(/^You pay (nothing|[\d ]+\.\d\d EUR) at once for \d+ x /m);
    expect(text).toMatch(/^A job of "small" trains one adapter and costs \d+\.\d\d EUR on average/m);
    expect(text).toMatch(/^jobs of large: 4 a day, llama-3-70b; 3000 rows, each trained on once/m);
    expect(text).toMatch(
      /^each base model on machines of its own: [\d ]+ EUR \([\d ]+ to [\d ]+\), (\d+ % (less|more) than|as much as) machines for all, levels kept in [34] of 4, at least \d+ %\n {2}small: [A-Z][a-z ]+ \d+ x .*: [\d ]+ EUR, 90 % within .* s\n {2}large: [A-Z][a-z ]+ \d+ x /m,
    );
    expect(text).toMatch(/candidates: .*keep the level.*without a price/);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(160);
  }, 60_000);

  it("refuses a price of what the catalog has not, and rows that their model does not take", async () => {
    writeFileSync(path.join(root, "misspelt.yaml"), PRICES.replace("MI300X", "MI3000X"));
    writeFileSync(path.join(root, "long.yaml"), FORECAST.replace(/max: \d+/, "max: 131072"));
    const ask = async (forecast: string, prices: string) =>
      (await runCli(["capacity", forecast, "--candidates", "c.yaml", "--prices", prices, ...FEW], root)).stderr;
    expect(await ask("f.yaml", "misspelt.yaml")).toMatch(
      /misspelt\.yaml: Expected a device of the catalog at accelerators, got "MI3000X"\.\nHint: Did you mean MI300X/,
    );
    expect(await ask("long.yaml", "p.yaml")).toMatch(
      /long\.yaml: Expected at most 8192, the model's positions, at kinds\[0\]\.tokens\.max, got 131072\./,
    );
  });

  it("says how sure it is, draws more near the edge, and shows what misses the level with its costs", async () => {
    const more = [...ASKED, "--draws", "4", "--most-draws", "12", "--exhaustive"];
    const answer = JSON.parse(await printed([...more, "--json"], root)) as CapacityAnswer;
    const { best, meets, misses } = answer;
    // Four draws never are enough to be sure of nine in ten.
    expect(meets.map(({ draws, isSure }) => [draws, isSure])).toEqual(meets.map(() => [12, false]));
    expect(misses.every(({ draws, kept }) => draws <= 12 && kept / draws < 0.9)).toBe(true);
    expect(best!.keptAtLeast).toBeCloseTo(best!.kept === 12 ? 0.03 ** (1 / 12) : 0.627, 3);
    const text = await printed(more, root);
    expect(text).toMatch(/^level kept in 1[12] of 12 draws, at least \d\d % of all: not sure to be 90 % of them$/m);
    expect(text).toMatch(/^misses the level +EUR +end within +train +kept in +of all draws$/m);
    expect(text).toMatch(/ +\d+ of \d+ +at (?:least|most) \d+ %$/m);
    expect(text).toMatch(/no more draws are simulated than it takes to know; costs and times are of these\.$/m);
    expect(text).toMatch(/^4 draws of every candidate, seed 0; .*\n.*95 % sure \(Clopper-Pearson\)/m);
  }, 60_000);

  it("says of machines that stay what their failures cost, and how many spare ones it takes", async () => {
    writeFileSync(path.join(root, "bought.yaml"), CANDIDATES.replace("[buy, reserved, on-demand, spot]", "[buy]"));
    const words = ["capacity", "f.yaml", "--candidates", "bought.yaml", "--prices", "p.yaml", ...FEW, "--exhaustive"];
    const answer = JSON.parse(await printed([...words, "--json"], root)) as CapacityAnswer;
    const problems = fieldProblems(answer, capacityFields(answer, 4));
    expect(problems.filter((text) => /^(money|failures|best)/.test(text))).toEqual([]);
    const { failures, money, best } = answer;
    expect([failures!.spares.length, best!.candidate.tenure]).toEqual([4, "buy"]);
    // 6 % a year over 48 months: a share of what is paid for the hardware.
    const rate = 0.06 / 12;
    const annuity = (48 * rate) / (1 - (1 + rate) ** -48);
    expect(money!.interestCost).toBeCloseTo(best!.cost.hardware * (1 - 1 / annuity), 8);
    // Machines last 48 of the 60 months.
    const [{ months, upFront }] = money!.ways as [CapacityMoney["ways"][number]];
    expect(months.filter(({ paid }) => paid >= upFront).map(({ month }) => month)).toEqual([0, 49]);
    // What jobs cost is all that is paid.
    expect(money!.jobs.reduce((sum, { jobs, cost }) => sum + jobs * cost!, 0)).toBeCloseTo(best!.cost.mean, 8);
    const text = await printed(words, root);
    expect(text).toMatch(/^A machine fails 2 times a year and is back after 48 h 00 min/m);
    expect(text).toMatch(/^(No spare machine is needed|\d spare machines? )/m);
    expect(text).toMatch(/^Bought machines last 48 months; then they are bought anew\.$/m);
    expect(text.replace(/\n +/g, " ")).toMatch(
      /The bill of the repair is not in it: the prices have no `repairCost`\.$/m,
    );
    expect(text).toMatch(/^Machines are worth nothing after their years/m);
  }, 60_000);

  it("counts what machines are sold for in the end, and what their repairs cost", async () => {
    const sold = PRICES.replace("repairHours: 48", "repairHours: 48, repairCost: 450").replace(
      "price: 24000, years: 4",
      "price: 24000, years: 4, resale: 3000",
    );
    writeFileSync(path.join(root, "sold.yaml"), sold);
    writeFileSync(path.join(root, "bought.yaml"), CANDIDATES.replace("[buy, reserved, on-demand, spot]", "[buy]"));
    const words = ["capacity", "f.yaml", "--candidates", "bought.yaml", "--prices", "sold.yaml", ...FEW];
    const answer = JSON.parse(await printed([...words, "--json"], root)) as CapacityAnswer;
    const { best, money, failures } = answer;
    expect(best!.candidate.accelerator).toBe("MI300X");
    expect(fieldProblems(answer, capacityFields(answer, 4)).filter((text) => /^(money|failures)/.test(text))).toEqual(
      [],
    );
    expect(failures!.repairCost).toBe(450);
    // Sold at the end of the 48th of 60 months, and bought anew in the next one.
    const { months, monthly, upFront } = money!.ways.find(({ tenure }) => tenure === "buy")!;
    const paid = (month: number): number => months[month]!.paid;
    expect(paid(48)).toBeCloseTo(monthly - 3000 * best!.paidCount, 6);
    expect(paid(49)).toBeCloseTo(monthly + upFront, 6);
    const text = (await printed(words, root)).replace(/\n +/g, " ");
    expect(text).toMatch(
      /After 48 months the machines are sold for [\d ]+\.00 EUR, as the prices have it; the sum has it taken off\.$/m,
    );
    expect(text).toMatch(
      /450\.00 EUR for the repair\. That is [\d ]+\.\d\d EUR a year, beside the costs above\. The machine stands idle meanwhile, for [\d ]+\.\d\d EUR of what it costs anyway\.$/m,
    );
    expect(text).toMatch(/^failures of machines are in neither: they cost [\d ]+ EUR a year/m);
    expect(text).toMatch(/storage, network traffic and people are not in them$/m);
  }, 60_000);

  it("says what it costs on spot that accelerators are taken away, and when more machines are needed", async () => {
    writeFileSync(path.join(root, "spot.yaml"), CANDIDATES.replace("[buy, reserved, on-demand, spot]", "[spot]"));
    writeFileSync(path.join(root, "grows.yaml"), FORECAST.replace("days: 3", "days: 3\ngrowthPerMonth: 1.2"));
    const words = ["capacity", "grows.yaml", "--candidates", "spot.yaml", "--prices", "p.yaml", ...FEW];
    const answer = JSON.parse(await printed([...words, "--json"], root)) as CapacityAnswer;
    const { best, interruptions, headroom } = answer;
    // As many a day as the prices have, while slots train.
    const slotHours = best!.cost.rent / 1.5 / 8;
    expect(interruptions!.count / ((6 * slotHours) / 24)).toBeCloseTo(1, 1);
    expect(interruptions!.cost).toBeLessThan(best!.cost.mean);
    expect(headroom!.months).toBeCloseTo(Math.log(headroom!.kept) / Math.log(1.2), 9);
    const text = (await printed(words, root)).replace(/\n +/g, " ");
    expect(text).toMatch(
      /taken away 6 times a day, as the prices have it: about \d+ times in 3 days while jobs train\.$/m,
    );
    expect(text).toMatch(/Each time costs .* of a slot and \d+\.\d\d EUR, for checkpoints, restarts/);
    expect(text).toMatch(/The forecast grows to 1\.2 times as many jobs each month: look for more machines/);
  }, 60_000);

  it("leaves out what cannot be trained with, where that is asked", async () => {
    const none = await runCli([...ASKED, ...FEW, "--json", "--trainable-only"], root);
    expect(none.code).toBe(1);
    const { meets, unfit } = JSON.parse(none.stdout) as CapacityAnswer;
    expect(meets).toEqual([]);
    expect(unfit.map(({ why }) => why)).toContain("not trainable");
    expect(unfit.find(({ candidate }) => candidate.accelerator === "MI300X")!.detail).toMatch(
      /^MI300X is simulated only/,
    );
    writeFileSync(path.join(root, "bf16.yaml"), CANDIDATES.replace("[float8]", "[bfloat16]"));
    const words = ["capacity", "f.yaml", "--candidates", "bf16.yaml", "--prices", "p.yaml", ...FEW, "--json"];
    const whole = JSON.parse(await printed(words, root)) as CapacityAnswer;
    const own = JSON.parse(await printed([...words, "--trainable-only"], root)) as CapacityAnswer;
    expect(new Set(own.meets.map(({ candidate }) => candidate.accelerator))).toEqual(new Set(["H100 SXM"]));
    expect(whole.meets.some(({ candidate }) => candidate.accelerator === "MI300X")).toBe(true);
  }, 60_000);

  it.each([
    [
      "no job comes",
      { forecast: FORECAST.replace(/perDay: \d+/g, "perDay: 0.0001") },
      0,
      /^No job of "small" comes\.$/m,
    ],
    [
      "nothing has a price",
      { prices: PRICES.replace(/accelerators:[\s\S]*/, "accelerators: {}\n") },
      1,
      /^No candidate keeps the level of service\.\nnot looked at, no price: /,
    ],
    [
      "no job fits",
      {
        forecast: FORECAST.replace("llama-3-70b", "llama-3.1-405b"),
        candidates: CANDIDATES.replace("H100 SXM, MI300X, L40S", "L40S"),
      },
      1,
      /^not looked at, no room: large \(\d+\)$/m,
    ],
    [
      "the term is a part of a month, and interest 100 % a year",
      { prices: PRICES.replace("termMonths: 60", "termMonths: 0.5").replace("interest: 0.06", "interest: 1") },
      0,
      /^Over 0\.5 months that is [\d ]+\.\d\d EUR \([\d ]+\.\d\d EUR in today's\s+money\)/m,
    ],
    [
      "machines are sold for their price, and no interest is paid",
      {
        candidates: CANDIDATES.replace("[buy, reserved, on-demand, spot]", "[buy]"),
        prices: PRICES.replace("interest: 0.06", "interest: 0").replace(
          "price: 24000,",
          "price: 24000, resale: 24000,",
        ),
      },
      0,
      /: 0 for the hardware's time and \d+ EUR for /,
    ],
    [
      "nobody takes away what is on spot",
      {
        candidates: CANDIDATES.replace("[buy, reserved, on-demand, spot]", "[spot]"),
        prices: PRICES.replace("interruptionsPerDay: 6", "interruptionsPerDay: 0"),
      },
      0,
      /^Accelerators are not taken away while jobs train, as the prices have it\.$/m,
    ],
    [
      "9 are needed of machines of 8",
      {
        candidates: CANDIDATES.replace("[4, 8, 32]", "[9]")
          .replace("[2, 4]", "[1]")
          .replace("[H100 SXM, MI300X, L40S]", "[H100 SXM]"),
        forecast: FORECAST.replace("hours: 0.043", "hours: 1").replace("llama-3-70b", "llama-3-8b"),
      },
      0,
      /^Rent on \w+ 16 x H100 SXM, of which 9 are used, each trains a job\n\nRent on \w+ 16 x H100 SXM accelerators and use 9\.[\s\S]*16 x H100 SXM, which are sold in\s+machines of 8, of\s+which 9 are used/m,
    ],
  ])(
    "has an answer where %s",
    async (_, files, code, message) => {
      const {
        forecast = FORECAST,
        candidates = CANDIDATES,
        prices = PRICES,
      } = files as Readonly<Record<string, string>>;
      for (const [name, text] of Object.entries({ "of.yaml": forecast, "oc.yaml": candidates, "op.yaml": prices }))
        writeFileSync(path.join(root, name), text);
      const words = ["capacity", "of.yaml", "--candidates", "oc.yaml", "--prices", "op.yaml", ...FEW];
      const ended = await runCli(words, root);
      expect([ended.code, ended.stdout]).toEqual([code, expect.stringMatching(message)]);
      expect(ended.stdout).not.toMatch(/NaN|Infinity|undefined/);
    },
    60_000,
  );

  it("refuses prices in two currencies, and interest beyond 100 % a year", async () => {
    for (const [text, message] of [
      [PRICES.replace("reservedPerHour: 2\n", "reservedPerHour: 2\n    currency: USD\n"), /currency/],
      [PRICES.replace("interest: 0.06", "interest: 1.01"), /at most 1 at interest/],
      [PRICES.replace("soldIn: 8", "soldIn: 0"), /soldIn/],
      [
        PRICES.replace("price: 30000, years: 4", "price: 30000, years: 4, resale: 30001"),
        /no more than its price at .*resale/,
      ],
      [PRICES.replace("termMonths: 60", "termMonths: 0"), /termMonths/],
    ] as const) {
      writeFileSync(path.join(root, "wrong.yaml"), text);
      const words = ["capacity", "f.yaml", "--candidates", "c.yaml", "--prices", "wrong.yaml"];
      const { code, stderr } = await runCli(words, root);
      expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
  });

  it("has other draws with another seed, and the same with the same", async () => {
    const [first, again, other] = await Promise.all(
      ["3", "3", "4"].map(async (seed) => (await asked("--seed", seed)).best!.cost),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  }, 60_000);

  it("tells what the answer becomes where something is otherwise, the same ways that a new question does", {
    tags: ["nightly"],
    timeout: 60_000,
  }, async () => {
    const text = await printed([...ASKED, ...FEW, "--flips"], root);
    expect(
      text.match(/^(half as many|a third fewer|rows|steps|H100|MI300X|half the|twice the).* +(\d[\d ]*|-) {2}/gm),
    ).toHaveLength(10);
    const { flips } = (await asked("--flips")) as CapacityAnswer;
    writeFileSync(
      path.join(root, "more.yaml"),
      FORECAST.replace("perDay: 60", "perDay: 90").replace("perDay: 4", "perDay: 6"),
    );
    const more = await printed(["capacity", "more.yaml", ...ASKED.slice(2), ...FEW, "--json"], root);
    const { best } = JSON.parse(more) as CapacityAnswer;
    const { candidate, cost } = flips.find(({ what }) => what === "half as many jobs again")!;
    expect([candidate, cost]).toEqual([best!.candidate, best!.cost.mean]);
  });

  it("ends with 1 where none keeps the level", async () => {
    writeFileSync(path.join(root, "hard.yaml"), FORECAST.replaceAll(/hours: [\d.]+/g, "hours: 0.01"));
    const { code, stdout } = await runCli(["capacity", "hard.yaml", ...ASKED.slice(2), ...FEW], root);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^No candidate keeps the level of service\./)]);
  }, 60_000);

  it("has an answer where only machines apart keep the levels", async () => {
    // One slot: small jobs wait for large ones there longer than they may.
    const one = CANDIDATES.replace("counts: [4, 8, 32]", "counts: [2]").replace("slots: [2, 4]", "slots: [2]");
    writeFileSync(path.join(root, "few.yaml"), one);
    const busy = FORECAST.replace("hours: 0.043", "hours: 0.06").replace("perDay: 4", "perDay: 40");
    writeFileSync(path.join(root, "busy.yaml"), busy);
    const words = ["capacity", "busy.yaml", "--candidates", "few.yaml", "--prices", "p.yaml", ...FEW];
    const { code, stdout } = await runCli(words, root);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^No candidate keeps the level of service\.\nNearest: .* x MI300X, [^.]*: 90 %\s+of\s+small\s+end\s+within[^;]*;\s+the\s+level\s+asks\s+for\s+3 min 36 s\.\neach base model on machines of its own: /,
      ),
    ]);
  }, 60_000);

  it.each([
    ["a share of draws that is none", ["--probability", "1.5"], /Expected a share above 0, at most 1 at --probability/],
    ["more draws than anybody waits for", ["--draws", "5000"], /Expected at most 1000 at --draws/],
    [
      "fewer draws in all than each has",
      ["--draws", "9", "--most-draws", "8"],
      /a whole number of at least 9 at --most-draws, got 8/,
    ],
    ["a seed that is none", ["--seed", "-1"], /a whole number of at least 0 at --seed/],
  ])("refuses %s", async (_, more, message) => {
    const { code, stderr } = await runCli([...ASKED, ...more], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it("refuses a forecast of more jobs than can be held", async () => {
    writeFileSync(path.join(root, "many.yaml"), FORECAST.replace("days: 3", "days: 366\ngrowthPerMonth: 10"));
    const { code, stderr } = await runCli(["capacity", "many.yaml", ...ASKED.slice(2), ...FEW], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Expected at most 2000000 jobs in all draws/)]);
  });

  it.each([
    ["f.yaml", FORECAST.replace("llama-3-8b", "llama-9"), /f\.yaml:6:\d+: Expected .* at kinds\[0\]\.model/],
    [
      "c.yaml",
      CANDIDATES.replace("tenures: [buy", "tenures: [steal"),
      /c\.yaml:10:\d+: Expected .* at generate\.tenures\[0\]/,
    ],
    ["p.yaml", PRICES.replace("2026-11-20", "today"), /p\.yaml:3:\d+: Expected a date such as 2026-11-24 at date/],
  ])("says what is wrong with %s", async (name, text, message) => {
    const before = { "f.yaml": FORECAST, "c.yaml": CANDIDATES, "p.yaml": PRICES }[name]!;
    writeFileSync(path.join(root, name), text);
    const { code, stderr } = await runCli([...ASKED, ...FEW], root);
    writeFileSync(path.join(root, name), before);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
