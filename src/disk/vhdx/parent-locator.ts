import { displayName } from '../display-name.js';
import type { FieldPlace } from '../image.js';
import type { Findings } from '../findings.js';
import {
  LOCATOR,
  LOCATOR_ENTRY,
  LOCATOR_ENTRY_LENGTH,
  LOCATOR_HEADER_LENGTH,
  LOCATOR_TYPE,
  guid,
  uint16,
  uint32,
  unlessNone,
} from './layout.js';
import type { Item } from './metadata-table.js';

/** What a differencing file says about its parent ([MS-VHDX] 2.6.2.6). */
export interface ParentLocator {
  /** The DataWriteGuid of the parent; `undefined` if it is all zeros. */
  readonly linkage: string | undefined;
  /** Another DataWriteGuid that the parent may have, while it is merged or resized; `undefined` without one. */
  readonly linkage2: string | undefined;
  /** Paths of the parent, in the order in which they are tried. Never empty. */
  readonly paths: readonly string[];
  /** The place of `parent_linkage`. */
  readonly place: FieldPlace;
}

/** A value of the locator, with the place of its bytes in the file. */
interface Value {
  readonly text: string;
  readonly offset: number;
}

/** "VHDX Parent Locator" (2.6.2.6.3): relative, volume, absolute. */
const PATH_KEYS = ['relative_path', 'volume_path', 'absolute_win32_path'];
const GUID_TEXT = /^\{([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}$/i;

/** Parses a parent locator. Returns `undefined`, and reports an error, if it is damaged or does not name a parent. */
export function readParentLocator(item: Item, findings: Findings): ParentLocator | undefined {
  const type = guid(item.bytes, LOCATOR.type);
  if (type !== LOCATOR_TYPE) {
    findings.error(item.offset, 'parent locator type', `${type} is not known`, { code: 'disk-unsupported' });
    return undefined;
  }
  const values = valuesOf(item, findings);
  if (!values) return undefined;
  const linkage = linkageOf(values.get('parent_linkage'), 'parent_linkage', findings);
  if (!values.has('parent_linkage')) findings.error(item.offset, 'parent locator', 'it has no parent_linkage');
  const second = values.get('parent_linkage2');
  const linkage2 = second && linkageOf(second, 'parent_linkage2', findings);
  const paths = PATH_KEYS.flatMap((key) => values.get(key)?.text ?? []);
  if (paths.length === 0) findings.error(item.offset, 'parent locator', 'it has no path of the parent');
  if (linkage === undefined || paths.length === 0 || (second && linkage2 === undefined)) return undefined;
  return {
    linkage: unlessNone(linkage),
    linkage2: unlessNone(linkage2),
    paths,
    place: { offset: values.get('parent_linkage')?.offset, field: 'parent locator parent_linkage' },
  };
}

/** Returns the GUID of a value, in lower case: writers use both cases. */
function linkageOf(value: Value | undefined, key: string, findings: Findings): string | undefined {
  if (!value) return undefined;
  const found = GUID_TEXT.exec(value.text)?.[1]?.toLowerCase();
  if (found === undefined)
    findings.error(value.offset, `parent locator ${key}`, `${displayName(value.text)} is not a GUID in braces`);
  return found;
}

/** Returns the values by their keys; the first problem ends it. */
function valuesOf({ offset, bytes }: Item, findings: Findings): ReadonlyMap<string, Value> | undefined {
  const refuse = (at: number, field: string, problem: string) => {
    findings.error(offset + at, `parent locator ${field}`, problem);
  };
  const count = uint16(bytes, LOCATOR.keyValueCount);
  const tableEnd = LOCATOR_HEADER_LENGTH + count * LOCATOR_ENTRY_LENGTH;
  if (tableEnd > bytes.length) {
    refuse(
      LOCATOR.keyValueCount[0],
      'key value count',
      `${count} entries are more than its ${bytes.length} bytes hold`,
    );
    return undefined;
  }
  const values = new Map<string, Value>();
  let left = bytes.length - tableEnd;
  for (let index = 0; index < count; index++) {
    const at = LOCATOR_HEADER_LENGTH + index * LOCATOR_ENTRY_LENGTH;
    const entry = bytes.subarray(at, at + LOCATOR_ENTRY_LENGTH);
    const parts = {
      key: { offset: uint32(entry, LOCATOR_ENTRY.keyOffset), length: uint16(entry, LOCATOR_ENTRY.keyLength) },
      value: { offset: uint32(entry, LOCATOR_ENTRY.valueOffset), length: uint16(entry, LOCATOR_ENTRY.valueLength) },
    };
    const texts = { key: '', value: '' };
    for (const name of ['key', 'value'] as const) {
      const { offset: from, length } = parts[name];
      const field = `entry ${index} ${name}`;
      if (length === 0 || length % 2 !== 0) {
        refuse(at, field, `${length} bytes are not a text in UTF-16`);
        return undefined;
      }
      if (from < tableEnd || from + length > bytes.length) {
        refuse(at, field, `${length} bytes at ${from} are not within the item, ${tableEnd} to ${bytes.length}`);
        return undefined;
      }
      // Without this, all entries of a forged locator could name the same bytes, and take minutes to decode.
      left -= length;
      if (left < 0) {
        refuse(at, field, 'keys and values overlap each other');
        return undefined;
      }
      texts[name] = bytes.toString('utf16le', from, from + length);
      if (texts[name].includes('\0')) {
        refuse(at, field, 'holds a NUL');
        return undefined;
      }
    }
    if (values.has(texts.key)) {
      refuse(at, `entry ${index} key`, `${displayName(texts.key)} is there twice`);
      return undefined;
    }
    values.set(texts.key, { text: texts.value, offset: offset + parts.value.offset });
  }
  return values;
}
