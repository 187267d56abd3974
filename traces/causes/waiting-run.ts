import { secondsToNanos } from "../../core/index.ts";
import {
  type ActionKey,
  clips,
  createCostModel,
  type DependencyTable,
  dependencyTable,
  formatAction,
  type PipelineTable,
  type PlanBody,
  type PlannedLetter,
  pipelineTable,
} from "../../plan/index.ts";
import type { TraceEvent, TraceStream } from "../trace.ts";
import type { IdleCause } from "./causes.ts";

export function eventEnd({ startNs, durationNs }: TraceEvent): number {
  return startNs + durationNs;
}

/** What had to be there before an action could start, beside those in front of it on its device. */
interface Needs {
  /** The action on a neighbour whose result it takes, and the message with that. */
  readonly sender: TraceEvent | undefined;
  readonly message: TraceEvent | undefined;
  /** The last of the backwards that had to end. */
  readonly signal: TraceEvent | undefined;
}

/** A stretch of a device's time in which it waits. */
export interface WaitPart {
  readonly cause: IdleCause;
  readonly ns: number;
}

/** What a link takes for a message alone: time on the wire, and until it has arrived. */
type LinkTimes = (bytes: number) => { readonly wireNs: number; readonly latencyNs: number };

/** Nanoseconds by which times that are rounded more than once are off. */
const ROUNDING_NS = 2;

function linkTimes({ links, calibration, model }: PlanBody): readonly (LinkTimes | null)[] {
  const costModel = createCostModel(calibration, model.dtype);
  return links.map((link) => {
    if (link === null) return null;
    const { latencySeconds, bytesPerSecond } = costModel.linkCost(link);
    const latencyNs = secondsToNanos(latencySeconds);
    return (bytes) => ({ latencyNs, wireNs: bytesPerSecond === null ? 0 : secondsToNanos(bytes / bytesPerSecond) });
  });
}

/** An action among those of its device. */
interface Placed {
  readonly position: number;
  /** Micro-batches that its stage holds when it is its turn. */
  readonly inFlight: number;
}

/** Events by a time of theirs; of several that have the same, the first. */
function byTime(events: readonly TraceEvent[], timeOf: (event: TraceEvent) => number): ReadonlyMap<number, TraceEvent> {
  return new Map(events.toReversed().map((event) => [timeOf(event), event]));
}

function latest(events: readonly (TraceEvent | undefined)[]): TraceEvent | undefined {
  let last: TraceEvent | undefined;
  for (const event of events)
    if (event !== undefined && (last === undefined || eventEnd(event) > eventEnd(last))) last = event;
  return last;
}

/** The run of a plan, asked for what each of its actions and messages waited for. */
export class WaitingRun {
  /** By device, in order of start. */
  readonly actions: readonly TraceEvent[][];
  readonly startNs: number;
  readonly endNs: number;
  readonly #plan: PlanBody;
  readonly #dependencies: DependencyTable;
  readonly #pipelines: PipelineTable;
  readonly #links: readonly (LinkTimes | null)[];
  readonly #computed = new Map<ActionKey, TraceEvent>();
  readonly #placed = new Map<TraceEvent, Placed>();
  readonly #received = new Map<ActionKey, TraceEvent>();
  /** By device, in order of start. */
  readonly #sends: readonly TraceEvent[][];
  /** By stream and device; made where somebody asks. */
  readonly #ended = new Map<readonly TraceEvent[], ReadonlyMap<number, TraceEvent>>();
  readonly #left = new Map<readonly TraceEvent[], ReadonlyMap<number, TraceEvent>>();
  readonly #receives: readonly TraceEvent[][];

  constructor(plan: PlanBody, trace: TraceStream) {
    const perDevice = (): TraceEvent[][] => trace.devices.map(() => []);
    const streams = { compute: perDevice(), send: perDevice(), receive: perDevice() };
    for (const event of trace.events) {
      streams[event.stream][event.device]!.push(event);
      if (event.stream === "compute") this.#computed.set(event.action, event);
      if (event.stream === "receive") this.#received.set(event.action, event);
    }
    this.#plan = plan;
    this.#dependencies = dependencyTable(plan);
    this.#pipelines = pipelineTable(plan);
    this.#links = linkTimes(plan);
    this.actions = streams.compute;
    this.#sends = streams.send;
    this.#receives = streams.receive;
    let [startNs, endNs] = [Number.POSITIVE_INFINITY, 0];
    for (const own of this.actions) {
      let inFlight = 0;
      own.forEach((event, position) => {
        this.#placed.set(event, { position, inFlight });
        if (event.letter === "F") inFlight += 1;
        if (event.letter === "B") inFlight -= 1;
        startNs = Math.min(startNs, event.startNs);
        endNs = Math.max(endNs, eventEnd(event));
      });
    }
    this.startNs = Math.min(startNs, endNs);
    this.endNs = endNs;
  }

  /** The action that ends last. */
  last(): TraceEvent | undefined {
    return latest(this.actions.map((own) => own.at(-1)));
  }

  /** The action in front of one on its device. */
  before(event: TraceEvent): TraceEvent | undefined {
    return this.actions[event.device]![this.#placed.get(event)!.position - 1];
  }

  /** What a device waited for between the end of the action before and the start of this one: all of that time. */
  waitsOf(event: TraceEvent): readonly WaitPart[] {
    const before = this.before(event);
    if (before === undefined) return [];
    const parts: WaitPart[] = [];
    const { startNs, letter } = event;
    let atNs = eventEnd(before);
    const until = (ns: number, cause: IdleCause): void => {
      const endNs = Math.min(ns, startNs);
      if (endNs <= atNs) return;
      parts.push({ cause, ns: endNs - atNs });
      atNs = endNs;
    };
    const held = this.#heldBy(before);
    if (held !== undefined) until(eventEnd(held), "transfer");
    const { sender, message, signal } = this.#needsOf(event);
    if (sender !== undefined) {
      if (letter === "B") until(this.#forwardReadyNs(event), "backward");
      until(eventEnd(sender), letter === "B" ? "in flight" : "forward");
    }
    if (message !== undefined) {
      until(this.beginNs(message), "line");
      until(eventEnd(message), "transfer");
    }
    if (signal !== undefined) until(eventEnd(signal), letter === "U" ? "norms" : "step before");
    if (this.waitsForNorms(event)) until(startNs, "norms");
    const sent = this.#sentBy(event.device, startNs);
    if (sent !== undefined) until(eventEnd(sent), "room");
    until(startNs, "between");
    return parts;
  }

  /**
   * When an action or a message began. Where latencies overlap, the event of a message begins at the end of the one
   * before it, and it was on its way since earlier.
   */
  beginNs(event: TraceEvent): number {
    const { startNs, action, bytes = 0 } = event;
    const producer = event.stream === "compute" ? undefined : this.#computed.get(action);
    const link = producer && this.#linkOf(event)?.(bytes);
    if (link === undefined) return startNs;
    const aloneNs = eventEnd(event) - link.latencyNs - link.wireNs;
    return aloneNs >= startNs - ROUNDING_NS ? startNs : Math.min(startNs, Math.max(aloneNs, eventEnd(producer!)));
  }

  /** Whether an update needs the gradient norms of other stages. */
  waitsForNorms({ stage, letter, microBatch }: TraceEvent): boolean {
    if (letter !== "U") return false;
    const { firstStage, endStage } = this.#pipelines.ofStage(stage);
    return endStage - firstStage > 1 && clips(this.#plan, this.#dependencies.miniBatchOf(microBatch));
  }

  #linkOf({ stage, letter }: TraceEvent): LinkTimes | null | undefined {
    const to = this.#dependencies.receiverOf(stage, letter as PlannedLetter);
    return to < 0 ? null : this.#links[Math.min(stage, to)];
  }

  /** What an action, or a message that was received, followed upon: the last to end of what it waited for. */
  cameAfter(event: TraceEvent): TraceEvent | undefined {
    return event.stream === "compute" ? this.#actionAfter(event) : this.#messageAfter(event);
  }

  #actionAfter(event: TraceEvent): TraceEvent | undefined {
    const { sender, message, signal } = this.#needsOf(event);
    const needed = latest([this.before(event), message ?? sender, signal]);
    if (event.letter === "U" || (needed !== undefined && eventEnd(needed) >= event.startNs)) return needed;
    return latest([needed, this.#sentBy(event.device, event.startNs)]);
  }

  #messageAfter(message: TraceEvent): TraceEvent | undefined {
    const producer = this.#computed.get(message.action);
    const beginNs = this.beginNs(message);
    if (producer === undefined || eventEnd(producer) >= beginNs) return producer;
    const { device, letter, action } = message;
    const onLink = this.#leftAt(this.#receives[device]!, beginNs);
    if (onLink !== undefined && onLink !== message) return onLink;
    const sent = this.#leftAt(this.#sends[producer.device]!, beginNs);
    if (sent !== undefined && sent.action !== action) return this.#received.get(sent.action) ?? producer;
    // An action that has read an earlier message leaves its buffer.
    const reader = this.#endedAt(this.actions[device]!, beginNs);
    return reader?.letter === letter ? reader : producer;
  }

  #endedAt(events: readonly TraceEvent[], ns: number): TraceEvent | undefined {
    const known = this.#ended.get(events) ?? byTime(events, eventEnd);
    this.#ended.set(events, known);
    return known.get(ns);
  }

  /** The message that leaves a wire at a time, or arrives then. */
  #leftAt(events: readonly TraceEvent[], ns: number): TraceEvent | undefined {
    const leave = (event: TraceEvent): number => eventEnd(event) - (this.#linkOf(event)?.(0).latencyNs ?? 0);
    const known = this.#left.get(events) ?? byTime(events, leave);
    this.#left.set(events, known);
    return known.get(ns) ?? this.#endedAt(events, ns);
  }

  #needsOf({ stage, letter, microBatch }: TraceEvent): Needs {
    const planned = letter as PlannedLetter;
    const from = this.#dependencies.senderOf(stage, planned);
    const key = formatAction({ stage: from, letter, microBatch });
    const signals = this.#dependencies.signalsOf(stage, planned, microBatch);
    const backwards = signals.map((signal) =>
      this.#computed.get(
        formatAction({ stage: this.#dependencies.signallingStage(signal), letter: "B", microBatch: signal }),
      ),
    );
    return {
      sender: from < 0 ? undefined : this.#computed.get(key),
      message: from < 0 ? undefined : this.#received.get(key),
      signal: latest(backwards),
    };
  }

  /**
   * Where a stage is at its limit in flight: when the forward could have begun that comes next in its order. Infinite
   * elsewhere.
   */
  #forwardReadyNs(event: TraceEvent): number {
    const { position, inFlight } = this.#placed.get(event)!;
    const limit = this.#plan.maxInFlight?.[event.stage];
    if (limit === undefined || limit === null || inFlight < limit) return Number.POSITIVE_INFINITY;
    const own = this.actions[event.device]!;
    for (let at = position + 1; at < own.length; at += 1) {
      if (own[at]!.letter !== "F") continue;
      const { message, sender, signal } = this.#needsOf(own[at]!);
      const last = latest([message ?? sender, signal]);
      return last === undefined ? 0 : eventEnd(last);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The message that an action's device has to deliver before it goes on. */
  #heldBy({ stage, letter, action }: TraceEvent): TraceEvent | undefined {
    const to = this.#dependencies.receiverOf(stage, letter as PlannedLetter);
    const transfers = to < 0 ? undefined : this.#plan.links[Math.min(stage, to)]?.transfers;
    return transfers === undefined ? undefined : this.#received.get(action);
  }

  /** The message of a device that is the last to arrive by a time. */
  #sentBy(device: number, ns: number): TraceEvent | undefined {
    const sends = this.#sends[device]!;
    let [low, high] = [0, sends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sends[middle]!.startNs < ns) low = middle + 1;
      else high = middle;
    }
    // Some are on their way to either side at once.
    const near = sends.slice(Math.max(0, low - 8), low).filter((event) => eventEnd(event) <= ns);
    const sent = latest(near);
    return sent && this.#received.get(sent.action);
  }
}
