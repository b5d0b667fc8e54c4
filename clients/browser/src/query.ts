/** The query of a connection: where it goes on, and which signals it wants. */

/** Return the query, behind `mark`, or nothing where there is nothing to say. */
export function writeQuery(mark: string, cursor: string | undefined, signals: readonly string[] = []): string {
  const query = new URLSearchParams({ ...(cursor && { cursor }), ...(signals[0] && { signals: signals.join() }) });
  return `${query}` && mark + query;
}
