/**
 * Mutants that no test can see, and why that is right. Found by file and source, so that lines may move; one that is seen,
 * or no longer in the file, is an error. In order of files.
 */
export interface Harmless {
  readonly file: string;
  /** The source of the condition on one line, as `npm run mutate-checks` prints it. */
  readonly text: string;
  /** What it becomes; every change of it where it is missing. */
  readonly change?: string;
  readonly why: string;
}
