// What the test files of a group import as 'tap', each an instance of this module of its own (see hooks.js).
import { current } from './current.js';

export default current.test;
