import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GateRecord } from '../support/gate.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { runPush, type PushEnd } from './push-run.js';
import type { Action, Round } from './rounds.js';
import { act, breakLease, overwriteWhenFree, type Deeds } from './third-party.js';
import { baseStateOf, copyChain, pushBase, type BaseState, type World } from './world.js';

/** What came of a round. */
export interface Verdict {
  /** How many deeds of third parties were done, and how many met a lease or a condition. */
  readonly taken: number;
  readonly refused: number;
  /** Commands that ended with exit code 0 while something else was true. */
  readonly falseSuccesses: readonly string[];
  /** The same within what the service makes unavoidable. */
  readonly gaps: readonly { readonly what: string; readonly why: string }[];
  /** Ends that are no false success, but should not be: an unexpected error, a push that never gets there. */
  readonly troubles: readonly string[];
  readonly log: readonly string[];
}

/** The most runs of the same command that it may take to get there, once nobody is in the way. */
const MAX_RUNS = 5;

/** Plays one round on a world. */
export async function play(world: World, round: Round): Promise<Verdict> {
  const game = new Game(world, round, `round-${round.index}`);
  try {
    await game.play();
  } finally {
    await game.cleanUp();
  }
  return game.verdict;
}

class Game {
  readonly verdict = {
    taken: 0,
    refused: 0,
    falseSuccesses: [] as string[],
    gaps: [] as { what: string; why: string }[],
    troubles: [] as string[],
    log: [] as string[],
  };
  readonly #world: World;
  readonly #round: Round;
  readonly #name: string;
  #base: BaseState | undefined;
  #folder = '';
  #run = 0;
  /** Whether anybody has held the blob since it was made by a copy: before that, the second of the copy hides a write. */
  #wasHeld = true;
  /** Why a wrong end is one that nobody can see: for good, or in one run only. */
  #gap: { readonly why: string; readonly run: number | undefined } | undefined;
  /** Whether a third party has ended the lease of the blob when it was complete: what is left of that second is open then. */
  #isBroken = false;
  #isReplaced = false;
  #isBaseChanged = false;

  constructor(world: World, round: Round, name: string) {
    this.#world = world;
    this.#round = round;
    this.#name = name;
  }

  async play(): Promise<void> {
    const { chain } = this.#world;
    const { interruption, first, second, machine, actions, isOverBase } = this.#round;
    this.#folder = await mkdtemp(join(chain.folder, '..', `${this.#name}-`));
    if (isOverBase) this.#base = await this.#takeBase(actions);
    const state = join(chain.folder, '..', 'state');
    await this.#push({
      path: chain.child,
      state,
      way: first,
      interruption,
      actions: actions.filter(({ at }) => at.run === 1),
    });
    for (const action of actions) if (action.at.run === 'between') await this.#act(action);
    const path = machine.files === 'same' ? chain.child : await copyChain(chain, join(this.#folder, 'copies'));
    const again = {
      path,
      state: machine.state === 'same' ? state : join(this.#folder, 'state'),
      way: second,
      interruption: undefined,
    };
    await this.#push({ ...again, actions: actions.filter(({ at }) => at.run === 2) });
    if (!this.#isWrong) await this.#finish(again);
  }

  get #isWrong(): boolean {
    return this.verdict.falseSuccesses.length + this.verdict.gaps.length > 0;
  }

  async cleanUp(): Promise<void> {
    const { gate, container } = this.#world;
    gate.onRequest = () => undefined;
    gate.onAnswer = () => undefined;
    gate.records = [];
    for (const name of [this.#name, `${this.#name}-over`, `${this.#name}-base`]) {
      await breakLease(container.getPageBlobClient(name));
      await container.getBlobClient(name).deleteIfExists({ deleteSnapshots: 'include' });
    }
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  /** A round that attacks its base has one of its own. */
  async #takeBase(actions: readonly Action[]): Promise<BaseState> {
    const isAttacked = actions.some(({ deed }) => deed === 'write-base');
    const name = isAttacked ? `${this.#name}-base` : 'base';
    if (isAttacked) await pushBase(this.#world, name);
    return baseStateOf(this.#world, name);
  }

  /** Runs the command once, and looks at the truth if it ends with exit code 0. */
  async #push(run: {
    path: string;
    state: string;
    way: Round['first'];
    interruption: Round['interruption'] | undefined;
    actions: readonly Action[];
  }): Promise<PushEnd> {
    this.#run++;
    const base = this.#base && this.#world.uri(this.#base.name);
    const end = await runPush(this.#world, {
      ...run,
      name: this.#name,
      base,
      onMoment: async (record, nth, side) => {
        this.#follow(record, side);
        for (const action of run.actions)
          if (action.at.request === nth && action.at.side === side) await this.#act(action);
      },
      breakLease: () => this.#breakLease(),
    });
    this.verdict.log.push(`run ${this.#run}: ${end.code} ${end.what}`);
    if (end.code === 1) this.verdict.troubles.push(`run ${this.#run}: an unexpected error: ${end.what}`);
    if (end.code === 0)
      this.#judge(
        `run ${this.#run} (${end.what})`,
        await liesAt(this.#world, this.#name, this.#world.chain.childBlob, this.#base),
      );
    return end;
  }

  #follow({ kind, url, status, headers }: GateRecord, side: 'before' | 'after'): void {
    if (side !== 'after' || !new URL(url, 'http://gate').pathname.endsWith(`/${this.#name}`)) return;
    if (kind === 'copy' && status === 202) this.#wasHeld = false;
    if (kind === 'lease' && status < 300 && headers['x-ms-lease-action'] !== 'release') this.#wasHeld = true;
  }

  async #breakLease(): Promise<void> {
    const blob = this.#world.container.getPageBlobClient(this.#name);
    const found = (await blob.exists()) ? await blob.getProperties() : undefined;
    if (found && isComplete(found) && isLeased(found)) this.#isBroken = true;
    await breakLease(blob);
  }

  async #act(action: Action): Promise<void> {
    const deeds = await act(this.#world, this.#name, this.#base?.name ?? '', action);
    this.#note(
      deeds,
      `${action.force === 'none' ? '' : `${action.force}, `}${action.deed} at ${action.spot.place}, run ${action.at.run}, request ${action.at.request} ${action.at.side}`,
    );
    if (
      action.deed !== 'write-base' &&
      action.force !== 'none' &&
      deeds.before &&
      isComplete(deeds.before) &&
      isLeased(deeds.before)
    )
      this.#isBroken = true;
    if (deeds.outcome !== 'taken') return;
    if (action.deed === 'write-base' && this.#base) {
      this.#isBaseChanged = true;
      this.#base = await baseStateOf(this.#world, this.#base.name);
      return;
    }
    if (action.deed.startsWith('recreate')) this.#isReplaced = true;
    this.#noteGap(deeds, action);
  }

  #note({ outcome, before }: Deeds, what: string): void {
    if (outcome === 'taken') this.verdict.taken++;
    if (outcome === 'refused') this.verdict.refused++;
    this.verdict.log.push(
      `${outcome}: ${what} (blob ${before?.metadata?.['vhdup_state'] ?? 'not ours'}, lease ${before?.leaseState ?? 'none'})`,
    );
  }

  /**
   * What is done to a blob that is complete, or to a copy, may be hidden by the second that it is done in: if somebody has
   * broken the lease there, or if nobody has held the copy yet, or this machine does not know of it.
   */
  #noteGap({ before, after }: Deeds, { force, deed }: Action): void {
    const modified = after?.lastModified?.getTime() ?? 0;
    if (before && isComplete(before)) {
      this.#isReplaced = true;
      const isHidden = modified <= completedIn(before.metadata);
      if (isHidden && !this.#isBroken) return;
      this.#gap = {
        why: isHidden
          ? 'its lease was broken within the second of completion'
          : 'it was complete, then changed before the command ended',
        run: isHidden ? undefined : this.#run,
      };
    } else if (modified <= (before?.copyCompletedOn?.getTime() ?? 0) && !deed.startsWith('recreate')) {
      if (!this.#wasHeld || force !== 'none' || this.#round.machine.state === 'other')
        this.#gap = { why: 'a copy was changed within the second of its completion', run: undefined };
    }
  }

  #judge(what: string, lies: readonly string[]): void {
    if (lies.length === 0) {
      // What was done before has done no harm.
      this.#gap = undefined;
      return;
    }
    const gap = this.#gap;
    if (gap && (gap.run === undefined || gap.run === this.#run))
      this.verdict.gaps.push({ what: `${what}: ${lies.join(', ')}`, why: gap.why });
    else this.verdict.falseSuccesses.push(`${what}: ${lies.join(', ')}`);
  }

  /** With nobody in the way any more, the same command gets there; then the finished blob is attacked. */
  async #finish(again: { path: string; state: string; way: Round['first']; interruption: undefined }): Promise<void> {
    let end: PushEnd | undefined;
    for (let runs = 0; runs < MAX_RUNS && end?.code !== 0; runs++)
      end = await this.#push({ ...again, way: { ...again.way, isProcess: false }, actions: [] });
    const isAllowed =
      end?.code === 0 ||
      (end?.code === 5 && (this.#isReplaced || this.#isBaseChanged)) ||
      (end?.code === 4 && this.#isBaseChanged);
    if (!isAllowed) this.verdict.troubles.push(`after ${MAX_RUNS} runs it still ends with ${end?.code}: ${end?.what}`);
    if (end?.code !== 0 || this.#round.afterwards === 'nothing' || this.#isWrong) return;
    const blob = this.#world.container.getPageBlobClient(this.#name);
    const finished = await blob.getProperties();
    if (this.#round.afterwards === 'broken-into')
      await sleep(Math.max(0, completedIn(finished.metadata) + 1001 - Date.now()));
    if (this.#round.afterwards !== 'overwritten') await this.#breakLease();
    const deeds = await overwriteWhenFree(this.#world, this.#name, this.#round.lastSpot);
    this.#note(deeds, `the finished blob is ${this.#round.afterwards} at ${this.#round.lastSpot.place}`);
    const isHidden = (deeds.after?.lastModified?.getTime() ?? 0) <= completedIn(finished.metadata);
    if (isHidden && this.#isBroken)
      this.#gap = { why: 'the finished blob was sabotaged within the second of completion', run: undefined };
    await this.#tryAgain(again);
  }

  /** Neither the same push nor one over this blob may take it for what it was. */
  async #tryAgain(again: { path: string; state: string; way: Round['first']; interruption: undefined }): Promise<void> {
    const { chain, uri } = this.#world;
    const same = await this.#push({ ...again, way: { ...again.way, isProcess: false }, actions: [] });
    if (same.code === 0 && !this.#isWrong)
      this.verdict.troubles.push(`a finished blob that was overwritten is ${same.what}`);
    const over = await runPush(this.#world, {
      ...again,
      path: chain.grandchild,
      way: { isProcess: false, concurrency: 2 },
      name: `${this.#name}-over`,
      base: uri(this.#name),
      onMoment: async () => undefined,
      breakLease: async () => undefined,
    });
    this.verdict.log.push(`a push over it: ${over.code} ${over.what}`);
    if (over.code === 0)
      this.#judge(
        'a push over a finished blob that was overwritten',
        await liesAt(this.#world, `${this.#name}-over`, chain.grandchildBlob, undefined),
      );
    else if (over.code !== 4 && over.code !== 5)
      this.verdict.troubles.push(`a push over it ends with ${over.code}: ${over.what}`);
  }
}

function isComplete({ metadata }: { metadata?: Record<string, string> }): boolean {
  return metadata?.['vhdup_state'] === 'complete';
}

function isLeased({ leaseState }: { leaseState?: string }): boolean {
  return leaseState === 'leased' || leaseState === 'breaking';
}

/** When a push says that it was complete, in milliseconds. */
function completedIn(metadata: Record<string, string> | undefined): number {
  return new Date(metadata?.['vhdup_completed'] ?? 0).getTime();
}

/** What is not true of a blob that a command has just called complete. */
async function liesAt(world: World, name: string, content: Buffer, base: BaseState | undefined): Promise<string[]> {
  const facts = await factsOf(world.container, name);
  if (!facts) return ['there is no blob'];
  const bytes = await bytesOf(world.container, name);
  const lies: string[] = [];
  if (!bytes.equals(content)) lies.push(differenceOf(bytes, content));
  if (facts.contentMd5 !== createHash('md5').update(bytes).digest('base64'))
    lies.push('Content-MD5 is not that of the bytes');
  if (facts.metadata['vhdup_state'] !== 'complete') lies.push(`its state is ${facts.metadata['vhdup_state']}`);
  if (base) {
    const now = await baseStateOf(world, base.name);
    if (!now.bytes.equals(base.bytes) || JSON.stringify(now.facts) !== JSON.stringify(base.facts))
      lies.push('the base is not as it was');
  }
  return lies;
}

function differenceOf(bytes: Buffer, content: Buffer): string {
  if (bytes.length !== content.length) return `${bytes.length} bytes instead of ${content.length}`;
  const pages: number[] = [];
  for (let page = 0; page < bytes.length; page += 512)
    if (!bytes.subarray(page, page + 512).equals(content.subarray(page, page + 512))) pages.push(page);
  return `${pages.length} wrong pages, the first at ${pages[0]}`;
}
