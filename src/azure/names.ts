import { VhdupError } from '../errors.js';

const MAX_BLOB_NAME = 1024;
const MAX_SEGMENTS = 254;

/**
 * Throws `usage` for names that the service refuses in every request. Containers whose names begin with a dollar sign are the
 * service's own, and pass. Specification: Naming and referencing containers, blobs, and metadata.
 */
export function requireValidNames(container: string, name: string): void {
  const problem = containerProblem(container);
  if (problem !== undefined)
    throw new VhdupError('usage', `"${container}" cannot be the name of a container: ${problem}`, {
      hint: 'a container has 3 to 63 lower-case letters, digits and single hyphens, and begins and ends with a letter or digit',
    });
  if (Array.from(name).length > MAX_BLOB_NAME)
    throw new VhdupError('usage', `the name of the blob has more than ${MAX_BLOB_NAME} characters`, {
      hint: 'give it a shorter name',
    });
  if (name.split('/').length > MAX_SEGMENTS)
    throw new VhdupError('usage', `the name of the blob has more than ${MAX_SEGMENTS} parts between slashes`, {
      hint: 'give it a name with fewer slashes',
    });
}

function containerProblem(name: string): string | undefined {
  if (name.startsWith('$')) return undefined;
  if (name.length < 3 || name.length > 63) return `it has ${name.length} characters`;
  if (/[A-Z]/.test(name)) return 'it has upper-case letters';
  if (/[^a-z0-9-]/.test(name)) return 'it has characters other than letters, digits and hyphens';
  if (name.startsWith('-') || name.endsWith('-')) return 'it begins or ends with a hyphen';
  return name.includes('--') ? 'it has two hyphens in a row' : undefined;
}
