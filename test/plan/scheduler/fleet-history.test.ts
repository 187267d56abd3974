import { describe, expect, it } from "vitest";
import { fleetHistory, fleetStory, type JournalLine, jobStory, timesOf } from "../../../plan/index.ts";

const S = 1e9;

type Written = Pick<JournalLine, "events" | "decisions">;

function journal(...lines: readonly (readonly [atSeconds: number, Partial<Written>])[]): readonly JournalLine[] {
  return lines.map(([at, written], index) => ({
    line: index + 1,
    atNs: at * S,
    events: [],
    decisions: [],
    ...written,
  }));
}

function came(number: number, name: string, arrivalSeconds: number, own: { readonly deadlineNs?: number } = {}) {
  const request = { name, user: "", priority: 0, arrivalNs: arrivalSeconds * S, deadlineNs: null, tokens: 8, ...own };
  return { kind: "arrived", number, request: { ...request, iterations: 20 }, predicted: 20 } as const;
}

function said(kind: JournalLine["decisions"][number]["kind"], number: number, why: string, pipeline?: number) {
  return { kind, number, name: `job${number}`, why, ...(pipeline === undefined ? {} : { pipeline }) };
}

const did = (number: number, done: number) => ({ kind: "progress", number, done, between: true }) as const;

/** `long` gives way to `short` and goes on after it; `late` is paused, let go on and stopped; `never` is refused. */
const LINES = journal(
  [0, { events: [came(0, "long", 0)], decisions: [said("start", 0, "it came first", 0)] }],
  [12, { events: [came(1, "short", 10)], decisions: [said("leave", 0, "for short", 0)] }],
  [18, { events: [did(0, 3)], decisions: [said("preempt", 0, "for short", 0), said("start", 1, "4 left", 0)] }],
  [42, { events: [did(1, 20), { kind: "ended", number: 1 }], decisions: [said("resume", 0, "17 left", 0)] }],
  [50, { events: [came(2, "late", 45), { kind: "pause", number: 2 }] }],
  [60, { events: [{ kind: "unpause", number: 2 }], decisions: [said("start", 2, "room", 1)] }],
  [70, { events: [came(3, "never", 70, { deadlineNs: 71 * S })], decisions: [said("refuse", 3, "no time")] }],
  [80, { events: [{ kind: "pause", number: 2 }], decisions: [said("leave", 2, "paused", 1)] }],
  [82, { events: [did(2, 5)], decisions: [said("preempt", 2, "paused", 1)] }],
  [
    90,
    {
      events: [{ kind: "stop", number: 2, by: "halving", why: "third of three" }],
      decisions: [said("stop", 2, "third of three")],
    },
  ],
  [192, { events: [did(0, 20), { kind: "ended", number: 0 }] }],
);

const history = fleetHistory(LINES);
const spansOf = (number: number): readonly string[] =>
  history.jobs[number]!.spans.map(
    ({ kind, startNs, endNs, pipeline }) =>
      `${kind} ${startNs / S}-${endNs / S}${pipeline === undefined ? "" : ` @${pipeline}`}`,
  );

describe("the history of a fleet", () => {
  it("has every job's time from its arrival to its end, without gaps", () => {
    expect(spansOf(0)).toEqual(["training 0-12 @0", "leaving 12-18 @0", "preempted 18-42", "training 42-192 @0"]);
    expect(spansOf(1)).toEqual(["waiting 10-18", "training 18-42 @0"]);
    expect(spansOf(2)).toEqual([
      "waiting 45-50",
      "paused 50-60",
      "training 60-80 @1",
      "leaving 80-82 @1",
      "paused 82-90",
    ]);
    expect(spansOf(3)).toEqual([]);
  });

  it("says how each job ended, why, and how long it was on a pipeline", () => {
    expect(history.jobs.map(({ outcome, why, trainedNs, endNs }) => [outcome, why, trainedNs / S, endNs])).toEqual([
      ["ended", "", 168, 192 * S],
      ["ended", "", 24, 42 * S],
      ["stopped", "third of three", 22, 90 * S],
      ["refused", "no time", 0, undefined],
    ]);
    expect([history.numPipelines, history.startNs, history.endNs]).toEqual([2, 0, 192 * S]);
  });

  it("ends open spans with the journal", () => {
    const [job] = fleetHistory(LINES.slice(0, 2)).jobs;
    expect(job).toMatchObject({ outcome: "unfinished", endNs: undefined });
    expect(timesOf(job!)).toEqual({ turnaroundNs: 12 * S, waitedNs: 0, trainedNs: 12 * S });
    expect(job!.spans.map(({ kind, endNs }) => [kind, endNs])).toEqual([["training", 12 * S]]);
  });

  it("knows no job that has not arrived", () => {
    expect(() => fleetHistory(LINES.slice(1))).toThrow(/Expected a job that has arrived, got 0/);
  });
});

describe("the story of a job", () => {
  it("tells what happened in the order in which it did", () => {
    expect(jobStory(history, history.jobs[0]!)).toEqual([
      "long came at 0 s with 20 iterations.",
      "It started at once on pipeline 0: it came first.",
      "At 12.00 s it was to leave after its iteration: for short.",
      "At 18.00 s it was preempted after 3 iterations.",
      "It waited 24.00 s, while short trained, and went on at 42.00 s on pipeline 0: 17 left.",
      "It waited 24.00 s in all, and ended at 3 min 12 s: turnaround 3 min 12 s, of which 88 % training.",
    ]);
  });

  it("tells the priority that a job came with, and when it was given another", () => {
    const raised = fleetHistory(
      journal(
        [0, { events: [came(0, "urgent", 0)], decisions: [said("start", 0, "priority 0", 0)] }],
        [7, { events: [{ kind: "priority", number: 0, priority: 5 }] }],
        [9, { events: [did(0, 20), { kind: "ended", number: 0 }] }],
      ),
    );
    expect(jobStory(raised, raised.jobs[0]!).slice(0, -1)).toEqual([
      "urgent came at 0 s with 20 iterations.",
      "It started at once on pipeline 0: priority 0.",
      "At 7.00 s it was given priority 5.",
    ]);
    expect(raised.jobs[0]!.request.priority).toBe(5);
  });

  it("tells pauses, stops and refusals with who and why", () => {
    expect(jobStory(history, history.jobs[2]!)).toEqual([
      "late came at 45.00 s with 20 iterations.",
      "It waited 15.00 s, 10.00 s of it paused, while long trained, and started at 1 min 00 s on pipeline 1: room.",
      "At 1 min 20 s it was to leave after its iteration: paused.",
      "At 1 min 22 s it was paused after 5 iterations.",
      "It waited 8.00 s, 8.00 s of it paused, while long trained.",
      "It was stopped by halving at 1 min 30 s after 5 of 20 iterations: third of three; " +
        "turnaround 45.00 s, of which 49 % training.",
    ]);
    expect(jobStory(history, history.jobs[3]!)).toEqual([
      "never came at 1 min 10 s with 20 iterations, to end by 1 min 11 s.",
      "It was refused at 1 min 10 s: no time.",
    ]);
  });

  it("is short for a job of a thousand turns", () => {
    const turns = Array.from({ length: 1000 }, (_, turn) => [
      [2 * turn, { decisions: [said(turn === 0 ? "start" : "resume", 0, "its turn", turn % 2)] }] as const,
      [2 * turn + 1, { events: [did(0, turn + 1)], decisions: [said("preempt", 0, "others", turn % 2)] }] as const,
    ]).flat();
    const long = fleetHistory(journal([0, { events: [came(0, "long", 0)] }], ...turns));
    const story = jobStory(long, long.jobs[0]!);
    expect(story.length).toBeLessThan(25);
    expect(story[13]).toBe("From 11.00 s to 33 min 13 s it had 991 more turns, on a pipeline 50 % of that time.");
  });
});

describe("the story of a fleet", () => {
  it("says who waited most and while who trained, and why jobs were preempted, stopped and refused", () => {
    expect(fleetStory(history)).toEqual([
      {
        heading:
          "4 jobs came from 0 s to 1 min 10 s and trained on 2 pipelines: " +
          "2 ended, 1 stopped early, 1 refused at 3 min 12 s, after 11 triggers.",
        lines: [],
      },
      {
        heading: "Waiting was 20 % of all time in the fleet. Who waited most:",
        lines: [
          "long: 24.00 s of 3 min 12 s, while short trained",
          "late: 23.00 s of 45.00 s in 3 waits, while long trained",
          "short: 8.00 s of 32.00 s, while long trained",
        ],
      },
      // Who was paused has not given way to anybody.
      { heading: "1 preemption of 1 job:", lines: ["long, 1 time: for short"] },
      { heading: "1 job was stopped:", lines: ["late after 5 of 20 iterations: third of three"] },
      { heading: "1 job was refused:", lines: ["never: no time"] },
    ]);
  });
});
