import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  checkTokenizerFiles,
  initModel,
  loadTokenizer,
  readDataset,
  readSafetensors,
  resolveModel,
} from "../../datasets/index.ts";
import { temporaryFolder } from "./shared.ts";

interface Hub {
  readonly hubUrl: string;
  /** "GET path range" of every request for a file, in order. */
  readonly downloads: string[];
  /** After so many bytes of a file the connection is cut, once for each entry. */
  readonly cuts: number[];
  /** What is served under a name instead of the file itself. */
  readonly instead: Map<string, Uint8Array>;
  /** What files are listed with besides, or otherwise. */
  readonly listed: Record<string, unknown>;
}

/** A server on this machine that speaks as much of the hub's protocol as a download needs: file lists and ranges. */
async function serve(repositories: Readonly<Record<string, string>>): Promise<Hub> {
  const hub = { downloads: [] as string[], cuts: [] as number[], instead: new Map<string, Uint8Array>(), listed: {} };
  const server = http.createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? "").replace(/\?.*/, "");
    const deny = (status: number): void => void response.writeHead(status, { "X-Error-Code": "RepoNotFound" }).end();
    if (url.includes("/secret/")) return deny(401);
    if (url.includes("/broken/")) return deny(500);
    const listing = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/tree\/main(?:\/(.*))?$/.exec(url);
    if (listing !== null) {
      const folder = repositories[listing[2] ?? ""];
      if (folder === undefined) return deny(404);
      const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
      const files = names.filter(
        (name) => name.startsWith(listing[3] ?? "") && fs.statSync(path.join(folder, name)).isFile(),
      );
      const entries = files.map((name) => {
        const bytes = fs.readFileSync(path.join(folder, name));
        const oid = createHash("sha256").update(bytes).digest("hex");
        const lfs = name.endsWith(".safetensors") ? { lfs: { oid, size: bytes.length, pointerSize: 130 } } : {};
        return { type: "file", path: name, size: bytes.length, oid: oid.slice(0, 40), ...lfs, ...hub.listed };
      });
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(entries));
      return;
    }
    const file = /^\/(?:datasets\/)?([^/]+\/[^/]+)\/resolve\/main\/(.+)$/.exec(url);
    const folder = repositories[file?.[1] ?? ""];
    const target = path.join(folder ?? "/nowhere", file?.[2] ?? "");
    if (!fs.existsSync(target)) {
      response.writeHead(404, { "X-Error-Code": "EntryNotFound" }).end();
      return;
    }
    const bytes = hub.instead.get(file?.[2] ?? "") ?? fs.readFileSync(target);
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) + 1 : bytes.length;
    const isProbe = range?.[0] === "bytes=0-0";
    if (!isProbe) hub.downloads.push(`${file?.[2]} ${range?.[0] ?? "whole"}`);
    const body = bytes.subarray(start, end);
    const headers = {
      ETag: '"tag"',
      "Content-Length": body.length,
      "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}`,
    };
    response.writeHead(range === null ? 200 : 206, headers);
    const cut = isProbe || body.length < 1000 ? undefined : hub.cuts.shift();
    if (cut === undefined) response.end(body);
    else response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 100));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { hubUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...hub };
}

/** A small model as a repository holds it, with files that nobody needs beside it. */
function modelRepository(): string {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 16, layers: 1, heads: 2, seed: 1 });
  fs.writeFileSync(path.join(folder, "README.md"), "# A model");
  fs.writeFileSync(path.join(folder, "pytorch_model.bin"), "weights");
  fs.writeFileSync(path.join(folder, "consolidated.safetensors"), "weights");
  return folder;
}

test("a model is downloaded once: configuration, tokenizer and safetensors, nothing else", async () => {
  const repository = modelRepository();
  const { hubUrl, downloads } = await serve({ "ada/tiny": repository });
  const options = { hubUrl, cacheFolder: temporaryFolder() };
  const folder = await resolveModel("hf:ada/tiny", options);
  const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
  expect(
    fs
      .readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .toSorted(),
  ).toEqual(names);
  for (const name of names)
    expect(fs.readFileSync(path.join(folder, name))).toEqual(fs.readFileSync(path.join(repository, name)));
  expect(loadTokenizer(folder).eosId).toBe(257);
  expect(downloads).toHaveLength(4);
  expect(await resolveModel("hf:ada/tiny", { ...options, hubUrl: "http://127.0.0.1:1" })).toBe(folder);
});

test.each([
  { oid: "../../../../x" },
  { oid: "a".repeat(41) },
  { oid: "../".repeat(14).slice(0, 40) },
  { oid: 7 },
  { lfs: { oid: `../../${"a".repeat(58)}`, size: 1, pointerSize: 130 } },
  { lfs: { oid: "a".repeat(40), size: 1, pointerSize: 130 } },
  { lfs: {} },
])("a hub that lists files with %j chooses no path, and nothing is written", async (listed) => {
  const hub = await serve({ "ada/tiny": modelRepository() });
  Object.assign(hub.listed, listed);
  const cacheFolder = temporaryFolder();
  await expect(resolveModel("hf:ada/tiny", { hubUrl: hub.hubUrl, cacheFolder })).rejects.toMatchObject({
    ...{ name: "DeviceError", message: expect.stringMatching(/an id of .* hexadecimal digits of README.md/) },
  });
  expect([fs.readdirSync(cacheFolder), hub.downloads]).toEqual([[], []]);
});

test("a download that breaks off goes on where it stopped, within a run and in the next one", async () => {
  const repository = modelRepository();
  const { hubUrl, downloads, cuts } = await serve({ "ada/tiny": repository });
  const options = { hubUrl, cacheFolder: temporaryFolder(), attempts: 2 };
  fs.rmSync(path.join(repository, "tokenizer.json"));
  cuts.push(5000, 7000);
  const failure = resolveModel("hf:ada/tiny", options);
  await expect(failure).rejects.toMatchObject({ name: "DeviceError" });
  await expect(failure).rejects.toThrow(
    /to reach model.safetensors of model ada\/tiny at http.*goes on where it stopped/s,
  );
  fs.copyFileSync(path.join(modelRepository(), "tokenizer.json"), path.join(repository, "tokenizer.json"));
  const folder = await resolveModel("hf:ada/tiny", options);
  const [whole, ...parts] = downloads.filter((line) => line.startsWith("model.safetensors"));
  expect(whole).toBe("model.safetensors whole");
  const starts = parts.map((line) => Number(/bytes=(\d+)-/.exec(line)?.[1]));
  expect(starts).toHaveLength(2);
  expect(starts[0]).toBeGreaterThan(0);
  expect(starts[1]).toBeGreaterThan(starts[0]!);
  expect(readSafetensors(folder).tensors).toEqual(
    readSafetensors(repository).tensors.map((tensor) => ({ ...tensor, file: path.join(folder, "model.safetensors") })),
  );
});

test("bytes that do not have the promised hash are thrown away", async () => {
  const repository = modelRepository();
  const { hubUrl, instead } = await serve({ "ada/tiny": repository });
  const options = { hubUrl, cacheFolder: temporaryFolder() };
  instead.set("model.safetensors", fs.readFileSync(path.join(repository, "model.safetensors")).fill(7, 3000, 3004));
  await expect(resolveModel("hf:ada/tiny", options)).rejects.toThrow(
    /Expected SHA-256 \w{64} of model.safetensors, got "other bytes"/,
  );
  instead.clear();
  await resolveModel("hf:ada/tiny", options);
});

test("data files and the shards of a split come from dataset repositories", async () => {
  const repository = temporaryFolder();
  fs.mkdirSync(path.join(repository, "main"));
  fs.writeFileSync(path.join(repository, "main/train-0.jsonl"), '{"input_ids":[1,2]}');
  fs.writeFileSync(path.join(repository, "main/train-1.jsonl"), '{"input_ids":[3,4]}');
  fs.writeFileSync(path.join(repository, "main/test-0.jsonl"), '{"input_ids":[5,6]}');
  const { hubUrl, downloads } = await serve({ "ada/sums": repository });
  const download = { hubUrl, cacheFolder: temporaryFolder() };
  const firsts = async (text: string, split?: string) =>
    (await readDataset({ path: text, split }, { download })).rows.map(({ inputIds }) => inputIds[0]);
  expect(await firsts("hf:datasets/ada/sums@main/main/train-1.jsonl")).toEqual([3]);
  expect(await firsts("hf:datasets/ada/sums")).toEqual([1, 3]);
  expect(await firsts("hf:datasets/ada/sums/main", "test")).toEqual([5]);
  expect(downloads).toHaveLength(3);
  await expect(firsts("hf:datasets/ada/sums/no.jsonl")).rejects.toThrow(
    /the file no.jsonl on the hub, got "no such file"/,
  );
  await expect(firsts("hf:datasets/ada/sums", "validation")).rejects.toThrow(/data files that start with "validation"/);
});

test("a hub that cannot be reached, knows nothing, or refuses says so in one sentence", async () => {
  const { hubUrl } = await serve({ "ada/empty": temporaryFolder() });
  const silent = http.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as AddressInfo;
  await new Promise((resolve) => silent.close(resolve));
  const options = { hubUrl, cacheFolder: temporaryFolder() };
  const closed = resolveModel("hf:ada/tiny", { ...options, hubUrl: `http://127.0.0.1:${port}` });
  await expect(closed).rejects.toMatchObject({ name: "DeviceError" });
  await expect(closed).rejects.toThrow(
    /to reach model ada\/tiny \(main\) at http.*ECONNREFUSED[\s\S]*Without a network, give a local folder/,
  );
  const unknown = resolveModel("hf:ada/none", options);
  await expect(unknown).rejects.toMatchObject({ name: "InputError" });
  await expect(unknown).rejects.toThrow(/model ada\/none \(main\) on the hub, got "HTTP 404/);
  await expect(resolveModel("hf:secret/model", options)).rejects.toThrow(/access to model secret\/model/);
  await expect(resolveModel("hf:broken/model", options)).rejects.toMatchObject({ name: "DeviceError" });
  await expect(resolveModel("hf:ada/empty", options)).rejects.toThrow(
    /Expected a folder with config.json at model.path/,
  );
});

test.each(["hf:ada", "hf:ada/tiny/config.json", "hf:datasets/ada/sums", "hf:../tiny", "hf:ada/tiny@..", "hf:"])(
  "%s is no model name",
  async (text) => {
    await expect(resolveModel(text)).rejects.toThrow(/Expected hf:owner\/name\[@revision\] at model.path, got/);
  },
);

test("a local folder that lacks a file is refused by the name of the file", async () => {
  const folder = modelRepository();
  expect(await resolveModel(path.basename(folder), { baseFolder: path.dirname(folder) })).toBe(folder);
  await expect(resolveModel(path.join(folder, "nothing"))).rejects.toThrow(
    /a model folder at model.path, got ".*nothing \(no such folder\)"/,
  );
  await expect(resolveModel(path.join(folder, "config.json"))).rejects.toThrow(
    /a model folder at model.path, got ".*config.json \(a file\)"/,
  );
  fs.rmSync(path.join(folder, "tokenizer.json"));
  expect(await resolveModel(folder)).toBe(folder);
  expect(() => checkTokenizerFiles(folder)).toThrow(/Expected a folder with tokenizer.json at model.path/);
  fs.rmSync(path.join(folder, "model.safetensors"));
  await expect(resolveModel(folder)).rejects.toThrow(
    /Expected a folder with model.safetensors or model.safetensors.index.json at model.path/,
  );
});
