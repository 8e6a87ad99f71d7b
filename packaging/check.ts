/**
 * Checks the package as npm would publish it: notices, types and exports, documentation, the bill of materials, and that
 * installing it is quiet. Usage: `npm run check:package [-- TARBALL]`. Needs a package registry.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Not a dependency: it brings a compiler of its own. */
const ATTW = '@arethetypeswrong/cli@0.18.5';
/** What npm says of packages that run code when they are installed, in all its versions. */
const INSTALL_WARNING = /install[- ]scripts?|allow-scripts/i;

const scratch = mkdtempSync(join(tmpdir(), 'vhdup-package-'));
process.once('exit', () => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs a program, and returns what it prints on stdout and stderr. Throws if it fails. */
function run(command: string, cwd = ROOT): string {
  return execFileSync('sh', ['-c', `${command} 2>&1`], { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** Runs a program that fetches from a registry, up to three times: a registry may be silent for a moment. */
function fetchBy(command: string, cwd = ROOT, attempts = 3): string {
  try {
    return run(command, cwd);
  } catch (error) {
    if (attempts === 1) throw error;
    return fetchBy(command, cwd, attempts - 1);
  }
}

function step(name: string, work: () => void): void {
  const start = performance.now();
  try {
    work();
  } catch (error) {
    const { stdout = '' } = error as { readonly stdout?: string };
    process.stderr.write(`not ok  ${name}\n${stdout}${String(error)}\n`);
    process.exit(1);
  }
  process.stdout.write(`ok  ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
}

function insist(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** The text with the links of a Markdown file to files of the package. */
function deadLinks(folder: string, page: string): string[] {
  const listed = new Set(run('find . -type f', folder).split('\n'));
  return [...readFileSync(join(folder, page), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
    .map(([, target = '']) => `./${target.replace(/^\.\//, '').replace(/\/$/, '')}`)
    .filter((target) => !listed.has(target) && ![...listed].some((file) => file.startsWith(`${target}/`)));
}

let tarball = process.argv[2] === undefined ? '' : resolve(process.argv[2]);
if (tarball === '')
  step('npm pack', () => {
    const name = run(`npm pack --silent --pack-destination '${scratch}'`).trim().split('\n').at(-1) ?? '';
    tarball = join(scratch, name);
  });

step('licences and notices', () => run('npm run --silent notices -- --check'));
step('publint', () => run(`npx --no-install publint '${tarball}' --strict`));
step('the types resolve in every way of importing', () => {
  fetchBy(`npm install --silent --no-save --prefix '${scratch}/attw' ${ATTW}`, scratch);
  run(`'${scratch}/attw/node_modules/.bin/attw' '${tarball}' --profile esm-only --no-emoji`, scratch);
});
step('every export is documented and its types are exported', () => run('npx --no-install typedoc'));
step('bill of materials, without the network', () => {
  const bill = JSON.parse(run('npm sbom --offline --omit dev --sbom-format cyclonedx')) as {
    components: readonly { readonly name: string }[];
  };
  insist(
    bill.components.some(({ name }) => name === 'yargs'),
    'the bill of materials lacks yargs',
  );
});
step('npm install of the package warns of nothing', () => {
  const output = fetchBy(`npm install --foreground-scripts --global --prefix '${scratch}/global' '${tarball}'`);
  insist(!INSTALL_WARNING.test(output), output);
  const folder = join(scratch, 'global/lib/node_modules/vhdup');
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts?: Readonly<Record<string, string>>;
  };
  const atInstall = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => name in scripts);
  insist(atInstall.length === 0, `scripts that npm runs or warns of: ${atInstall.join(', ')}`);
  const dead = deadLinks(folder, 'README.md');
  insist(dead.length === 0, `links of the packed README to files that are not packed: ${dead.join(', ')}`);
});
step('npm ci --omit=dev', () => {
  const copy = join(scratch, 'production');
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(copy, name));
  const output = fetchBy('npm ci --omit=dev', copy);
  insist(!INSTALL_WARNING.test(output), output);
});
