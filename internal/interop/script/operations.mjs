import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, request, rest } from './app.mjs';

const op = (name, rest) => ({ __op: name, ...rest });
const date = iso => ({ __type: 'Date', iso });

// changed makes an object, applies changes one after the other, and returns what
// is read of it.
async function changed(object, ...changes) {
  const { objectId } = await rest('POST', '/classes/Changed', { body: object });
  for (const body of changes) await rest('PUT', `/classes/Changed/${objectId}`, { body });
  const { objectId: _, createdAt, updatedAt, ...read } = await ask(`/classes/Changed/${objectId}`);
  assert.ok(updatedAt >= createdAt);
  return read;
}

test('a number is raised and lowered', async () => {
  const raise = amount => ({ n: op('Increment', { amount }) });
  assert.deepEqual(await changed({ n: 1 }, raise(41), raise(-2), raise(0.5)), { n: 40.5 });
  assert.deepEqual(await changed({ name: 'none yet' }, raise(2147483647), raise(1)), { name: 'none yet', n: 2147483648 });
  assert.deepEqual(await changed({ n: 9007199254740000 }, raise(991)), { n: 9007199254740991 });
});

test('a raise answers with the sum', async () => {
  const { objectId } = await rest('POST', '/classes/Changed', { body: { n: 1 } });
  const answer = await rest('PUT', `/classes/Changed/${objectId}`, { body: { n: op('Increment', { amount: 2 }) } });
  assert.equal(answer.n, 3);
});

test('elements are added', async () => {
  assert.deepEqual(await changed({ list: [1] }, { list: op('Add', { objects: [1, { a: 1 }, date('2020-01-01T00:00:00.000Z')] }) }),
    { list: [1, 1, { a: 1 }, date('2020-01-01T00:00:00.000Z')] });
  assert.deepEqual(await changed({ name: 'none yet' }, { list: op('Add', { objects: ['a'] }) }), { name: 'none yet', list: ['a'] });
});

test('elements are added once', async () => {
  assert.deepEqual(await changed({ list: [1, { a: 1 }] }, { list: op('AddUnique', { objects: [1, 2, { a: 1 }, { a: 2 }, 2] }) }),
    { list: [1, { a: 1 }, 2, { a: 2 }] });
});

test('elements are removed', async () => {
  assert.deepEqual(await changed({ list: [1, 2, 1, { a: 1 }, null] }, { list: op('Remove', { objects: [1, { a: 1 }, null, 'none'] }) }),
    { list: [2] });
});

test('a field is deleted', async () => {
  assert.deepEqual(await changed({ name: 'stays', n: 1 }, { n: op('Delete') }), { name: 'stays' });
  assert.deepEqual(await changed({ name: 'stays' }, { n: op('Delete') }), { name: 'stays' });
});

test('a field becomes null, and something again', async () => {
  assert.deepEqual(await changed({ n: 1 }, { n: null }), { n: null });
  assert.deepEqual(await changed({ n: 1 }, { n: null }, { n: 2 }), { n: 2 });
});

test('members of an object are changed', async () => {
  assert.deepEqual(await changed({ object: { a: 1, b: { c: 1 } } }, { 'object.b.c': 2, 'object.d': [1] }, { 'object.a': op('Delete') }),
    { object: { b: { c: 2 }, d: [1] } });
  assert.deepEqual(await changed({ object: { n: 1 } }, { 'object.n': op('Increment', { amount: 5 }) }), { object: { n: 6 } });
});

test('many fields are changed at once', async () => {
  const before = { name: 'old', n: 1, list: [1], object: { a: 1 } };
  const change = { name: 'new', n: op('Increment', { amount: 1 }), list: op('AddUnique', { objects: [2] }), object: { b: 2 } };
  assert.deepEqual(await changed(before, change), { name: 'new', n: 2, list: [1, 2], object: { b: 2 } });
});

test('operations make an object', async () => {
  assert.deepEqual(await changed({
    n: op('Increment', { amount: 3 }), list: op('Add', { objects: [1, 1] }), gone: op('Delete'),
  }), { n: 3, list: [1, 1] });
});

test('many who raise a number at once all count', async () => {
  const { objectId } = await rest('POST', '/classes/Changed', { body: { n: 0 } });
  await Promise.all(Array.from({ length: 20 }, () => rest('PUT', `/classes/Changed/${objectId}`, { body: { n: op('Increment', { amount: 1 }) } })));
  assert.equal((await ask(`/classes/Changed/${objectId}`)).n, 20);
});

test('what is not there is neither changed nor deleted', async () => {
  assert.equal((await request('PUT', '/classes/Changed/nosuchone1', { body: { n: 1 } })).body.code, 101);
  assert.equal((await request('DELETE', '/classes/Changed/nosuchone1')).body.code, 101);
});

test('text is not raised', async () => {
  const { objectId } = await rest('POST', '/classes/Changed', { body: { object: { s: 'text' } } });
  const answer = await request('PUT', `/classes/Changed/${objectId}`, { body: { 'object.s': op('Increment', { amount: 1 }) } });
  assert.ok(answer.status >= 400, JSON.stringify(answer.body));
});
