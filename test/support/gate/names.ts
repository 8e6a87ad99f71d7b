import dns from 'node:dns';

export type NameTrouble = 'unresolved' | 'refused';

const troubles: NameTrouble[] = [];
let isInstalled = false;

/** The next look-up of `localhost` in this process fails, or leads to an address where nobody listens. */
export function troubleName(trouble: NameTrouble): void {
  install();
  troubles.push(trouble);
}

/** Forgets what `troubleName` announced. */
export function mendNames(): void {
  troubles.length = 0;
}

type Callback = (
  error: Error | null,
  address?: string | { address: string; family: number }[],
  family?: number,
) => void;
type Lookup = (name: string, options: { all?: boolean }, callback: Callback) => void;

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const original = dns.lookup as unknown as Lookup;
  const lookup: Lookup = (name, options, callback) => {
    if (name !== 'localhost') return void original(name, options, callback);
    const trouble = troubles.shift();
    if (trouble === 'unresolved') {
      return void process.nextTick(
        callback,
        Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
          code: 'ENOTFOUND',
          syscall: 'getaddrinfo',
          hostname: name,
        }),
      );
    }
    const address = trouble === 'refused' ? '127.0.0.2' : '127.0.0.1';
    if (options.all === true) process.nextTick(callback, null, [{ address, family: 4 }]);
    else process.nextTick(callback, null, address, 4);
  };
  dns.lookup = lookup as unknown as typeof dns.lookup;
}
