import t from 'tap';
import { isCompleteListing, isListing } from '../../src/azure/complete-listing.js';

const PAGES = 'https://a.blob.core.windows.net/c/b?comp=pagelist&sig=x';
const BLOBS = 'https://a.blob.core.windows.net/c?restype=container&comp=list';

t.test('a listing is complete if its root element is there as a whole', (t) => {
  for (const text of [
    '<PageList/>',
    '<?xml version="1.0" encoding="utf-8"?>\n<PageList></PageList>\n',
    '\uFEFF<?xml version="1.0"?><PageList><PageRange/></PageList>',
  ])
    t.equal(isCompleteListing(PAGES, text), true, text);
  for (const text of [
    '',
    '<PageList>',
    '<PageList><PageRange/>',
    '<PageList/><PageList/>',
    '<PageLists></PageLists>',
    '<EnumerationResults></EnumerationResults>',
    '<html><PageList></PageList></html>',
  ])
    t.equal(isCompleteListing(PAGES, text), false, text);
  t.equal(isCompleteListing(BLOBS, '<EnumerationResults a="b"><Blobs /></EnumerationResults>'), true);
  t.equal(isCompleteListing(BLOBS, '<PageList></PageList>'), false);
  t.end();
});

t.test('other requests have no listing to be complete', (t) => {
  for (const url of ['https://a.blob.core.windows.net/c/b', 'https://a.blob.core.windows.net/c/b?comp=page']) {
    t.equal(isListing(url), false);
    t.equal(isCompleteListing(url, 'anything'), true);
  }
  t.ok(isListing(PAGES) && isListing(BLOBS));
  t.end();
});
