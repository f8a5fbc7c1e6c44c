import { Problem } from '../protocol/index.js';

/** 404: no scope of this name is registered. */
export class ScopeNotFound extends Problem {
  override readonly name = 'ScopeNotFound';

  constructor() {
    super(404, 'there is no scope of this name');
  }
}

/** 400: the name is malformed or reserved (http-api.md "Scopes"). */
export class ScopeNameRefused extends Problem {
  override readonly name = 'ScopeNameRefused';

  constructor() {
    const detail =
      'must be a scope-token of at most 128 characters outside admin: and oauth:, with * only as the last segment';
    super(400, 'the request is not valid', { errors: [{ pointer: '/name', detail }] });
  }
}

/** 409: a scope of this name is registered already. */
export class ScopeNameTaken extends Problem {
  override readonly name = 'ScopeNameTaken';

  constructor() {
    super(409, 'a scope of this name is registered already');
  }
}

/** 409: a client is allowed the scope. */
export class ScopeInUse extends Problem {
  override readonly name = 'ScopeInUse';

  constructor() {
    super(409, 'a client is allowed this scope');
  }
}

/** 409: the server itself needs the scope. */
export class ScopeNeeded extends Problem {
  override readonly name = 'ScopeNeeded';

  constructor() {
    super(409, 'the server itself needs this scope');
  }
}
