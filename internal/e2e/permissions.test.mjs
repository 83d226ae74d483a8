import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, as, asMaster, freshClass, freshName, signedUp } from './loam.mjs';

// classWith makes a class with permissions; what is not named is everybody's.
async function classWith(permissions, ...owners) {
  const Note = freshClass('Note');
  const schema = new Parse.Schema(Note.className).addString('text').addString('secret');
  for (const owner of owners) schema.addPointer(owner, '_User');
  const all = Object.fromEntries(['find', 'get', 'count', 'create', 'update', 'delete', 'addField'].map(op => [op, { '*': true }]));
  await schema.setCLP({ ...all, ...permissions }).save();
  return Note;
}

test('a private object is its user\'s', async () => {
  const user = await signedUp();
  const other = await signedUp();
  const Note = freshClass('Note');
  const note = new Note({ text: 'milk' });
  note.setACL(new Parse.ACL(user));
  await note.save(null, as(user));
  await note.save({ text: 'bread' }, as(user));
  await assert.rejects(new Parse.Query(Note).get(note.id, as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(note.save({ text: 'wine' }, as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(note.destroy(), { code: Parse.Error.OBJECT_NOT_FOUND });
  assert.equal((await new Parse.Query(Note).get(note.id, as(user))).get('text'), 'bread');
});

test('a class for signed-in users', async () => {
  const user = await signedUp();
  const signedIn = { requiresAuthentication: true };
  const Note = await classWith({ find: signedIn, create: signedIn });
  await new Note({ text: 'milk' }).save(null, as(user));
  assert.equal((await new Parse.Query(Note).find(as(user))).length, 1);
  await assert.rejects(new Parse.Query(Note).find(), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(new Note({ text: 'milk' }).save(), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('a class for the users that its objects point to', async () => {
  const user = await signedUp();
  const other = await signedUp();
  const owners = { pointerFields: ['owner'] };
  const Note = await classWith({ find: owners, get: owners, update: owners }, 'owner');
  const note = await new Note({ text: 'milk', owner: user }).save(null, as(user));
  await new Note({ text: 'wine', owner: other }).save(null, as(other));
  assert.deepEqual((await new Parse.Query(Note).find(as(user))).map(found => found.get('text')), ['milk']);
  await note.save({ text: 'bread' }, as(user));
  await assert.rejects(note.save({ text: 'wine' }, as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('fields that are protected from all but a role', async () => {
  const user = await signedUp();
  const other = await signedUp();
  const admins = new Parse.Role(freshName().replace('user', 'role'), new Parse.ACL());
  admins.getUsers().add(user);
  await admins.save(null, asMaster);
  const Note = await classWith({ protectedFields: { '*': ['secret'], [`role:${admins.getName()}`]: [] } });
  await new Note({ text: 'milk', secret: 'wine' }).save(null, asMaster);
  const secretOf = async options => (await new Parse.Query(Note).first(options)).get('secret');
  assert.equal(await secretOf(as(user)), 'wine');
  assert.equal(await secretOf(as(other)), undefined);
  assert.equal(await secretOf({}), undefined);
  const search = new Parse.Query(Note).equalTo('secret', 'wine');
  assert.equal((await search.find(as(user))).length, 1);
  await assert.rejects(search.find(as(other)), { code: Parse.Error.OPERATION_FORBIDDEN });
});
