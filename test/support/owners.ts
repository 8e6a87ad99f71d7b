import { thisOwner, type Owner } from '../../src/state/owner.js';

/** The owner that a process of this machine with that id was, which started when this one did. */
export function ownerOf(pid: number): Owner {
  return { ...thisOwner(), pid, token: `of process ${pid}` };
}
