import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, people, request, rest, save } from './app.mjs';

const permissions = { find: { '*': true }, get: { requiresAuthentication: true }, count: { 'role:Admins': true }, create: {}, update: {}, delete: {}, addField: {}, protectedFields: { '*': ['secret'], 'role:Admins': [] } };

test('a class is made with fields of every type, indexes and permissions', async () => {
  const fields = {
    text: { type: 'String', required: true }, n: { type: 'Number', defaultValue: 7 }, flag: { type: 'Boolean' }, at: { type: 'Date' },
    object: { type: 'Object' }, list: { type: 'Array' }, place: { type: 'GeoPoint' }, area: { type: 'Polygon' }, file: { type: 'File' },
    bytes: { type: 'Bytes' }, owner: { type: 'Pointer', targetClass: '_User' }, friends: { type: 'Relation', targetClass: '_User' }, secret: { type: 'String' },
  };
  const made = await rest('POST', '/schemas/Made', { body: { className: 'Made', fields, indexes: { byText: { text: 1, n: -1 } }, classLevelPermissions: permissions } });
  assert.deepEqual(made.fields.owner, { type: 'Pointer', targetClass: '_User' });
  const read = await ask('/schemas/Made');
  assert.deepEqual(read.indexes.byText, { text: 1, n: -1 });
  assert.deepEqual(read.classLevelPermissions.count, { 'role:Admins': true });
  for (const [name, field] of Object.entries(fields)) assert.deepEqual(read.fields[name], { ...field });
});

test('required fields and defaults hold', async () => {
  assert.equal((await request('POST', '/classes/Made', { body: {} })).body.code, 142);
  const { objectId } = await rest('POST', '/classes/Made', { body: { text: 'x', secret: 's' } });
  assert.equal((await ask(`/classes/Made/${objectId}`)).n, 7);
});

test('permissions hold', async () => {
  const status = async (method, path, who, more) => (await request(method, path, { who, ...more })).body.code ?? 0;
  const { results: [object] } = await ask('/classes/Made', {}, 'public');
  assert.ok(!('secret' in object));
  assert.equal((await ask('/classes/Made', {}, 'ada')).results[0].secret, 's');
  assert.equal(await status('GET', `/classes/Made/${object.objectId}`, 'public'), 101);
  assert.equal(await status('GET', `/classes/Made/${object.objectId}`, 'ben'), 0);
  assert.equal(await status('POST', '/classes/Made', 'ada', { body: { text: 'y' } }), 119);
  assert.equal(await status('GET', '/classes/Made', 'ben', { params: { count: 1, limit: 0 } }), 119);
  assert.equal((await ask('/classes/Made', { count: 1, limit: 0 }, 'ada')).count, 1);
});

test('a pointer\'s person may what others may not', async () => {
  const clp = { find: {}, get: {}, update: {}, delete: {}, create: { '*': true }, count: {}, addField: {}, readUserFields: ['owner'], writeUserFields: ['owner'], protectedFields: {} };
  await rest('POST', '/schemas/Owned', { body: { className: 'Owned', fields: { name: { type: 'String' }, owner: { type: 'Pointer', targetClass: '_User' } }, classLevelPermissions: clp } });
  const owner = name => ({ __type: 'Pointer', className: '_User', objectId: people[name].id });
  await save('Owned', { name: 'of ada', owner: owner('ada') }, { name: 'of ben', owner: owner('ben') });
  const { results } = await ask('/classes/Owned', {}, 'ben');
  assert.deepEqual(results.map(o => o.name), ['of ben']);
});

test('a class changes', async () => {
  const change = body => rest('PUT', '/schemas/Made', { body: { className: 'Made', ...body } });
  await change({ fields: { added: { type: 'Array' }, flag: { __op: 'Delete' } } });
  await change({ indexes: { byAdded: { added: 1 }, byText: { __op: 'Delete' } } });
  const read = await ask('/schemas/Made');
  assert.ok(read.fields.added && !read.fields.flag);
  assert.deepEqual(read.indexes, { byAdded: { added: 1 } });
});

test('a field is deleted with its values', async () => {
  await save('Shrinking', { name: 'a', n: 1 }, { name: 'b', n: 2 });
  await rest('PUT', '/schemas/Shrinking', { body: { className: 'Shrinking', fields: { n: { __op: 'Delete' } } } });
  const { results } = await ask('/classes/Shrinking', { order: 'name' });
  assert.deepEqual(results.map(o => [o.name, o.n]), [['a', undefined], ['b', undefined]]);
  await rest('PUT', `/classes/Shrinking/${results[0].objectId}`, { body: { n: 'now a text' } });
});

test('what a class can not be is refused', async () => {
  const code = async (method, path, body) => (await request(method, path, { body })).body.code;
  assert.equal(await code('POST', '/schemas/Made', { className: 'Made' }), 103);
  assert.equal(await code('POST', '/schemas/_Own', { className: '_Own' }), 103);
  assert.equal(await code('PUT', '/schemas/Made', { fields: { text: { type: 'Number' } } }), 255);
  assert.equal(await code('POST', '/schemas/Odd', { className: 'Odd', fields: { a: { type: 'Odd' } } }), 111);
  assert.equal(await code('DELETE', '/schemas/Made'), 255);
});

test('a class is emptied and deleted', async () => {
  await save('Passing', { name: 'a' }, { name: 'b' });
  await rest('DELETE', '/purge/Passing');
  assert.deepEqual((await ask('/classes/Passing')).results, []);
  await rest('DELETE', '/schemas/Passing');
  const { results } = await ask('/schemas');
  assert.ok(!results.some(c => c.className === 'Passing'));
});
