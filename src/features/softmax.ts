// Probabilities of one row, in float64, and the logarithm of the sum that they were divided by.
export function softmax(logits: Float64Array): { probabilities: Float64Array; logSum: number } {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b, 0);
  return { probabilities: weights.map((weight) => weight / total), logSum: most + Math.log(total) };
}
