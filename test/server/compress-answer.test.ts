import { gunzipSync } from "node:zlib";
import { fastify } from "fastify";
import { expect, it } from "vitest";
import { compressAnswer } from "../../server/compress-answer.ts";

const JOBS = Array.from({ length: 1000 }, (_, job) => ({ name: `job-${job}`, standing: "waiting", done: 0 }));

async function asked(answer: unknown, headers: Record<string, string> = {}) {
  const app = fastify();
  app.addHook("onSend", compressAnswer);
  app.get("/", async () => answer);
  return await app.inject({ url: "/", headers });
}

it("sends a long answer compressed to who takes that, and as it is to who does not", async () => {
  const packed = await asked(JOBS, { "accept-encoding": "gzip, deflate" });
  expect(packed.headers["content-encoding"]).toBe("gzip");
  expect(JSON.parse(gunzipSync(packed.rawPayload).toString())).toEqual(JOBS);
  const plain = await asked(JOBS);
  expect(plain.json()).toEqual(JOBS);
  expect(plain.headers["content-encoding"]).toBeUndefined();
  expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 8);
});

it("sends a short answer as it is", async () => {
  const { headers, rawPayload } = await asked({ name: "a" }, { "accept-encoding": "gzip" });
  expect(headers["content-encoding"]).toBeUndefined();
  expect(rawPayload.toString()).toBe('{"name":"a"}');
});
