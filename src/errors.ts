/**
 * Errors a user can act on. Every failure that comes from outside (a file, an option, a model, the network)
 * is a `QuickstepError` with a stable `code` and a `hint` that says what to do next. Broken invariants of our
 * own stay plain `Error`s.
 */

const marker = Symbol.for('quickstep.error');

export type ErrorCode =
  | 'bad-file' // corrupt, truncated or unsupported weight or tokenizer file
  | 'bad-option' // unknown option, wrong type or value out of range
  | 'bad-shape' // tensors that do not fit together
  | 'bad-input' // a prompt or batch that cannot be decoded
  | 'not-found' // no such model, method, file or paper
  | 'unsupported' // known, but not available on this model, provider or platform
  | 'offline' // the network or a package index is needed and cannot be reached
  | 'checksum' // downloaded bytes are not what was promised
  | 'no-space' // the disk is full
  | 'not-finite' // training met a NaN or an infinity
  | 'no-progress' // the loss of a training run did not fall
  | 'not-proven' // the claim of a proof did not hold
  | 'busy' // another process works in the same folder
  | 'out-of-memory' // a program or cache does not fit
  | 'disposed'; // use after dispose

export class QuickstepError extends Error {
  override readonly name = 'QuickstepError';
  readonly code: ErrorCode;
  /** What the user can do about it; also part of `message`. */
  readonly hint: string;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, hint = '', options?: ErrorOptions) {
    super(hint ? `${message} ${hint}` : message, options);
    this.code = code;
    this.hint = hint;
  }

  /** Works across several copies of the package, where `instanceof` does not. */
  static isInstance(error: unknown): error is QuickstepError {
    return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[marker] === true;
  }
}
