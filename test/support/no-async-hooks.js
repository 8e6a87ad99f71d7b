// tap follows every promise by async hooks, to know which test an error that nobody catches belongs to. Where tests make
// millions of them, a third of the time goes there. Without, such an error still fails its file.
import hooks from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';

hooks.createHook = () => {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
};
syncBuiltinESMExports();
