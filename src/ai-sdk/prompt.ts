/** Prompts of the AI SDK as chat templates know them. */

import type {
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider';
import { writtenCall } from '../decode/constrained/function-call.ts';
import { QuickstepError } from '../errors.ts';
import type { ChatMessage } from '../text/chat.ts';

type Part = Exclude<LanguageModelV4Message['content'], string>[number];

function resultText({ output }: LanguageModelV4ToolResultPart): string {
  if (output.type === 'execution-denied') return output.reason ?? 'denied';
  return typeof output.value === 'string' ? output.value : JSON.stringify(output.value);
}

/** A part as text; reasoning of earlier turns is left out, as its makers do. */
function partText(part: Part): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'reasoning':
    case 'tool-approval-response':
      return '';
    case 'tool-call':
      return writtenCall({ name: part.toolName, arguments: JSON.stringify(part.input) });
    case 'tool-result':
      return resultText(part);
    default:
      throw new QuickstepError(
        'unsupported',
        `A prompt cannot hold a part of type "${part.type}".`,
        'Give text.',
      );
  }
}

/** @throws QuickstepError 'unsupported' for files and whatever else is no text */
export function chatMessages(prompt: LanguageModelV4Prompt): ChatMessage[] {
  return prompt.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(partText).filter(Boolean).join('\n'),
  }));
}
