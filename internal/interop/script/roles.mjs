import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, as, ask, asMaster, names, people, request, rest, save } from './app.mjs';

const user = name => Parse.User.createWithoutData(people[name].id);

function acl(entries) {
  const list = {};
  for (const [who, rights] of Object.entries(entries)) {
    list[people[who]?.id ?? who] = Object.fromEntries([...rights].map(r => [{ r: 'read', w: 'write' }[r], true]));
  }
  return list;
}

test('roles have people and other roles', async () => {
  const open = new Parse.ACL();
  open.setPublicReadAccess(true);
  const admins = new Parse.Role('Admins', open);
  admins.getUsers().add(user('ada'));
  await admins.save(null, asMaster);
  const editors = new Parse.Role('Editors', open);
  editors.getUsers().add([user('ben'), user('zoë')]);
  editors.getRoles().add(admins); // whoever is an admin is an editor
  await editors.save(null, asMaster);
  assert.deepEqual(await names('_Role', undefined, {}, 'public'), ['Admins', 'Editors']);
});

test('a role is known by its name', async () => {
  const body = { name: 'Admins', ACL: {} };
  assert.equal((await request('POST', '/roles', { body })).body.code, 137);
});

test('the people of a role are found', async () => {
  const { results: [editors] } = await ask('/classes/_Role', { where: { name: 'Editors' } });
  assert.deepEqual(editors.users, { __type: 'Relation', className: '_User' });
  const object = { __type: 'Pointer', className: '_Role', objectId: editors.objectId };
  const { results } = await ask('/users', { where: { $relatedTo: { object, key: 'users' } }, order: 'username' });
  assert.deepEqual(results.map(u => u.username), ['Zoë 🌿', 'ben']);
  assert.deepEqual(await names('_Role', { $relatedTo: { object, key: 'roles' } }), ['Admins']);
  const holder = { __type: 'Pointer', className: '_User', objectId: people.ben.id };
  assert.deepEqual(await names('_Role', { users: holder }), ['Editors']);
});

test('access lists say who reads', async () => {
  await save('Note',
    { name: 'to all' },
    { name: 'to all, by ada', ACL: acl({ '*': 'r', ada: 'rw' }) },
    { name: 'to ada', ACL: acl({ ada: 'rw' }) },
    { name: 'to ben', ACL: acl({ ben: 'r' }) },
    { name: 'to editors', ACL: acl({ 'role:Editors': 'rw' }) },
    { name: 'to admins', ACL: acl({ 'role:Admins': 'rw' }) },
    { name: 'to zoë and admins', ACL: acl({ zoë: 'rw', 'role:Admins': 'r' }) },
    { name: 'to none', ACL: {} },
  );
  const seen = who => names('Note', undefined, {}, who);
  assert.deepEqual(await seen('public'), ['to all', 'to all, by ada']);
  assert.deepEqual(await seen('ada'), ['to ada', 'to admins', 'to all', 'to all, by ada', 'to editors', 'to zoë and admins']);
  assert.deepEqual(await seen('ben'), ['to all', 'to all, by ada', 'to ben', 'to editors']);
  assert.deepEqual(await seen('zoë'), ['to all', 'to all, by ada', 'to editors', 'to zoë and admins']);
  assert.deepEqual(await seen('dora'), ['to all', 'to all, by ada']);
  assert.equal((await seen('master')).length, 8);
});

test('access lists say who writes', async () => {
  const note = async name => (await new Parse.Query('Note').equalTo('name', name).first(asMaster));
  const write = async (name, who) => {
    const plain = Parse.Object.extend('Note').createWithoutData((await note(name)).id);
    return plain.save({ by: who }, as(who));
  };
  await write('to editors', 'ada');
  await write('to all, by ada', 'ada');
  await assert.rejects(write('to all, by ada', 'ben'), { code: 101 });
  await assert.rejects(write('to ben', 'ben'), { code: 101 });
  assert.deepEqual(await names('Note', { by: 'ada' }), ['to all, by ada', 'to editors']);
});

test('an access list changes', async () => {
  const note = await new Parse.Query('Note').equalTo('name', 'to none').first(asMaster);
  await rest('PUT', `/classes/Note/${note.id}`, { body: { ACL: acl({ dora: 'rw' }) } });
  assert.deepEqual(await names('Note', { name: 'to none' }, {}, 'dora'), ['to none']);
  assert.deepEqual(await names('Note', { name: 'to none' }, {}, 'ben'), []);
});
