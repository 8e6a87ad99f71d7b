export type { OwnAnswer } from './gate/answer.js';
export type { CopyScript } from './gate/copies.js';
export { NO_FAULTS, PASSING_FAULTS, atNth, atRandom, randomFrom, type Fault, type FaultScript } from './gate/faults.js';
export { SOURCE_REFUSALS, type RangeCopyScript, type SourceRefusal } from './gate/from-url.js';
export { startGate, type Gate, type GateOptions } from './gate/gate.js';
export { mendNames } from './gate/names.js';
export { WRITES, type GateRecord, type RequestKind } from './gate/record.js';
