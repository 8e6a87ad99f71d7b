/** Signatures and keys never leave in a message, not even when the service repeats them. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/([?&](?:sig|se|sp|sv|sr|skoid|sktid)=)[^&\s"']+/gi, '$1REDACTED')
    .replace(/(AccountKey|SharedAccessSignature|Bearer|SharedKey)([=: ]+)\S+/gi, '$1$2REDACTED');
}
