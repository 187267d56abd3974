import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../../core/index.ts";
import { type Completion, createRuntime, type Device, nativeInfo, type World } from "../../native/index.ts";
import { Failure } from "../failure.ts";
import { RankChannels } from "./rank-channels.ts";
import { RankClock } from "./rank-clock.ts";
import { unpackError } from "./rank-errors.ts";
import { RankLink } from "./rank-link.ts";
import { decode, type RankReport, type RankTransfer } from "./rank-messages.ts";

/** Bytes of messages that are timed, and how often each. A shaper lets small ones through faster than its rate. */
const SIZES = [8, 4096, 65_536, 2 ** 20, 8 * 2 ** 20] as const;
const REPEATS = 7;
const LARGEST = SIZES[SIZES.length - 1]!;
/** Room for messages of both directions at once, and for a small one behind a large one. */
const ARENA_BYTES = 2 * LARGEST + 4096;

/** How messages of a size travel between two ranks: seconds from when both sides are ready until all bytes are there. */
export interface SizedMessage {
  readonly bytes: number;
  readonly seconds: number;
}

/** What was measured between rank 0 and another one. */
export interface MeasuredLink {
  readonly rank: number;
  /** The host that it runs on. */
  readonly host: string;
  readonly messages: readonly SizedMessage[];
  readonly latencySeconds: number;
  /** Of large messages one way. */
  readonly bandwidthBytesPerSecond: number;
  /** Of that, what each direction has while both are used. */
  readonly bothWaysShare: number;
  /** A few bytes behind a large message to the same rank. */
  readonly behindLargeSeconds: number;
}

interface Ended {
  readonly rank: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** One end of a message in an arena. */
interface Message {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  /** Messages of two channels at once have places of their own. */
  readonly offset: number;
  readonly channel: number;
  /** Seconds after the others. */
  readonly afterSeconds?: number;
}

/** Rank 0's side of a measurement: sends and receives on both sides, and when they ended. */
class LinkMeter implements Disposable {
  readonly #runtime = createRuntime();
  readonly #device: Device;
  readonly #channels: RankChannels;
  readonly #links: readonly RankLink[];
  readonly #clocks: readonly RankClock[];
  readonly #waiting = new Map<string, (ended: Ended) => void>();
  readonly #failure = new Failure();
  #next = 0;

  constructor(world: World) {
    const cores = [nativeInfo().cores[0]!];
    this.#channels = new RankChannels(world);
    this.#device = this.#runtime.createDevice({ name: "link", cores });
    this.#device.reserveArena(ARENA_BYTES);
    this.#links = Array.from({ length: world.size - 1 }, (_, i) => new RankLink(world, i + 1));
    this.#clocks = this.#links.map(() => new RankClock(this.#runtime.originNs));
    this.#runtime.onComplete((batch) => this.#ended(0, batch, (ns) => ns));
    world.onFailure((reason) => this.#failure.fail(new Error(reason)));
    world.onMessage((rank, message) => {
      for (const report of decode<RankReport>(message)) this.#hear(rank, report);
    });
  }

  /** The host of a rank, which has room for messages and whose clock is known then. */
  async open(rank: number): Promise<string> {
    const link = this.#links[rank - 1]!;
    return await this.#failure.unless(link.ask<"links">({ kind: "links", arenaBytes: ARENA_BYTES }));
  }

  /** Messages at the same time: of each, when both sides were ready and when it was there. */
  async travel(messages: readonly Message[]): Promise<readonly (readonly [readyNs: number, endNs: number])[]> {
    return await Promise.all(
      messages.map(async (message) => {
        const id = this.#next;
        this.#next += 1;
        const { from, to, bytes, offset, channel, afterSeconds = 0 } = message;
        if (afterSeconds > 0) await sleep(1000 * afterSeconds);
        const task = { id, waits: [], offset, bytes, channel, way: "host" } as const;
        const [sent, received] = await this.#failure.unless(
          Promise.all([
            this.#give("send", from, { ...task, peer: to }),
            this.#give("receive", to, { ...task, peer: from }),
          ]),
        );
        return [Math.max(sent.startNs, received.startNs), received.endNs] as const;
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#runtime[Symbol.dispose]();
  }

  #give(kind: "send" | "receive", rank: number, task: RankTransfer): Promise<Ended> {
    const ended = new Promise<Ended>((resolve) => this.#waiting.set(`${rank} ${kind} ${task.id}`, resolve));
    if (rank > 0) this.#links[rank - 1]!.tell({ kind, stage: 0, task });
    else {
      const channel = this.#channels.to(task.peer, task.channel, task.way);
      if (kind === "send") this.#device.enqueueChannelSend({ ...task, channel });
      else this.#device.enqueueReceive({ ...task, channel });
    }
    return ended;
  }

  #hear(rank: number, report: RankReport): void {
    const link = this.#links[rank - 1]!;
    const clock = this.#clocks[rank - 1]!;
    if (report.kind === "answer") link.answer(report.call, report.value);
    else if (report.kind === "clock") clock.add(report.reading);
    else if (report.kind === "completions")
      this.#ended(rank, report.completions, (ns) => clock.atRank0(report.originNs + ns));
    else this.#failure.fail(unpackError(report.error, `rank ${rank}`));
  }

  #ended(rank: number, completions: readonly Completion[], time: (ns: number) => number): void {
    for (const { stream, id, startNs, endNs } of completions) {
      const key = `${rank} ${stream} ${id}`;
      this.#waiting.get(key)?.({ rank, startNs: time(startNs), endNs: time(endNs) });
      this.#waiting.delete(key);
    }
  }
}

async function measureLink(meter: LinkMeter, rank: number): Promise<MeasuredLink> {
  const host = await meter.open(rank);
  const up = { from: 0, to: rank, offset: 0, channel: 0 };
  const down = { from: rank, to: 0, offset: LARGEST, channel: 1 };
  const small = { ...up, offset: 2 * LARGEST, channel: 2, bytes: 8 };
  const secondsOf = async (messages: readonly Message[], of = 0): Promise<number> => {
    const seconds: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const travelled = await meter.travel(messages);
      const [readyNs, endNs] = travelled[of]!;
      seconds.push((endNs - readyNs) / 1e9);
    }
    return median(seconds);
  };
  const messages: SizedMessage[] = [];
  for (const bytes of SIZES) messages.push({ bytes, seconds: await secondsOf([{ ...up, bytes }]) });
  const [nextLargest, largest] = messages.slice(-2) as [SizedMessage, SizedMessage];
  const bothWays = await secondsOf([
    { ...up, bytes: LARGEST },
    { ...down, bytes: LARGEST },
  ]);
  return {
    rank,
    host,
    messages,
    latencySeconds: Math.max(0, messages[0]!.seconds),
    bandwidthBytesPerSecond: (largest.bytes - nextLargest.bytes) / (largest.seconds - nextLargest.seconds),
    bothWaysShare: Math.min(1, largest.seconds / bothWays),
    behindLargeSeconds: await secondsOf(
      [
        { ...up, bytes: LARGEST },
        { ...small, afterSeconds: largest.seconds / 4 },
      ],
      1,
    ),
  };
}

/** Messages between rank 0 and each other rank, one pair after another. @throws DeviceError, Error where a rank fails */
export async function measureLinks(world: World): Promise<readonly MeasuredLink[]> {
  using meter = new LinkMeter(world);
  const measured: MeasuredLink[] = [];
  for (let rank = 1; rank < world.size; rank += 1) measured.push(await measureLink(meter, rank));
  return measured;
}
