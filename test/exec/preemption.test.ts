import { expect, it } from "vitest";
import { type AdapterPair, type AdapterState, executePlan, listener } from "../../exec/index.ts";
import { Session } from "../../exec/session.ts";
import { localHost } from "../../exec/stage-host.ts";
import { createCostModel, GrowingPlan, groupRows, type Segment } from "../../plan/index.ts";
import { someOf } from "../level.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { growingSetting } from "../plan/grow.ts";
import { localRanks, machines } from "./ranks/local-ranks.ts";
import { adapterBytes, planSmall, smallCase, TWO_JOBS } from "./small-run.ts";

const SECOND = 1e9;

useEmulatedAddon();

it.each(someOf(["cpu:0", "cpu:0,cpu:1", "cuda:0", "two machines", "cuda:0,cuda:1"], { quick: 1, all: 4 }))(
  "a job that is taken from %s while another trains goes on from its state, and trains the same bytes",
  async (devices) => {
    const given = smallCase(TWO_JOBS.map((job) => ({ ...job, steps: 6 })));
    const isFar = devices === "two machines";
    const fixed = planSmall(given, { devices: isFar ? machines([1, 1]) : devices, groups: "unfused" });
    const start = given.start.map((parameters): AdapterState => ({ parameters }));
    const alone = await executePlan({
      plan: isFar ? planSmall(given, { devices: "cpu:0,cpu:1", groups: "unfused" }) : fixed,
      model: given.model,
      rows: given.data,
      start: given.start,
      versions: {},
    });
    const setting = growingSetting(fixed);
    const growing = new GrowingPlan(setting, createCostModel(fixed.calibration, "float32"));
    const jobs = fixed.jobs.map((job) => growing.addJob(job));
    const groups = jobs.map((job) =>
      growing.admit({
        group: { pipeline: 0, members: [{ job, firstStep: 0, endStep: 6 }] },
        steps: groupRows(fixed.microBatches, job),
      }),
    );
    const first = growing.advance(0, 20 * SECOND)!;
    const made = growing.withdraw(groups[0]!);
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(6);
    // By then what the job had begun has ended, and the other one trains on.
    const second = growing.advance(0, 40 * SECOND)!;
    growing.release(0, jobs[0]!);

    const ended = new Map<number, readonly AdapterPair[]>();
    const taken: AdapterState[] = [];
    let isAsked = false;
    const ranks = isFar ? localRanks(given.model, 2) : undefined;
    using host = ranks?.host ?? localHost();
    const append = (segment: Segment): void =>
      session.append(
        segment,
        segment.jobs.map((_, job) => start[job]!).map((state, job) => ({ rows: given.data[job]!, start: state })),
      );
    const session: Session = await Session.open(host, {
      setting,
      model: given.model,
      onEvent: listener({
        completed() {
          // What another machine sends of it comes later, and so may the last completions.
          if (session.numAhead > 0 || isAsked) return;
          isAsked = true;
          session.take(jobs[0]!);
        },
        taken({ state }) {
          taken.push(state);
          if (taken.length === 1) {
            // It was to come again, and is taken before anything of it has.
            session.take(jobs[0]!);
            return;
          }
          growing.admit({
            group: { pipeline: 0, members: [{ job: jobs[0]!, firstStep: made, endStep: 6 }] },
            steps: groupRows(fixed.microBatches, 0).slice(made),
            after: [groups[0]!],
          });
          append(growing.advance(0, Number.POSITIVE_INFINITY)!);
          session.close();
        },
        ended: ({ job, adapter }) => void ended.set(job, adapter),
      }),
    });
    append(first);
    append(second);
    await session.run();
    await ranks?.end();
    expect(taken).toHaveLength(2);
    expect(taken[1]).toBe(taken[0]);
    expect(taken[0]!.secondMoment!.some(({ b }) => b.some((value) => value > 0))).toBe(true);
    for (const job of jobs) expect(adapterBytes(ended.get(job)!)).toBe(adapterBytes(alone.adapters[job]!));
  },
);
