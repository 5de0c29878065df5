/** Modules that the build computes; see `build/`. */

declare module 'catalogue:papers' {
  const papers: import('../../src/papers/schema.ts').Paper[];
  export default papers;
}
declare module 'catalogue:changes' {
  const changes: import('../../src/papers/changes.ts').Change[];
  export default changes;
}
declare module 'catalogue:methods' {
  const methods: import('./catalogue.ts').MethodEntry[];
  export default methods;
}
declare module 'catalogue:models' {
  const models: import('./catalogue.ts').HouseModel[];
  export default models;
}
declare module 'catalogue:examples' {
  const examples: import('./catalogue.ts').TaskExample[];
  export default examples;
}
declare module 'player:built' {
  const player: { script: string; style: string };
  export default player;
}
declare module '*.md?explanation' {
  const html: string;
  export default html;
}
