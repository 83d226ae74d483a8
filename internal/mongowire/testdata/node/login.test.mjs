// Logging in with MongoDB's own Node.js driver: MONGODB_URI names a server that
// asks user "ann" for the password "p4ss wörd".
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MongoClient, MongoServerError } from 'mongodb';

const withClient = async (auth, run) => {
  const client = new MongoClient(process.env.MONGODB_URI, { auth });
  try {
    return await run(client.db('test').collection('things'));
  } finally {
    await client.close();
  }
};

test('with the password all is served', async () => {
  await withClient({ username: 'ann', password: 'p4ss wörd' }, async things => {
    await things.insertOne({ _id: 1 });
    assert.equal(await things.countDocuments(), 1);
    const { authInfo } = await things.db.command({ connectionStatus: 1 });
    assert.deepEqual(authInfo.authenticatedUsers, [{ user: 'ann', db: 'admin' }]);
  });
});

test('many connections log in at once', async () => {
  await withClient({ username: 'ann', password: 'p4ss wörd' }, things =>
    Promise.all(Array.from({ length: 50 }, () => things.findOne({ $or: [{ a: 1 }, { b: 2 }] }))));
});

for (const [name, auth, code] of [
  ['a wrong password', { username: 'ann', password: 'wrong' }, 18],
  ['an unknown user', { username: 'ben', password: 'p4ss wörd' }, 18],
  ['no login', undefined, 13],
]) {
  test(`${name} is refused`, async () => {
    await assert.rejects(withClient(auth, things => things.findOne()), error => {
      assert.ok(error instanceof MongoServerError, String(error));
      assert.equal(error.code, code);
      return true;
    });
  });
}
