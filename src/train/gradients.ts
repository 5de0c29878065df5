/** Sums and norms over the gradients of all trained parameters, in the parameters' order. */

/** Adds `more` to `sum`, in place: gradient accumulation. */
export function accumulate(
  sum: ReadonlyMap<string, Float32Array>,
  more: ReadonlyMap<string, Float32Array>,
): void {
  for (const [name, total] of sum) {
    const part = more.get(name)!;
    for (let i = 0; i < total.length; i++) total[i] += part[i];
  }
}

/** Euclidean norm over all gradients. */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let squares = 0;
  for (const gradient of gradients.values()) {
    let sum = 0;
    for (let i = 0; i < gradient.length; i++) sum += gradient[i] * gradient[i];
    squares += sum;
  }
  return Math.sqrt(squares);
}
