/** Where the server is, and how it is asked. */
export interface ServerAccess {
  /** Such as `https://signet.example.com`. */
  issuer: string;
  /** That of `createServiceFetch` for the issuer, with the scope that is needed. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
}
