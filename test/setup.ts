import fc from 'fast-check';

// One fixed seed, so that a test never fails by chance on a change that has nothing to do with it; another is tried
// with FAST_CHECK_SEED=<integer> npm test. A property with a seed of its own keeps it.
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) });
