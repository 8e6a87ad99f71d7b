/** Returns an error's message without the path that it begins with, for a text that has the path already. */
export function withoutPath(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
