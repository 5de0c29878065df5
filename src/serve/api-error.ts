/** Failures as clients see them: an HTTP status and OpenAI's error object. */

import type { z } from 'zod';
import { type ErrorCode, QuickstepError } from '../errors.ts';

type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'server_error';

export interface ErrorBody {
  error: { message: string; type: ErrorType; param: string | null; code: string | null };
}

const types: Readonly<Record<number, ErrorType>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'server_error',
  504: 'server_error',
};

/** An answer that is an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    { param = null, headers = {} }: { param?: string | null; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.headers = headers;
  }

  get body(): ErrorBody {
    const type = types[this.status] ?? 'invalid_request_error';
    return { error: { message: this.message, type, param: this.param, code: this.code } };
  }
}

/** What the engine refuses is the request's fault, save for these. */
const statuses: Partial<Record<ErrorCode, number>> = {
  'not-found': 404,
  'bad-file': 500,
  'bad-shape': 500,
  'no-space': 500,
  'not-finite': 500,
  busy: 503,
  offline: 503,
  'out-of-memory': 503,
  disposed: 503,
};

/** Any failure as an `ApiError`. One that should not have happened says so and no more; it is logged by the caller. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (QuickstepError.isInstance(error)) {
    return new ApiError(statuses[error.code] ?? 400, error.code.replaceAll('-', '_'), error.message);
  }
  return new ApiError(500, 'internal_error', 'The server failed; its log has the details.');
}

/** The first thing a schema has against a body. */
export function invalidBody(error: z.ZodError): ApiError {
  const [issue] = error.issues;
  if (issue.code === 'unrecognized_keys') {
    const param = [...issue.path, issue.keys[0]].join('.');
    return new ApiError(400, 'unknown_parameter', `Unknown parameter: "${param}".`, { param });
  }
  const param = issue.path.join('.') || null;
  const where = param === null ? 'The body' : `"${param}"`;
  return new ApiError(400, 'invalid_value', `${where}: ${issue.message}.`, { param });
}
