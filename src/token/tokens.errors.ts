import { Problem } from '../protocol/index.js';

/** 404: there is no record of such a token. */
export class TokenNotFound extends Problem {
  constructor() {
    super(404, 'there is no token with this jti');
  }
}
