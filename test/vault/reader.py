#!/usr/bin/env python3
"""Rebuilds a version from a vault in a folder, by docs/VAULT.md alone: codec raw, no encryption.
usage: reader.py VAULT DATASET SEQ OUTPUT [--chunks]     with --chunks: from the tables of chunks, without any TOC"""
import hashlib, json, os, struct, sys, zlib

def sha(*parts):
    digest = hashlib.sha256()
    for part in parts: digest.update(part)
    return digest.digest()

class Vault:
    def __init__(self, folder): self.folder = folder
    def get(self, key): return open(os.path.join(self.folder, *key.split('/')), 'rb').read()
    def chunk(self, ident): return self.get('chunk/%s/%s' % (ident[:2], ident))
    def unit(self, ident, at, size):
        unit = self.chunk(ident)[at:at + size]
        assert len(unit) == size and unit[0] == 0, 'codec raw'
        return unit[1:]
    def record(self, dataset, seq):
        names = sorted(n for n in os.listdir(os.path.join(self.folder, 'versions', dataset)) if n.startswith('%08d.0' % seq))
        key = 'versions/%s/%s' % (dataset, names[-1])
        line, digest, end = self.get(key).split(b'\n')
        assert digest == b'sha256:' + sha(key.encode() + b'\n' + line).hex().encode() and end == b''
        return json.loads(line)

def entries_of(page, magic):
    """Start, length, kind, shift, id and the pieces (chunk, at, size, skip, length or None for zeros) of each entry."""
    assert page[:8] == magic
    count, parts, chunks, zero, covered = struct.unpack_from('<IIIIQ', page, 8)
    ids = [page[32 + 16 * n:48 + 16 * n].hex() for n in range(chunks)]
    first, second = 32 + 16 * chunks, 32 + 16 * chunks + 64 * count
    assert len(page) == second + 24 * parts
    for n in range(count):
        start, length, kind, many, chunk, at, size, shift = struct.unpack_from('<QIBBHIIq', page, first + 64 * n)
        ident = page[first + 64 * n + 32:first + 64 * n + 64]
        pieces = []
        if kind in (1, 2): pieces = [(ids[chunk], at, size, 0, length)]
        for p in range(at, at + many) if kind == 3 else ():
            plen, pchunk, flags, pat, psize, skip, _ = struct.unpack_from('<IHHIIII', page, second + 24 * p)
            pieces.append((None, 0, 0, 0, plen) if flags & 1 else (ids[pchunk], pat, psize, skip, plen))
        yield start, length, kind, shift, ident, pieces

def bytes_of(vault, length, pieces, ident, fixed):
    out = b''.join(bytes(plen) if chunk is None else vault.unit(chunk, at, size)[skip:skip + plen]
                   for chunk, at, size, skip, plen in pieces)
    assert len(out) == length and sha(out + bytes(65536 - length) if fixed else out) == ident, 'id'
    return out

def by_toc(vault, record, out):
    toc = vault.get('toc/' + record['toc']['id'])
    assert toc[:8] == b'VHDUPTC1' and sha(toc[:record['toc']['head']]).hex() == record['toc']['sha256']
    length, tocs, chunks, _ = struct.unpack_from('<IIII', toc, 8)
    others = [toc[56 + 16 * n:72 + 16 * n].hex() for n in range(tocs)]
    root_at = 56 + 16 * tocs + 24 * chunks
    head, root = root_at + length, toc[root_at + 1:root_at + length]
    assert root[:8] == b'VHDUPRT1' and root[24:56] == sha(toc[24:root_at])
    size, cutting, bits, _, pages = struct.unpack_from('<QBBHI', root, 8)
    content = [b'vhdup-content-1', struct.pack('<Q', size)]
    zeros = 0
    out.truncate(size)
    for n in range(pages):
        start, plen, t, at, psize, kind = struct.unpack_from('<QQIIIB', root, 56 + 72 * n)
        if kind == 0: zeros += plen; continue
        if zeros: content += [struct.pack('<Q', zeros), bytes(32)]; zeros = 0
        owner, at = (toc, head + at) if t == 0 else (vault.get('toc/' + others[t]), at)
        page = owner[at + 1:at + psize]
        marks = hashlib.sha256()
        for estart, elen, ekind, shift, ident, pieces in entries_of(page, b'VHDUPPG1'):
            marks.update(struct.pack('<I', elen) + ident)
            if ekind: out.seek(start + estart); out.write(bytes_of(vault, elen, pieces, ident, cutting == 0))
        assert marks.digest() == root[56 + 72 * n + 40:56 + 72 * n + 72], 'hash of a page'
        content += [struct.pack('<Q', plen), marks.digest()]
    if zeros: content += [struct.pack('<Q', zeros), bytes(32)]
    assert sha(*content).hex() == record['facts']['content'], 'content'

def by_chunks(vault, dataset, record, out):
    """Applies the chunks of the version to its parent, which is made first in the same way."""
    facts, old = record['facts'], b''
    if 'parent' in facts:
        by_chunks(vault, dataset, vault.record(dataset, facts['parent']['seq']), out)
        out.seek(0); old = out.read()
    size, fixed = facts['bytes'], facts['cut']['by'] == 'fixed'
    new = bytearray(old[:size].ljust(size, b'\0')) if fixed else bytearray(size)
    for folder, _, names in os.walk(os.path.join(vault.folder, 'chunk')):
        for name in names:
            chunk = vault.chunk(name)
            assert chunk[:8] == b'VHDUPCH1' and struct.unpack_from('<I', chunk, 68)[0] == zlib.crc32(chunk[:68])
            if chunk[32:48].hex() != record['uuid'].replace('-', ''): continue
            table = chunk[73:72 + struct.unpack_from('<I', chunk, 64)[0]]
            for start, length, kind, shift, ident, pieces in entries_of(table, b'VHDUPTB1'):
                if kind == 4: data = old[start - shift:start - shift + length]
                else: data = bytes_of(vault, length, pieces, ident, fixed) if kind else bytes(length)
                new[start:start + length] = data
    out.seek(0); out.truncate(0); out.write(new)

if __name__ == '__main__':
    store, name, number, path = Vault(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    wanted = store.record(name, number)
    with open(path, 'wb+') as output:
        if '--chunks' in sys.argv[5:]: by_chunks(store, name, wanted, output)
        else: by_toc(store, wanted, output)
