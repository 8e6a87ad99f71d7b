/** How much a report for people shows. */
export interface ReportOptions {
  /** The inner amounts too: requests, gaps, cleared ranges, zeros. */
  readonly verbose: boolean;
}
