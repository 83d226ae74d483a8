import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Parse, asMaster, freshName, signedUp } from './loam.mjs';

before(() => Parse.User.enableUnsafeCurrentUser());

test('a user signs up and is the current one', async () => {
  const user = await signedUp({ phone: '555' });
  assert.match(user.id, /^[A-Za-z0-9]{10}$/);
  assert.match(user.getSessionToken(), /^r:[0-9a-f]{32}$/);
  assert.equal(Parse.User.current().id, user.id);
  assert.ok(user.authenticated());
  await user.fetch();
  assert.equal(user.get('phone'), '555');
  assert.equal(user.get('password'), undefined);
});

test('a user logs in by name, by address and with either method', async () => {
  const email = `${freshName()}@example.com`;
  const user = await signedUp({ email });
  await Parse.User.logOut();
  assert.equal(Parse.User.current(), null);
  for (const [name, options] of [[user.getUsername()], [email], [user.getUsername(), { usePost: false }]]) {
    const known = await Parse.User.logIn(name, 'secret', options);
    assert.equal(known.id, user.id);
    assert.equal(known.get('email'), email);
    await Parse.User.logOut();
  }
  await assert.rejects(Parse.User.logIn(user.getUsername(), 'wrong'), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(Parse.User.logIn(freshName(), 'secret'), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('a session token makes its user the current one', async () => {
  const user = await signedUp();
  const token = user.getSessionToken();
  await signedUp();
  const become = await Parse.User.become(token);
  assert.equal(become.id, user.id);
  assert.equal(Parse.User.current().id, user.id);
  await Parse.User.logOut();
  await assert.rejects(Parse.User.become(token), { code: Parse.Error.INVALID_SESSION_TOKEN });
});

test('a name is taken once, whatever its case', async () => {
  const user = await signedUp({ email: `${freshName()}@example.com` });
  await assert.rejects(signedUp({ username: user.getUsername().toUpperCase() }), { code: Parse.Error.USERNAME_TAKEN });
  await assert.rejects(signedUp({ email: user.get('email').toUpperCase() }), { code: Parse.Error.EMAIL_TAKEN });
});

test('a new password ends the other sessions and begins one', async () => {
  const user = await signedUp();
  const token = user.getSessionToken();
  const elsewhere = await Parse.User.logIn(user.getUsername(), 'secret', { installationId: 'other' });
  elsewhere.setPassword('better');
  await elsewhere.save(null, { sessionToken: elsewhere.getSessionToken() });
  await assert.rejects(Parse.User.me(token), { code: Parse.Error.INVALID_SESSION_TOKEN });
  assert.equal((await Parse.User.me(elsewhere.getSessionToken())).id, user.id);
  await assert.rejects(Parse.User.logIn(user.getUsername(), 'secret'), { code: Parse.Error.OBJECT_NOT_FOUND });
  await Parse.User.logIn(user.getUsername(), 'better');
});

test('a user is changed by itself only', async () => {
  const [user, other] = [await signedUp(), await signedUp()];
  const options = { sessionToken: user.getSessionToken() };
  await user.save({ phone: '555' }, options);
  await assert.rejects(Parse.User.createWithoutData(other.id).save({ phone: '666' }, options), { code: Parse.Error.SESSION_MISSING });
  await assert.rejects(new Parse.Query(Parse.User).get(other.id, options), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('a password is verified without a session', async () => {
  const user = await signedUp();
  assert.equal((await Parse.User.verifyPassword(user.getUsername(), 'secret')).objectId, user.id);
  await assert.rejects(Parse.User.verifyPassword(user.getUsername(), 'wrong'), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('the master key logs in as anybody', async () => {
  const user = await signedUp();
  const known = await Parse.User.loginAs(user.id);
  assert.equal(known.id, user.id);
  assert.notEqual(known.getSessionToken(), user.getSessionToken());
  assert.equal((await Parse.User.me(known.getSessionToken())).id, user.id);
});

test('a destroyed user has no sessions', async () => {
  const user = await signedUp();
  const token = user.getSessionToken();
  await user.destroy({ sessionToken: token });
  await assert.rejects(Parse.User.me(token), { code: Parse.Error.INVALID_SESSION_TOKEN });
  const sessions = new Parse.Query(Parse.Session).equalTo('user', Parse.User.createWithoutData(user.id));
  assert.equal(await sessions.count(asMaster), 0);
});

test('an anonymous user comes again, and gets a name', async () => {
  const user = await Parse.AnonymousUtils.logIn();
  assert.ok(Parse.AnonymousUtils.isLinked(user));
  const { id } = user.get('authData').anonymous;
  const again = await new Parse.User().linkWith('anonymous', { authData: { id } });
  assert.equal(again.id, user.id);

  const anonymous = await Parse.AnonymousUtils.logIn();
  const token = anonymous.getSessionToken();
  anonymous.setUsername(freshName());
  anonymous.setPassword('secret');
  await anonymous.signUp({ phone: '555' });
  assert.ok(!Parse.AnonymousUtils.isLinked(anonymous));
  await assert.rejects(Parse.User.me(token), { code: Parse.Error.INVALID_SESSION_TOKEN });
  const named = await Parse.User.logIn(anonymous.getUsername(), 'secret');
  assert.equal(named.id, anonymous.id);
  assert.equal(named.get('phone'), '555');
});

test('a user is linked and unlinked', async () => {
  const [user, other] = [await signedUp(), await signedUp()];
  const authData = { id: freshName() };
  const as = u => ({ sessionToken: u.getSessionToken() });
  await user.linkWith('anonymous', { authData }, as(user));
  assert.ok(user._isLinked('anonymous'));
  await assert.rejects(other.linkWith('anonymous', { authData }, as(other)), { code: Parse.Error.ACCOUNT_ALREADY_LINKED });
  await user._unlinkFrom('anonymous', as(user));
  assert.ok(!user._isLinked('anonymous'));
  await Parse.User.createWithoutData(other.id).linkWith('anonymous', { authData }, as(other));
  await assert.rejects(user.linkWith('nobody', { authData }, as(user)), { code: Parse.Error.UNSUPPORTED_SERVICE });
});
