import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { webhookSignature } from './standard-webhook.js';

const message = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1614265330,
  body: Buffer.from('{"test": 2432232314}'),
};

describe('the signature of a webhook', () => {
  it('is that of the example of the specification', () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    expect(webhookSignature([key], message)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('E-07: is what an independent implementation makes of it', () => {
    const key = randomBytes(32);
    const timestamp = Math.floor(Date.now() / 1000);
    const body = Buffer.from('{"greeting":"Grüße, \\u0000 and 🎉"}');
    const signature = webhookSignature([key], { ...message, timestamp, body });
    const headers = {
      'webhook-id': message.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    };
    expect(new Webhook(`whsec_${key.toString('base64')}`).verify(body.toString(), headers)).toEqual(
      JSON.parse(body.toString()),
    );
    expect(() => new Webhook(randomBytes(32).toString('base64')).verify(body.toString(), headers)).toThrow();
  });

  it('is one for each key, the newest first', () => {
    const [newest, oldest] = [randomBytes(32), randomBytes(32)];
    expect(webhookSignature([newest, oldest], message)).toBe(
      `${webhookSignature([newest], message)} ${webhookSignature([oldest], message)}`,
    );
  });
});
