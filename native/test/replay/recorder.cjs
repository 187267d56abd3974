// Stands in for the addon (LORATWIN_ADDON) and writes down every call that changes something, for replay.cc: one line a
// call, `[handle =] name argument...`. Arguments: n1.5, s<percent-encoded>, t, f, u (undefined), typed arrays as f, d, i
// or h and two hexadecimal digits a byte behind a colon, [ ... ], { key value ... }, and R0 or D0 for handles.
// LORATWIN_RECORDED_ADDON is the addon, LORATWIN_RECORDING the file.
const { openSync, writeSync } = require("node:fs");

const addon = require(process.env.LORATWIN_RECORDED_ADDON);
const file = openSync(process.env.LORATWIN_RECORDING, "a");
const handles = new Map();
const counts = { R: 0, D: 0 };

const CALLS = new Set([
  ...["createRuntime", "disposeRuntime", "createEvents", "renewEvents", "createNormCells", "signal", "createDevice"],
  ...["disposeDevice", "loadMatrix", "packMatrix", "loadVector", "loadTable", "shareWeights", "createAdapter"],
  ...["releaseAdapter", "writeAdapter", "readAdapter", "reserveArena", "prepareArena", "writeArena", "readArena"],
  ...["createProgram", "enqueueRun", "enqueueUpdate", "enqueueSend", "enqueueUpload", "sampleSpeed"],
]);
const KINDS = [
  [Float32Array, "f"],
  [Float64Array, "d"],
  [Int32Array, "i"],
  [Uint16Array, "h"],
];

function token(value) {
  if (handles.has(value)) return handles.get(value);
  if (value === undefined || typeof value === "function") return "u";
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "number") return `n${value}`;
  if (typeof value === "string") return `s${encodeURIComponent(value)}`;
  if (Array.isArray(value)) return ["[", ...value.map(token), "]"].join(" ");
  for (const [kind, letter] of KINDS) {
    if (!(value instanceof kind)) continue;
    return `${letter}:${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`;
  }
  const fields = Object.entries(value).flatMap(([key, field]) => [encodeURIComponent(key), token(field)]);
  return ["{", ...fields, "}"].join(" ");
}

function recorded(name, call) {
  return (...args) => {
    const line = [name, ...args.map(token)].join(" ");
    const result = call(...args);
    const letter = name === "createRuntime" ? "R" : name === "createDevice" ? "D" : undefined;
    if (letter !== undefined) handles.set(result, `${letter}${counts[letter]++}`);
    writeSync(file, `${letter === undefined ? "" : `${handles.get(result)} = `}${line}\n`);
    return result;
  };
}

// What had ended before the next call: `drained R0 s<device and stream> n<so many of its tasks>`.
const ended = new Map();
function drain(runtime) {
  const batch = addon.drain(runtime);
  const handle = handles.get(runtime);
  for (const { device, stream } of batch.completions) {
    const key = `${handle} s${encodeURIComponent(`${device} ${stream}`)}`;
    ended.set(key, (ended.get(key) ?? 0) + 1);
  }
  if (batch.completions.length > 0) {
    for (const [key, count] of ended) if (key.startsWith(`${handle} `)) writeSync(file, `drained ${key} n${count}\n`);
  }
  return batch;
}

module.exports = Object.fromEntries(
  Object.entries(addon).map(([name, value]) => {
    if (name === "drain") return [name, drain];
    return [name, CALLS.has(name) ? recorded(name, value) : value];
  }),
);
