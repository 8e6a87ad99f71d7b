import { readFile } from 'node:fs/promises';
import type { ValidateFunction } from 'ajv';

export const SCHEMA_URL = new URL('../../docs/vhdup.schema.json', import.meta.url);

let validators: Promise<readonly ValidateFunction[]> | undefined;

/**
 * Throws if the JSON that the tool has printed does not match the published schema, or has a key that the schema does not name.
 * Programs have to ignore unknown keys, so the published schema allows them; the tool itself must not print any.
 */
export async function requireSchema(text: string): Promise<void> {
  validators ??= load();
  const value = JSON.parse(text) as unknown;
  for (const validate of await validators) {
    if (!validate(value))
      throw new Error(
        `JSON that does not match docs/vhdup.schema.json: ${JSON.stringify(validate.errors)}\n${text.slice(0, 4000)}`,
      );
  }
}

/** Loaded when needed only: most test files never print JSON. */
async function load(): Promise<readonly ValidateFunction[]> {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const schema = JSON.parse(await readFile(SCHEMA_URL, 'utf8')) as object;
  return [schema, closed(schema) as object].map((variant) => new Ajv2020({ allErrors: true }).compile(variant));
}

/** Returns a schema in which no object has keys that are not named. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.fromEntries(Object.entries(schema).map(([key, member]) => [key, closed(member)]));
  return members['type'] === 'object' && 'properties' in members
    ? { ...members, unevaluatedProperties: false }
    : members;
}
