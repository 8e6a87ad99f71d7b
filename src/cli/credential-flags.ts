import { readFile, stat } from 'node:fs/promises';
import { parseBlobUri } from '../azure/location.js';
import { registerSas } from '../redact/redact.js';
import { VhdupError, messageOf } from '../errors.js';
import type { SessionOptions } from '../session/options.js';
import type { CredentialFlags, OutputFlags } from './definition/shared-flags.js';
import { printMessage } from './output.js';

/**
 * Returns the library's options of all commands that send requests, for these flags. The SAS in a file is for the account of `uri`,
 * and replaces the credentials of the environment. A SAS in a URI still comes first. Throws `usage` if the file cannot be read, or
 * does not contain a SAS.
 */
export async function credentialOptions(
  { sasFile: path, allowHttp, verbose }: CredentialFlags & Pick<OutputFlags, 'verbose'>,
  uri: string | undefined,
): Promise<Pick<SessionOptions, 'accountSas' | 'allowHttp' | 'requestEvents'>> {
  const options = { allowHttp, requestEvents: verbose };
  if (path === undefined || uri === undefined) return options;
  const { endpoint, account } = parseBlobUri(uri.endsWith('/') ? `${uri}any` : uri);
  const sas = await readSasFile(path);
  return { ...options, accountSas: { endpoint, account, sas } };
}

async function readSasFile(path: string): Promise<string> {
  let text: string;
  try {
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0)
      printMessage(`warning: ${path} can be read by other users of this machine: chmod 600 keeps its SAS secret`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new VhdupError('usage', `--sas-file: ${messageOf(error)}`, { cause: error });
  }
  const sas = text.trim().replace(/^\?/, '');
  registerSas(sas);
  if (!/^[^\s;]*\bsig=[^\s;]+$/.test(sas))
    throw new VhdupError('usage', `--sas-file: ${path} does not contain a SAS`, {
      hint: 'the file contains the SAS alone, such as sv=…&sig=…, with or without a question mark before it',
    });
  return sas;
}
