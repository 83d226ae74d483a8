import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, asMaster, ask, names, request, save } from './app.mjs';

const post = (className, body) => ({ method: 'POST', path: `/parse/classes/${className}`, body });
const put = (pointer, body) => ({ method: 'PUT', path: `/parse/classes/${pointer.className}/${pointer.objectId}`, body });
const batch = requests => request('POST', '/batch', { body: { requests, transaction: true } });

let accounts;

test('accounts, of which each number is there once', async () => {
  await request('POST', '/schemas/Account', { body: { className: 'Account', fields: { name: { type: 'String' }, n: { type: 'Number' } } } });
  accounts = await save('Account', { name: 'a', n: 10 }, { name: 'b', n: 0 });
});

test('a transaction is done', async () => {
  const raise = amount => ({ n: { __op: 'Increment', amount } });
  const { status, body } = await batch([put(accounts.a, raise(-4)), put(accounts.b, raise(4)), post('Account', { name: 'c', n: 1 })]);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.length, 3);
  const { results } = await ask('/classes/Account', { order: 'name' });
  assert.deepEqual(results.map(a => [a.name, a.n]), [['a', 6], ['b', 4], ['c', 1]]);
});

test('a transaction that fails leaves nothing behind', async () => {
  const { status, body } = await batch([post('Account', { name: 'never' }), put({ className: 'Account', objectId: 'nosuchone1' }, { n: 1 })]);
  // parse-server does not say what failed.
  assert.equal(status, 500, JSON.stringify(body));
  assert.deepEqual(await names('Account', { name: 'never' }), []);
});

test('without a transaction, what can be done is done', async () => {
  const { status, body } = await request('POST', '/batch', { body: { requests: [post('Account', { name: 'd' }), put({ className: 'Account', objectId: 'nosuchone1' }, { n: 1 })] } });
  assert.equal(status, 200);
  assert.ok(body[0].success.objectId);
  assert.equal(body[1].error.code, 101);
  assert.deepEqual(await names('Account', { name: 'd' }), ['d']);
});

test('transactions that meet all come about, one after the other', async () => {
  const raise = { n: { __op: 'Increment', amount: 1 } };
  const before = (await new Parse.Query('Account').get(accounts.b.objectId, asMaster)).get('n');
  const answers = await Promise.all(Array.from({ length: 4 }, () => batch([put(accounts.b, raise), put(accounts.a, raise)])));
  const done = answers.filter(a => a.status === 200).length;
  // parse-server gives up after five attempts; what it gave up it has not done.
  for (const a of answers.filter(a => a.status !== 200)) assert.equal(a.status, 500, JSON.stringify(a.body));
  assert.ok(done > 0);
  assert.equal((await new Parse.Query('Account').get(accounts.b.objectId, asMaster)).get('n'), before + done);
});

test('a transaction through the SDK', async () => {
  const Account = Parse.Object.extend('Account');
  await Parse.Object.saveAll([new Account({ name: 'e' }), new Account({ name: 'f' })], { ...asMaster, transaction: true });
  assert.deepEqual(await names('Account', { name: { $in: ['e', 'f'] } }), ['e', 'f']);
});

test('a transaction ends with a value that is taken', async () => {
  const user = username => ({ method: 'POST', path: '/parse/users', body: { username, password: 'x' } });
  const { status, body } = await batch([post('Account', { name: 'never' }), user('ada')]);
  assert.equal(status, 500, JSON.stringify(body));
  assert.deepEqual(await names('Account', { name: 'never' }), []);
});
