import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, as, ask, asMaster, people, request, rest } from './app.mjs';

async function signUp(name, attributes) {
  const user = new Parse.User({ password: `${name}'s pässword`, ...attributes });
  await user.signUp();
  people[name] = { id: user.id, username: attributes.username, password: `${name}'s pässword`, token: user.getSessionToken() };
  return user;
}

const refuses = (promise, code) => assert.rejects(promise, { code });

test('people sign up', async () => {
  const ada = await signUp('ada', { username: 'ada', email: 'ada@example.com', born: new Date('1815-12-10T00:00:00.000Z') });
  assert.match(ada.id, /^[A-Za-z0-9]{10}$/);
  assert.match(ada.getSessionToken(), /^r:[0-9a-f]{32}$/);
  await signUp('ben', { username: 'ben', email: 'ben@example.com' });
  await signUp('zoë', { username: 'Zoë 🌿', email: 'zoe@example.com', karma: 12 });
  await signUp('dora', { username: 'dora' });
});

test('a username and an e-mail address belong to one person, whatever their case', async () => {
  await refuses(new Parse.User({ username: 'ada', password: 'x' }).signUp(), 202);
  await refuses(new Parse.User({ username: 'ADA', password: 'x' }).signUp(), 202);
  await refuses(new Parse.User({ username: 'other', password: 'x', email: 'ada@example.com' }).signUp(), 203);
  await refuses(new Parse.User({ username: 'other', password: 'x', email: 'Ada@Example.com' }).signUp(), 203);
});

test('of many who want a name at once, one gets it', async () => {
  const body = { username: 'contested', password: 'x' };
  const answers = await Promise.all(Array.from({ length: 6 }, () => request('POST', '/users', { who: 'public', body })));
  assert.equal(answers.filter(a => a.status === 201).length, 1);
  for (const a of answers.filter(a => a.status !== 201)) assert.equal(a.body.code, 202);
});

test('people log in, by name or by e-mail address', async () => {
  const { password } = people.ada;
  const byName = await rest('POST', '/login', { who: 'public', body: { username: 'ada', password } });
  assert.equal(byName.objectId, people.ada.id);
  assert.notEqual(byName.sessionToken, people.ada.token);
  const byEmail = await rest('POST', '/login', { who: 'public', body: { email: 'ada@example.com', password } });
  assert.equal(byEmail.objectId, people.ada.id);
  assert.ok(!('password' in byEmail) && !('_hashed_password' in byEmail));
});

test('nobody logs in with a wrong password or an unknown name', async () => {
  await refuses(Parse.User.logIn('ada', 'wrong'), 101);
  await refuses(Parse.User.logIn('nobody', people.ada.password), 101);
});

test('a session tells whose it is', async () => {
  assert.equal((await ask('/users/me', {}, 'ada')).objectId, people.ada.id);
  const session = await ask('/sessions/me', {}, 'ada');
  assert.equal(session.user.objectId, people.ada.id);
  assert.deepEqual(session.createdWith, { action: 'signup', authProvider: 'password' });
  assert.ok(Date.parse(session.expiresAt.iso) > Date.now());
  assert.equal((await request('GET', '/users/me', { who: 'r:00000000000000000000000000000000' })).body.code, 209);
});

test('people see their own sessions only', async () => {
  const { results } = await ask('/classes/_Session', { order: 'createdAt' }, 'ada');
  assert.equal(results.length, 3);
  for (const session of results) assert.equal(session.user.objectId, people.ada.id);
  const all = await ask('/classes/_Session', { order: 'createdAt,objectId', include: 'user' });
  assert.ok(all.results.length > results.length);
});

test('logging out ends a session', async () => {
  const { sessionToken } = await rest('POST', '/login', { who: 'public', body: { username: 'ben', password: people.ben.password } });
  await rest('POST', '/logout', { who: sessionToken, body: {} });
  assert.equal((await request('GET', '/users/me', { who: sessionToken })).body.code, 209);
});

test('people change themselves, and nobody else', async () => {
  const zoë = Parse.User.createWithoutData(people.zoë.id);
  await zoë.save({ motto: 'ὁ βίος βραχύς', karma: 13 }, as('zoë'));
  await refuses(Parse.User.createWithoutData(people.zoë.id).save({ motto: 'x' }, as('ben')), 206);
  const read = await ask(`/users/${people.zoë.id}`, {}, 'zoë');
  assert.equal(read.motto, 'ὁ βίος βραχύς');
  assert.equal(read.karma, 13);
});

test('a new password replaces the old one and ends the sessions', async () => {
  const { id, token } = people.dora;
  await Parse.User.createWithoutData(id).save({ password: 'new' }, as('dora'));
  await refuses(Parse.User.logIn('dora', people.dora.password), 101);
  assert.equal((await request('GET', '/users/me', { who: token })).body.code, 209);
  const { sessionToken } = await rest('POST', '/login', { who: 'public', body: { username: 'dora', password: 'new' } });
  Object.assign(people.dora, { password: 'new', token: sessionToken });
});

test('an anonymous person takes a name', async () => {
  const authData = { anonymous: { id: '11111111-2222-4333-8444-555555555555' } };
  const first = await rest('POST', '/users', { who: 'public', body: { authData } });
  const again = await rest('POST', '/users', { who: 'public', body: { authData } });
  assert.equal(again.objectId, first.objectId);
  const named = { username: 'erin', password: "erin's pässword" };
  await rest('PUT', `/users/${first.objectId}`, { who: first.sessionToken, body: { ...named, authData: { anonymous: null } } });
  const { sessionToken } = await rest('POST', '/login', { who: 'public', body: named });
  people.erin = { id: first.objectId, ...named, token: sessionToken };
});

test('an anonymous person stays so', async () => {
  await rest('POST', '/users', { who: 'public', body: { authData: { anonymous: { id: 'aaaaaaaa-2222-4333-8444-555555555555' } }, n: 1 } });
  const { results } = await ask('/users', { where: { n: 1 } });
  assert.equal(results[0].authData.anonymous.id, 'aaaaaaaa-2222-4333-8444-555555555555');
});

test('an old password does not come back', async () => {
  const body = { username: 'gabi', password: 'first' };
  const { objectId, sessionToken } = await rest('POST', '/users', { who: 'public', body });
  await rest('PUT', `/users/${objectId}`, { who: sessionToken, body: { password: 'second' } });
  const { body: { sessionToken: next } } = await request('POST', '/login', { who: 'public', body: { ...body, password: 'second' } });
  assert.equal((await request('PUT', `/users/${objectId}`, { who: next, body: { password: 'first' } })).body.code, 142);
  people.gabi = { id: objectId, username: 'gabi', password: 'second', token: next };
});

test('who guesses passwords is locked out', async () => {
  const password = "fred's pässword";
  const { objectId, sessionToken } = await rest('POST', '/users', { who: 'public', body: { username: 'fred', password } });
  for (let i = 0; i < 4; i++) await refuses(Parse.User.logIn('fred', 'wrong'), 101);
  await assert.rejects(Parse.User.logIn('fred', password), /locked/);
  assert.equal((await ask('/users', { where: { username: 'fred' } }, sessionToken)).results[0].objectId, objectId);
});

test('a forgotten password and an e-mail address leave tokens that nobody sees', async () => {
  await Parse.User.requestPasswordReset('ada@example.com');
  await Parse.User.requestEmailVerification('ben@example.com');
  for (const who of ['master', 'ada', 'ben']) {
    const { results } = await ask('/classes/_User', { order: 'createdAt,objectId' }, who);
    assert.ok(results.length > 0);
    for (const user of results) assert.deepEqual(Object.keys(user).filter(key => key.startsWith('_')), [], JSON.stringify(user));
  }
  const [ada] = (await ask('/users', { where: { username: 'ada' } })).results;
  assert.equal(ada.emailVerified, false);
});

test('a deleted person is gone', async () => {
  const user = await new Parse.User({ username: 'gone', password: 'x' }).signUp();
  await user.destroy({ sessionToken: user.getSessionToken() });
  await refuses(new Parse.Query('_User').get(user.id, asMaster), 101);
  await refuses(Parse.User.logIn('gone', 'x'), 101);
});

test('e-mail addresses are for the person and the master', async () => {
  const seen = who => ask('/users', { where: { username: 'ada' } }, who);
  assert.equal((await seen('master')).results[0].email, 'ada@example.com');
  assert.equal((await seen('ada')).results[0].email, 'ada@example.com');
  assert.deepEqual((await seen('ben')).results, []);
  assert.equal((await ask('/users', { count: 1, limit: 0 })).count, 9);
});

test('a session is made and ended by hand', async () => {
  const made = await rest('POST', '/sessions', { who: 'ben', body: { purpose: 'thermostat' } });
  assert.match(made.sessionToken, /^r:/);
  await rest('DELETE', `/sessions/${made.objectId}`, { who: 'ben' });
  assert.equal((await request('GET', '/users/me', { who: made.sessionToken })).body.code, 209);
});
