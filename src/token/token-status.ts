import { Inject, Injectable } from '@nestjs/common';
import { TokenStatus } from '../access/index.js';
import { TokenLookUps } from './token-look-ups.js';

/** Answers from the database of record, never from a cache. */
@Injectable()
export class DatabaseTokenStatus extends TokenStatus {
  constructor(@Inject(TokenLookUps) private readonly lookUps: TokenLookUps) {
    super();
  }

  async isActive(jti: string, expiresAt: number): Promise<boolean> {
    return (await this.lookUps.ask({ client: undefined, token: { jti, exp: expiresAt } })).isLive;
  }
}
