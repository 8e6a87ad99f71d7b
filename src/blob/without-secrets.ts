import { SHORTEST_SECRET, formsOf, secretsIn, type SecretForms } from './find-secrets.js';

/** What takes the place of a secret. */
const REDACTED = 'REDACTED';

/** Longer texts are cut: what is to be read is not so long, and the search takes its time. */
const MAX_LENGTH = 1024 * 1024;
/** So much more is searched than is shown: a secret at the end is found as a whole. */
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

/** Keeps out of every later message what the environment has for other modules: passwords of proxies, secrets of sign-ins. */
export function rememberEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value = ''] of Object.entries(environment)) {
    if (/^(AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE_PASSWORD|PASSWORD)|IDENTITY_HEADER|MSI_SECRET)$/i.test(name)) rememberSecret(value);
    if (!/^(HTTPS?|ALL)_PROXY$/i.test(name)) continue;
    const [, user = '', password] = /^(?:[^/]*\/\/)?([^:@]*):(.*)@/s.exec(value) ?? [];
    if (password === undefined) continue;
    rememberSecret(password);
    // As the header Proxy-Authorization has the two.
    rememberSecret(`${decoded(user)}:${decoded(password)}`);
  }
}

/**
 * The text without secrets: signatures, keys, tokens and passwords by their form, since what the user typed may be one in
 * the wrong place, and by their value where this process uses them. Of a longer text only the first `most` characters.
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
