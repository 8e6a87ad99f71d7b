import { SHORTEST_SECRET, formsOf, findSecrets, type SecretForms } from './find-secrets.js';

/** The text that replaces a secret. */
const REDACTED = 'REDACTED';

/** Longer texts are cut, in characters: the search takes time, and no one reads that much. */
const MAX_LENGTH = 1024 * 1024;
/** The number of characters behind the cut that are searched too, so that a secret at the end is found as a whole. */
const MARGIN = 4096;

/** The secrets that this process uses, each with its forms. */
const registered = new Map<string, SecretForms>();

/** Registers a secret: `redact` removes it from then on, in any place and encoding in which a server repeats it. */
export function registerSecret(secret: string): void {
  for (const form of [decoded(secret), secret]) {
    if (form.length >= SHORTEST_SECRET && !registered.has(form)) registered.set(form, formsOf(form));
  }
}

/** Registers the signature of a SAS. The other parts of a SAS are not secret: they say what it allows. */
export function registerSas(sas: string): void {
  for (const pair of sas.split('&')) {
    if (/^sig=/i.test(pair)) registerSecret(pair.slice('sig='.length));
  }
}

/** Registers the secrets that other modules read from the environment: passwords of proxies, secrets of sign-ins. */
export function registerEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value = ''] of Object.entries(environment)) {
    if (/^(AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE_PASSWORD|PASSWORD)|IDENTITY_HEADER|MSI_SECRET)$/i.test(name))
      registerSecret(value);
    if (!/^(HTTPS?|ALL)_PROXY$/i.test(name)) continue;
    const [, user = '', password] = /^(?:[^/]*\/\/)?([^:@]*):(.*)@/s.exec(value) ?? [];
    if (password === undefined) continue;
    registerSecret(password);
    // The header Proxy-Authorization contains both in one text.
    registerSecret(`${decoded(user)}:${decoded(password)}`);
  }
}

/**
 * Returns the text without secrets, cut to `maxLength` characters. Registered secrets are found by their value; other signatures,
 * keys, tokens and passwords by what they look like, because a user may type one in the wrong place.
 */
export function redact(text: string, maxLength = MAX_LENGTH): string {
  if (text.length < SHORTEST_SECRET) return text;
  const spans = [...findSecrets(text.slice(0, maxLength + MARGIN), [...registered.values()])].sort(
    (a, b) => a.from - b.from,
  );
  let result = '';
  let done = 0;
  for (const { from, to } of spans) {
    if (from >= maxLength) break;
    if (from >= done) result += text.slice(done, from) + REDACTED;
    done = Math.max(done, to);
  }
  return result + text.slice(done, Math.max(done, maxLength));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
