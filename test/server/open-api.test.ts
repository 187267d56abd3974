import { describe, expect, it } from "vitest";
import { z } from "zod";
import { choiceOf, tinyAnswers } from "./answers/tiny-answers.ts";
import { ask, type Raw, serve } from "./served.ts";

const tiny = tinyAnswers();

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function documented() {
  const served = await serve({ answers: tiny.answers([choiceOf("ann")]) });
  const get = (method: string, target: string, raw?: Raw) => ask(served.server.address.socket, method, target, raw);
  const document = (await get("GET", "/v1/openapi.json")).body as Document;
  return { ...served, ask: get, document };
}

/** A schema of the document as one that values can be checked by. */
function checker({ components }: Document, schema: object): z.ZodType {
  const local = JSON.stringify({ ...schema, $defs: components.schemas }).replaceAll(
    "#/components/schemas/",
    "#/$defs/",
  );
  return z.fromJSONSchema(JSON.parse(local) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** A request for each operation, in an order in which all are granted. */
const REQUESTS: readonly (readonly [method: string, path: string, target: string, body?: unknown])[] = [
  ["post", "/v1/jobs", "/v1/jobs", { name: "ann", adapter: { rank: 4 }, data: { lengths: 32 } }],
  ["get", "/v1/jobs", "/v1/jobs?over=3"],
  ["get", "/v1/jobs/{name}", "/v1/jobs/ann"],
  ["patch", "/v1/jobs/{name}", "/v1/jobs/ann", { priority: 2 }],
  ["post", "/v1/jobs/{name}/pause", "/v1/jobs/ann/pause"],
  ["post", "/v1/jobs/{name}/unpause", "/v1/jobs/ann/unpause"],
  ["post", "/v1/jobs/{name}/clone", "/v1/jobs/ann/clone", { name: "bob", overrides: { seed: 4 }, warmStart: true }],
  ["delete", "/v1/jobs/{name}", "/v1/jobs/ann"],
  ["post", "/v1/what-if", "/v1/what-if", { job: { name: "eve" }, policy: "sjf" }],
  ["get", "/v1/status", "/v1/status"],
  ["get", "/v1/picture", "/v1/picture?jobs=5"],
  ["get", "/v1/losses", "/v1/losses"],
  ["get", "/v1/samples", "/v1/samples"],
  ["get", "/v1/decisions", "/v1/decisions"],
  ["get", "/v1/models", "/v1/models"],
  ["get", "/v1/models/{name}", "/v1/models/ann"],
  [
    ...["post", "/v1/chat/completions", "/v1/chat/completions"],
    { model: "ann", messages: [{ role: "user", content: "Hi" }], max_tokens: 3, logprobs: true, top_logprobs: 1 },
  ] as const,
  ["post", "/v1/completions", "/v1/completions", { model: "base", prompt: ["a", "b"], max_tokens: 3, logprobs: 1 }],
  ["get", "/v1/openapi.json", "/v1/openapi.json"],
  ["get", "/metrics", "/metrics"],
  ["get", "/", "/"],
];

describe("the OpenAPI document", () => {
  it("names each operation once, as clients that are made of it call it", async () => {
    const { document } = await documented();
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z]+$/);
  });

  it("has every route, and no other", async () => {
    const { document } = await documented();
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const asked = [...REQUESTS.map(([method, path]) => `${method} ${path}`), "get /v1/events"];
    expect(operations.sort()).toEqual(asked.sort());
    expect(document.openapi).toBe("3.1.0");
  });

  it("is true of what is asked and answered", async () => {
    const { document, ask, fleet } = await documented();
    fleet.tell({ kind: "step", name: "ann", step: 0, loss: 2, gradNorm: 1, learningRate: 1e-3, tokens: 3, seconds: 1 });
    const answer = { prompt: "Who?", text: "I.", tokens: 2, ended: true };
    const answers = [
      { ...answer, by: "base" as const },
      { ...answer, by: "adapter" as const },
    ];
    fleet.tell({ kind: "sample", name: "ann", step: 0, answers });
    const decisions = [{ kind: "start", name: "ann", pipeline: 0, why: "first" }] as const;
    fleet.tell({ kind: "decisions", line: 1, atSeconds: 2, decisions: [...decisions] });
    for (const [method, path, target, body] of REQUESTS) {
      const operation = document.paths[path]![method]!;
      const answer = await ask(method.toUpperCase(), target, { body });
      const name = `${method} ${path}: ${answer.text.slice(0, 300)}`;
      const media = Object.entries(operation.responses[answer.status]!.content)[0]!;
      expect(answer.status, name).toBeLessThan(300);
      expect(answer.headers["content-type"], name).toContain(media[0]);
      if (media[0] === "application/json")
        expect(checker(document, media[1].schema).safeParse(answer.body).error, name).toBeUndefined();
      if (body !== undefined) {
        const { schema } = operation.requestBody!.content["application/json"]!;
        expect(checker(document, schema).safeParse(body).error, name).toBeUndefined();
        expect(checker(document, schema).safeParse({ ...body, unknown: 1 }).success, name).toBe(false);
      }
    }
    const refused = await ask("GET", "/v1/jobs/nobody");
    const { schema } = document.paths["/v1/jobs/{name}"]!["get"]!.responses[404]!.content["application/json"]!;
    expect(checker(document, schema).safeParse(refused.body).error).toBeUndefined();
  });

  it("refers to nothing that is not in it, and names the parameters of each path", async () => {
    const { document } = await documented();
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(document.components.schemas)).toContain(name);
    for (const [path, methods] of Object.entries(document.paths))
      for (const operation of Object.values(methods)) {
        const inPath = (operation.parameters ?? []).filter((each) => each.in === "path" && each.required);
        expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      }
  });
});
