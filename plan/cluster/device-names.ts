// What the names of a machine's devices say. `loratwin devices` lists them; other devices have names of any kind. In a
// cluster of several machines a name may have its machine and a dot in front: `a.cpu:0`, `b.cuda:1`.

/** The core of `cpu:3`, among those that this process may use; undefined for any other name. */
export function coreOfName(name: string): number | undefined {
  const index = /^(?:[\w-]+\.)?cpu:(?<index>\d+)$/.exec(name)?.groups?.["index"];
  return index === undefined ? undefined : Number(index);
}

/** The GPU of `cuda:1`, or of `cuda:1#2`, one of several devices that share it; undefined for any other name. */
export function gpuOfName(name: string): number | undefined {
  const index = /^(?:[\w-]+\.)?cuda:(?<index>\d+)(?:#\d+)?$/.exec(name)?.groups?.["index"];
  return index === undefined ? undefined : Number(index);
}
