import { SHORTEST_SECRET, formsOf, secretsIn, type SecretForms } from './find-secrets.js';

/** What takes the place of a secret. */
const REDACTED = 'REDACTED';

/** Longer texts are cut, in characters: nobody reads so much, and the search takes time. */
const MAX_LENGTH = 1024 * 1024;
/** This many characters more are searched than are shown, so that a secret at the end is found as a whole. */
const MARGIN = 4096;

/** Secrets that this process uses, each with its forms. */
const known = new Map<string, SecretForms>();

/** Keeps a secret out of every later message, in whatever place or encoding a server repeats it. */
export function rememberSecret(secret: string): void {
  for (const form of [decoded(secret), secret]) {
    if (form.length >= SHORTEST_SECRET && !known.has(form)) known.set(form, formsOf(form));
  }
}

/** The signature of a SAS is its secret part; the rest says only what it allows. */
export function rememberSas(sas: string): void {
  for (const pair of sas.split('&')) {
    if (/^sig=/i.test(pair)) rememberSecret(pair.slice('sig='.length));
  }
}

/** Keeps secrets that other modules read from the environment out of every later message: passwords of proxies, secrets of sign-ins. */
export function rememberEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value = ''] of Object.entries(environment)) {
    if (/^(AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE_PASSWORD|PASSWORD)|IDENTITY_HEADER|MSI_SECRET)$/i.test(name))
      rememberSecret(value);
    if (!/^(HTTPS?|ALL)_PROXY$/i.test(name)) continue;
    const [, user = '', password] = /^(?:[^/]*\/\/)?([^:@]*):(.*)@/s.exec(value) ?? [];
    if (password === undefined) continue;
    rememberSecret(password);
    // The header Proxy-Authorization has both in one text.
    rememberSecret(`${decoded(user)}:${decoded(password)}`);
  }
}

/**
 * Returns the text without secrets. Secrets that this process uses are found by their value; other signatures, keys, tokens and
 * passwords by what they look like, since a user may type one in the wrong place. Of a text longer than `most` characters, the
 * rest is dropped.
 */
export function withoutSecrets(text: string, most = MAX_LENGTH): string {
  if (text.length < SHORTEST_SECRET) return text;
  const spans = [...secretsIn(text.slice(0, most + MARGIN), [...known.values()])].sort((a, b) => a.from - b.from);
  let shown = '';
  let done = 0;
  for (const { from, to } of spans) {
    if (from >= most) break;
    if (from >= done) shown += text.slice(done, from) + REDACTED;
    done = Math.max(done, to);
  }
  return shown + text.slice(done, Math.max(done, most));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
