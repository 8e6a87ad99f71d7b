/** The library's face: open a disk, plan a push, push it. */
export { VhdupError, type ErrorCode } from './errors.js';
export { openDisk, type OpenOptions } from './disk/open.js';
export type { Disk, Extent, Layer, SourceFile } from './disk/disk.js';
export { FixedStream, parseFixedTail, type FixedTail } from './disk/fixed-stream.js';
export { makePushPlan, STANDARD_PAGE_BLOB, type CostModel, type PlanSource, type PlannedBase, type PlannedExtent, type PushPlan } from './plan/push-plan.js';
export type { Range, RangeSet } from './plan/range.js';
export { push, planPush } from './push/push.js';
export { pull } from './pull/pull.js';
export type { PullFormat, PullOptions } from './pull/options.js';
export type { PullResult } from './pull/result.js';
export { inspectBlob, type BlobReport } from './manage/inspect-blob.js';
export type { PushOptions } from './push/options.js';
export type { BaseSummary, PlannedPush, PushResult } from './push/result.js';
export type { Listener, Phase, SessionEvent } from './session/events.js';
export type { Environment } from './blob/credential.js';
export type { RetryPolicy } from './blob/retry.js';
export { isBlobUri } from './blob/location.js';
