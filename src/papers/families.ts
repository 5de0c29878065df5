/** Groups of systems, in the order in which tables and pages show them. */
export const families = {
  'masked-diffusion': 'Masked diffusion language models',
  speculative: 'Speculative decoding and many drafts at once',
  constrained: 'Constrained decoding',
  fused: 'Steered and fused logits',
  latent: 'Latent and continuous reasoning',
  'kv-cache': 'KV cache selection and eviction',
  systems: 'Architectures and serving for cheap decoding',
  images: 'Image generation',
  audio: 'Audio',
  'vision-language': 'Vision and language',
  retrieval: 'Retrieval and ranking',
  routing: 'Route planning',
  prompting: 'Prompting and voting',
  theory: 'Theory',
} as const;
