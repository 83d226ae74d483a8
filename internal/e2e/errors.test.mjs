import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass, url } from './loam.mjs';

test('a value of a wrong type', async () => {
  const Thing = freshClass();
  await new Thing({ n: 1 }).save();
  await assert.rejects(new Thing({ n: 'text' }).save(), {
    code: Parse.Error.INCORRECT_TYPE,
    message: `schema mismatch for ${Thing.className}.n; expected Number but got String`,
  });
});

test('a pointer to another class', async () => {
  const [A, B, C] = [freshClass('A'), freshClass('B'), freshClass('C')];
  const [b, c] = await Parse.Object.saveAll([new B(), new C()]);
  await new A({ next: b }).save();
  await assert.rejects(new A({ next: c }).save(), { code: Parse.Error.INCORRECT_TYPE });
});

test('an object that is not there', async () => {
  const Thing = freshClass();
  await new Thing().save();
  const nobody = Thing.createWithoutData('AAAAAAAAAA');
  for (const attempt of [() => nobody.fetch(), () => nobody.save({ n: 1 }), () => nobody.destroy()]) {
    await assert.rejects(attempt, { code: Parse.Error.OBJECT_NOT_FOUND, message: 'Object not found.' });
  }
});

test('a key with a dollar in an object', async () => {
  const Thing = freshClass();
  await assert.rejects(new Thing({ o: { $a: 1 } }).save(), { code: Parse.Error.INVALID_NESTED_KEY });
});

test('a field name that is none', async () => {
  const Thing = freshClass();
  await assert.rejects(Parse._request('POST', `classes/${Thing.className}`, { 'a b': 1 }), { code: Parse.Error.INVALID_KEY_NAME });
});

test('a class name that is none', async () => {
  await assert.rejects(Parse._request('POST', 'classes/no-class', {}), error => error instanceof Parse.Error);
});

test('a constraint that is none', async () => {
  const Thing = freshClass();
  await new Thing({ n: 1 }).save();
  const query = new Parse.Query(Thing).withJSON({ where: { n: { $in: 5 } } });
  await assert.rejects(query.find(), { code: Parse.Error.INVALID_JSON, message: 'bad $in value' });
});

test('an invalid session', async () => {
  const Thing = freshClass();
  const query = new Parse.Query(Thing);
  await assert.rejects(query.find({ sessionToken: 'r:00000000000000000000000000000000' }), { code: Parse.Error.INVALID_SESSION_TOKEN });
});

test('a wrong master key', async () => {
  const CoreManager = Parse.CoreManager;
  const key = CoreManager.get('MASTER_KEY');
  CoreManager.set('MASTER_KEY', 'wrong');
  try {
    await assert.rejects(Parse.Schema.all());
  } finally {
    CoreManager.set('MASTER_KEY', key);
  }
});

test('a server that is not there', async () => {
  const Thing = freshClass();
  const attempts = Parse.CoreManager.get('REQUEST_ATTEMPT_LIMIT');
  Parse.CoreManager.set('REQUEST_ATTEMPT_LIMIT', 1);
  Parse.serverURL = 'http://127.0.0.1:1/parse';
  try {
    await assert.rejects(new Parse.Query(Thing).find());
  } finally {
    Parse.serverURL = url;
    Parse.CoreManager.set('REQUEST_ATTEMPT_LIMIT', attempts);
  }
});

test('the server is well', async () => {
  assert.equal(await Parse.getServerHealth().then(health => health.status), 'ok');
});
