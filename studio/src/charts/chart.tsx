/** A picture by Observable Plot, which is fetched when the first one is drawn, in the width there is. */

import type { PlotOptions } from '@observablehq/plot';
import { useEffect, useRef, useState } from 'preact/hooks';

export type PlotLibrary = typeof import('@observablehq/plot');

interface ChartProps {
  /** What the picture says, for those who do not see it. */
  label: string;
  draw(plot: PlotLibrary, width: number): PlotOptions;
}

export function Chart({ label, draw }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<PlotLibrary>();
  const [width, setWidth] = useState(0);
  useEffect(() => {
    import('@observablehq/plot').then(setPlot);
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.floor(contentRect.width)));
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!plot || width === 0) return;
    const picture = plot.plot({
      width,
      style: { background: 'transparent', fontSize: '12px', fontFamily: 'inherit' },
      ...draw(plot, width),
    });
    // Marks carry labels of their own, which say less than the whole.
    for (const part of picture.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label');
    picture.setAttribute('aria-hidden', 'true');
    frame.current!.replaceChildren(picture);
  }, [plot, width, draw]);
  return <div class="chart" ref={frame} role="img" aria-label={label} />;
}
