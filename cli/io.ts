/** The world outside, as commands see it; tests give their own. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a terminal: progress is shown only there. */
  readonly isTty: boolean;
  /** Relative paths start here. */
  readonly cwd: string;
}
