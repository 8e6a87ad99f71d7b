import t from 'tap';
import { runMatrix } from './matrix.js';

t.test(
  'on the service, whatever befalls whichever request: the push succeeds, or says why it did not and is resumed',
  (t) => runMatrix(t, false),
);
