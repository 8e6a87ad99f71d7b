import type { Test } from 'tap';
import type { PushOptions } from '../../src/index.js';
import { threeLevels, type Scene } from './push-scene.js';
import { stage, type Stage } from './stage.js';

/** A stage, a chain, and a push that ends in the middle. */
export interface ManageScene extends Stage {
  readonly scene: Scene;
  /** Leaves `name` as a push does that was refused in state `writing`. */
  unfinished(name: string, more?: PushOptions): Promise<void>;
}

export async function manageScene(t: Test): Promise<ManageScene> {
  const set = await stage(t);
  const { gate, uri, pushed } = set;
  const scene = await threeLevels(set.folder);
  return {
    ...set,
    scene,
    unfinished: async (name, more = {}) => {
      const before = gate.onRequest;
      gate.onRequest = ({ kind }) =>
        kind === 'put-page' ? { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } } : undefined;
      await pushed(scene.child, { to: uri(name), ...more }).catch(() => undefined);
      gate.onRequest = before;
    },
  };
}
