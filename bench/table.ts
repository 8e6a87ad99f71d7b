import type { Machine } from './machine.js';
import type { Findings, Goal, Row } from './results.js';

const MIB = 1024 ** 2;

/** All that was found, as Markdown. */
export function report(machine: Machine, { rows, goals }: Findings): string {
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}, Linux ${machine.kernel}`,
    markdown(['goal', 'what', 'wanted', 'reached', ''], goals.map(goalCells)),
    markdown(
      ['group', 'input', 'server', 'contestant', 'runs', 'wall s', 'CPU s', 'peak RSS MiB', 'requests', 'sent MiB'],
      rows.map(rowCells),
    ),
  ].join('\n\n');
}

function goalCells({ number, what, limit, atLeast, unit, reached, met, note }: Goal): string[] {
  const verdict = met === undefined ? 'not measured' : met ? 'met' : '**not met**';
  return [
    String(number),
    what,
    `${atLeast ? '≥' : '≤'} ${amount(limit, unit)}`,
    reached === undefined ? '–' : amount(reached, unit),
    note === undefined ? verdict : `${verdict}: ${note}`,
  ];
}

function amount(value: number, unit: string): string {
  const digits =
    unit === '' || Number.isInteger(value)
      ? String(value)
      : value.toFixed(unit === 'MiB' || (unit === '%' && value >= 1) ? 0 : 2);
  return unit === '' || unit === '×' ? `${digits}${unit}` : `${digits} ${unit}`;
}

function rowCells({ group, input, server, contestant, runs, wallMs, cpuMs, rss, requests, bytes }: Row): string[] {
  const kinds = Object.entries(requests ?? {}).map(([kind, count]) => `${count} ${kind}`);
  return [
    group,
    input,
    server,
    contestant,
    String(runs),
    (wallMs / 1000).toFixed(2),
    (cpuMs / 1000).toFixed(2),
    (rss / MIB).toFixed(0),
    kinds.join(', '),
    bytes === undefined ? '' : (bytes / MIB).toFixed(1),
  ];
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
