import methods from 'catalogue:methods';
import { Runner } from '../run/runner.tsx';

export function RunPage({ method }: { method?: string }) {
  const known = methods.some(({ slug }) => slug === method) ? method! : 'diffusion';
  return (
    <>
      <div class="head">
        <h1>Run</h1>
        <p class="lead">
          A prompt, a model, a method. Left to right, in trees or all over the page: every method is told in
          steps.
        </p>
      </div>
      <Runner key={known} method={known} />
    </>
  );
}
