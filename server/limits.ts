/** What a server holds at most. Whoever asks for more is told so, or dropped. */
export interface Limits {
  /** Of a request's body. */
  readonly bodyBytes: number;
  /** Places of jobs that wait for a pipeline, preempted and paused ones too: half of them for one user alone. */
  readonly waitingJobs: number;
  /** Of those who have shown a token, over TCP and over the socket each; twice as many of others. */
  readonly connections: number;
  /** Connections that are sent events, and bytes that one may be behind, of answers too. */
  readonly eventClients: number;
  readonly eventBacklogBytes: number;
  /** Events that are kept for those who come back, and their bytes. */
  readonly keptEvents: number;
  readonly keptEventBytes: number;
  /** Lines of decisions, and jobs with loss curves, that a page that is opened shows. */
  readonly keptDecisions: number;
  readonly keptCurves: number;
  /** Jobs that are over and that `/metrics` has still: the latest. */
  readonly measuredOver: number;
  /** Requests of any kind at a time. */
  readonly requests: number;
  /** Requests for answers to prompts at a time. */
  readonly answerRequests: number;
}

export const LIMITS: Limits = {
  bodyBytes: 2 ** 18,
  waitingJobs: 2000,
  connections: 128,
  eventClients: 32,
  // More than all events that are kept, which a client that comes back gets at once.
  eventBacklogBytes: 2 ** 21,
  keptEvents: 4096,
  keptEventBytes: 2 ** 20,
  keptDecisions: 200,
  keptCurves: 1000,
  measuredOver: 100,
  requests: 128,
  answerRequests: 32,
};
