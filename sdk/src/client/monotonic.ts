/** Milliseconds of the clock that nobody sets back, since some moment. @internal */
export const monotonic = (): number => performance.now();
