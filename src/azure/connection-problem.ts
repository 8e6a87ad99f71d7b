/** Codes of TLS for a certificate that is not accepted. No repeat changes that. */
const CERTIFICATE =
  /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_(GET|VERIFY)_|INVALID_(CA|PURPOSE)$|HOSTNAME_MISMATCH$|PATH_LENGTH_EXCEEDED$)/;

/** Returns true for the code of an error of TLS: the server's certificate is not accepted. */
export function isCertificateError(code: string | undefined): boolean {
  return code !== undefined && CERTIFICATE.test(code);
}

/**
 * Returns what to do about a connection that fails for good if the server has never answered: its name does not exist, nothing
 * listens there, or its certificate is not accepted. `undefined` for all other codes.
 */
export function connectionProblem(code: string | undefined): string | undefined {
  if (code === 'ENOTFOUND') return 'there is no server with this name: check the name of the account, and the network';
  if (code === 'ECONNREFUSED') return 'nothing listens there: check host and port, and that the server runs';
  return isCertificateError(code)
    ? 'the certificate of the server is not accepted: check the host and the clock; behind a proxy that decrypts, name its certificate in NODE_EXTRA_CA_CERTS'
    : undefined;
}
