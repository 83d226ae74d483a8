import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, asMaster, freshClass } from './loam.mjs';

async function note(Note, access) {
  const acl = new Parse.ACL();
  access(acl);
  const object = new Note({ text: 'milk' });
  object.setACL(acl);
  return object.save(null, asMaster);
}

test('an object that all may read and nobody may change', async () => {
  const Note = freshClass('Note');
  const object = await note(Note, acl => acl.setPublicReadAccess(true));
  const read = await new Parse.Query(Note).get(object.id);
  assert.ok(read.getACL().getPublicReadAccess());
  assert.ok(!read.getACL().getPublicWriteAccess());
  await assert.rejects(read.save({ text: 'bread' }), { code: Parse.Error.OBJECT_NOT_FOUND });
  await assert.rejects(read.destroy(), { code: Parse.Error.OBJECT_NOT_FOUND });
  await read.save({ text: 'bread' }, asMaster);
});

test('an object that nobody may see', async () => {
  const Note = freshClass('Note');
  const object = await note(Note, () => {});
  await assert.rejects(new Parse.Query(Note).get(object.id), { code: Parse.Error.OBJECT_NOT_FOUND });
  assert.deepEqual(await new Parse.Query(Note).find(), []);
  assert.equal(await new Parse.Query(Note).count(), 0);
  assert.equal((await new Parse.Query(Note).find(asMaster)).length, 1);
});

test('lists for users and roles come back', async () => {
  const Note = freshClass('Note');
  const object = await note(Note, acl => {
    acl.setReadAccess('AAAAAAAAAA', true);
    acl.setWriteAccess('AAAAAAAAAA', true);
    acl.setRoleReadAccess('Admins', true);
  });
  const read = await new Parse.Query(Note).get(object.id, asMaster);
  assert.deepEqual(read.getACL().toJSON(), {
    AAAAAAAAAA: { read: true, write: true },
    'role:Admins': { read: true },
  });
});

test('an object without a list has none', async () => {
  const Note = freshClass('Note');
  const object = await new Note({ text: 'milk' }).save();
  const read = await new Parse.Query(Note).get(object.id);
  assert.equal(read.getACL(), null);
  await read.save({ text: 'bread' });
});

test('a list is changed', async () => {
  const Note = freshClass('Note');
  const object = await note(Note, acl => {
    acl.setPublicReadAccess(true);
    acl.setPublicWriteAccess(true);
  });
  const acl = new Parse.ACL();
  acl.setPublicReadAccess(true);
  object.setACL(acl);
  await object.save();
  const copy = await new Parse.Query(Note).get(object.id);
  await assert.rejects(copy.save({ text: 'tea' }), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('included objects that may not be seen are missing', async () => {
  const [Note, Book] = [freshClass('Note'), freshClass('Book')];
  const secret = await note(Note, () => {});
  const book = await new Book({ secret }).save();
  const read = await new Parse.Query(Book).include('secret').get(book.id);
  assert.ok(!read.get('secret')?.isDataAvailable());
  const all = await new Parse.Query(Book).include('secret').get(book.id, asMaster);
  assert.equal(all.get('secret').get('text'), 'milk');
});
