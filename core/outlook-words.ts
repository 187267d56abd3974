/** What becomes of the machine that a time is predicted for, as people read it. */
export const OUTLOOK_WORDS = {
  alone: "left alone",
  now: "as the machine is now",
  been: "as it has been",
} as const;
