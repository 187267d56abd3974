import { eventParser } from "../event-stream.ts";
import type { DecisionsNotice, FleetStatus, JobStatus, Notice } from "../fleet-control.ts";
import type { JobsAnswer, LossCurve } from "../messages.ts";

/** All that the page shows, as the server said it last. */
export interface FleetState {
  readonly status: FleetStatus;
  readonly jobs: readonly JobStatus[];
  /** Jobs that are over and were left out. */
  readonly omitted: number;
  readonly curves: ReadonlyMap<string, LossCurve>;
  readonly decisions: readonly DecisionsNotice[];
}

/** The server wants a token, or another one. */
export class TokenNeeded extends Error {}

export type Ask = (
  path: string,
  more?: { readonly lastId?: string; readonly signal?: AbortSignal },
) => Promise<Response>;

/** Asks this page's server. @throws TokenNeeded, TypeError where nobody answers */
export function asker(token: string | null): Ask {
  return async (path, { lastId, signal } = {}) => {
    const headers = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(lastId === undefined ? {} : { "last-event-id": lastId }),
    };
    const response = await fetch(path, { headers, cache: "no-store", ...(signal === undefined ? {} : { signal }) });
    if (response.status === 401) throw new TokenNeeded();
    if (!response.ok) throw new TypeError(`${path}: ${response.status}`);
    return response;
  };
}

export async function readState(ask: Ask): Promise<FleetState> {
  const read = async <T>(path: string): Promise<T> => (await ask(path)).json() as Promise<T>;
  const [status, { jobs, omitted }, { curves }, { lines }] = await Promise.all([
    read<FleetStatus>("/v1/status"),
    read<JobsAnswer>("/v1/jobs"),
    read<{ readonly curves: readonly LossCurve[] }>("/v1/losses"),
    read<{ readonly lines: readonly DecisionsNotice[] }>("/v1/decisions"),
  ]);
  return { status, jobs, omitted, curves: new Map(curves.map((curve) => [curve.name, curve])), decisions: lines };
}

/** Notices until the connection ends; returns the id to come back with. */
export async function readNotices(
  ask: Ask,
  lastId: string | undefined,
  onNotice: (notice: Notice | "reset") => void,
): Promise<string | undefined> {
  const { body } = await ask("/v1/events", lastId === undefined ? {} : { lastId });
  const parse = eventParser();
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let id = lastId;
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      for (const event of parse(piece.value)) {
        id = event.id;
        onNotice(event.event === "reset" ? "reset" : (JSON.parse(event.data) as Notice));
      }
  } catch {
    // Comes back below with the id of the last event.
  }
  return id;
}
