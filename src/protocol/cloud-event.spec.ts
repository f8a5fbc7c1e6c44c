import { type CloudEvent, cloudEventLimits, cloudEventText } from './cloud-event.js';
import { readCloudEvents } from './cloud-event-http.js';
import { JsonFault } from './json-fault.js';
import { Problem } from './problem.js';

const structured = 'application/cloudevents+json';
const batch = 'application/cloudevents-batch+json';
const least = { specversion: '1.0', id: '1', source: 'billing', type: 'order.paid' };
const now = '2026-03-01T09:30:00.000Z';

function read(
  contentType: string | undefined,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): CloudEvent[] {
  const own = contentType === undefined ? [] : ['Content-Type', contentType];
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return readCloudEvents({ rawHeaders: [...own, ...Object.entries(headers).flat()], body: bytes });
}

function binary(headers: Readonly<Record<string, string>>, contentType?: string, body: unknown = ''): CloudEvent[] {
  const ce = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': 'billing', 'ce-type': 'order.paid', ...headers };
  return read(contentType, body, ce);
}

function textOf(events: readonly CloudEvent[]): string {
  return cloudEventText(events[0] as CloudEvent, now);
}

/** The status, and where and what is wrong. */
function fault(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof JsonFault) return [400, [[error.pointer, error.detail]]];
    if (!(error instanceof Problem)) throw error;
    return [error.status, (error.errors ?? []).map(({ pointer, detail }) => [pointer, detail])];
  }
  throw new Error('accepted');
}

const pointersOf = (act: () => unknown) => (fault(act) as [number, [string, string][]])[1].map(([pointer]) => pointer);

describe('structured mode', () => {
  it('takes the least, and adds the time', () => {
    expect(JSON.parse(textOf(read(structured, least)))).toEqual({ ...least, time: now });
  });

  it('keeps every attribute, extension and the time as they are', () => {
    const whole = {
      ...least,
      subject: 'Bestellung 7 – ü😀',
      time: '2026-03-01T10:30:00.123456789+01:00',
      datacontenttype: 'application/json; charset=utf-8',
      dataschema: 'https://example.com/schema#x',
      traceparent: '00-x-y-01',
      big: 2_147_483_647,
      small: -2_147_483_648,
      flag: false,
      empty: '',
      data: { a: [1, null, 'x'] },
    };
    expect(JSON.parse(textOf(read(`${structured}; charset=UTF-8`, whole)))).toEqual(whole);
    expect(JSON.parse(textOf(read('application/json', whole)))).toEqual(whole);
  });

  it('hands the data on as it was written, digit for digit', () => {
    const data = '{ "n" : 12345678901234567890.10, "e":1E+2,\n"s":"\\u00e9" , "z":-0 }';
    const sent = `{"specversion":"1.0","data": ${data} ,"id":"1","source":"billing","type":"t"}`;
    expect(textOf(read(structured, sent))).toBe(
      `{"specversion":"1.0","id":"1","source":"billing","type":"t","time":"${now}","data":${data}}`,
    );
  });

  it('takes data_base64, and null for what is not there', () => {
    const sent = { ...least, subject: null, dataschema: null, ext: null, data_base64: 'AAEC/w==' };
    expect(JSON.parse(textOf(read(structured, sent)))).toEqual({ ...least, time: now, data_base64: 'AAEC/w==' });
    expect(JSON.parse(textOf(read(structured, { ...least, data: null, data_base64: null })))).toEqual({
      ...least,
      time: now,
      data: null,
    });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['nothing', {}, ['/specversion', '/id', '/source', '/type']],
    ['another version', { ...least, specversion: '0.3' }, ['/specversion']],
    ['a number as version', { ...least, specversion: 1 }, ['/specversion']],
    ['null where something must be', { ...least, id: null }, ['/id']],
    ['an empty id, type and subject', { ...least, id: '', type: '', subject: '' }, ['/id', '/type', '/subject']],
    ['no texts', { ...least, id: 1, source: {}, type: [] }, ['/id', '/source', '/type']],
    ['no URI reference', { ...least, source: 'a b' }, ['/source']],
    ['no time', { ...least, time: '2026-02-30T00:00:00Z' }, ['/time']],
    ['a local time', { ...least, time: '2026-02-03T00:00:00' }, ['/time']],
    ['a relative schema', { ...least, dataschema: '/schema' }, ['/dataschema']],
    ['no media type', { ...least, datacontenttype: 'json' }, ['/datacontenttype']],
    ['data twice', { ...least, data: 1, data_base64: 'AAAA' }, ['/data_base64']],
    ['bad base64', { ...least, data_base64: 'AAA' }, ['/data_base64']],
    ['base64url', { ...least, data_base64: 'AA-_' }, ['/data_base64']],
    ['names that are none', { ...least, Foo: 1, foo_bar: 1, 'a/b': 1, '': 1 }, ['/Foo', '/foo_bar', '/a~1b', '/']],
    ['extensions of no type', { ...least, a: {}, b: [], c: 1.5, d: 2_147_483_648 }, ['/a', '/b', '/c', '/d']],
    ['a long name', { ...least, ['a'.repeat(65)]: 1 }, [`/${'a'.repeat(65)}`]],
    [
      'too many extensions',
      { ...least, ...Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`x${i}`, 1])) },
      ['/x50'],
    ],
    [
      'very many, without a look at each',
      { ...least, ...Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`X${i}`, []])) },
      ['/X54'],
    ],
  ])('refuses %s', (_, sent, pointers) => {
    expect(pointersOf(() => read(structured, sent))).toEqual(pointers);
  });

  it.each(['id', 'source', 'type', 'subject', 'datacontenttype', 'dataschema', 'ext'])(
    'E-11: refuses control characters, noncharacters and excess in %s',
    (name) => {
      for (const value of ['a\r\nX: y', 'a\n', '\u007f', '\u0085', '\ufffe', '\u{1ffff}', 'a'.repeat(5_000)]) {
        expect(pointersOf(() => read(structured, { ...least, [name]: value }))).toEqual([`/${name}`]);
      }
      expect(fault(() => read(structured, { ...least, [name]: 'a\u0000' }))).toEqual([
        400,
        [[`/${name}`, 'a string must not hold NUL']],
      ]);
    },
  );

  it('takes as much as it says', () => {
    const { id, source, type, subject } = cloudEventLimits;
    const longest = {
      ...least,
      id: 'ü'.repeat(id),
      source: 's'.repeat(source),
      type: 't'.repeat(type),
      subject: 'ü'.repeat(subject),
    };
    expect(JSON.parse(textOf(read(structured, longest)))).toMatchObject(longest);
  });

  it.each<[string, string]>([
    ['{"id":"1","id":"2"}', '/id'],
    ['{"data":{"a":1,"a":2}}', '/data/a'],
    ['{"__proto__":{}}', '/__proto__'],
    ['{"data":{"constructor":{}}}', '/data/constructor'],
    ['{"data":', '/data'],
    ['', ''],
  ])('D9: refuses %s', (sent, pointer) => {
    expect(pointersOf(() => read(structured, sent))).toEqual([pointer]);
  });

  it.each(['null', '1', '"x"', '[]'])('refuses %s, which is no object', (sent) => {
    expect(pointersOf(() => read(structured, sent))).toEqual(['']);
  });
});

describe('batched mode', () => {
  it('keeps the order', () => {
    const events = [1, 2, 3].map((id) => ({ ...least, id: String(id), data: id }));
    for (const type of [batch, 'application/json']) {
      expect(read(type, events).map(({ id, pointer }) => [id, pointer])).toEqual([
        ['1', '/0'],
        ['2', '/1'],
        ['3', '/2'],
      ]);
    }
    expect(
      cloudEventText(
        read(batch, '[{"specversion":"1.0","id":"1","source":"a","type":"t","data":1.0}]')[0] as CloudEvent,
        now,
      ),
    ).toMatch(/"data":1\.0\}$/);
  });

  it('names every fault by its event', () => {
    const sent = [least, { ...least, source: 'a b', id: 7 }, 'x', { ...least, data: 1, data_base64: '' }];
    expect(pointersOf(() => read(batch, sent))).toEqual(['/1/id', '/1/source', '/2', '/3/data_base64']);
  });

  it('takes 1 to 100 events', () => {
    expect(
      read(
        batch,
        Array.from({ length: 100 }, () => least),
      ),
    ).toHaveLength(100);
    for (const sent of [[], Array.from({ length: 101 }, () => least), {}, 'x']) {
      expect(pointersOf(() => read(batch, sent))).toEqual(['']);
    }
  });

  it('does not tell more faults than one can read', () => {
    expect(
      pointersOf(() =>
        read(
          batch,
          Array.from({ length: 100 }, () => ({})),
        ),
      ),
    ).toHaveLength(100);
  });
});

describe('binary mode', () => {
  it('makes the event of the header', () => {
    const headers = { 'CE-Subject': 'a', 'ce-time': now, 'ce-dataschema': 'urn:x', 'Ce-Ext1': '7' };
    expect(JSON.parse(textOf(binary(headers)))).toEqual({
      ...least,
      subject: 'a',
      time: now,
      dataschema: 'urn:x',
      ext1: '7',
    });
  });

  it('unquotes, then decodes once', () => {
    const subjectOf = (value: string) => binary({ 'ce-subject': value })[0]?.subject;
    expect(subjectOf('Euro%20%E2%82%AC%20%F0%9F%98%80')).toBe('Euro € 😀');
    expect(subjectOf('%2525')).toBe('%25');
    expect(subjectOf('"a \\"b\\" c\\\\"')).toBe('a "b" c\\');
    expect(subjectOf('"a%20b"')).toBe('a b');
    expect(subjectOf('a "b" c')).toBe('a "b" c');
    expect(subjectOf('%41')).toBe('A');
  });

  it.each(['%C0%A0', '%ED%A0%80', '%ff', '%', '%4', '%zz', '\u00e9', '%0d%0aX:%20y', '%00', '%7F'])(
    'E-11: refuses the value %j',
    (value) => {
      for (const name of ['ce-subject', 'ce-id', 'ce-source', 'ce-type', 'ce-ext']) {
        expect(pointersOf(() => binary({ [name]: value }))).toEqual([`/${name}`]);
      }
    },
  );

  it('refuses what is repeated, and what is no attribute', () => {
    const twice = () =>
      readCloudEvents({
        rawHeaders: ['ce-specversion', '1.0', 'ce-id', '1', 'Ce-Id', '1', 'ce-source', 'a', 'ce-type', 't'],
        body: Buffer.alloc(0),
      });
    expect(pointersOf(twice)).toEqual(['/ce-id']);
    for (const name of ['ce-', 'ce-a-b', 'ce-a_b', 'ce-data', 'ce-constructor', 'ce-datacontenttype']) {
      expect(pointersOf(() => binary({ [name]: 'x' }))).toEqual([`/${name}`]);
    }
    expect(pointersOf(() => read('text/plain', 'x', { 'ce-id': '1' }))).toEqual([
      '/ce-specversion',
      '/ce-source',
      '/ce-type',
    ]);
  });

  it.each<[string, string | Uint8Array, object]>([
    ['application/json', '', {}],
    ['application/json', ' {"n":1.10} ', { data: { n: 1.1 } }],
    ['application/vnd.x+json; charset=utf-8', '7', { data: 7 }],
    ['text/json', 'null', { data: null }],
    ['text/plain', 'ü\n', { data: 'ü\n' }],
    ['application/xml', '<a/>', { data: '<a/>' }],
    ['image/svg+xml', '<svg/>', { data: '<svg/>' }],
    ['text/plain; charset=iso-8859-1', Uint8Array.of(0xe9), { data_base64: '6Q==' }],
    ['text/plain', Uint8Array.of(0xe9), { data_base64: '6Q==' }],
    ['text/plain', Uint8Array.of(0x61, 0), { data_base64: 'YQA=' }],
    ['application/octet-stream', Uint8Array.of(0, 255), { data_base64: 'AP8=' }],
  ])('%s with %j', (contentType, body, data) => {
    expect(JSON.parse(textOf(binary({}, contentType, body)))).toEqual({
      ...least,
      time: now,
      datacontenttype: contentType,
      ...data,
    });
  });

  it('keeps the digits of JSON', () => {
    expect(textOf(binary({}, 'application/json', ' 1.00000000000000000001 '))).toMatch(
      /"data":1\.00000000000000000001\}$/,
    );
  });

  it.each(['{', '{"a":1,"a":2}', '{"__proto__":1}', Uint8Array.of(0xff)])('D9: refuses the JSON %j', (body) => {
    expect(pointersOf(() => binary({}, 'application/json', body))[0]).toMatch(/^\/data/);
  });
});

describe('media types', () => {
  it.each([
    ['application/cloudevents', '{}'],
    ['application/cloudevents+xml', '<a/>'],
    ['application/cloudevents+avro', ''],
    ['application/cloudevents-batch+xml', ''],
    ['text/plain', JSON.stringify(least)],
    ['application/x-www-form-urlencoded', 'a=b'],
    ['application/merge-patch+json', '{}'],
    ['json', '{}'],
    ['application/json, application/json', '{}'],
    [`${structured}; charset=utf-16`, '{}'],
    [undefined, '{}'],
  ])('refuses %s', (contentType, body) => {
    expect(fault(() => read(contentType, body))).toEqual([415, []]);
  });

  it('refuses data of no media type, and nothing at all', () => {
    expect(fault(() => binary({}, undefined, 'x'))).toEqual([415, []]);
    expect(pointersOf(() => read(undefined, ''))).toEqual(['']);
  });
});

it('L-07: reads 1 MiB of anything in one pass', () => {
  const size = 1_000_000;
  for (const part of ['a', '%41', '%', '"', '\\', '"\\', ';', 'a/b;', '//', ':', '=', '[', '{', ' ']) {
    const long = part.repeat(Math.floor(size / part.length));
    for (const name of ['id', 'source', 'type', 'time', 'datacontenttype', 'dataschema', 'ext', 'data_base64']) {
      const sent = { ...least, [name]: long };
      if (name === 'data_base64' && /^(a|\/\/)$/.test(part)) read(structured, sent);
      else expect(pointersOf(() => read(structured, sent))).toEqual([`/${name}`]);
    }
    fault(() => read(long, least));
    fault(() => binary({ 'ce-time': long, 'ce-source': `"${long}` }, `text/plain;${long}`, long));
    fault(() => read(structured, long));
  }
});
