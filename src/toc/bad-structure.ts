/** A structure of the vault is not what the format allows. The caller adds the object, the version and the range. */
export class BadStructure extends RangeError {
  override readonly name = 'BadStructure';
  /** The structure and the field, such as `page: entries`. */
  readonly field: string;
  /** Bytes from the beginning of the structure. */
  readonly offset: number;

  constructor(field: string, offset: number, problem: string) {
    super(`${field} at offset ${offset}: ${problem}`);
    this.field = field;
    this.offset = offset;
  }
}
