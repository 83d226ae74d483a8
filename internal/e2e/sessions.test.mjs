import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Parse, as, asMaster, freshName, signedUp } from './loam.mjs';

// elsewhere logs a user in on another installation, where the SDK's own session stays.
const elsewhere = user => Parse.User.logIn(user.getUsername(), 'secret', { installationId: freshName() });

before(() => Parse.User.enableUnsafeCurrentUser());

test('the current session is that of the current user', async () => {
  const user = await signedUp();
  const session = await Parse.Session.current();
  assert.equal(session.getSessionToken(), user.getSessionToken());
  assert.equal(session.get('user').id, user.id);
  assert.equal(session.get('createdWith').action, 'signup');
  assert.ok(session.get('expiresAt') > new Date());
  assert.ok(await Parse.Session.isCurrentSessionRevocable());
});

test('a user finds no sessions but the own ones', async () => {
  const user = await signedUp();
  const again = await elsewhere(user);
  const other = await signedUp();
  const sessions = await new Parse.Query(Parse.Session).find(as(again));
  assert.equal(sessions.length, 2);
  assert.ok(sessions.every(session => session.get('user').id === user.id));
  const theirs = new Parse.Query(Parse.Session).equalTo('user', Parse.User.createWithoutData(user.id));
  assert.deepEqual(await theirs.find(as(other)), []);
  assert.equal((await theirs.find(asMaster)).length, 2);
});

test('a session has fields of its user, and keeps the server\'s', async () => {
  await signedUp();
  const session = await Parse.Session.current();
  await session.save({ device: 'phone' });
  assert.equal((await Parse.Session.current()).get('device'), 'phone');
  // The SDK does not send what is the server's, so the request is made by hand.
  for (const field of ['sessionToken', 'user', 'createdWith', 'expiresAt', 'installationId']) {
    const change = Parse.CoreManager.getRESTController().request('PUT', `sessions/${session.id}`, { [field]: null });
    await assert.rejects(change, { code: Parse.Error.INVALID_KEY_NAME }, field);
  }
});

test('a session that is ended is none at once', async () => {
  const user = await signedUp();
  const again = await elsewhere(user);
  const mine = await new Parse.Query(Parse.Session).equalTo('sessionToken', user.getSessionToken()).first(asMaster);
  await Parse.User.me(user.getSessionToken());
  await mine.destroy(as(again));
  await assert.rejects(Parse.User.me(user.getSessionToken()), { code: Parse.Error.INVALID_SESSION_TOKEN });
  await Parse.User.me(again.getSessionToken());
});

test('another user does not end it', async () => {
  await signedUp();
  const session = await Parse.Session.current();
  const other = await signedUp();
  await assert.rejects(session.destroy(as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(new Parse.Query(Parse.Session).get(session.id, as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
});
