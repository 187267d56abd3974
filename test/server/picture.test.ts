import { describe, expect, it } from "vitest";
import { type Decision, FleetChronicle, type FleetEvent, fleetHistory, type JournalLine } from "../../plan/index.ts";
import { fleetPicture, fleetPictureSchema } from "../../server/fleet-picture.ts";
import { busyFleet } from "./busy-fleet.ts";
import { ask, serve } from "./served.ts";

const SECOND = 1e9;
const nameOf = (number: number): string => `job-${number}`;

function line(at: number, events: readonly FleetEvent[], decisions: readonly Decision[] = []): JournalLine {
  return { line: at, atNs: at * SECOND, events, decisions };
}

function arrived(number: number, at: number): FleetEvent {
  const request = { name: nameOf(number), user: "", priority: 0, iterations: 9, deadlineNs: null, tokens: 1 };
  return { kind: "arrived", number, request: { ...request, arrivalNs: at * SECOND }, predicted: 9 };
}

const decision = (kind: Decision["kind"], number: number, why = ""): Decision => ({
  ...{ kind, number, name: nameOf(number), why, pipeline: 0 },
});

/** Ten jobs that end one after another, and one that is preempted and resumed each second. */
function lines(): readonly JournalLine[] {
  const made = [line(0, [arrived(0, 0)], [decision("start", 0, "first")])];
  for (let number = 1; number <= 10; number += 1)
    made.push(
      line(10 * number, [arrived(number, 10 * number)], [decision("start", number)]),
      line(10 * number + 5, [{ kind: "ended", number }]),
    );
  for (let at = 120; at < 180; at += 2)
    made.push(line(at, [], [decision("leave", 0, `for ${at}`)]), line(at + 1, [], [decision("stay", 0, `at ${at}`)]));
  return made;
}

describe("the picture of a live fleet", () => {
  it("is told line by line as the history of the whole journal is", () => {
    const chronicle = new FleetChronicle();
    const all = lines();
    all.forEach((each, index) => {
      chronicle.add(each);
      expect(chronicle.history()).toEqual(fleetHistory(all.slice(0, index + 1)));
    });
  });

  it("goes up to now, and remembers the latest jobs and spans alone", () => {
    const chronicle = new FleetChronicle({ mostOver: 4, mostSpans: 6 });
    for (const each of lines()) chronicle.add(each);
    const { jobs, endNs } = chronicle.history(200 * SECOND);
    expect(endNs).toBe(200 * SECOND);
    expect(jobs.map(({ number }) => number)).toEqual([0, 7, 8, 9, 10]);
    expect(chronicle.numJobs).toBe(5);
    expect(jobs[0]!.spans).toHaveLength(7);
    expect(jobs[0]!.spans.at(-1)).toMatchObject({ kind: "training", endNs: 200 * SECOND, why: "at 178" });
  });

  it("has those that are not over first, then the latest, in the order of arrival", () => {
    const chronicle = new FleetChronicle();
    for (const each of lines()) chronicle.add(each);
    const picture = fleetPicture(chronicle, 0, 3);
    expect(picture.jobs.map(({ name }) => name)).toEqual(["job-0", "job-9", "job-10"]);
    expect(picture.omitted).toBe(8);
    expect(fleetPicture(chronicle, 0, 1).jobs.map(({ name }) => name)).toEqual(["job-0"]);
    expect(picture.jobs[1]!.spans).toEqual([
      { kind: "training", startSeconds: 90, endSeconds: 95, pipeline: 0, done: 0, why: "" },
    ]);
    expect(fleetPictureSchema.parse(picture)).toEqual(picture);
  });

  it("is asked for with a bound", async () => {
    const { server, fleet } = await serve();
    busyFleet(fleet);
    const get = (query: string) => ask(server.address.socket, "GET", `/v1/picture${query}`);
    expect((await get("")).body).toMatchObject({ atSeconds: 12, omitted: 0, jobs: { length: 8 } });
    expect((await get("?jobs=2")).body).toMatchObject({ omitted: 6, jobs: { length: 2 } });
    for (const query of ["?jobs=1001", "?jobs=0", "?jobs=x", "?job=2"]) expect((await get(query)).status).toBe(400);
  });
});
