// The plan in virtual time.
export { type SimulateOptions, simulate } from "./simulate.ts";
