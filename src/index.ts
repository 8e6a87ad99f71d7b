/** The library's face: open a disk, plan a push, push it. */
export { VhdupError, type ErrorCode, type ErrorDetail, type Warning } from './errors.js';
export { openDisk, type OpenOptions } from './disk/open.js';
export type { ChainOptions } from './disk/chain.js';
export type { FormatName } from './disk/registry.js';
export { checkDisk, type CheckReport, type CheckedFile } from './disk/check.js';
export type { DiskError, DiskWarning, Problem } from './disk/findings.js';
export type {
  Creation,
  DetailValue,
  Disk,
  Extent,
  ExtentOptions,
  FileState,
  Layer,
  LayerDetail,
  SourceFile,
} from './disk/disk.js';
export { FixedStream, fixedFooterOf, parseFixedTail, type FixedTail } from './protocol/fixed-vhd.js';
export {
  makePushPlan,
  PushPlanner,
  type PlanSource,
  type PlanTarget,
  type PlannedBase,
  type PlannedExtent,
  type PushPlan,
} from './plan/push-plan.js';
export type { Range, RangeSet } from './bytes/range.js';
export { push, planPush } from './push/push.js';
export { pull } from './pull/pull.js';
export type { PullFormat, PullOptions } from './pull/options.js';
export type { PullResult } from './pull/result.js';
export { verify } from './verify/verify.js';
export type { VerifyOptions } from './verify/options.js';
export type { VerifyResult } from './verify/result.js';
export { inspectBlob, type BlobReport } from './manage/inspect-blob.js';
export {
  blobStatus,
  type BlobStatus,
  type LeaseHolder,
  type LeaseStatus,
  type ManageOptions,
} from './manage/blob-status.js';
export { makeLeafList, type LeafListResult } from './manage/make-leaf-list.js';
export type { LeafListState } from './protocol/leaf-list-state.js';
export type { LeafTotals } from './content/compare-leaves.js';
export { diagnose, type Diagnosis } from './manage/diagnose.js';
export type { Check } from './manage/check.js';
export {
  listImages,
  type ImageListing,
  type ImageSeries,
  type ImagesOptions,
  type ListedVersion,
} from './manage/list-images.js';
export { abortPush, type AbortOptions, type AbortResult } from './manage/abort-push.js';
export {
  sealBlob,
  unsealBlob,
  type SealOptions,
  type SealResult,
  type UnsealOptions,
  type UnsealResult,
} from './manage/seal-blob.js';
export type { BaseCheck, PushRecord, RecordedBase, RecordedDigests } from './protocol/push-record.js';
export type { PushState } from './protocol/verdict.js';
export type { Seal, SealMode } from './protocol/seal.js';
export type { BaseCheckMode, CompareMode, ContentMd5Mode, PushOptions, VerifyScope } from './push/options.js';
export type { ContentMd5Omission } from './push/content-md5.js';
export type { BaseSummary, PlannedPush, PushResult } from './push/result.js';
export type { SessionOptions } from './session/options.js';
export type { AccountSas } from './azure/credential-sources.js';
export type { Listener, Phase, RequestEvent, SessionEvent } from './session/events.js';
export type { Pace } from './session/session.js';
export type { RequestRecord } from './azure/request-log.js';
export type { Environment } from './azure/credential.js';
export type { RetryPolicy } from './run/retry.js';
export { isBlobUri } from './azure/location.js';
