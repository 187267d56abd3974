import { canonicalJson } from "../../core/index.ts";
import {
  type AskedEvent,
  type CostModel,
  type FleetEvent,
  FleetOutcomes,
  type FleetWork,
  type JobRequest,
  type JournalLine,
  type PolicyFactory,
  type PolicyName,
  Scheduler,
  type Setting,
} from "../../plan/index.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";
import { fleetModel } from "./fleet-model.ts";
import { judgeFleet } from "./judge-fleet.ts";
import { runFleetActions } from "./run-actions.ts";
import type { SimulatedFleet } from "./simulate-fleet.ts";

/** A fleet that was executed, as its folder tells of it. */
export interface ExecutedFleet {
  readonly setting: Setting;
  readonly costs: CostModel;
  /** By number, of the jobs that have come. */
  readonly works: readonly FleetWork[];
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number | undefined;
  readonly lines: readonly JournalLine[];
  readonly asked: readonly AskedEvent[];
}

/** An executed fleet beside its twin. */
export interface TwinnedFleet {
  readonly twin: SimulatedFleet;
  /** What was executed; its bounds are of predicted times. */
  readonly executed: FleetMetrics;
}

/** What nobody could know before: who came, what was asked, and what followed from jobs' losses and sizes. */
interface Told {
  readonly requests: readonly JobRequest[];
  /** By number and iterations done, what followed from the end of an iteration. */
  readonly follows: ReadonlyMap<string, readonly FleetEvent[]>;
}

const keyOf = (number: number, done: number): string => `${number} ${done}`;

function toldBy({ lines, asked }: ExecutedFleet): Told {
  const requests: JobRequest[] = [];
  const follows = new Map<string, FleetEvent[]>();
  const waiting = asked.map(({ event }) => canonicalJson(event));
  const done = new Map<number, number>();
  for (const { events } of lines) {
    let last: FleetEvent | undefined;
    for (const event of events) {
      if (event.kind === "arrived") requests[event.number] = event.request;
      else if (event.kind === "progress") {
        done.set(event.number, event.done);
        last = event;
      } else if (event.kind !== "ended") {
        const at = waiting.indexOf(canonicalJson(event));
        if (at >= 0) {
          waiting.splice(at, 1);
          continue;
        }
        // A job's losses speak when an iteration of it has ended; other jobs' when one of theirs has.
        const own = events.some(({ kind, number }) => kind === "progress" && number === event.number);
        const number = own ? event.number : (last?.number ?? event.number);
        const key = keyOf(number, done.get(number) ?? 0);
        follows.set(key, [...(follows.get(key) ?? []), event]);
      }
    }
  }
  return { requests, follows };
}

/**
 * The twin of an executed fleet: the same jobs come at the same times to the same pipelines, the same is asked at the
 * same times, and the same follows from the same iterations; how long actions take, and what is decided, is simulated,
 * action by action. Of a fleet that goes on, the jobs that have come train to their end.
 */
export function fleetTwin(fleet: ExecutedFleet, policy: PolicyName | PolicyFactory): TwinnedFleet {
  const { setting, costs, lines, asked, most } = fleet;
  const { requests, follows } = toldBy(fleet);
  const works = fleet.works.slice(0, requests.length);
  const limit = most === undefined ? {} : { most };
  const { resources, policyOf, timesOf } = fleetModel({ setting, costs, works, ...limit });
  const own = policyOf(policy);
  const times = timesOf({ ...own, sharesMicroBatches: false });
  const journal: JournalLine[] = [];
  const [simulated, executed] = [new FleetOutcomes(), new FleetOutcomes()];
  for (const line of lines) executed.add(line);
  runFleetActions({
    ...{ setting, costs, scheduler: new Scheduler(own, resources) },
    jobs: works.map((work, number) => ({ work, request: requests[number]! })),
    requests: asked,
    follow: (number, done) => follows.get(keyOf(number, done)) ?? [],
    onLine: (line) => {
      journal.push(line);
      simulated.add(line);
    },
  });
  const judged = { ...{ requests, times, numPipelines: resources.numPipelines, most }, isBounded: true };
  return {
    twin: {
      ...{ policy: own.name, journal, numCohorts: times.numCohorts },
      outcomes: simulated.all(),
      metrics: judgeFleet({ ...judged, outcomes: simulated }),
    },
    executed: judgeFleet({ ...judged, outcomes: executed }),
  };
}
