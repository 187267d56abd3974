// The browser code's folder is client/; it is bundled, and nobody imports it.
// A live client of a server.

// A value that was written nowhere.
export { unwritten } from "./admit-job.ts";
export { createFleetClient, type FleetClient } from "./fleet-client.ts";
// What a live fleet is: who has one can serve it.
export type {
  DecisionsNotice,
  FleetControl,
  FleetStatus,
  JobOverrides,
  JobStatus,
  Notice,
  PredictedEnd,
  PredictedTime,
  StepNotice,
  SubmittedJob,
  WhatIfAnswer,
} from "./fleet-control.ts";
// Files of jobs, as people write them.
export { type FiledJob, readJobFile, readOverridesFile } from "./job-file.ts";
// What a server holds at most.
export { LIMITS, type Limits } from "./limits.ts";
// A fleet that trains on this machine, as a server has it.
export { type LiveParts, liveControl } from "./live-control.ts";
// Notices of what a scheduler and an executor say.
export { decisionsNotice, stepNotice } from "./notices.ts";
// A server around a fleet, and one that waits for it.
export {
  type ControlOptions,
  type ListenOptions,
  type LiveServer,
  openServer,
  type ServeOptions,
  startServer,
} from "./serve.ts";
// Where a server is.
export { CONTROL_SOCKET, type ServerAddress, serverAddress } from "./server-address.ts";
// Where a job can be.
export { hasNoEnd, isOver, STANDINGS, type Standing, secondsLate } from "./standing.ts";
// The tokens of servers that listen on TCP.
export { ensureTokens, readToken } from "./token-file.ts";
