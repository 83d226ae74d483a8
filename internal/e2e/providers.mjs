// The SDK and identity providers: run by TestSDKAndProviders, which has an issuer
// of OpenID Connect called "works".
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import { Parse, as, asMaster, freshName, signedUp } from './loam.mjs';

const tokens = JSON.parse(process.env.LOAM_TOKENS);
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'; // 12345678901234567890, in base32
const wrong = { code: Parse.Error.OBJECT_NOT_FOUND };

// passwordAt is what an app on a phone shows for the secret, some steps from now.
function passwordAt(steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const sum = createHmac('sha1', '12345678901234567890').update(counter).digest();
  const number = sum.readUInt32BE(sum[19] & 15) & 0x7fffffff;
  return String(number % 1e6).padStart(6, '0');
}

before(() => Parse.User.enableUnsafeCurrentUser());

test('a token signs up, and logs the same user in', async () => {
  const proof = { authData: { id: 'ada', id_token: tokens.ada } };
  const user = await Parse.User.logInWith('works', proof);
  assert.equal(user.existed(), false);
  assert.ok(user.getSessionToken());
  const again = await Parse.User.logInWith('works', proof);
  assert.equal(again.id, user.id);
  const row = await new Parse.Query(Parse.User).get(user.id, asMaster);
  assert.deepEqual(row.get('authData'), { works: { id: 'ada' } });
});

test('a token that is no good logs nobody in', async () => {
  for (const authData of [
    { id: 'ada', id_token: tokens.expired },
    { id: 'ada', id_token: tokens.foreign },
    { id: 'ada', id_token: tokens.bob },
    { id: 'ada' },
    { id: 'ada', id_token: 'none' },
  ]) {
    await assert.rejects(Parse.User.logInWith('works', { authData }), wrong);
  }
});

test('a user links a provider and takes it off', async () => {
  const user = await signedUp();
  await user.linkWith('works', { authData: { id: 'bob', id_token: tokens.bob } }, as(user));
  assert.ok(user._isLinked('works'));
  const known = await Parse.User.logInWith('works', { authData: { id: 'bob', id_token: tokens.bob } });
  assert.equal(known.id, user.id);

  const other = await signedUp();
  await assert.rejects(
    other.linkWith('works', { authData: { id: 'bob', id_token: tokens.bob } }, as(other)),
    { code: Parse.Error.ACCOUNT_ALREADY_LINKED },
  );
  await known._unlinkFrom('works', as(known));
  const row = await new Parse.Query(Parse.User).get(user.id, asMaster);
  assert.deepEqual(row.get('authData') ?? {}, {});
});

test('an anonymous user becomes one with a name', async () => {
  const user = await Parse.AnonymousUtils.logIn();
  assert.ok(Parse.AnonymousUtils.isLinked(user));
  user.setUsername(freshName());
  user.setPassword('secret');
  await user.save(null, as(user));
  const known = await Parse.User.logIn(user.getUsername(), 'secret');
  assert.equal(known.id, user.id);
});

test('a provider that is not configured is unsupported', async () => {
  await assert.rejects(Parse.User.logInWith('github', { authData: { code: 'c' } }), { code: Parse.Error.UNSUPPORTED_SERVICE });
});

test('a second factor is set up, asked for and used up', async () => {
  const user = await signedUp();
  const name = user.getUsername();
  await assert.rejects(user.save({ authData: { mfa: { secret, token: '000000' } } }, as(user)), { message: 'Invalid MFA token' });
  await user.save({ authData: { mfa: { secret, token: passwordAt() } } }, as(user));
  const [first, second] = user.get('authDataResponse').mfa.recovery.split(', ');

  await assert.rejects(Parse.User.logIn(name, 'secret'), { message: 'Missing additional authData mfa' });
  const withToken = token => Parse.User.logInWithAdditionalAuth(name, 'secret', { mfa: { token } });
  await assert.rejects(withToken('000000'), { message: 'Invalid MFA token' });
  const password = passwordAt(1);
  const known = await withToken(password);
  assert.equal(known.id, user.id);
  assert.deepEqual(known.get('authData').mfa, { status: 'enabled' });
  await assert.rejects(withToken(password), { message: 'Invalid MFA token' });

  assert.equal((await withToken(first)).id, user.id);
  await assert.rejects(withToken(first), { message: 'Invalid MFA token' });
  assert.equal((await withToken(second)).id, user.id);
});
