/** Gives each test file a `tap` of its own: what it registers for the end of its tests must not wait for other files. */
export function resolve(specifier, context, next) {
  if (specifier !== 'tap' || !/\.test\.ts(\?|$)/.test(context.parentURL ?? '')) return next(specifier, context);
  const url = new URL(`./tap-of-file.ts?of=${encodeURIComponent(context.parentURL)}`, import.meta.url);
  return { url: url.href, format: 'module', shortCircuit: true };
}
