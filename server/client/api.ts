import { eventParser } from "../event-stream.ts";
import type { DecisionsNotice, FleetStatus, JobStatus } from "../fleet-control.ts";
import type { FleetPicture } from "../fleet-picture.ts";
import type { JobsAnswer, LossCurve, SamplesAnswer } from "../messages.ts";

/** All that the page shows, as the server said it last. */
export interface FleetState {
  readonly status: FleetStatus;
  readonly jobs: readonly JobStatus[];
  /** Jobs that are over and were left out. */
  readonly omitted: number;
  readonly curves: ReadonlyMap<string, LossCurve>;
  readonly samples: SamplesAnswer["jobs"];
  readonly decisions: readonly DecisionsNotice[];
  readonly picture: FleetPicture;
}

/** The server wants a token, or another one. */
export class TokenNeeded extends Error {}

export type Ask = (path: string, signal?: AbortSignal) => Promise<Response>;

/** Asks this page's server. @throws TokenNeeded, TypeError where nobody answers */
export function asker(token: string | null): Ask {
  return async (path, signal) => {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers, cache: "no-store", ...(signal === undefined ? {} : { signal }) });
    if (response.status === 401) throw new TokenNeeded();
    if (!response.ok) throw new TypeError(`${path}: ${response.status}`);
    return response;
  };
}

export async function readState(ask: Ask): Promise<FleetState> {
  const read = async <T>(path: string): Promise<T> => (await ask(path)).json() as Promise<T>;
  const [status, { jobs, omitted }, { curves }, samples, { lines }, picture] = await Promise.all([
    read<FleetStatus>("/v1/status"),
    read<JobsAnswer>("/v1/jobs"),
    read<{ readonly curves: readonly LossCurve[] }>("/v1/losses"),
    read<SamplesAnswer>("/v1/samples"),
    read<{ readonly lines: readonly DecisionsNotice[] }>("/v1/decisions"),
    read<FleetPicture>("/v1/picture"),
  ]);
  const byName = new Map(curves.map((curve) => [curve.name, curve]));
  return { status, jobs, omitted, curves: byName, samples: samples.jobs, decisions: lines, picture };
}

/** Tells of each event until the connection ends, from one side or the other. What happened is asked for anew. */
export async function listen(ask: Ask, signal: AbortSignal, onEvent: () => void): Promise<void> {
  const { body } = await ask("/v1/events", signal);
  const parse = eventParser();
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      if (parse(piece.value).length > 0) onEvent();
  } catch {
    // Whoever asks again hears whether the server is there.
  }
}
