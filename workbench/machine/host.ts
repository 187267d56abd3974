import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { contentHash } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import type { Calibration } from "../../plan/index.ts";

/** The number that Linux gives to an installation, whatever the boot; its name elsewhere. */
function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return hostname();
  }
}

/** A number for this machine and its processor that tells neither to anybody else. */
export function hostIdentity(): string {
  const { cpuModel, cores } = nativeInfo();
  return contentHash([machineId(), cpuModel, cores.length])
    .replace(/^sha256:/, "")
    .slice(0, 16);
}

/** Whether times were measured here, so that how this machine runs tells of them. */
export function isOfThisMachine(calibration: Calibration): boolean {
  return calibration.model === "measured" && calibration.machine?.host === hostIdentity();
}
