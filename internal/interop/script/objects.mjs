import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, ask, asMaster, find, request, rest, url } from './app.mjs';

const pointer = objectId => ({ __type: 'Pointer', className: 'Target', objectId });
const file = { __type: 'File', name: 'picture.png', url: 'https://example.com/picture.png' };
const date = iso => ({ __type: 'Date', iso });
const bytes = base64 => ({ __type: 'Bytes', base64 });
const place = { __type: 'GeoPoint', latitude: 40.5, longitude: -30.25 };
const area = { __type: 'Polygon', coordinates: [[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]] };

// kinds has a value of every type, each under the name of its field.
const kinds = {
  text: 'text', empty: '', unicode: 'Zoë ☕ 日本語 مرحبا', emoji: '👨‍👩‍👧‍👦 🇩🇪', controls: '\t\n\r"\\/\b\f\u2028\u2029\u0001',
  zero: 0, one: 1, negative: -7, large: 2147483648, larger: 4294967296, largest: Number.MAX_SAFE_INTEGER,
  least: Number.MIN_SAFE_INTEGER, half: 0.5, third: 1 / 3, huge: 1e300, tiny: 5e-324, whole: 1e21,
  yes: true, no: false, nothing: null,
  moment: date('2024-02-29T12:34:56.789Z'), early: date('1815-12-10T00:00:00.001Z'), late: date('9999-12-31T23:59:59.999Z'),
  data: bytes('SGVsbG8gd29ybGQ='),
  list: [1, 'two', 3.5, true, null, { four: 4 }, [5, [6]]], noList: [], object: { a: { b: { c: [1, { d: null }] } }, ключ: 'значение' }, noObject: {},
  place, area, file,
};

test('every type, at the top', async () => {
  const target = await rest('POST', '/classes/Target', { body: { name: 'target' } });
  const body = { ...kinds, target: pointer(target.objectId) };
  const { objectId } = await rest('POST', '/classes/Kinds', { body });
  const { createdAt, updatedAt, objectId: id, file: readFile, ...read } = await ask(`/classes/Kinds/${objectId}`);
  assert.equal(id, objectId);
  assert.equal(createdAt, updatedAt);
  const { file: _, ...others } = body;
  assert.deepEqual(read, others);
  // Of a file its name is kept; the URL is the server's.
  assert.deepEqual(readFile, { ...file, url: `${url}/files/app/picture.png` });
});

test('every type, within objects and lists', async () => {
  const { results: [target] } = await ask('/classes/Target');
  // Bytes have a test of their own.
  const { data, ...others } = kinds;
  const inner = { ...others, target: pointer(target.objectId) };
  const body = { object: inner, list: [inner, ...Object.values(inner)] };
  const { objectId } = await rest('POST', '/classes/Nested', { body });
  const { object, list } = await ask(`/classes/Nested/${objectId}`);
  assert.deepEqual(object, inner);
  assert.deepEqual(list, body.list);
});

test('bytes within an object, which parse-server 9.10 spoils', async () => {
  const { objectId } = await rest('POST', '/classes/Spoilt', { body: { object: { data: bytes('SGk=') } } });
  assert.deepEqual((await ask(`/classes/Spoilt/${objectId}`)).object.data, { buffer: { 0: 72, 1: 105 }, sub_type: 0, position: 2 });
});

test('a relation', async () => {
  const [target] = await find('Target');
  const op = { __op: 'AddRelation', objects: [pointer(target.objectId)] };
  const { objectId } = await rest('POST', '/classes/Related', { body: { name: 'has one', targets: op } });
  const read = await ask(`/classes/Related/${objectId}`);
  assert.deepEqual(read.targets, { __type: 'Relation', className: 'Target' });
});

test('a long text and a long list', async () => {
  const body = { text: 'x'.repeat(1_000_000), list: Array.from({ length: 20_000 }, (_, i) => i) };
  const { objectId } = await rest('POST', '/classes/Long', { body });
  const { text, list } = await ask(`/classes/Long/${objectId}`);
  assert.equal(text.length, 1_000_000);
  assert.deepEqual(list, body.list);
});

test('a value of another type is refused', async () => {
  const answer = await request('POST', '/classes/Kinds', { body: { one: 'text' } });
  assert.equal(answer.body.code, 111);
  assert.equal((await request('POST', '/classes/Kinds', { body: { second: place } })).body.code, 111);
});

test('a key that MongoDB would take for an operator is refused', async () => {
  assert.equal((await request('POST', '/classes/Kinds', { body: { object: { $set: 1 } } })).body.code, 121);
  assert.equal((await request('POST', '/classes/Kinds', { body: { object: { 'a.b': 1 } } })).body.code, 121);
  assert.equal((await request('POST', '/classes/Kinds', { body: { 1: 1 } })).body.code, 105);
});

test('objects are saved, fetched and deleted in numbers', async () => {
  const Many = Parse.Object.extend('Many');
  const many = Array.from({ length: 120 }, (_, n) => new Many({ n, name: `number ${n}` }));
  await Parse.Object.saveAll(many, { batchSize: 40 });
  await Parse.Object.destroyAll(many.slice(100));
  assert.equal((await ask('/classes/Many', { count: 1, limit: 0 })).count, 100);
  await Parse.Object.fetchAll(many.slice(0, 100));
  await assert.rejects(new Parse.Query('Many').get(many[110].id, asMaster), { code: 101 });
});

test('each one is visited once', async () => {
  const seen = [];
  await new Parse.Query('Many').each(object => seen.push(object.get('n')), { ...asMaster, batchSize: 7 });
  assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 100 }, (_, n) => n));
});
