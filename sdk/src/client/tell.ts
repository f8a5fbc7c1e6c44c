/** What somebody does with the news must not become the failure of another. @internal */
export function tell<News>(listener: ((news: News) => void) | undefined, news: News): void {
  try {
    listener?.(news);
  } catch {
    // Its own affair.
  }
}
