/**
 * What `work` gives, or `instead` when that takes longer; the work goes on.
 *
 * @param ms most milliseconds to wait
 * @throws what `work` throws in time
 *
 * @internal
 */
export async function unlessLate<Value>(work: Promise<Value>, ms: number, instead: Value): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Value>((resolve) => {
    timer = setTimeout(resolve, ms, instead);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
