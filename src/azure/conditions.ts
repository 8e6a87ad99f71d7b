/** Conditions of a request. The service refuses the request with 412 (or 409) if one of them does not hold. */
export interface Conditions {
  /** The ETag that the blob has to have; `*` stands for every ETag. */
  readonly ifMatch?: string;
  /** The ETag that the blob must not have; `*`: no blob may be there. */
  readonly ifNoneMatch?: string;
  /** The id of the blob's lease. Without it, a write to a leased blob is refused. */
  readonly leaseId?: string;
}
