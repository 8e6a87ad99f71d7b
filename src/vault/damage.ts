import { VhdupError } from '../errors.js';
import type { Store } from '../store/store.js';

/** Returns the error for an object that is not what it has to be. `where`: the object, the version and the range, as far as they are known. */
export function damaged({ name }: Pick<Store, 'name'>, where: string, problem: unknown): VhdupError {
  if (problem instanceof VhdupError) return problem;
  const text = problem instanceof Error ? problem.message : String(problem);
  return new VhdupError('vault-damaged', `${name}: ${where}: ${text}`, { cause: problem });
}

/** Does what reads an object; what it finds wrong becomes `vault-damaged`. */
export async function reading<T>(store: Pick<Store, 'name'>, where: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(store, where, error);
    throw error;
  }
}
