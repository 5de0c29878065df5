import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../errors.ts';
import { type ChatMessage, type ChatTool, createChatTemplate } from './chat.ts';

interface ChatGolden {
  templates: string[];
  chats: ChatMessage[][];
  tools: ChatTool[];
  /** The prompt transformers makes of templates[template] and chats[chat]. */
  prompts: { template: number; chat: number; prompt: boolean; tools: boolean; text: string }[];
}

const golden: ChatGolden = JSON.parse(
  readFileSync(new URL('./fixtures/chat.golden.json', import.meta.url), 'utf8'),
);
const user = [{ role: 'user', content: 'Hi' }];

function errorOf(action: () => unknown): QuickstepError {
  try {
    action();
  } catch (error) {
    if (QuickstepError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('createChatTemplate', () => {
  it('renders as transformers does', () => {
    expect(golden.prompts).toHaveLength(24);
    for (const { template, chat, prompt, tools, text } of golden.prompts) {
      const compiled = createChatTemplate(golden.templates[template], { bos: '<s>', eos: '</s>' });
      const options = { addGenerationPrompt: prompt, tools: tools ? golden.tools : undefined };
      expect(compiled.render(golden.chats[chat], options)).toBe(text);
    }
  });

  it('knows the date', () => {
    const chat = createChatTemplate("{{ strftime_now('%d %b %Y, %H%%') }}", {});
    expect(chat.render(user)).toMatch(/^\d\d [A-Z][a-z]{2} 20\d\d, \d\d%$/);
  });

  it('passes on what the template says against the messages', () => {
    const chat = createChatTemplate("{{ raise_exception('no user') }}", {});
    const error = errorOf(() => chat.render(user));
    expect(error.code).toBe('bad-input');
    expect(error.message).toContain('no user');
  });

  it('refuses text that is no template, or too long', () => {
    expect(errorOf(() => createChatTemplate('{% for %}', {})).code).toBe('bad-file');
    expect(errorOf(() => createChatTemplate('{{ "open }}', {})).code).toBe('bad-file');
    expect(errorOf(() => createChatTemplate('x'.repeat(200_000), {})).code).toBe('bad-file');
  });

  it.each([
    ['a huge range', '{% for i in range(1000000000) %}x{% endfor %}'],
    ['an endless range', '{% for i in range(0, 10, 0) %}x{% endfor %}'],
    ['nested loops', '{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}'],
    [
      'text that doubles',
      "{% set n = namespace(t='x') %}{% for i in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
    ],
  ])('stops a template that runs away: %s', (_, template) => {
    expect(errorOf(() => createChatTemplate(template, {}).render(user)).code).toBe('bad-input');
  });

  it.each(['{{ constructor }}', '{{ process }}', '{{ messages.constructor }}', '{{ messages.__proto__ }}'])(
    'shows templates nothing of the host: %s',
    (template) => {
      expect(createChatTemplate(template, {}).render(user)).toBe('');
    },
  );
});
