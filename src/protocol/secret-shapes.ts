/**
 * What secrets of this server look like wherever they turn up: generated secrets and refresh tokens, signing secrets of
 * subscriptions, and JSON Web Tokens, cut ones included – what was put into a wrong place, such as a `client_id` or a path.
 */
const shapes =
  /\b(signet_(?:cs|rt))_[0-9A-Za-z_]{8,}|\b(whsec)_[0-9A-Za-z+/=]{8,}|\b(eyJ)[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g;

/** The beginnings, for a look that costs nothing where there is none. */
const beginnings = ['signet_', 'whsec_', 'eyJ'] as const;

/**
 * The text without the secrets that it holds: of each, only what kind it was is left (security.md D15, M-11). A secret that an
 * operator chose cannot be told from other text.
 */
export function withoutSecrets(text: string): string {
  if (!beginnings.some((beginning) => text.includes(beginning))) return text;
  return text.replaceAll(shapes, (_, generated?: string, signing?: string) =>
    generated === undefined && signing === undefined ? '[jwt]' : `[${generated ?? signing}]`,
  );
}
