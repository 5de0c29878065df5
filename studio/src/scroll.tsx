import type { ComponentChildren } from 'preact';

/** What may be wider than the page and then scrolls by itself, also with the keyboard. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
