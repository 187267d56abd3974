/** A request as it goes over the wire: what makes one of these, or its bytes. */
export type AttackRequest =
  | {
      readonly method: string;
      readonly target: string;
      readonly headers?: readonly string[];
      readonly body?: unknown;
      /** Whose token it has: that of the attacker, where nobody is said. */
      readonly as?: Sender;
    }
  | Buffer;

/** Two people with a token each, and one without. */
export type Sender = "attacker" | "other" | "nobody";

export interface ServeAttack {
  readonly name: string;
  /** Connections that stay open while the requests are asked. */
  readonly crowd?: {
    readonly connections: number;
    /** Each sends this once, with the attacker's token in the place of TOKEN, and reads nothing. */
    readonly sends: string;
    /** And this again and again. */
    readonly drips?: string | undefined;
  };
  readonly requests: readonly AttackRequest[];
  /** The most that others wait meanwhile, in processor time; `MOST_MS` when absent. */
  readonly mostMs?: number | undefined;
  /** Of each request the status, and how the answer reads. */
  readonly expected: readonly (readonly [status: number, says: RegExp])[];
}

/** Files of the served workload, by their absolute paths. */
export interface AttackedFiles {
  /** `--data-root`: has `rows.jsonl`, and links `link.jsonl` and `links/rows.jsonl` to the secret. */
  readonly dataRoot: string;
  /** Rows beside the data root, which nobody may read. */
  readonly secret: string;
  /** A PEFT folder there. */
  readonly secretAdapter: string;
  /** A policy that writes a file as soon as it is loaded. */
  readonly policy: string;
}

const submit = (body: unknown): AttackRequest => ({ method: "POST", target: "/v1/jobs", body });
const whatIf = (body: unknown): AttackRequest => ({ method: "POST", target: "/v1/what-if", body });
const clone = (body: unknown): AttackRequest => ({ method: "POST", target: "/v1/jobs/first/clone", body });
const status = (as: Sender): AttackRequest => ({ method: "GET", target: "/v1/status", as });
const complete = (as: Sender): AttackRequest => ({
  ...{ method: "POST", target: "/v1/completions", as },
  body: { model: "base", prompt: [10, 15, 20], max_tokens: 4, temperature: 0 },
});
const json = (body: unknown, connection = "keep-alive"): string => {
  const text = JSON.stringify(body);
  return `content-type: application/json\r\nconnection: ${connection}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
};

const OUTSIDE = /where submitted jobs may read|an absolute path/;
const GOOD = [200, /"policy"/] as const;
const HEAD = "HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\n";
/** More than a server takes at a time. */
const CROWD = 200;

/** Requests of somebody with a token, or of anybody who reaches the port, and how `serve` is to answer them. */
export function serveAttacks({ dataRoot, secret, secretAdapter, policy }: AttackedFiles): readonly ServeAttack[] {
  const job = { name: "eve", adapter: { rank: 2 }, data: { path: `${dataRoot}/rows.jsonl` } };
  const up = `../${secret.split("/").at(-1)}`;
  const outside = (name: string, keys: unknown): ServeAttack => ({
    name,
    requests: [
      submit({ ...job, ...(keys as object) }),
      whatIf({ job: { ...job, ...(keys as object) } }),
      clone({ name: "eve", overrides: keys }),
    ],
    expected: Array.from({ length: 3 }, () => [422, OUTSIDE] as const),
  });
  const crowd = (
    name: string,
    sends: string,
    more: { drips?: string; connections?: number; mostMs?: number } = {},
  ): ServeAttack => ({
    name,
    crowd: { connections: more.connections ?? CROWD, sends, drips: more.drips },
    mostMs: more.mostMs,
    requests: [status("other"), status("other")],
    expected: [GOOD, GOOD],
  });
  return [
    {
      name: "a policy of the asker's own",
      requests: [
        whatIf({ job, policy }),
        whatIf({ job, policy: `${dataRoot}/policy.mjs` }),
        whatIf({ job, policy: `file://${policy}` }),
        whatIf({ job, policy: "constructor" }),
        whatIf({ job, policy: "fifo" }),
      ],
      expected: [
        ...Array.from({ length: 4 }, () => [422, /a policy of this server .*"at":"policy"/] as const),
        [200, /"policy":"fifo"/],
      ],
    },
    outside("data outside of the root", { data: { path: secret } }),
    outside("data that look like a template", { data: { path: `${dataRoot}/{{/../${up}` } }),
    outside("data that look like a block of a template", { data: { path: `${dataRoot}/{%/../${up}` } }),
    outside("data by a link", { data: { path: `${dataRoot}/link.jsonl` } }),
    outside("data of a folder with a link", { data: { path: `${dataRoot}/links` } }),
    outside("data through a link and back", { data: { path: `${dataRoot}/../way-in/${up}` } }),
    outside("held-out data that look like a template", {
      evaluation: { data: { path: `${dataRoot}/{{/../${up}` }, everySteps: 1 },
    }),
    outside("a chat template as if of the hub", {
      data: { path: `${dataRoot}/rows.jsonl`, chatTemplate: `hf:/${up}` },
    }),
    outside("an adapter to start from", { adapter: { init: secretAdapter } }),
    outside("an adapter as if of the hub", { adapter: { init: `hf:/../../../../../../../../../../${secretAdapter}` } }),
    outside("an adapter that looks like a template", {
      adapter: { init: `${dataRoot}/{{/../../${secretAdapter.split("/").at(-1)}` },
    }),
    {
      name: "values that are null",
      requests: ["data", "adapter", "optimizer", "evaluation", "sample", "steps", "user", "loss", "maxCost"].flatMap(
        (key) => [submit({ ...job, [key]: null }), clone({ name: "eve", overrides: { [key]: null } })],
      ),
      expected: Array.from({ length: 18 }, () => [400, /"expected"/] as const),
    },
    {
      name: "text that is none",
      requests: [
        Buffer.concat([
          Buffer.from(`POST /v1/jobs ${HEAD}content-type: application/json\r\ncontent-length: 14\r\n`),
          Buffer.from('connection: close\r\n\r\n{"name":"'),
          Buffer.from([0xff, 0xfe, 0xc0]),
          Buffer.from('"}'),
        ]),
      ],
      expected: [[400, /a body of text in UTF-8/]],
    },
    {
      name: "headers that are there twice",
      requests: ["host: evil.example", "authorization: Bearer x", "content-type: text/plain", "Host: localhost"].map(
        (more) => Buffer.from(`POST /v1/what-if ${HEAD}${more}\r\n${json({ job }, "close")}`),
      ),
      expected: Array.from({ length: 4 }, () => [400, /each header once/] as const),
    },
    crowd("connections that say nothing", ""),
    crowd("half a request", "GET /v1/st"),
    crowd("headers without end", `GET /v1/status ${HEAD}`, { drips: "x: y\r\n" }),
    crowd(
      "a body without end",
      `POST /v1/jobs ${HEAD}content-type: application/json\r\ncontent-length: 9999\r\n\r\n{`,
      {
        drips: " ",
      },
    ),
    crowd("requests without a token", "GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    crowd("connections that were asked once", `GET /v1/status ${HEAD}\r\n`),
    crowd("connections that are asked again and again", `GET /v1/status ${HEAD}\r\n`, {
      drips: `GET /v1/status ${HEAD}\r\n`,
    }),
    crowd("answers that nobody reads", `GET /v1/openapi.json ${HEAD}\r\n`.repeat(100), {
      connections: 100,
      // All at once, and each of a millisecond or two.
      mostMs: 250,
    }),
    crowd("events that nobody reads", `GET /v1/events ${HEAD}\r\n`),
    crowd("questions what would be", `POST /v1/what-if ${HEAD}${json({ job })}`, { connections: 40 }),
    {
      name: "all places of answers",
      // A model is loaded, and tokens are drawn, in the thread that answers.
      mostMs: 500,
      crowd: {
        connections: 64,
        sends: `POST /v1/completions ${HEAD}${json({ model: "base", prompt: "a", max_tokens: 2000, stream: true, n: 8 })}`,
      },
      requests: [complete("other"), status("other")],
      expected: [[200, /"choices"/], GOOD],
    },
    {
      name: "all places of events",
      crowd: { connections: 64, sends: `GET /v1/events ${HEAD}\r\n` },
      requests: [
        { method: "GET", target: "/v1/events", as: "other" },
        { method: "GET", target: "/v1/events" },
      ],
      expected: [
        [200, /event-stream/],
        [503, /connections for events/],
      ],
    },
  ];
}
