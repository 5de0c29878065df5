/** The HTTP server: an API that OpenAI's clients speak, the step stream, the studio. */
export { type QuickstepServer, type ServeOptions, serve } from './server.ts';
