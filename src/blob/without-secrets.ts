/** What takes the place of a secret. */
const REDACTED = 'REDACTED';

/** Shorter texts would be found where they mean nothing. */
const SHORTEST_SECRET = 8;

/** Secrets that this process uses, in the forms in which a server may repeat them. */
const known = new Set<string>();

/** Keeps a secret out of every later message, in whatever place or encoding a server repeats it. */
export function rememberSecret(secret: string): void {
  const plain = decoded(secret);
  for (const form of [secret, plain, encodeURIComponent(plain), encodeURIComponent(encodeURIComponent(plain))]) {
    if (form.length >= SHORTEST_SECRET) known.add(form);
  }
}

/** The signature of a SAS is its secret part; the rest says only what it allows. */
export function rememberSas(sas: string): void {
  for (const pair of sas.split('&')) {
    if (/^sig=/i.test(pair)) rememberSecret(pair.slice('sig='.length));
  }
}

/**
 * The text without secrets: signatures, keys and tokens by their form, since what the user typed may be one in the wrong
 * place, and by their value where this process uses them.
 */
export function withoutSecrets(text: string): string {
  let shown = text;
  for (const secret of known) shown = shown.replaceAll(secret, REDACTED);
  return shown
    .replace(/([?&;](?:se|sp|sv|sr|skoid|sktid)=)[^&\s"'<>]+/gi, `$1${REDACTED}`)
    .replace(/((?:\b|u0026|%(?:25)*26)sig(?:=|%(?:25)*3D))[^&\s"'<>]+/gi, `$1${REDACTED}`)
    .replace(/(AccountKey|SharedAccessSignature|Bearer|SharedKey)([=: ]+)[^\s"'<>]+/gi, `$1$2${REDACTED}`)
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, REDACTED);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
