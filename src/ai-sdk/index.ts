/**
 * Quickstep as a provider of the AI SDK:
 *
 *   import { generateText } from 'ai';
 *   import { quickstep } from 'quickstep/ai-sdk';
 *   const { text } = await generateText({ model: quickstep('house-causal'), prompt: 'Sort: 3 1 2' });
 */
export type { QuickstepModel } from './model.ts';
export {
  createQuickstep,
  type QuickstepProvider,
  type QuickstepProviderOptions,
  quickstep,
} from './provider.ts';
