const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
const ALL = 0xffffffffffffffffn;

const TABLE = Array.from({ length: 256 }, (_, index) => {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
  return value;
});

/** CRC-64/NVME as `x-ms-content-crc64` has it: little-endian, in base64. Slow; for tests. */
export function crc64(bytes: Uint8Array): string {
  let value = ALL;
  for (const byte of bytes) value = (TABLE[Number((value ^ BigInt(byte)) & 0xffn)] ?? 0n) ^ (value >> 8n);
  const result = Buffer.alloc(8);
  result.writeBigUInt64LE(value ^ ALL);
  return result.toString('base64');
}
