// What the names of this machine's devices say. `loratwin devices` lists them; other devices have names of any kind.

/** The core of `cpu:3`, among those that this process may use; undefined for any other name. */
export function coreOfName(name: string): number | undefined {
  const index = /^cpu:(?<index>\d+)$/.exec(name)?.groups?.["index"];
  return index === undefined ? undefined : Number(index);
}

/** The GPU of `cuda:1`, or of `cuda:1#2`, one of several devices that share it; undefined for any other name. */
export function gpuOfName(name: string): number | undefined {
  const index = /^cuda:(?<index>\d+)(?:#\d+)?$/.exec(name)?.groups?.["index"];
  return index === undefined ? undefined : Number(index);
}
