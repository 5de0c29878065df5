/** The options of a server, one schema: types, defaults, validation and the command line's flags. */

import { z } from 'zod';
import { precisions } from '../models/linear.ts';

export const serverOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').meta({
    value: 'address',
    description: 'Address to listen on; this machine only unless another is given.',
  }),
  port: z.int().min(0).max(65_535).default(8013).describe('Port to listen on; 0 takes a free one.'),
  model: z.array(z.string().min(1)).default([]).meta({
    value: 'id',
    description:
      'Model to serve, loaded beforehand; may be given again. Without it: all that are on this machine, each loaded at its first request.',
  }),
  precision: z.enum(precisions).default('w8a8').describe('Format the weights are computed in.'),
  threads: z.int().min(1).max(1024).optional().describe('Processor threads; one for each core without it.'),
  allowHost: z.array(z.string().min(1)).default([]).meta({
    value: 'name',
    description: 'Host name that requests may be addressed to, beside localhost and plain IP addresses.',
  }),
  allowOrigin: z.array(z.string().min(1)).default([]).meta({
    value: 'url',
    description: 'Origin of web pages that may use the API, such as https://a.example.',
  }),
  maxBody: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024)
    .describe('Longest request body, in bytes.'),
  maxAnswer: z.int().min(1).default(4096).describe('Longest answer a request may ask for, in tokens.'),
  maxRunning: z.int().min(1).max(1024).default(64).describe('Answers of a model that are decoded together.'),
  prefixCache: z.int().min(0).max(1_048_576).default(256).meta({
    value: 'MiB',
    description:
      'Memory for what has been read, kept for prompts that begin alike, for each model; 0 keeps nothing.',
  }),
  maxPending: z
    .int()
    .min(1)
    .max(65_536)
    .default(256)
    .describe('Answers that are decoded or wait, all models together; more are refused with status 429.'),
  timeout: z.number().positive().max(86_400).default(600).describe('Longest time of an answer, in seconds.'),
  readTimeout: z
    .number()
    .positive()
    .max(3600)
    .default(30)
    .describe(
      'Longest time a client may take to send its request, or to take the next part of an answer, in seconds.',
    ),
  grace: z
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .describe('At the end, answers under way get this many seconds to finish.'),
});

export type ServerOptions = z.output<typeof serverOptions>;
