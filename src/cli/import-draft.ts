/** JSON of somebody else, member by member. */
export type Members = Readonly<Record<string, unknown>>;

/** Something of another server that did not become part of the declaration. */
export interface LeftOut {
  /** Whose it is: a client, by its identifier, or the export as a whole. */
  readonly of: string;
  readonly what: string;
  readonly why: string;
}

/** What an export of another server becomes: a declaration for `signet apply`, and what is not in it. */
export interface Imported {
  readonly declaration: { readonly scopes: readonly Members[]; readonly clients: readonly Members[] };
  readonly leftOut: readonly LeftOut[];
}

/** A client of another server, in the words of this one; nothing in it is checked yet. */
export interface ForeignClient {
  readonly id: string;
  readonly name: string | undefined;
  readonly description?: string | undefined;
  readonly isDisabled?: boolean;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  /** Members that hold here as they are, such as `token_endpoint_auth_method`. */
  readonly members: Members;
  readonly contacts?: readonly string[];
  readonly metadata?: Members;
}

/** Bounds of this server's members (http-api.md "Admin"). */
const bounds = { name: 200, description: 1000, scope: 4096, scopeName: 128, uri: 1024, list: 20, contacts: 10 };
const metadataBounds = { members: 50, name: 64, value: 512 };

/** Scopes that mean something where people sign in, and nothing between services. */
const ofPeople = new Set(
  (
    'openid profile email address phone offline offline_access acr basic roles web-origins microprofile-jwt ' +
    'service_account organization role_list saml_organization'
  ).split(' '),
);

/** Collects clients and the scopes that they need, and writes down what has no place here. */
export class Draft {
  private readonly clients = new Map<string, Members>();
  private readonly scopes = new Set<string>();
  private readonly leftOut: LeftOut[] = [];

  /** @param descriptions of scopes, by their names, where the export has any */
  constructor(private readonly descriptions: ReadonlyMap<string, string> = new Map()) {}

  /** Says that something was left out. */
  leave(of: string, what: string, why: string): void {
    this.leftOut.push({ of, what, why });
  }

  /** Takes a client, as far as this server can have it. */
  take(client: ForeignClient): void {
    const { id } = client;
    if (!/^[A-Za-z0-9._-]{3,64}$/.test(id)) {
      return this.leave(id, 'the client', 'its identifier must be 3 to 64 characters of A-Z a-z 0-9 . _ -');
    }
    if (this.clients.has(id)) return this.leave(id, 'the client', 'another one has the same identifier');
    const scope = this.scopeOf(client);
    const members = {
      client_id: id,
      client_name: this.text(id, 'the name', client.name, bounds.name) ?? id,
      description: this.text(id, 'the description', client.description, bounds.description),
      status: client.isDisabled === true ? 'disabled' : undefined,
      scope: scope.length === 0 ? undefined : scope.join(' '),
      audience: some(this.audienceOf(client)),
      ...client.members,
      contacts: some(this.contactsOf(client)),
      metadata: this.metadataOf(client),
    };
    for (const name of scope) this.scopes.add(name);
    this.clients.set(id, Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)));
  }

  /** The life of an access token, if this server can give it; in seconds. */
  lifetime(of: string, what: string, seconds: number | undefined): number | undefined {
    if (seconds === undefined) return undefined;
    if (Number.isInteger(seconds) && seconds >= 60 && seconds <= 86_400) return seconds;
    this.leave(of, what, 'tokens live 60 to 86400 seconds; the client gets the default of the server');
    return undefined;
  }

  /** What has become of it all. */
  finished(): Imported {
    const scopes = [...this.scopes].toSorted().map((name) => {
      const description = this.text(name, 'the description', this.descriptions.get(name), bounds.description);
      return description === undefined ? { name } : { name, description };
    });
    return { declaration: { scopes, clients: [...this.clients.values()] }, leftOut: this.leftOut };
  }

  private scopeOf({ id, scope }: ForeignClient): string[] {
    const taken: string[] = [];
    for (const name of new Set(scope)) {
      const fault = scopeFault(name);
      const isTooMuch = [...taken, name].join(' ').length > bounds.scope;
      if (fault !== undefined) this.leave(id, `the scope ${name}`, fault);
      else if (isTooMuch) this.leave(id, `the scope ${name}`, 'there are too many of them for one client');
      else taken.push(name);
    }
    return taken;
  }

  private audienceOf({ id, audience }: ForeignClient): string[] {
    return [...new Set(audience)].filter((uri, index) => {
      const fault = isAbsoluteUri(uri) ? undefined : 'must be an absolute URI without a fragment';
      const why = index < bounds.list ? fault : `a client has at most ${bounds.list}`;
      if (why !== undefined) this.leave(id, `the audience ${uri}`, why);
      return why === undefined;
    });
  }

  private contactsOf({ id, contacts = [] }: ForeignClient): string[] {
    return contacts.filter((contact, index) => {
      const isTaken = index < bounds.contacts && /^\P{Cc}{1,254}$/u.test(contact);
      if (!isTaken) this.leave(id, `the contact ${contact}`, 'there are at most 10, of at most 254 characters');
      return isTaken;
    });
  }

  /** Texts are taken; so are numbers and booleans, as texts. */
  private metadataOf({ id, metadata = {} }: ForeignClient): Members | undefined {
    const taken = Object.entries(metadata).flatMap(([name, value]): [string, string][] => {
      const text = ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
      const isText = text !== undefined && text.length <= metadataBounds.value && /^\P{Cc}*$/u.test(text);
      if (isText && name.length <= metadataBounds.name && /^\P{Cc}+$/u.test(name)) return [[name, text]];
      this.leave(id, `the metadata ${name}`, 'is no text that fits: 64 characters for the name, 512 for the value');
      return [];
    });
    for (const [name] of taken.slice(metadataBounds.members)) this.leave(id, `the metadata ${name}`, 'is beyond 50');
    return taken.length === 0 ? undefined : Object.fromEntries(taken.slice(0, metadataBounds.members));
  }

  private text(of: string, what: string, text: string | undefined, length: number): string | undefined {
    if (text === undefined || text.trim() === '') return undefined;
    if (text.length <= length && /^\P{Cc}*$/u.test(text)) return text;
    this.leave(of, what, `must be at most ${length} characters, without control characters`);
    return undefined;
  }
}

/** Why nobody can have this scope here; `undefined`: it can be registered. */
function scopeFault(name: string): string | undefined {
  if (ofPeople.has(name)) return 'is about people who sign in';
  if (/^(admin|oauth):/i.test(name))
    return 'admin: and oauth: are names of the server itself, and not registered by hand';
  const star = name.indexOf('*');
  const isStarWrong = star !== -1 && (star < 2 || star !== name.length - 1 || !name.endsWith(':*'));
  const isToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name) && name.length <= bounds.scopeName;
  if (isToken && !isStarWrong && !name.startsWith(':') && !name.endsWith(':')) return undefined;
  return 'is no name for a scope: 1 to 128 printable characters, * only at the end after a colon';
}

function isAbsoluteUri(text: string): boolean {
  return (
    /^[A-Za-z][A-Za-z0-9+.-]*:[^\s#"<>\\^`{|}]+$/.test(text) && text.length <= bounds.uri && !/[^\x21-\x7e]/.test(text)
  );
}

function some<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length === 0 ? undefined : items;
}

/** Whether a value is a JSON object. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON objects of a list; empty for anything else. */
export function membersIn(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : [];
}

/** The texts of a list; empty for anything else. */
export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A text that says something. */
export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
