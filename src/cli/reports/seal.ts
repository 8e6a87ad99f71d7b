import type { SealResult, UnsealResult } from '../../manage/seal-blob.js';
import type { Seal } from '../../protocol/seal.js';
import { table } from '../output.js';

/** Returns a sealed blob for programs. */
export function sealJson({ blob, seal, warnings }: SealResult): object {
  return { blob, seal, warnings };
}

/** Returns a sealed blob for people. */
export function sealLines({ blob, seal }: SealResult): string[] {
  return [blob, ...table([sealRow(seal)])];
}

/** Returns what became of a seal, for programs. */
export function unsealJson({ blob, outcome, protection, warnings }: UnsealResult): object {
  return { blob, outcome, protection, warnings };
}

const OUTCOMES: Readonly<Record<UnsealResult['outcome'], string>> = {
  unsealed: 'the seal was removed',
  broken: 'the lease was broken',
  'not-sealed': 'no infinite lease seals it',
};

/** Returns what became of a seal, for people. */
export function unsealLines({ blob, outcome, protection }: UnsealResult): string[] {
  const rest = protection === undefined ? '' : `; still protected by ${protection}`;
  return [`${blob}: ${OUTCOMES[outcome]}${rest}`];
}

/** Returns the row of a table that shows a seal. */
export function sealRow({ kind, leaseId, until }: Seal): readonly [name: string, value: string] {
  return [
    'sealed',
    kind === 'immutable'
      ? `immutable until ${until ?? ''}`
      : `by an infinite lease, ${leaseId === undefined ? 'not from this machine' : `id ${leaseId}`}`,
  ];
}
